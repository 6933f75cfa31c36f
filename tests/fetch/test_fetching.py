"""A fetch from address to model: what comes, what does not come twice, and what is said of it."""

import hashlib
import json
import os
import struct
from pathlib import Path

import pytest
import xxhash

from core.conftest import content, make_library, write
from fetch.standin.hub import StandInHub
from identify.builders import gguf
from modelfs.catalog import jobs, models
from modelfs.errors import Cancelled, NotFound, Refused
from modelfs.fetch.listing import Wishes
from modelfs.fetch.web import Web
from modelfs.library import Library, again, removal
from modelfs.library.add import Added
from modelfs.library.addition import AddOptions
from modelfs.library.fetch_plan import FetchPlan, ask_source, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.jobs import find
from modelfs.library.refresh import apply_refresh, plan_refresh
from modelfs.progress import Progress, Report, silent


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """An empty library."""
    return make_library(tmp_path)


def safetensors(seed: object, size_bytes: int = 3 << 20) -> bytes:
    """A file of one tensor."""
    header = {"w": {"dtype": "U8", "shape": [size_bytes], "data_offsets": [0, size_bytes]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content(seed, size_bytes)


CONFIG = b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'
CARD = "---\nlicense: apache-2.0\nbase_model: big/one\n---\n# A model\n"


def planned(
    library: Library,
    address: str,
    wishes: Wishes | None = None,
    options: AddOptions | None = None,
) -> FetchPlan:
    with Web(stall_s=5, backoff_s=0.01) as web:
        return plan_fetch(library, ask_source(address, web), wishes, options)


def fetched(
    library: Library, address: str, report: Report = silent, **chosen: object
) -> list[Added]:
    plan = planned(library, address, options=AddOptions(**chosen))  # type: ignore[arg-type]
    return run_job(library, find(library, create_job(library, plan)), report)


def staged(library: Library) -> list[str]:
    return sorted(os.listdir(library.paths.staging))


def test_a_repository_becomes_one_model_with_its_source_and_its_files(
    library: Library, hub: StandInHub
) -> None:
    weights = safetensors(1)
    repo = hub.repository(
        "maker/tiny-llama",
        {"model.safetensors": weights, "config.json": CONFIG, "README.md": CARD, "x.png": b"no"},
        license="apache-2.0",
    )
    (added,) = fetched(library, "hf:maker/tiny-llama")
    model = added.model
    assert (added.outcome, model.name) == ("added", "tiny-llama")
    assert model.source == f"hf:maker/tiny-llama@{repo.commit}"
    assert [file.path for file in model.files] == ["README.md", "config.json", "model.safetensors"]
    sha256 = {file.path: file.sha256 for file in model.files}
    assert sha256["model.safetensors"] == hashlib.sha256(weights).hexdigest()
    assert all(sha256.values()), "what was fetched is sealed"
    for file in model.files:
        assert library.store.path(file.blob).stat().st_mode & 0o777 == 0o444
    assert library.store.path(model.files[2].blob).read_bytes() == weights
    assert staged(library) == []
    (job,) = jobs.all_jobs(library.catalog)
    assert (job.state, job.done_bytes, job.error) == ("done", job.total_bytes, None)
    assert hub.telemetry_requests == []


def test_what_the_source_says_stays_when_the_model_is_looked_at_again(
    library: Library, hub: StandInHub
) -> None:
    hub.repository(
        "maker/loose",
        {"style.safetensors": safetensors(2), "README.md": CARD},
        card={"base_model": "big/one"},
        license="apache-2.0",
    )
    (added,) = fetched(library, "hf:maker/loose")
    assert [file.path for file in added.model.files] == ["style.safetensors"]
    assert added.model.facts.details["license"] == "apache-2.0"
    assert added.model.facts.base_model == "big/one"
    apply_refresh(library, plan_refresh(library, [added.model]))
    again = models.get(library.catalog, [added.model.id])[added.model.id]
    assert (again.facts.details["license"], again.facts.base_model) == ("apache-2.0", "big/one")


def test_what_the_library_has_is_not_transferred(library: Library, hub: StandInHub) -> None:
    shared, own = safetensors("shared"), safetensors("own")
    hub.repository("a/one", {"model.safetensors": shared, "config.json": CONFIG})
    hub.repository(
        "b/two", {"model.safetensors": shared, "vae/model.safetensors": own, "config.json": CONFIG}
    )
    fetched(library, "hf:a/one")
    before = hub.bytes_sent("model.safetensors")
    plan = planned(library, "hf:b/two", Wishes(all_variants=True))
    assert (plan.here_bytes, plan.new_bytes - len(own)) == (len(shared), len(CONFIG))
    run_job(library, find(library, create_job(library, plan)))
    assert hub.bytes_sent("model.safetensors") == before
    assert hub.bytes_sent("vae/model.safetensors") == len(own)
    one, two = library.cached_models()
    assert one.files[1].blob in {file.blob for file in two.files}


def test_fetching_again_says_so_and_sends_nothing(library: Library, hub: StandInHub) -> None:
    hub.repository("a/one", {"model.safetensors": safetensors(1), "config.json": CONFIG})
    fetched(library, "hf:a/one")
    sent = hub.bytes_sent("model.safetensors")
    (again,) = fetched(library, "hf:a/one")
    assert (again.outcome, again.new_bytes) == ("already there", 0)
    assert hub.bytes_sent("model.safetensors") == sent
    assert len(library.cached_models()) == 1


@pytest.mark.parametrize("place", ["hub", "ollama"])
@pytest.mark.parametrize("is_true", [True, False])
def test_what_another_tool_claims_to_have_is_taken_from_there_if_it_is_true(
    library: Library,
    hub: StandInHub,
    temporary_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    is_true: bool,
) -> None:
    weights = safetensors("claimed")
    hub.repository("a/one", {"model.safetensors": weights, "config.json": CONFIG})
    sha256 = hashlib.sha256(weights).hexdigest()
    monkeypatch.setenv("HF_HUB_CACHE", str(temporary_home / "cache"))
    claims = {
        "hub": temporary_home / "cache" / "models--a--one" / "blobs" / sha256,
        "ollama": temporary_home / ".ollama" / "models" / "blobs" / f"sha256-{sha256}",
    }
    theirs = weights if is_true else weights[:-1] + bytes([weights[-1] ^ 1])
    claimed = write(claims[place], theirs)
    (added,) = fetched(library, "hf:a/one")
    (blob,) = (file.blob for file in added.model.files if file.path == "model.safetensors")
    assert library.store.path(blob).read_bytes() == weights
    assert hub.bytes_sent("model.safetensors") == (0 if is_true else len(weights))
    assert claimed.read_bytes() == theirs, "the other tool's file is as it was"
    assert staged(library) == []


def test_models_in_folders_of_a_repository_say_in_which(library: Library, hub: StandInHub) -> None:
    repo = hub.repository(
        "maker/parts",
        {
            "one/model.safetensors": safetensors("one"),
            "one/config.json": CONFIG,
            "two/model.safetensors": safetensors("two"),
            "two/config.json": CONFIG,
        },
    )
    plan = planned(library, "hf:maker/parts", Wishes(all_variants=True))
    run_job(library, find(library, create_job(library, plan)))
    sources = sorted(model.source for model in library.cached_models())
    assert sources == [f"hf:maker/parts@{repo.commit}/{folder}" for folder in ("one", "two")]


def test_name_category_and_tags_are_taken(library: Library, hub: StandInHub) -> None:
    hub.repository("a/one", {"model.safetensors": safetensors(1), "config.json": CONFIG})
    (added,) = fetched(
        library, "hf:a/one", name="mine", category="language/embedding", tags=("good",)
    )
    model = added.model
    assert (model.name, model.category, model.category_by) == ("mine", "language/embedding", "user")
    assert "good" in model.tags


def test_an_incomplete_set_is_refused_before_the_first_byte(
    library: Library, hub: StandInHub
) -> None:
    hub.repository("a/half", {"model-00001-of-00002.safetensors": safetensors(1)})
    with pytest.raises((Refused, NotFound)):
        planned(library, "hf:a/half")
    assert hub.bytes_sent("model-00001-of-00002.safetensors") == 0
    assert jobs.all_jobs(library.catalog) == []


def test_a_fetch_that_is_broken_off_goes_on_as_the_same_job(
    library: Library, hub: StandInHub
) -> None:
    hub.repository("a/one", {"model.safetensors": safetensors(1, 40 << 20), "config.json": CONFIG})
    hub.faults.slow("model.safetensors", 40 << 20)
    seen: list[Progress] = []

    def break_off(progress: Progress) -> None:
        seen.append(progress)
        if progress.done > 8 << 20:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        fetched(library, "hf:a/one", break_off)
    (job,) = jobs.all_jobs(library.catalog)
    assert job.state == "cancelled"
    kept = staged(library)
    assert kept, "what came is kept"
    hub.faults.clear()
    plan = planned(library, "hf:a/one")
    assert plan.begun_bytes >= 8 << 20
    with pytest.raises(Cancelled):
        run_job(library, find(library, create_job(library, plan)), _raise_at_once)
    (added,) = fetched(library, "hf:a/one")
    assert added.outcome == "added"
    assert hub.bytes_sent("model.safetensors") <= (40 << 20) + (16 << 20)
    assert staged(library) == []


def _raise_at_once(_: Progress) -> None:
    raise Cancelled("at once")


def test_progress_has_one_shape(library: Library, hub: StandInHub) -> None:
    weights = safetensors(1, 12 << 20)
    hub.repository("a/one", {"model.safetensors": weights, "config.json": CONFIG})
    hub.faults.slow("model.safetensors", 12 << 20)
    seen: list[Progress] = []
    fetched(library, "hf:a/one", seen.append)
    during = [each for each in seen if each.step == "downloading" and each.per_s]
    assert during, "a speed was measured"
    assert all(0 <= (each.percent or 0) <= 100 and each.left_s is not None for each in during)
    assert during[-1].total == len(weights) + len(CONFIG)
    assert any(part.item == "model.safetensors" for each in seen for part in each.files)
    assert {each.step for each in seen} >= {"downloading", "filing"}


def test_the_library_fetches_in_a_thread(library: Library, hub: StandInHub) -> None:
    hub.repository("a/one", {"model.safetensors": safetensors(1), "config.json": CONFIG})
    assert not library.is_cached("hf:a/one")
    seen: list[Progress] = []
    fetch = library.fetch("hf:a/one", seen.append, tags=["new"])
    (model,) = fetch.wait(20)
    assert fetch.done and model.name == "one" and "new" in model.tags
    assert library.is_cached("hf:a/one") and library.is_cached(f"hf:a/one@{hub_commit(hub)}")
    assert not library.is_cached("hf:a/one@" + "0" * 40) and not library.is_cached("hf:a/on")
    assert [each.id for each in library.cached_models()] == [model.id]
    assert library.size() == model.size_bytes
    assert seen[0].step == "resolving"


def hub_commit(hub: StandInHub) -> str:
    return hub.repositories["a/one"].commit


def test_a_fetch_in_a_thread_can_be_cancelled(library: Library, hub: StandInHub) -> None:
    hub.repository("a/one", {"model.safetensors": safetensors(1, 20 << 20), "config.json": CONFIG})
    held = hub.faults.stall_after("model.safetensors", 5 << 20)
    fetch = library.fetch("hf:a/one")
    assert held.reached.wait(20)
    fetch.cancel()
    with pytest.raises(Cancelled):
        fetch.wait(20)
    assert library.cached_models() == []


def test_an_error_is_raised_where_somebody_waits(library: Library, hub: StandInHub) -> None:
    with pytest.raises(Exception, match="nobody/nothing"):
        library.fetch("hf:nobody/nothing").wait(20)


def test_removing_and_clearing_go_to_the_trash(library: Library, hub: StandInHub) -> None:
    for name in ("a/one", "a/two", "a/three"):
        files: dict[str, bytes] = {"model.safetensors": safetensors(name), "config.json": CONFIG}
        hub.repository(name, files)
        library.fetch(f"hf:{name}").wait(20)
    gone = library.remove("one")
    assert not library.is_cached("hf:a/one")
    removal.restore(library, [models.get(library.catalog, [gone.id])[gone.id]])
    assert library.is_cached("hf:a/one")
    assert {model.name for model in library.clear()} == {"one", "two", "three"}
    assert library.cached_models() == []


def test_an_evicted_model_comes_back_from_where_it_was_with_the_same_files(
    library: Library, hub: StandInHub
) -> None:
    files = {f"x-{quant}.gguf": content(quant, 3 << 20) for quant in ("Q4_K_M", "Q8_0")}
    hub.repository("maker/x-GGUF", files)
    (added,) = fetched(library, "hf:maker/x-GGUF:Q8_0")
    assert library.evict_older_than(0) > 0
    _, (evicted,) = again.returning(library, [added.model.entry_name])
    assert evicted.state == "remote" and not library.is_cached("hf:maker/x-GGUF")
    address, wishes = again.wishes_for(evicted)
    plan = planned(library, address, wishes)
    (back,) = run_job(library, find(library, create_job(library, plan)))
    assert (back.outcome, back.was, back.model.id) == ("already there", "remote", added.model.id)
    assert back.model.state == "ok" and back.model.files == added.model.files
    assert library.is_cached("hf:maker/x-GGUF:Q8_0")
    assert not library.is_cached("hf:maker/x-GGUF:Q4_K_M")
    assert [each.id for each in library.cached_models()] == [added.model.id]


@pytest.mark.parametrize("kind", ["safetensors", "gguf"])
def test_the_hash_of_the_tensors_is_made_while_they_come(
    library: Library, hub: StandInHub, tmp_path: Path, kind: str
) -> None:
    """A header of more than a block, whose end is only known when it is here."""
    data = content("weights", 3 << 20)
    if kind == "gguf":
        words = [f"token {number}" for number in range(100_000)]
        values = {"general.architecture": "llama", "tokenizer.ggml.tokens": words}
        whole = gguf(values, [("w", [3 << 18], 0)], data_bytes=len(data))
        whole = whole[: -len(data)] + data
    else:
        header = {"w": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}
        text = json.dumps(header | {"__metadata__": {"x": "y" * (2 << 20)}}).encode()
        whole = struct.pack("<Q", len(text)) + text + data
    assert len(whole) > len(data) + (1 << 20)
    hub.repository("a/one", {f"one.{kind}": whole})
    (added,) = fetched(library, "hf:a/one")
    ((start, digest),) = library.catalog.rows(
        "SELECT data_start, data_hash FROM blob WHERE id = ?", [added.model.files[0].blob]
    )
    assert whole[start:] == data and digest == xxhash.xxh3_128_hexdigest(data)
