"""Models that changed at their source are told apart, and updated one for the other."""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from cli.model_files import write_gguf, write_lora
from core.conftest import bring, make_library
from fetch.standin.civitai import StandInCivitai
from fetch.standin.hub import StandInHub
from fetch.standin.modelscope import StandInModelScope
from fetch.standin.ollama import StandInOllama
from fetch.standin.repository import Repository
from fetch.test_ollama_source import CONFIG, WEIGHTS
from modelfs.catalog import changes, edit, models
from modelfs.catalog.filters import Filter
from modelfs.catalog.jobs import all_jobs
from modelfs.catalog.records import ModelRecord
from modelfs.errors import Cancelled, NotFound, Refused
from modelfs.fetch.listing import Wishes
from modelfs.fetch.web import Web
from modelfs.library import Library, describe, jobs, open_library, removal, select
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.undo import undo
from modelfs.library.updating import Standing, following, look, start, update
from modelfs.progress import Progress, Report, silent

FILE = "owl-Q4_K_M.gguf"
OTHER = "owl-Q8_0.gguf"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_library(tmp_path) as opened:
        yield opened


def gguf(folder: Path, rows: int, mark: bytes = b"") -> bytes:
    """Return a GGUF whose last bytes are ``mark``."""
    content = write_gguf(folder / "made.gguf", rows).read_bytes()
    return content[: len(content) - len(mark)] + mark


def pipeline(weights: bytes, setting: int = 1) -> dict[str, bytes]:
    """Return a folder of a transformers model: settings, weights and a text."""
    size = len(weights)
    header = b'{"a":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (size, size)
    return {
        "config.json": b'{"model_type": "llama", "setting": %d}' % setting,
        "tokenizer.json": b"{}",
        "model.safetensors": struct.pack("<Q", len(header)) + header + weights,
    }


def fetch(library: Library, address: str, *variants: str) -> ModelRecord:
    with Web() as web:
        plan = plan_fetch(library, ask_source(address, web), Wishes(variants=variants))
    return run_job(library, jobs.find(library, create_job(library, plan)))[0].model


def standing(library: Library, *chosen: ModelRecord, report: Report = silent) -> list[Standing]:
    with Web(backoff_s=0.001, stall_s=5) as web:
        return look(library, chosen or following(library), web, report)


def living(library: Library) -> list[str]:
    return [model.entry_name for model in select.matching(library, "")]


def content(library: Library, model: ModelRecord, path: str) -> bytes:
    (file,) = [file for file in model.files if file.path == path]
    return library.store.path(file.blob).read_bytes()


@pytest.fixture
def owls(hub: StandInHub, tmp_path: Path) -> Repository:
    files = {FILE: gguf(tmp_path, 4), OTHER: gguf(tmp_path, 8), "README.md": b"# Owls"}
    return hub.repository("org/owl-GGUF", files)


class TestStanding:
    def test_current_until_its_own_file_changes(
        self, hub: StandInHub, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        (fresh,) = standing(library)
        assert (fresh.state, fresh.reason, fresh.plan) == ("current", "", None)
        owls.change({OTHER: gguf(tmp_path, 8, b"new"), "README.md": b"# Many owls"})
        (moved,) = standing(library)
        assert (moved.state, moved.reason) == ("current", "the repository has moved on")
        owls.change({FILE: (now := gguf(tmp_path, 4, b"new"))})
        (old,) = standing(library)
        assert (old.state, list(old.changed), old.new_revision) == ("outdated", [FILE], owls.commit)
        assert old.revision == old.model.source.partition("@")[2] != owls.commit
        assert old.plan is not None and (old.plan.new_bytes, old.plan.here_bytes) == (len(now), 0)

    def test_each_repository_is_asked_once_for_all_its_models(
        self, hub: StandInHub, owls: Repository, library: Library
    ) -> None:
        fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        fetch(library, "hf:org/owl-GGUF:Q8_0")
        hub.requests.clear()
        assert [each.state for each in standing(library)] == ["current", "current"]
        assert [each.path for each in hub.requests] == ["/api/models/org/owl-GGUF/revision/main"]

    def test_the_branch_that_was_asked_for_is_followed(
        self, hub: StandInHub, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        owls.refs["refs/heads/dev"] = owls.commit
        model = fetch(library, "hf:org/owl-GGUF@dev:Q4_K_M")
        owls.change({FILE: gguf(tmp_path, 4, b"main")})
        assert [each.state for each in standing(library)] == ["current"]
        owls.refs["refs/heads/dev"] = owls.commit
        (old,) = standing(library)
        assert old.state == "outdated"
        new = update(library, old)
        assert models.told(library.catalog, new.id)["asked"] == "dev" and new.id != model.id

    def test_a_commit_that_was_asked_for_is_for_ever(
        self, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        fetch(library, f"hf:org/owl-GGUF@{owls.commit}:Q4_K_M")
        owls.change({FILE: gguf(tmp_path, 4, b"new")})
        (pinned,) = standing(library)
        assert pinned.state == "pinned" and pinned.plan is None

    def test_what_is_gone_or_silent_is_said_and_the_others_go_on(
        self, hub: StandInHub, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        for number, name in enumerate(("gone", "silent", "renamed")):
            hub.repository(f"org/{name}", {f"{name}.gguf": gguf(tmp_path, 12 + number)})
            fetch(library, f"hf:org/{name}")
        fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        owls.change({FILE: gguf(tmp_path, 4, b"new")})
        hub.repositories["org/renamed"].change({"renamed.gguf": None, "better.gguf": b"GGUF"})
        del hub.repositories["org/gone"]
        hub.faults.status("/api/models/org/silent/revision/main", 500)
        found = {each.model.name: each for each in standing(library)}
        assert {name: each.state for name, each in found.items()} == {
            "gone": "gone",
            "silent": "unreachable",
            "renamed": "gone",
            "owl-Q4_K_M": "outdated",
        }
        assert "org/gone" in found["gone"].reason and "500" in found["silent"].reason
        assert found["renamed"].reason == "renamed.gguf is not there any more"

    def test_what_follows_nothing_says_so_and_is_left_out_unless_named(
        self, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        (added,) = bring(library, write_lora(tmp_path / "style.safetensors"))
        assert following(library) == []
        (local,) = standing(library, added.model)
        assert local.state == "local"
        with pytest.raises(Refused, match=r"style\.safetensors"):
            start(library, local)

    def test_asking_ends_when_it_is_told_to(self, owls: Repository, library: Library) -> None:
        fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        with pytest.raises(Cancelled):
            standing(library, report=stopping_at("asking"))


class TestUpdating:
    def test_only_what_changed_is_sent(
        self, hub: StandInHub, library: Library, tmp_path: Path
    ) -> None:
        repository = hub.repository("org/owl", pipeline(b"weights" * 1000))
        old = fetch(library, "hf:org/owl")
        assert len(old.files) == 3
        weights = hub.bytes_sent("model.safetensors")
        repository.change(changed := {"config.json": pipeline(b"", 2)["config.json"]})
        (found,) = standing(library)
        assert list(found.changed) == ["config.json"]
        hub.requests.clear()
        new = update(library, found)
        assert weights > 7000
        assert {each.file for each in hub.requests if each.file} == {"config.json"}
        assert hub.bytes_sent("config.json") == len(changed["config.json"])
        assert content(library, new, "config.json") == changed["config.json"]
        assert new.source == f"hf:org/owl@{repository.commit}"
        assert [each.state for each in standing(library)] == ["current"]

    def test_what_somebody_said_of_the_old_one_is_said_of_the_new(
        self, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        old = fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        with library.catalog.write():
            edit.rename(library.catalog, old, "night bird")
            edit.move(library.catalog, old, "language/embedding")
            edit.tag(library.catalog, old, {"mine"})
            edit.untag(library.catalog, select.one(library, "#1"), {"q4_k_m"})
            edit.annotate(library.catalog, old, "sharp eyes")
            edit.pin(library.catalog, old, pinned=True)
        owls.change({FILE: gguf(tmp_path, 4, b"new")})
        new = update(library, *standing(library))
        assert (new.id, new.entry_name) == (2, "night bird.gguf")
        assert (new.category, new.category_by) == ("language/embedding", "user")
        assert "mine" in new.tags and "mine" not in new.auto_tags
        assert "q4_k_m" not in new.tags and "gguf" in new.auto_tags
        assert (new.notes, new.pinned) == ("sharp eyes", True)
        assert living(library) == ["night bird.gguf"]

    def test_nobody_ever_sees_both_or_neither(
        self, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        owls.change({FILE: gguf(tmp_path, 4, b"new")})
        (found,) = standing(library)
        before = changes.newest(library.catalog)[0]
        update(library, found)
        said = changes.after(library.catalog, before)
        assert [change.action for change in said] == ["rm", "add", "update"]
        assert said[1].after == {"name": "owl-Q4_K_M.gguf"}, "under its name from the first"

    def test_the_old_one_can_be_had_back_in_two_ways(
        self, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        old = fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        owls.change({FILE: gguf(tmp_path, 4, b"new")})
        new = update(library, *standing(library))
        ((back, name),) = removal.restore(library, select.several(library, ["#1"], trashed=True))
        assert (back.id, name != FILE) == (old.id, True), "beside the new one"
        with library.catalog.write():
            edit.trash(library.catalog, models.get(library.catalog, [old.id])[old.id])
        (exchange,) = [c for c in changes.latest(library.catalog, 9) if c.action == "update"]
        undo(library, exchange)
        assert [model.id for model in select.matching(library, "")] == [old.id]
        undo(library, changes.latest(library.catalog, 1)[0])
        assert [model.id for model in select.matching(library, "")] == [new.id]

    def test_an_exchange_on_which_something_stands_is_not_taken_back(
        self, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        owls.change({FILE: gguf(tmp_path, 4, b"new")})
        new = update(library, *standing(library))
        (exchange,) = changes.latest(library.catalog, 1)
        with library.catalog.write():
            edit.trash(library.catalog, new)
        with pytest.raises(Refused):
            undo(library, exchange)
        removal.empty_trash(
            library, removal.plan_removal(library, select.several(library, ["#1"], trashed=True))
        )
        removal.restore(library, select.several(library, ["#2"], trashed=True))
        with pytest.raises((Refused, NotFound)):
            undo(library, exchange)
        assert [model.id for model in select.matching(library, "")] == [new.id]

    def test_a_model_with_the_same_bytes_keeps_its_own_name(
        self, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        first = fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        owls.change({FILE: gguf(tmp_path, 4, b"new")})
        second = fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        assert second.entry_name != first.entry_name
        (old, current) = standing(library)
        assert (old.state, current.state) == ("outdated", "current")
        assert old.plan is not None and old.plan.new_bytes == 0
        update(library, old)
        assert sorted(living(library)) == sorted([first.entry_name, second.entry_name])

    def test_weights_cut_into_other_shards_are_the_same_model(
        self, hub: StandInHub, library: Library
    ) -> None:
        files = pipeline(b"w" * 600)
        whole = files.pop("model.safetensors")
        shards = {f"model-0000{n}-of-00002.safetensors": whole + b"%d" % n for n in (1, 2)}
        index = b'{"weight_map": {%s}}'
        repository = hub.repository(
            "org/owl", files | shards | {"model.safetensors.index.json": index % b""}
        )
        old = fetch(library, "hf:org/owl")
        repository.change(dict.fromkeys([*shards, "model.safetensors.index.json"]))
        repository.change({"model.safetensors": whole})
        (found,) = standing(library, old)
        assert found.state == "outdated"
        new = update(library, found)
        assert {file.path for file in new.files} == {*files, "model.safetensors"}

    def test_a_model_removed_meanwhile_does_not_come_back(
        self, owls: Repository, library: Library, tmp_path: Path
    ) -> None:
        old = fetch(library, "hf:org/owl-GGUF:Q4_K_M")
        owls.change({FILE: gguf(tmp_path, 4, b"new")})
        (found,) = standing(library)
        with library.catalog.write():
            edit.trash(library.catalog, old)
        with pytest.raises(Refused, match="not in the library any more"):
            update(library, found)
        assert living(library) == []


def stopping_at(step: str) -> Report:
    """Return a report that ends the work at a step."""

    def report(progress: Progress) -> None:
        if progress.step == step:
            raise Cancelled("enough")

    return report


def test_stopped_at_any_report_the_old_one_is_untouched_and_the_next_time_goes_on(
    hub: StandInHub, owls: Repository, library: Library, tmp_path: Path
) -> None:
    old = fetch(library, "hf:org/owl-GGUF:Q4_K_M")
    owls.change({FILE: (now := gguf(tmp_path, 4, b"new"))})
    (found,) = standing(library)
    sent, steps = hub.bytes_sent(FILE), set()
    for number in count(1):
        counted = count(1)

        def report(
            progress: Progress, last: int = number, counted: Iterator[int] = counted
        ) -> None:
            steps.add(progress.step)
            if next(counted) == last:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            new = update(library, found, report)
            break
        assert [model.id for model in select.matching(library, "")] == [old.id]
    assert number > 2 and "filing" in steps
    assert content(library, new, FILE) == now and living(library) == [FILE]
    assert hub.bytes_sent(FILE) - sent == len(now)
    assert len(all_jobs(library.catalog)) == 2, "one fetched it, and one went on and on"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_the_exchange_it_is_the_old_or_the_new_one_and_ends_well(
    moment: str,
    owls: Repository,
    library: Library,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = fetch(library, "hf:org/owl-GGUF:Q4_K_M")
    owls.change({FILE: gguf(tmp_path, 4, b"new")})
    (found,) = standing(library)
    job = start(library, found)
    killed(monkeypatch, moment)
    with pytest.raises(KeyboardInterrupt):
        run_job(library, jobs.find(library, job))
    monkeypatch.undo()
    (now,) = select.matching(library, "")
    assert (now.id == old.id) == (moment == "before")
    with open_library(library.paths.root) as again:
        run_job(again, jobs.find(again, job))
        (new,) = select.matching(again, "")
        assert new.id != old.id and new.entry_name == FILE
        assert jobs.find(again, job).state == "done"
        assert len(models.find(again.catalog, Filter(trashed=True))) == 1


def killed(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """End the work inside the transaction that exchanges two models, or just behind it."""
    from modelfs.library import add, replacing

    real: Callable[..., object] = replacing.settle if moment == "before" else add._add_one

    def dying(*arguments: object) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(replacing if moment == "before" else add, real.__name__, dying)


class TestOtherSources:
    def test_of_civitai_the_newest_version_is_followed_unless_one_was_named(
        self, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with StandInCivitai() as site:
            monkeypatch.setenv("MODELFS_CIVITAI", site.address)
            first, second = (write_lora(tmp_path / str(n), n).read_bytes() for n in (4, 8))
            one = site.version(10, site.file(1, "ink_v1.safetensors", first))
            site.add(1, one)
            latest = fetch(library, "civitai:1")
            one["trainedWords"] = ["only the note beside it changed"]
            (now,) = standing(library)
            assert (now.state, now.reason) == ("current", "")
            site.add(1, site.version(11, site.file(2, "ink_v2.safetensors", second)), one)
            (now,) = standing(library)
            assert (now.state, now.revision, now.new_revision) == ("outdated", "10", "11")
            assert "ink_v2.safetensors" in now.changed
            new = update(library, now)
            assert (latest.name, new.name) == ("ink_v1", "ink_v2"), "a file's own name follows it"
            assert living(library) == [new.entry_name]
            named = fetch(library, "civitai:1@10")
            assert [each.state for each in standing(library, named)] == ["pinned"]

    def test_of_ollama_a_tag_is_followed_by_its_manifest(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = StandInOllama()
        monkeypatch.setenv("MODELFS_OLLAMA", registry.endpoint)
        registry.start()
        layers = [("model", WEIGHTS), ("params", b'{"stop":["x"]}'), ("template", b"{{ .Prompt }}")]
        try:
            registry.publish("library/owl:3b", layers, CONFIG)
            fetch(library, "ollama:owl:3b")
            assert [each.state for each in standing(library)] == ["current"]
            registry.publish("library/owl:3b", [*layers[:2], ("template", b"{{ .New }}")], CONFIG)
            (now,) = standing(library)
            assert now.state == "outdated" and len(now.changed) == 1
            assert now.plan is not None and now.plan.new_bytes == len(b"{{ .New }}")
            update(library, now)
            assert [each.state for each in standing(library)] == ["current"]
        finally:
            registry.stop()

    def test_of_modelscope_a_branch_is_followed_in_the_models_folder(
        self, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with StandInModelScope() as site:
            monkeypatch.setenv("MODELFS_MODELSCOPE", site.address)
            files = {f"Q4/{FILE}": gguf(tmp_path, 4), f"Q8/{OTHER}": gguf(tmp_path, 8)}
            site.add("owls/owl-GGUF", files)
            fetch(library, "ms:owls/owl-GGUF:Q4_K_M")
            site.add("owls/owl-GGUF", files | {f"Q8/{OTHER}": gguf(tmp_path, 8, b"new")})
            assert [each.state for each in standing(library)] == ["current"]
            site.add("owls/owl-GGUF", files | {f"Q4/{FILE}": (now := gguf(tmp_path, 4, b"new"))})
            (found,) = standing(library)
            assert found.state == "outdated"
            assert content(library, update(library, found), FILE) == now


def test_the_json_of_a_model_says_its_new_source(
    owls: Repository, library: Library, tmp_path: Path
) -> None:
    fetch(library, "hf:org/owl-GGUF:Q4_K_M")
    owls.change({FILE: gguf(tmp_path, 4, b"new")})
    new = update(library, *standing(library))
    assert describe.listed(new)["source"] == f"hf:org/owl-GGUF@{owls.commit}"
