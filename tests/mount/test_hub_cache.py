"""Versions of huggingface_hub use the mounted cache: offline all of it, online what they can."""

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.organise import assign
from modelfs.library.removal import plan_removal, remove
from modelfs.library.select import one
from mount.conftest import Home, wait_for
from mount.hub.clients import INSTALLED, Call, HubClient
from mount.hub.stand_in import StandIn, serving

pytestmark = pytest.mark.timeout(300)

OLD, NEW = "a" * 40, "0123456789" * 4
REPOSITORY = "org/some.Model-GGUF"
FOLDER = "models--org--some.Model-GGUF"
FILES = {"config.json": "{}", "some-Q4.gguf": "four", "some-Q8.gguf": "eight", "vae/w.bin": "vae"}
"""What the repository has at the newer commit, and so has the mount, in three models."""

OLDEST = "0.23.5"
VERSIONS = [
    OLDEST,
    *(pytest.param(each, marks=pytest.mark.long) for each in ("0.36.0", "1.0.0", "1.22.0")),
    pytest.param(INSTALLED, id="installed"),
]


@pytest.fixture
def cache(home: Home) -> Path:
    """A mounted cache with three models of one repository, an older commit and two others."""
    add_from_hub(home, "older", f"hf:{REPOSITORY}@{OLD}", {"some-Q4.gguf": "four, but older"})
    for name, file in (("four", "some-Q4.gguf"), ("eight", "some-Q8.gguf")):
        add_from_hub(home, name, f"hf:{REPOSITORY}@{NEW}", {file: FILES[file]})
    add_from_hub(home, "vae", f"hf:{REPOSITORY}@{NEW}/vae", {"w.bin": "vae"})
    add_from_hub(home, "settings", f"hf:{REPOSITORY}@{NEW}", {"config.json": "{}"})
    files = {"config.json": '{"gpt": 2}', "model.safetensors": "w"}
    add_from_hub(home, "gpt2", f"hf:gpt2@{OLD}", files)
    add_from_hub(home, "branch", "hf:org/branch@main", {"m.gguf": "of a branch"})
    home.mount()
    return home.mountpoint / "by-tool/huggingface/hub"


def add_from_hub(home: Home, name: str, source: str, files: dict[str, str]) -> None:
    """Add files as one model, as fetching them would, under a name of its own."""
    folder = home.originals / name
    folder.mkdir()
    for file, text in files.items():
        (folder / file).write_text(text)
    whole = folder if len(files) > 1 else folder / next(iter(files))
    options = AddOptions(category="language/llm", name=name)
    plan = plan_add(home.library, [str(whole)], options)
    (model,) = plan.models
    (_,) = add(home.library, replace(plan, models=(replace(model, source=source),)))


@pytest.fixture
def hub() -> Iterator[StandIn]:
    """The repository as the hub has it, at the newer commit."""
    with serving(StandIn(REPOSITORY, NEW, {k: v.encode() for k, v in FILES.items()})) as hub:
        yield hub


def get(filename: str, **more: object) -> Call:
    return "download", {"repo_id": REPOSITORY, "filename": filename, **more}


def get_all(**more: object) -> Call:
    return "snapshot", {"repo_id": REPOSITORY, **more}


@pytest.mark.parametrize("version", VERSIONS)
def test_offline_everything_is_found(cache: Path, tmp_path: Path, version: str) -> None:
    client = HubClient(version, cache, tmp_path)
    found_version, scanned = client.offline(("version", {}), ("scan", {}))
    assert found_version == version or version == INSTALLED
    assert scanned["warnings"] == []
    assert scanned["repositories"] == {
        f"model {REPOSITORY}": {
            OLD: {"refs": [], "files": ["some-Q4.gguf"]},
            NEW: {"refs": ["main"], "files": sorted(FILES)},
        },
        "model gpt2": {OLD: {"refs": ["main"], "files": ["config.json", "model.safetensors"]}},
    }
    new, old = f"{FOLDER}/snapshots/{NEW}", f"{FOLDER}/snapshots/{OLD}"
    answers = client.offline(
        get("vae/w.bin"),
        get("w.bin", subfolder="vae", local_files_only=True),
        get("some-Q4.gguf", revision=OLD),
        get_all(),
        get_all(local_files_only=True, revision=OLD),
        get_all(allow_patterns=["*Q4*"]),
        ("cached", {"repo_id": REPOSITORY, "filename": "config.json"}),
        ("cached", {"repo_id": REPOSITORY, "filename": "some-Q4.gguf", "revision": OLD}),
        ("cached", {"repo_id": REPOSITORY, "filename": "none.json"}),
    )
    assert answers == [
        [f"{new}/vae/w.bin", "vae"],
        [f"{new}/vae/w.bin", "vae"],
        [f"{old}/some-Q4.gguf", "four, but older"],
        [new, FILES],
        [old, {"some-Q4.gguf": "four, but older"}],
        [new, FILES],
        f"{new}/config.json",
        f"{old}/some-Q4.gguf",
        None,
    ]
    (missing,) = client.offline(get("none.json"))
    assert missing["raised"] in ("LocalEntryNotFoundError", "OfflineModeIsEnabled"), missing


@pytest.mark.parametrize("version", VERSIONS)
def test_online_a_file_of_the_same_commit_is_found(
    cache: Path, tmp_path: Path, hub: StandIn, version: str
) -> None:
    client = HubClient(version, cache, tmp_path)
    path = f"{FOLDER}/snapshots/{NEW}"
    answers = client.online(
        hub.address, get("config.json"), get("vae/w.bin"), get("some-Q8.gguf", revision=NEW)
    )
    assert answers == [
        [f"{path}/config.json", "{}"],
        [f"{path}/vae/w.bin", "vae"],
        [f"{path}/some-Q8.gguf", "eight"],
    ]
    assert any(each.startswith("HEAD ") for each in hub.asked)
    assert not any(f"GET /{REPOSITORY}/resolve" in each for each in hub.asked), "nothing is fetched"


@pytest.mark.parametrize("version", [each for each in VERSIONS if each != OLDEST])
def test_online_a_whole_repository_of_the_same_commit_is_found(
    cache: Path, tmp_path: Path, hub: StandIn, version: str
) -> None:
    """The oldest writes its ref whatever it has, and so needs to be told that it is offline."""
    client = HubClient(version, cache, tmp_path)
    answers = client.online(hub.address, get_all(), get_all(revision=NEW))
    assert answers == [[f"{FOLDER}/snapshots/{NEW}", FILES]] * 2
    assert not any(f"GET /{REPOSITORY}/resolve" in each for each in hub.asked), "nothing is fetched"


def test_online_what_is_not_there_is_an_error_and_leaves_nothing(
    cache: Path, tmp_path: Path, hub: StandIn
) -> None:
    hub.files = {**hub.files, "new.json": b"{}"}
    client = HubClient(INSTALLED, cache, tmp_path)
    (answer,) = client.online(hub.address, get("new.json"))
    assert "raised" in answer
    assert sorted(os.listdir(cache / FOLDER)) == ["blobs", "refs", "snapshots"]


def test_the_cache_keeps_the_form_that_its_readers_rely_on(cache: Path, home: Home) -> None:
    assert sorted(os.listdir(cache)) == [".locks", "models--gpt2", FOLDER]
    assert sorted(os.listdir(cache / ".locks")) == ["models--gpt2", FOLDER]
    assert os.listdir(cache / ".locks" / FOLDER) == os.listdir(cache / FOLDER / "blobs") == []
    assert (cache / FOLDER / "refs/main").read_bytes() == NEW.encode()
    file = cache / FOLDER / "snapshots" / NEW / "vae/w.bin"
    assert file.is_file() and not file.is_symlink()
    with pytest.raises(FileExistsError):
        (cache / FOLDER / "blobs").mkdir()
    with pytest.raises(OSError) as refused:
        (cache / FOLDER / "trees").mkdir()
    assert refused.value.errno == errno.EROFS


def test_times_hold_still_over_a_remount(cache: Path, home: Home) -> None:
    before = times(cache)
    home.umount()
    home.mount()
    assert times(cache) == before


def times(cache: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in cache.rglob("*") if path.is_file()]
    return {str(f): (f.stat().st_mtime_ns, f.stat().st_size) for f in files}


def test_a_model_renamed_keeps_its_path_in_the_repository(cache: Path, home: Home) -> None:
    file = cache / FOLDER / "snapshots" / NEW / "some-Q8.gguf"
    assign(home.library, one(home.library, "eight"), {"name": "mine"})
    category = home.mountpoint / "by-category/language/llm"
    wait_for(lambda: (category / "mine.gguf").exists(), "the new name is shown")
    assert file.read_text() == "eight"
    assert os.path.samefile(file, category / "mine.gguf")
    assert file.stat().st_nlink == len([category, file])


def test_the_last_model_of_a_repository_takes_its_folders_with_it(cache: Path, home: Home) -> None:
    remove(home.library, plan_removal(home.library, [one(home.library, "gpt2")]))
    wait_for(lambda: sorted(os.listdir(cache)) == [".locks", FOLDER], "its folder is gone")
    assert os.listdir(cache / ".locks") == [FOLDER]
    remove(home.library, plan_removal(home.library, [one(home.library, "older")]))
    snapshots = cache / FOLDER / "snapshots"
    wait_for(lambda: os.listdir(snapshots) == [NEW], "the older commit is gone")


def test_an_older_commit_added_last_becomes_main(cache: Path, home: Home) -> None:
    ref = cache / FOLDER / "refs/main"
    assert ref.read_text() == NEW
    add_from_hub(home, "again", f"hf:{REPOSITORY}@{OLD}", {"other.gguf": "of the older commit"})
    wait_for(lambda: ref.read_text() == OLD, "main is the commit that was added last")
