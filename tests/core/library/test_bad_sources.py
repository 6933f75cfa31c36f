"""What cannot be added is named and refused; what can be added in part says what is left out."""

import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from core.conftest import Disk, bring, content, make_library, write
from core.processes import run
from core.soundness import assert_sound, every_model, stored
from modelfs.errors import BadInput, Failed, ModelfsError, NoSpace, NotFound, Refused
from modelfs.library import Library
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, AddPlan, plan_add
from modelfs.names import fold, legal_name


def plan(library: Library, source: Path, **options: object) -> AddPlan:
    return plan_add(library, [str(source)], AddOptions(**options))  # type: ignore[arg-type]


def reasons(made: AddPlan) -> dict[str, str]:
    return {skip.path: skip.reason for skip in made.skipped}


def test_what_is_not_there_is_not_found(library: Library, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing-here"):
        plan(library, tmp_path / "nothing-here.gguf")


def test_a_path_through_a_file_is_not_found(library: Library, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        plan(library, write(tmp_path / "a.gguf", b"a") / "inside.gguf")


def test_a_path_that_no_disk_can_have_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(Failed):
        plan(library, tmp_path / ("x" * 300))
    with pytest.raises(BadInput):
        plan_add(library, [f"{tmp_path}/nul\0byte"], AddOptions())


def test_a_socket_a_pipe_and_a_device_are_refused_without_waiting(
    library: Library, tmp_path: Path
) -> None:
    pipe, plug = tmp_path / "pipe.gguf", tmp_path / "socket.gguf"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(plug))
        for path, kind in ((pipe, "a pipe"), (plug, "a socket"), (Path("/dev/zero"), "a device")):
            with pytest.raises(BadInput, match=kind):
                plan(library, path)


def test_inside_a_folder_they_are_left_out(library: Library, tmp_path: Path) -> None:
    write(tmp_path / "m" / "a.gguf", content("a"))
    os.mkfifo(tmp_path / "m" / "pipe.gguf")
    (tmp_path / "m" / "dangling.gguf").symlink_to("nowhere")
    made = plan(library, tmp_path / "m")
    assert [model.name for model in made.models] == ["a"]
    assert reasons(made) == {
        "pipe.gguf": "neither a file nor a folder",
        "dangling.gguf": "a link that leads nowhere",
    }


def test_links_that_form_a_circle_end(library: Library, tmp_path: Path) -> None:
    write(tmp_path / "m" / "deep" / "a.gguf", content("a"))
    (tmp_path / "m" / "deep" / "up").symlink_to("..")
    (tmp_path / "m" / "self").symlink_to("self")
    made = plan(library, tmp_path / "m")
    assert [file.path for model in made.models for file in model.files] == ["a.gguf"]
    assert reasons(made)["deep/up"] == "a link back to a folder above it"
    assert "self" in reasons(made)


@pytest.fixture
def somebody(tmp_path: Path) -> int:
    """Another user, whose home this is: root may read everything."""
    home = Path(os.environ["HOME"])
    shared = Path(tempfile.gettempdir())
    around = {folder for place in (home, tmp_path) for folder in (place, *place.parents)}
    for folder in around - {shared, *shared.parents}:
        folder.chmod(0o755)
    for folder in (home, tmp_path):
        os.chown(folder, 4242, 4242)
    return 4242


def test_a_file_that_one_may_not_read_fails_and_says_why(tmp_path: Path, somebody: int) -> None:
    secret = write(tmp_path / "secret.gguf", content("a"))
    secret.chmod(0o600)
    done = run("create-and-add", tmp_path / "store", secret, uid=somebody)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Failed: {secret} cannot be read: permission denied")


def test_inside_a_folder_what_one_may_not_read_is_named(tmp_path: Path, somebody: int) -> None:
    write(tmp_path / "m" / "a.gguf", content("a"))
    write(tmp_path / "m" / "closed" / "b.gguf", content("b")).parent.chmod(0o700)
    done = run("create-and-add", tmp_path / "store", tmp_path / "m", uid=somebody)
    assert (done.returncode, done.stdout) == (0, "added a.gguf\n"), done.stderr


def test_a_readable_file_in_a_folder_that_cannot_be_listed_is_added(
    tmp_path: Path, somebody: int
) -> None:
    given = write(tmp_path / "drop" / "a.gguf", content("a"))
    given.parent.chmod(0o711)
    done = run("create-and-add", tmp_path / "store", given, uid=somebody)
    assert (done.returncode, done.stdout) == (0, "added a.gguf\n"), done.stderr


def test_somebody_elses_file_can_be_added_but_not_moved_away(tmp_path: Path, somebody: int) -> None:
    given = write(tmp_path / "drop" / "a.gguf", content("a"))
    assert run("create", tmp_path / "store", uid=somebody).returncode == 0
    done = run("move", tmp_path / "store", given, uid=somebody)
    assert (done.returncode, done.stdout) == (0, "added a.gguf\n"), done.stderr
    assert given.read_bytes() == content("a")
    assert given.stat().st_nlink == 1


@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_what_will_never_fit_is_refused_at_once(tmp_path: Path, disk: Disk, kind: str) -> None:
    huge = tmp_path / "huge.gguf"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    place = disk(kind, 32)
    with make_library(place) as library:
        started = time.monotonic()
        with pytest.raises(NoSpace):
            bring(library, huge)
        assert time.monotonic() - started < 5
        assert list(library.paths.staging.iterdir()) == []
        assert_sound(library.paths.root)


def test_models_that_do_not_fit_together_are_refused_before_the_first_byte(
    tmp_path: Path, disk: Disk
) -> None:
    files = [write(tmp_path / f"{n}.gguf", content(n, 5 << 20)) for n in range(3)]
    steps: list[str] = []
    with make_library(disk("tmpfs", 14)) as library:
        made = plan_add(library, list(map(str, files)), AddOptions())
        with pytest.raises(NoSpace):
            list(add(library, made, lambda progress: steps.append(progress.step)))
        assert steps == []
        assert every_model(library) == []
        assert [one.outcome for one in bring(library, *files[:2])] == ["added", "added"]


def test_the_reserve_is_never_touched(tmp_path: Path, disk: Disk) -> None:
    with make_library(disk("tmpfs", 16), reserve="12MB") as library:
        with pytest.raises(NoSpace, match="reserve"):
            bring(library, write(tmp_path / "a.gguf", content("a", 6 << 20)))
        (added,) = bring(library, write(tmp_path / "b.gguf", content("b", 1 << 20)))
        assert added.outcome == "added"


NAMES = [
    b"new\nline.gguf",
    b"\xff\xfe invalid.gguf",
    b"-rf.gguf",
    b"x" * 250 + b".gguf",
    "é".encode() * 125 + b".gguf",
    b"esc\x1b[31mred.gguf",
    b"'quoted' \"double\".gguf",
    b"  blanks  .gguf",
    b".hidden.gguf",
    b"a.gguf.",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.gguf".encode(),
]


@pytest.mark.parametrize("raw", NAMES)
def test_a_file_of_any_name_gets_a_legal_one(library: Library, tmp_path: Path, raw: bytes) -> None:
    source = write(tmp_path / "in" / os.fsdecode(raw), content("a"))
    (added,) = bring(library, source)
    name = added.model.entry_name
    assert legal_name(name) == name
    (file,) = added.model.files
    assert legal_name(file.path.lstrip(".")) == file.path.lstrip(".")
    assert list(stored(library, added.model).values()) == [content("a")]


def test_a_folder_of_any_names_becomes_one_model_with_legal_distinct_paths(
    library: Library, tmp_path: Path
) -> None:
    raws = [b"a\x01.bin", b"a\x02.bin", b"..weird/x", b"\xff/y", b"\xfe/y", b"Case", b"case"]
    raws += [b"clash", b"clash./inside", b"z" * 255, b"\x01" * 255, b"\x02" * 255]
    folder = os.fsencode(tmp_path / "m")
    for number, raw in enumerate(raws):
        path = os.path.join(folder, raw)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(content(number))
    (added,) = bring(library, tmp_path / "m", name="weird")
    paths = [file.path for file in added.model.files]
    assert len({fold(path) for path in paths}) == len(raws)
    for path in paths:
        for part in path.split("/"):
            assert part not in (".", "..")
            assert legal_name(part.lstrip(".")) == part.lstrip(".")
        above = [path.rpartition("/")[0]] if "/" in path else []
        assert not set(above) & set(paths), f"{above} is a file and a folder"
    assert set(stored(library, added.model).values()) == {content(n) for n in range(len(raws))}


def test_a_name_that_a_person_gives_is_checked(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", content("a"))
    for name in ("../up", "a/b", "", ".", "..", ".hid", "line\nbreak", "x" * 256, "nul\0", " x "):
        with pytest.raises(BadInput):
            bring(library, source, name=name)
    bring(library, source, name="-dash")
    assert [model.name for model in every_model(library)] == ["-dash"]


@pytest.mark.parametrize("tag", ["", " ", "a/b", "a+b", "a,b", "~a", ".a", "a\n", " a", "x" * 256])
def test_a_tag_that_could_not_be_a_folder_is_refused(
    library: Library, tmp_path: Path, tag: str
) -> None:
    with pytest.raises(BadInput):
        bring(library, write(tmp_path / "a.gguf", content("a")), tags=(tag,))
    assert every_model(library) == []


@pytest.mark.parametrize("method", ["..", ".", "x" * 290, "é" * 200, " ", "a\nb", "~", "a/b+c,d"])
def test_a_hostile_config_makes_no_illegal_tag(
    library: Library, tmp_path: Path, method: str
) -> None:
    """Automatic tags come from headers that strangers wrote, and become folders."""
    config = {"model_type": "llama", "quantization_config": {"quant_method": method}}
    write(tmp_path / "m" / "config.json", json.dumps(config).encode())
    write(tmp_path / "m" / "model.safetensors", (2).to_bytes(8, "little") + b"{}")
    (added,) = bring(library, tmp_path / "m", name="m")
    for tag in added.model.tags:
        assert legal_name(tag) == tag
        assert not set(tag) & set("/+,")


def test_an_empty_file_is_a_model_of_no_bytes(library: Library, tmp_path: Path) -> None:
    (added,) = bring(library, write(tmp_path / "empty.gguf", b""))
    assert (added.outcome, added.model.size_bytes, added.new_bytes) == ("added", 0, 0)
    assert stored(library, added.model) == {"empty.gguf": b""}
    assert_sound(library.paths.root)


def test_an_empty_folder_is_no_model(library: Library, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    for options in ({}, {"name": "m"}):
        with pytest.raises(BadInput, match="no model"):
            plan(library, tmp_path / "m", **options)


def test_a_folder_without_a_model_says_what_it_left_out(library: Library, tmp_path: Path) -> None:
    write(tmp_path / "m" / "notes.txt", b"notes")
    with pytest.raises(BadInput) as caught:
        plan(library, tmp_path / "m")
    assert "notes.txt" in caught.value.hint


def test_a_folder_of_two_thousand_files_is_one_model(tmp_path: Path, disk: Disk) -> None:
    place = disk("tmpfs", 64)
    for number in range(2000):
        write(place / "m" / f"{number // 100:02}" / f"{number:04}.bin", content(number, 300))
    with make_library(place) as library:
        (added,) = bring(library, place / "m", name="many")
        assert len(added.model.files) == 2000
        assert added.new_bytes == added.model.size_bytes == 600_000
        held = stored(library, added.model)
        assert held == {f"{n // 100:02}/{n:04}.bin": content(n, 300) for n in range(2000)}


def test_an_unfinished_download_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unfinished"):
        plan(library, write(tmp_path / "a.gguf.part", b"half"))


def test_a_model_with_a_missing_shard_is_refused(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a-00001-of-00002.gguf", content("a"))
    with pytest.raises(Refused, match="a-00002-of-00002"):
        plan(library, source)


def test_one_bad_source_among_several_adds_none(library: Library, tmp_path: Path) -> None:
    good = write(tmp_path / "a.gguf", content("a"))
    with pytest.raises(ModelfsError):
        bring(library, good, tmp_path / "missing.gguf")
    assert every_model(library) == []


def own_places(library: Library) -> list[Path]:
    return [
        library.paths.root,
        library.paths.blobs,
        library.paths.catalog,
        library.mountpoint,
        library.mountpoint / "by-tag",
    ]


def test_the_library_is_no_source_for_itself(library: Library, tmp_path: Path) -> None:
    for number, place in enumerate(own_places(library)):
        link = tmp_path / "links" / str(number)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(place)
        for source in (place, link, place / ".." / place.name):
            with pytest.raises(BadInput, match="library itself"):
                plan(library, source, name="m")


def test_of_a_folder_that_holds_the_library_the_library_is_left_out(
    library: Library, tmp_path: Path
) -> None:
    bring(library, write(tmp_path / "a.gguf", content("a")))
    assert library.paths.root.parent == tmp_path
    for given in (tmp_path, tmp_path / "up"):
        if given.name == "up":
            given.symlink_to(tmp_path)
        made = plan(library, given, name="m")
        (model,) = made.models
        assert [file.path for file in model.files] == ["a.gguf"]
        assert reasons(made)["store"] == "part of the library itself"


def test_links_into_the_library_are_left_out(library: Library, tmp_path: Path) -> None:
    """Above all the catalogue's file: opening and closing it would drop SQLite's locks."""
    bring(library, write(tmp_path / "a.gguf", content("a")))
    given = tmp_path / "given"
    write(given / "b.gguf", content("b"))
    for number, place in enumerate(own_places(library)):
        (given / f"link-{number}").symlink_to(place)
    made = plan(library, given, name="m")
    (model,) = made.models
    assert [file.path for file in model.files] == ["b.gguf"]
    assert set(reasons(made).values()) == {"part of the library itself"}
    assert len(made.skipped) == len(own_places(library))


def test_a_read_only_store_is_said_to_be_that(tmp_path: Path, disk: Disk) -> None:
    place = disk("ext4", 32)
    make_library(place).close()
    source = write(tmp_path / "a.gguf", content("a"))
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    done = run("add", place / "store", source)
    assert done.returncode == 1
    assert done.stderr.startswith("Failed: "), done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_whose_disk_is_gone_is_not_found(library: Library, tmp_path: Path) -> None:
    source = write(tmp_path / "a.gguf", content("a"))
    library.paths.blobs.rename(tmp_path / "away")
    with pytest.raises(NotFound) as caught:
        bring(library, source)
    assert "disk mounted" in caught.value.hint
