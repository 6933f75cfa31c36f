"""What people and programs see below the mountpoint."""

import hashlib
import os
import subprocess
from pathlib import Path

from modelfs.library import categories, describe, organise, select

from .conftest import Home, is_made_up, wait_for


def _tree(folder: Path) -> dict[str, os.stat_result]:
    found = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(root) / name
            found[str(path.relative_to(folder))] = path.lstat()
    return found


def test_each_model_is_in_its_category_its_tags_and_its_tools(furnished: Home) -> None:
    paths = set(_tree(furnished.mountpoint))
    assert "by-category/image/lora/tiny.safetensors" in paths
    assert "by-tag/style/tiny.safetensors" in paths
    assert "by-tag/fast/tiny.safetensors" in paths
    assert "by-tool/comfyui/loras/tiny.safetensors" in paths
    assert "by-category/language/llm/big.gguf" in paths
    assert "by-tool/comfyui/checkpoints/portrait.ckpt" in paths
    assert "by-tool/comfyui/diffusers/pipeline/unet/weights.safetensors" in paths
    assert "by-category/image/checkpoint/pipeline/model_index.json" in paths
    assert "inbox" in paths


def test_every_folder_that_comfyui_looks_for_exists_even_when_empty(furnished: Home) -> None:
    folders = set(os.listdir(furnished.mountpoint / "by-tool" / "comfyui"))
    # folder_paths.py of ComfyUI, 2026, with the older names it still reads.
    assert folders >= {
        "checkpoints", "configs", "loras", "vae", "text_encoders", "clip", "diffusion_models",
        "unet", "clip_vision", "style_models", "embeddings", "diffusers", "vae_approx",
        "controlnet", "t2i_adapter", "gligen", "upscale_models", "latent_upscale_models",
        "hypernetworks", "photomaker", "classifiers", "model_patches", "audio_encoders",
        "background_removal", "frame_interpolation", "geometry_estimation", "optical_flow",
        "detection",
    }  # fmt: skip
    assert (furnished.mountpoint / "by-tool" / "whisper").is_dir()


def test_a_file_is_one_inode_in_all_its_places_and_du_counts_it_once(furnished: Home) -> None:
    inodes: dict[int, list[os.stat_result]] = {}
    files = 0
    for path, status in _tree(furnished.mountpoint).items():
        if not (status.st_mode & 0o040000):
            inodes.setdefault(status.st_ino, []).append(status)
            files += not is_made_up(furnished.mountpoint / path) and len(inodes[status.st_ino]) == 1
    for places in inodes.values():
        assert {place.st_nlink for place in places} == {len(places)}
    assert files == 7
    du = subprocess.run(
        ["du", "-s", "--block-size=1", str(furnished.mountpoint)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    once = sum((places[0].st_size + 511) // 512 * 512 for places in inodes.values())
    assert int(du.stdout.split()[0]) == once


def test_tags_combine_by_and_and_by_and_not_without_being_listed(furnished: Home) -> None:
    tags = furnished.mountpoint / "by-tag"
    assert sorted(os.listdir(tags / "style+fast")) == ["tiny.safetensors"]
    assert sorted(os.listdir(tags / "fast+style")) == ["tiny.safetensors"]
    assert sorted(os.listdir(tags / "style+~fast")) == ["pipeline", "portrait.ckpt"]
    assert (tags / "style+~fast" / "pipeline" / "unet" / "config.json").read_text() == "{}"
    assert not any("+" in name for name in os.listdir(tags))
    for absent in ("style+nothing", "~fast", "style+", "+", "nothing"):
        assert not (tags / absent).exists(), absent


def test_extended_attributes_say_what_a_file_is(furnished: Home) -> None:
    path = furnished.mountpoint / "by-tag" / "style" / "tiny.safetensors"
    assert os.getxattr(path, "user.modelfs.model") == b"tiny.safetensors"
    assert os.getxattr(path, "user.modelfs.category") == b"image/lora"
    assert os.getxattr(path, "user.modelfs.tags") == b"fast,style"
    assert os.getxattr(path, "user.modelfs.source").startswith(b"local:/")
    blob = os.getxattr(path, "user.modelfs.blob").decode()
    assert furnished.library.store.path(blob).read_bytes() == path.read_bytes()  # type: ignore[arg-type]
    assert "user.modelfs.blob" in os.listxattr(path)
    folder = furnished.mountpoint / "by-category" / "image" / "checkpoint" / "pipeline"
    assert os.getxattr(folder, "user.modelfs.model") == b"pipeline"
    assert os.listxattr(furnished.mountpoint / "by-tag") == []
    assert "user.modelfs.pickle_verdict" not in os.listxattr(path)


def test_extended_attributes_say_what_loading_a_pickle_would_do(home: Home) -> None:
    name = home.add("bad.pt", b"cposix\nsystem\n(S'true'\ntR.", "other/unsorted")
    home.mount()
    path = home.mountpoint / "by-category" / "other" / "unsorted" / name
    told = os.getxattr(path, "user.modelfs.pickle_verdict")
    assert told == b"would run code when loaded: posix.system"


def test_show_names_exactly_the_places_where_a_model_is(furnished: Home) -> None:
    for name in ("tiny.safetensors", "pipeline", "empty.bin"):
        model = select.one(furnished.library, name)
        named = {str(path) for path in describe.appearances(furnished.library, model)}
        walked = {
            str(furnished.mountpoint / path)
            for path in _tree(furnished.mountpoint)
            if path.rsplit("/", 1)[-1] == name
        }
        assert named == walked


def test_modification_times_are_the_originals_and_survive_a_remount(furnished: Home) -> None:
    before = {path: status.st_mtime_ns for path, status in _tree(furnished.mountpoint).items()}
    original = furnished.originals / "tiny.safetensors"
    assert before["by-tag/style/tiny.safetensors"] == original.stat().st_mtime_ns
    furnished.umount()
    furnished.mount()
    after = {path: status.st_mtime_ns for path, status in _tree(furnished.mountpoint).items()}
    assert after == before


def test_inodes_survive_a_remount(furnished: Home) -> None:
    before = {path: status.st_ino for path, status in _tree(furnished.mountpoint).items()}
    furnished.umount()
    furnished.mount()
    assert {p: s.st_ino for p, s in _tree(furnished.mountpoint).items()} == before


def test_statfs_is_that_of_the_stores_disk(furnished: Home) -> None:
    mount = os.statvfs(furnished.mountpoint)
    disk = os.statvfs(furnished.library.paths.root)
    assert mount.f_blocks * mount.f_frsize == disk.f_blocks * disk.f_frsize
    assert mount.f_flag & os.ST_RDONLY


def test_links_shows_the_same_tree_as_links_into_the_store(furnished: Home) -> None:
    served = {path: path_stat.st_mode & 0o040000 for path, path_stat in
              _tree(furnished.mountpoint).items()}  # fmt: skip
    furnished.umount()
    assert furnished.mount(links=True).read_path == "links"
    linked = _tree(furnished.mountpoint)
    assert {p: s.st_mode & 0o040000 for p, s in linked.items()} == served
    path = furnished.mountpoint / "by-tag" / "fast" / "big.gguf"
    assert path.is_symlink()
    assert Path(os.readlink(path)).parent.parent == furnished.library.paths.blobs
    assert path.read_bytes() == (furnished.originals / "big.gguf").read_bytes()


def test_every_view_gives_the_bytes_that_were_added(furnished: Home) -> None:
    originals = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in furnished.originals.rglob("*")
        if path.is_file()
    }
    seen = set()
    for root, _, files in os.walk(furnished.mountpoint):
        for path in (Path(root) / name for name in files):
            if not is_made_up(path):
                seen.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert seen == originals


def test_odd_names_are_shown_legally_and_once(home: Home) -> None:
    for name in (b"new\nline.gguf", b"b\xe9ton.gguf", b"a" * 250 + b".gguf", b"-rf.gguf"):
        path = os.path.join(os.fsencode(home.originals), name)
        with open(path, "wb") as file:
            file.write(b"GGUF" + name)
        home.add_path(Path(os.fsdecode(path)), "language/llm")
    home.mount()
    names = os.listdir(home.mountpoint / "by-category" / "language" / "llm")
    assert len(names) == 4
    assert all("\n" not in name and name.isprintable() and len(name) <= 255 for name in names)
    assert {"new_line.gguf", "-rf.gguf"} <= set(names)


def test_two_models_of_one_name_keep_their_paths_when_the_older_goes(home: Home) -> None:
    first = home.add("a/same.gguf", b"GGUF first", "language/llm")
    second = home.add("b/same.gguf", b"GGUF second", "language/llm")
    assert first == "same.gguf" and second != first
    home.mount()
    folder = home.mountpoint / "by-category" / "language" / "llm"
    assert (folder / first).read_bytes() == b"GGUF first"
    assert (folder / second).read_bytes() == b"GGUF second"
    from modelfs.library import removal

    plan = removal.plan_removal(home.library, [select.one(home.library, first)])
    removal.remove(home.library, plan)
    home.umount()
    home.mount()
    assert os.listdir(folder) == [second]


def test_a_category_of_the_users_own_exists_at_once(furnished: Home) -> None:
    categories.add(furnished.library, "image/sketches", "Sketches")
    model = select.one(furnished.library, "tiny.safetensors")
    organise.assign(furnished.library, model, {"category": "image/sketches"})
    path = furnished.mountpoint / "by-category" / "image" / "sketches" / "tiny.safetensors"
    wait_for(path.exists, "the model in its new category")
    organise.assign(furnished.library, model, {"category": "image/lora"})
    categories.remove(furnished.library, "image/sketches")
    wait_for(lambda: not path.parent.exists(), "the category gone, which the kernel knew")


def test_a_hidden_category_is_left_out_of_listings_and_found_when_named(furnished: Home) -> None:
    by_category = furnished.mountpoint / "by-category"
    named = by_category / "image" / "lora" / "tiny.safetensors"
    links = named.stat().st_nlink
    categories.set_hidden(furnished.library, ["image/lora", "language"], hidden=True)
    wait_for(lambda: "lora" not in os.listdir(by_category / "image"), "image/lora hidden")
    wait_for(lambda: "language" not in os.listdir(by_category), "all of that level hidden")
    assert named.read_bytes() == b"tiny" * 5000, "a path that somebody saved goes on working"
    assert (by_category / "language" / "llm" / "big.gguf").is_file()
    wait_for(lambda: named.stat().st_nlink == links - 1, "it listed in one place less")
    assert "tiny.safetensors" in os.listdir(furnished.mountpoint / "by-tag" / "style")
    categories.set_hidden(furnished.library, ["image/lora", "language"], hidden=False)
    wait_for(lambda: "lora" in os.listdir(by_category / "image"), "image/lora shown again")
    wait_for(lambda: "language" in os.listdir(by_category), "language shown again")
