"""Folders become models, files join their models, and everything else is named as skipped."""

from hypothesis import given
from hypothesis import strategies as st

from modelfs.identify import companions, group

MODEL_FOLDERS = {
    "transformers": ["config.json", "model.safetensors", "tokenizer.json", "README.md"],
    "sentence-transformers": ["modules.json", "model.safetensors", "1_Pooling/config.json"],
    "diffusers": ["model_index.json", "vae/config.json", "vae/diffusion.safetensors"],
    "peft": ["adapter_config.json", "adapter_model.safetensors"],
    "ctranslate2": ["model.bin", "config.json", "vocabulary.txt"],
    "sharded": [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ],
    "vosk": ["am/final.mdl", "conf/model.conf", "graph/HCLr.fst", "README"],
    "pocketsphinx": ["mdef", "means", "variances", "sendump"],
    "tokenizer": ["tokenizer.json", "model.safetensors"],
    "onnx": ["config.json", "onnx/model.onnx", "onnx/model_q4.onnx"],
    "ollama": ["mine-Q4_0.gguf", "ollama/config", "ollama/license-2", "ollama/template"],
}


def members(paths: list[str]) -> list[tuple[str, ...]]:
    return [model.members for model in group(paths).models]


def test_marked_folder_is_one_model_with_all_below_it() -> None:
    for name, files in MODEL_FOLDERS.items():
        found = group(files, root_name=name)
        assert [model.members for model in found.models] == [tuple(sorted(files))], name
        assert found.models[0].name == name
        assert found.skipped == ()


def test_marked_folder_below_a_collection_is_found() -> None:
    paths = [f"{name}/{path}" for name, files in MODEL_FOLDERS.items() for path in files]
    found = group([*paths, "loose.gguf", "notes.txt"])
    assert {model.folder for model in found.models} == {*MODEL_FOLDERS, ""}
    assert [skip.path for skip in found.skipped] == ["notes.txt"]


def test_litter_and_unfinished_files_are_left_out_with_a_reason() -> None:
    found = group(
        ["config.json", "model.safetensors", ".cache/x", ".git/HEAD", "b.safetensors.incomplete"]
    )
    assert [model.members for model in found.models] == [("config.json", "model.safetensors")]
    reasons = {skip.path: skip.reason for skip in found.skipped}
    assert reasons["b.safetensors.incomplete"] == "unfinished download"
    assert reasons[".cache/x"] == "not part of a model"


def test_folder_of_ggufs_is_a_collection_even_with_a_config() -> None:
    found = group(["config.json", "a-Q4_0.gguf", "a-Q8_0.gguf", "mmproj-a.gguf", "README.md"])
    assert [model.name for model in found.models] == ["a-Q4_0", "a-Q8_0", "mmproj-a"]
    assert {skip.reason for skip in found.skipped} == {"not a model file"}


def test_ggufs_beside_other_things_of_ollamas_stay_a_collection() -> None:
    found = group(["a-Q4_0.gguf", "b-Q8_0.gguf", "ollama/Modelfile"])
    assert [model.members for model in found.models] == [("a-Q4_0.gguf",), ("b-Q8_0.gguf",)]


def test_shards_join_and_missing_ones_are_named() -> None:
    found = group(["x/m-00001-of-00003.gguf", "x/m-00003-of-00003.gguf", "x/n.gguf"])
    joined, other = found.models
    assert joined.name == "m"
    assert joined.missing == ("x/m-00002-of-00003.gguf",)
    assert not joined.single
    assert other.single


def test_missing_shards_of_a_marked_folder_are_named() -> None:
    found = group(["config.json", "model-00001-of-00002.safetensors"])
    assert found.models[0].missing == ("model-00002-of-00002.safetensors",)


def test_pairs_join() -> None:
    assert members(["v.onnx", "v.onnx.json", "w.onnx"]) == [("v.onnx", "v.onnx.json"), ("w.onnx",)]
    assert members(["a.bin", "a.param"]) == [("a.bin", "a.param")]
    assert members(["a.bin", "a.xml", "b.xml"]) == [("a.bin", "a.xml")]
    assert members(["m.onnx", "m.onnx_data", "m.onnx_data_1"]) == [
        ("m.onnx", "m.onnx_data", "m.onnx_data_1")
    ]


def test_notes_and_previews_of_the_same_stem_join_a_checkpoint() -> None:
    paths = [
        "sd_v1.5.civitai.info",
        "sd_v1.5.preview.png",
        "sd_v1.5.safetensors",
        "sd_v1.5.vae.pt",
        "sd_v1.5.yaml",
    ]
    assert members([*paths, "other.png"]) == [tuple(paths)]


def test_vae_without_its_checkpoint_is_a_model() -> None:
    assert members(["x.vae.pt"]) == [("x.vae.pt",)]


def test_companions_are_what_a_program_needs() -> None:
    beside = ["v.onnx", "v.onnx.json", "v.png", "a.param", "a.bin", "b.bin", "m.safetensors"]
    assert companions("v.onnx", beside) == ("v.onnx.json",)
    assert companions("v.onnx.json", beside) == ("v.onnx",)
    assert companions("a.bin", beside) == ("a.param",)
    assert companions("b.bin", beside) == ()
    assert companions("m.safetensors", [*beside, "m.json", "m.png"]) == ()


def test_companions_of_a_shard_are_its_set_and_index() -> None:
    shards = [f"m-0000{part}-of-00002.safetensors" for part in (1, 2)]
    beside = [*shards, "m.safetensors.index.json", "config.json"]
    assert companions(shards[0], beside) == (shards[1], "m.safetensors.index.json")


NAMES = st.sampled_from(
    (
        *("a.gguf", "a.onnx", "a.onnx.json", "a.bin", "a.param", "a.vae.pt", "a.safetensors"),
        *("m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "config.json", "mdef", "means"),
        *("x.txt", ".git", "y.part"),
    )
)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=12)


@given(PATHS)
def test_every_path_ends_in_exactly_one_place(paths: list[str]) -> None:
    found = group(paths)
    ends = [path for model in found.models for path in model.members]
    ends += [skip.path for skip in found.skipped]
    assert sorted(ends) == sorted(set(paths))


@given(PATHS)
def test_order_of_paths_does_not_matter(paths: list[str]) -> None:
    assert group(paths) == group(list(reversed(paths)))
