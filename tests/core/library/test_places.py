"""Creating and opening: store and mount stay apart, and a stranger's folder is left alone."""

from pathlib import Path

import pytest

from core import processes
from core.conftest import bring, content, make_library, write
from core.soundness import assert_sound, every_model
from modelfs.catalog import changes
from modelfs.errors import BadInput, NotFound
from modelfs.library import create_library, open_library

Layout = tuple[str, str]


@pytest.mark.parametrize(
    ("store", "mount"),
    [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "link/b"), ("link/b", "a"), ("link", "a")],
)
def test_store_and_mount_inside_each_other_are_refused(
    tmp_path: Path, store: str, mount: str
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    with pytest.raises(BadInput, match="inside each other"):
        create_library(tmp_path / store, tmp_path / mount)
    assert list((tmp_path / "a").iterdir()) == []


def test_neighbours_with_a_common_beginning_are_fine(tmp_path: Path) -> None:
    create_library(tmp_path / "models", tmp_path / "models-mount").close()


def test_a_library_that_is_re_pointed_into_its_mount_is_refused(tmp_path: Path) -> None:
    make_library(tmp_path).close()
    with pytest.raises(BadInput):
        create_library(tmp_path / "store", tmp_path)
    with open_library(tmp_path / "store") as library:
        assert library.mountpoint == tmp_path / "mount"


def test_creating_twice_opens_what_is_there(tmp_path: Path) -> None:
    with make_library(tmp_path) as library:
        bring(library, write(tmp_path / "a.gguf", content("a")))
    with create_library(tmp_path / "store", tmp_path / "other") as library:
        assert len(every_model(library)) == 1
        assert library.mountpoint == tmp_path / "other"
        inits = [c for c in changes.latest(library.catalog, 99) if c.action == "init"]
        assert len(inits) == 1


def test_a_folder_of_other_things_is_not_made_a_library(tmp_path: Path) -> None:
    write(tmp_path / "store" / "holiday.jpg", b"picture")
    with pytest.raises(BadInput, match="not a modelfs library"):
        create_library(tmp_path / "store", tmp_path / "mount")
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["holiday.jpg"]


def test_a_file_is_not_made_a_library(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a folder"):
        create_library(write(tmp_path / "store", b""), tmp_path / "mount")


def test_where_there_is_none_it_is_not_found_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_library(tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    make_library(tmp_path).close()
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700


def test_the_library_that_was_created_last_is_the_users(tmp_path: Path) -> None:
    make_library(tmp_path / "one").close()
    make_library(tmp_path / "two").close()
    with open_library() as library:
        assert library.paths.root == tmp_path / "two" / "store"


def test_the_environment_chooses_another_library_and_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_library(tmp_path / "one").close()
    monkeypatch.setenv("MODELFS_LIBRARY", str(tmp_path / "two" / "store"))
    create_library(None, tmp_path / "two" / "mount").close()
    with open_library() as library:
        assert library.paths.root == tmp_path / "two" / "store"
    monkeypatch.delenv("MODELFS_LIBRARY")
    with open_library() as library:
        assert library.paths.root == tmp_path / "one" / "store"


def test_several_processes_create_one_library_at_once(tmp_path: Path) -> None:
    running = [processes.start("create", tmp_path / "store") for _ in range(4)]
    for process in running:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert_sound(tmp_path / "store")
