"""What another process commits is seen through the mount, within a second."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from modelfs.catalog import categories, edit
from modelfs.catalog.categories import CategoryRow
from modelfs.library import organise, removal, select
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.replacing import aimed

from .conftest import BOTH_WAYS, DEADLINE_S, Home, wait_for

READ_PATHS = BOTH_WAYS


def _within_a_second(condition: object, what: str) -> None:
    wait_for(condition, what, 1.0)  # type: ignore[arg-type]


def test_a_new_model_appears_even_where_it_was_looked_for_in_vain(furnished: Home) -> None:
    path = furnished.mountpoint / "by-category" / "image" / "vae" / "new.safetensors"
    assert not path.exists() and not path.parent.exists()
    furnished.add("new.safetensors", b"new", "image/vae")
    _within_a_second(path.exists, "the new model")
    assert path.read_bytes() == b"new"
    assert (furnished.mountpoint / "by-tool" / "comfyui" / "vae" / "new.safetensors").exists()


def test_tags_come_and_go(furnished: Home) -> None:
    model = select.one(furnished.library, "portrait.ckpt")
    path = furnished.mountpoint / "by-tag" / "later" / "portrait.ckpt"
    assert not path.parent.exists()
    organise.tag(furnished.library, [model], ["later"])
    _within_a_second(path.exists, "the tagged model")
    links = path.stat().st_nlink
    organise.untag(furnished.library, [select.one(furnished.library, "portrait.ckpt")], ["later"])
    _within_a_second(lambda: not path.parent.exists(), "the tag's folder to go")
    elsewhere = furnished.mountpoint / "by-category" / "image" / "checkpoint" / "portrait.ckpt"
    _within_a_second(lambda: elsewhere.stat().st_nlink == links - 1, "the number of links")


def test_a_renamed_model_leaves_its_old_name(furnished: Home) -> None:
    folder = furnished.mountpoint / "by-category" / "language" / "llm"
    assert (folder / "big.gguf").stat().st_size == 3_000_001
    inode = (folder / "big.gguf").stat().st_ino
    model = select.one(furnished.library, "big.gguf")
    organise.assign(furnished.library, model, {"name": "huge"})
    _within_a_second(lambda: not (folder / "big.gguf").exists(), "the old name to go")
    assert (folder / "huge.gguf").stat().st_ino == inode
    assert os.listdir(folder) == ["huge.gguf"]


def test_an_updated_model_takes_the_old_ones_place_and_nobody_sees_both_or_neither(
    furnished: Home,
) -> None:
    folder = furnished.mountpoint / "by-category" / "image" / "checkpoint"
    file = folder / "portrait.ckpt"
    names, old = os.listdir(folder), file.read_bytes()
    new = os.urandom(60_000)
    seen: set[bytes] = set()
    others: list[list[str]] = []

    def watch() -> None:
        deadline = time.monotonic() + DEADLINE_S
        while new not in seen and time.monotonic() < deadline:
            others.extend(now for now in [os.listdir(folder)] if now != names)
            seen.add(file.read_bytes())

    with open(file, "rb") as opened, ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        (furnished.originals / "portrait.ckpt").write_bytes(new)
        _update(furnished, "portrait.ckpt")
        watching.result()
        assert opened.read() == old
    assert (seen, others) == ({old, new}, [])
    assert (furnished.mountpoint / "by-tag" / "style" / "portrait.ckpt").read_bytes() == new


def _update(home: Home, name: str) -> None:
    """Put what an original has become in the place of the model that was made of it."""
    old = select.one(home.library, name)
    plan = plan_add(home.library, [str(home.originals / name)], AddOptions())
    list(add(home.library, replace(plan, models=aimed(plan.models, old.id))))


def test_a_removed_model_goes_from_every_view_and_comes_back(furnished: Home) -> None:
    places = [
        furnished.mountpoint / "by-category" / "image" / "checkpoint" / "pipeline",
        furnished.mountpoint / "by-tag" / "style" / "pipeline",
        furnished.mountpoint / "by-tool" / "comfyui" / "diffusers" / "pipeline",
    ]
    assert all((place / "unet" / "config.json").exists() for place in places)
    plan = removal.plan_removal(furnished.library, [select.one(furnished.library, "pipeline")])
    removal.remove(furnished.library, plan)
    _within_a_second(lambda: not any(place.exists() for place in places), "to be gone")
    removal.restore(furnished.library, [select.one(furnished.library, "pipeline", trashed=True)])
    _within_a_second(lambda: all(place.exists() for place in places), "to be back")


def test_folder_times_move_when_entries_do_and_only_then(furnished: Home) -> None:
    loras = furnished.mountpoint / "by-tool" / "comfyui" / "loras"
    vae = furnished.mountpoint / "by-tool" / "comfyui" / "vae"
    before = loras.stat().st_mtime_ns, vae.stat().st_mtime_ns
    furnished.add("second.safetensors", b"second", "image/lora")
    _within_a_second(lambda: loras.stat().st_mtime_ns > before[0], "the folder's time to move")
    moved = loras.stat().st_mtime_ns
    plan = removal.plan_removal(
        furnished.library, [select.one(furnished.library, "second.safetensors")]
    )
    removal.remove(furnished.library, plan)
    _within_a_second(lambda: loras.stat().st_mtime_ns > moved, "the folder's time to move again")
    assert vae.stat().st_mtime_ns == before[1]


def test_combined_tags_follow(furnished: Home) -> None:
    folder = furnished.mountpoint / "by-tag" / "style+fast"
    assert os.listdir(folder) == ["tiny.safetensors"]
    model = select.one(furnished.library, "portrait.ckpt")
    organise.tag(furnished.library, [model], ["fast"])
    _within_a_second(lambda: (folder / "portrait.ckpt").exists(), "the model in both tags")
    organise.untag(furnished.library, [select.one(furnished.library, "portrait.ckpt")], ["fast"])
    # Nobody is told about combinations; the kernel may keep such an entry for a second.
    wait_for(lambda: not (folder / "portrait.ckpt").exists(), "it is out again", 2.5)


def test_a_change_by_the_command_line_is_seen(furnished: Home) -> None:
    path = furnished.mountpoint / "by-tag" / "typed" / "tiny.safetensors"
    command = [sys.executable, "-m", "modelfs", "tag", "tiny.safetensors", "typed"]
    subprocess.run(command, check=True, capture_output=True, env=dict(os.environ))
    _within_a_second(path.exists, "the tag")


def test_uses_are_counted_by_program_but_not_those_of_indexers(furnished: Home) -> None:
    path = furnished.mountpoint / "by-category" / "language" / "llm" / "big.gguf"
    subprocess.run(["cat", str(path)], check=True, stdout=subprocess.DEVNULL)
    bystander = furnished.originals / "updatedb"
    bystander.symlink_to("/bin/cat")
    tiny = furnished.mountpoint / "by-tag" / "style" / "tiny.safetensors"
    subprocess.run([str(bystander), str(tiny)], check=True, stdout=subprocess.DEVNULL)

    def used(name: str) -> float | None:
        return select.one(furnished.library, name).last_used_at

    wait_for(lambda: used("big.gguf"), "the use to be written")
    assert abs((used("big.gguf") or 0) - time.time()) < 60
    assert used("tiny.safetensors") is None
    rows = furnished.library.catalog.rows("SELECT program, opens FROM use")
    assert rows == [("cat", 1)]


def test_many_changes_at_once_are_all_seen(furnished: Home) -> None:
    folder = furnished.mountpoint / "by-tag" / "many"
    for number in range(30):
        furnished.add(f"m{number}.safetensors", b"%d" % number, "image/lora", ["many"])
    _within_a_second(lambda: folder.exists() and len(os.listdir(folder)) == 30, "all thirty")
    assert {Path(name).stem for name in os.listdir(folder)} == {f"m{n}" for n in range(30)}


def test_names_that_go_in_the_same_commit_as_a_new_category_are_forgotten(furnished: Home) -> None:
    """A new category makes the whole tree anew; the kernel must forget what it knew of the old."""
    library = furnished.library
    places = [
        furnished.mountpoint / "by-category" / "image" / "checkpoint" / "portrait.ckpt",
        furnished.mountpoint / "by-tag" / "style" / "portrait.ckpt",
    ]
    category = furnished.mountpoint / "by-category" / "mine"
    assert all(place.exists() for place in places) and not category.exists()
    with library.catalog.write():
        categories.change(library.catalog, None, CategoryRow("mine", "Mine"))
        edit.trash(library.catalog, select.one(library, "portrait.ckpt"))
    _within_a_second(category.is_dir, "the new category")
    _within_a_second(lambda: not any(place.exists() for place in places), "the old names to go")
