"""From a repository comes one working form of the model, and nothing twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetch.published import REPOSITORIES, listing
from modelfs.errors import BadInput, NotFound
from modelfs.fetch.choice import choose, matches_pattern, variant_bytes
from modelfs.fetch.choice_table import format_of
from modelfs.fetch.listing import Listing, RemoteFile, Wishes
from modelfs.fetch.machine import Room
from modelfs.fetch.variants import variants_of

GB = 10**9
GGUF = "TheBloke/Mistral-7B-Instruct-v0.2-GGUF"
FOLDERS = "unsloth/Qwen3-VL-235B-GGUF"
SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
FLUX = "black-forest-labs/FLUX.1-dev"
LLAMA = "meta-llama/Meta-Llama-3-8B"
WHISPER = "openai/whisper-large-v3"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
WHISPER_CPP = "ggerganov/whisper.cpp"
PIPER = "rhasspy/piper-voices"


def chosen(name: str, wishes: Wishes | None = None, room: Room | None = None) -> set[str]:
    """Return the paths that are chosen from a published repository."""
    return {file.path for file in choose(listing(name), wishes or Wishes(), room).files}


def weights(paths: set[str]) -> set[str]:
    """Return those that are weights."""
    names = {path.rpartition("/")[2].lower() for path in paths}
    return {path for path in paths if format_of(path, names)}


def labels(name: str) -> list[str]:
    return [variant.label for variant in listing(name).variants]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (GGUF, {"mistral-7b-instruct-v0.2.Q4_K_M.gguf"}),
        (
            FOLDERS,
            {
                *(f"Q4_K_M/Qwen3-VL-235B-Q4_K_M-0000{part}-of-00003.gguf" for part in (1, 2, 3)),
                "mmproj-F16.gguf",
            },
        ),
        (
            SDXL,
            {
                "text_encoder/model.fp16.safetensors",
                "text_encoder_2/model.fp16.safetensors",
                "unet/diffusion_pytorch_model.fp16.safetensors",
                "vae/diffusion_pytorch_model.fp16.safetensors",
            },
        ),
        (
            FLUX,
            {
                "text_encoder/model.safetensors",
                *(f"text_encoder_2/model-0000{part}-of-00002.safetensors" for part in (1, 2)),
                *(
                    f"transformer/diffusion_pytorch_model-0000{part}-of-00003.safetensors"
                    for part in (1, 2, 3)
                ),
                "vae/diffusion_pytorch_model.safetensors",
            },
        ),
        (LLAMA, {f"model-0000{part}-of-00004.safetensors" for part in (1, 2, 3, 4)}),
        (
            "mistralai/Mistral-7B-Instruct-v0.3",
            {f"model-0000{part}-of-00003.safetensors" for part in (1, 2, 3)},
        ),
        (WHISPER, {"model.safetensors"}),
        (MINILM, {"model.safetensors"}),
        ("somebody/flux-loras", {"cartoon.safetensors", "ink.safetensors"}),
        ("somebody/peft-lora", {"adapter_model.safetensors"}),
        ("TheBloke/Mistral-7B-GPTQ", {"model.safetensors"}),
        ("mlx-community/Llama-3.2-3B-4bit", {"model.safetensors"}),
        (
            "hexgrad/Kokoro-82M",
            {"kokoro-v1_0.pth", *(f"voices/{v}.pt" for v in ("af_heart", "am_adam", "bf_emma"))},
        ),
        (
            "bigscience/old-pickles",
            {f"pytorch_model-0000{part}-of-00002.bin" for part in (1, 2)},
        ),
        ("Systran/faster-whisper-large-v3", {"model.bin"}),
        ("coqui/XTTS-v2", {"model.pth", "dvae.pth", "mel_stats.pth", "speakers_xtts.pth"}),
        ("BAAI/bge-m3", {"pytorch_model.bin", "colbert_linear.pt", "sparse_linear.pt"}),
        (
            "onnx-community/whisper-base",
            {"onnx/encoder_model.onnx", "onnx/decoder_model_merged.onnx"},
        ),
        ("facebook/musicgen", {"model.safetensors", "compression_state_dict.bin"}),
    ],
)
def test_one_form_of_the_weights_is_taken(name: str, expected: set[str]) -> None:
    assert weights(chosen(name)) == expected


def test_what_programs_read_beside_the_weights_comes_along() -> None:
    assert {
        *("README.md", "LICENSE", "USE_POLICY.md", "config.json", "generation_config.json"),
        *("tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json"),
    } == chosen(LLAMA) - weights(chosen(LLAMA))
    assert {
        *("1_Pooling/config.json", "modules.json", "vocab.txt"),
        *("sentence_bert_config.json", "config_sentence_transformers.json"),
    } <= chosen(MINILM)
    assert {"tokenizer_2/merges.txt", "scheduler/scheduler_config.json"} <= chosen(SDXL)
    assert "vae_decoder/config.json" not in chosen(SDXL)
    assert "onnx/tokenizer.json" not in chosen("BAAI/bge-m3")
    assert "vocabulary.json" in chosen("Systran/faster-whisper-large-v3")


def test_gguf_has_its_settings_inside_and_comes_with_its_terms_alone() -> None:
    assert chosen(GGUF) - weights(chosen(GGUF)) == {"README.md", "LICENSE"}


def test_pictures_logs_and_what_training_left_stay_there() -> None:
    for name in REPOSITORIES:
        every = {path for variant in listing(name).variants for path in variant.paths}
        assert not {path for path in every if path.endswith((".png", ".jpg", ".wav", ".mp3"))}
        assert not {path for path in every if "checkpoint-" in path or "training_args" in path}
        assert ".gitattributes" not in every


def test_index_of_shards_goes_with_those_shards_alone() -> None:
    plain = chosen(WHISPER)
    full = chosen(WHISPER, Wishes(variants=("safetensors fp32",)))
    assert "model.safetensors.index.fp32.json" not in plain
    assert {path for path in full if "index" in path} == {"model.safetensors.index.fp32.json"}
    assert weights(full) == {f"model.fp32-0000{part}-of-00002.safetensors" for part in (1, 2)}


def test_shards_named_as_diffusers_names_them_are_one_set() -> None:
    paths = [
        "model_index.json",
        *(f"unet/diffusion_pytorch_model-0000{n}-of-00002.fp16.safetensors" for n in (1, 2)),
        *(f"unet/diffusion_pytorch_model-0000{n}-of-00002.safetensors" for n in (1, 2)),
        "unet/diffusion_pytorch_model.safetensors.index.fp16.json",
        "unet/diffusion_pytorch_model.safetensors.index.json",
    ]
    fp16, plain = variants_of([RemoteFile(path, 5, "") for path in paths])
    assert fp16.label == "safetensors fp16"
    assert set(fp16.paths) == {paths[0], *paths[1:3], paths[5]}
    assert set(plain.paths) == {paths[0], *paths[3:5], paths[6]}


def test_pipeline_and_the_checkpoint_beside_it_are_two_choices() -> None:
    single = chosen(SDXL, Wishes(variants=("sd_xl_base_1.0",)))
    assert single == {"sd_xl_base_1.0.safetensors", "README.md", "LICENSE"}
    assert weights(chosen(FLUX, Wishes(variants=("flux1-dev", "ae")))) == {
        "flux1-dev.safetensors",
        "ae.safetensors",
    }


def test_half_precision_that_lacks_a_part_is_not_preferred() -> None:
    files = [
        RemoteFile(path, 5, "")
        for path in (
            "model_index.json",
            *("unet/model.safetensors", "unet/model.fp16.safetensors"),
            "vae/model.safetensors",
        )
    ]
    first, second = variants_of(files)
    assert (first.label, second.label) == ("safetensors", "safetensors fp16")
    assert "vae/model.safetensors" in second.paths


def test_part_without_safetensors_is_taken_as_a_pickle() -> None:
    paths = ["model_index.json", "unet/model.safetensors", "unet/model.bin", "checker/model.bin"]
    (only, *others) = variants_of([RemoteFile(path, 5, "") for path in paths])
    assert only.label == "safetensors"
    assert set(only.paths) == {paths[0], paths[1], paths[3]}
    assert [other.label for other in others] == ["pickle"]


def test_set_of_shards_that_is_not_whole_comes_last() -> None:
    last = listing(FOLDERS).variants[-1]
    assert (last.label, "incomplete" in last.note) == ("Q8_0", True)
    paths = ["config.json", "model-00001-of-00002.safetensors", "pytorch_model.bin"]
    found = variants_of([RemoteFile(path, 5, "") for path in paths])
    assert [(each.label, each.note) for each in found] == [
        *(("pickle", ""), ("safetensors", "incomplete")),
    ]


def test_formats_and_precisions_are_told() -> None:
    assert labels(LLAMA) == ["safetensors", "original"]
    assert labels(WHISPER) == [
        *("safetensors", "safetensors fp32", "pickle", "pickle fp32", "flax"),
    ]
    assert set(labels(MINILM)) >= {
        *("safetensors", "pickle", "tensorflow", "rust", "onnx", "onnx O4", "openvino"),
        *("onnx qint8_avx512_vnni", "openvino qint8_quantized"),
    }
    assert labels("onnx-community/whisper-base") == [
        *("onnx", "onnx fp16", "onnx q4", "onnx quantized"),
    ]
    assert labels("Systran/faster-whisper-large-v3") == ["ctranslate2"]
    assert labels("bigscience/old-pickles") == ["pickle"]


def test_graph_comes_with_its_external_data_and_its_other_half() -> None:
    onnx = weights(chosen("BAAI/bge-m3", Wishes(variants=("onnx",))))
    assert onnx == {"onnx/model.onnx", "onnx/model.onnx_data"}
    openvino = weights(chosen(MINILM, Wishes(variants=("openvino",))))
    assert openvino == {"openvino/openvino_model.bin", "openvino/openvino_model.xml"}


def test_quantisations_stand_in_the_order_of_preference() -> None:
    assert labels(GGUF)[:4] == ["Q4_K_M", "Q5_K_M", "Q4_K_S", "Q6_K"]
    assert labels(FOLDERS) == ["Q4_K_M", "UD-Q4_K_XL", "TQ1_0", "BF16", "Q8_0"]


@pytest.mark.parametrize(
    ("memory_gb", "label"), [(64, "Q4_K_M"), (5, "Q3_K_L"), (4.1, "Q2_K"), (1, "Q4_K_M")]
)
def test_quantisation_that_runs_in_memory_is_taken(memory_gb: float, label: str) -> None:
    room = Room(disk_bytes=100 * GB, memory_bytes=int(memory_gb * GB))
    (variant,) = choose(listing(GGUF), Wishes(), room).variants
    assert variant.label == label


def test_what_cannot_even_be_kept_is_passed_over() -> None:
    room = Room(disk_bytes=100 * GB, memory_bytes=16 * GB)
    (variant,) = choose(listing(FOLDERS), Wishes(), room).variants
    assert variant.label == "TQ1_0"


def test_wish_is_a_label_or_a_part_of_one() -> None:
    def wished(name: str, *wishes: str) -> list[str]:
        return [v.label for v in choose(listing(name), Wishes(variants=wishes)).variants]

    assert wished(GGUF, "q5_k_m") == ["Q5_K_M"]
    assert wished(GGUF, "Q5", "Q8") == ["Q5_K_M", "Q8_0"]
    assert wished(FOLDERS, "Q4_K_XL") == ["UD-Q4_K_XL"]
    assert wished(WHISPER_CPP, "base") == ["ggml-base"]
    assert wished(WHISPER_CPP, "large-v3-turbo") == ["ggml-large-v3-turbo"]
    assert wished(WHISPER_CPP, "tiny.en-q5_1") == ["ggml-tiny.en-q5_1"]
    assert wished(PIPER, "amy") == ["en_US-amy-low"]


def test_wish_that_nothing_fits_says_what_there_is() -> None:
    with pytest.raises(NotFound, match="no variant Q9_K") as raised:
        choose(listing(GGUF), Wishes(variants=("Q9_K",)))
    assert raised.value.hint.startswith("there is Q4_K_M, Q5_K_M")
    with pytest.raises(NotFound, match="no file nowhere"):
        choose(listing(GGUF), Wishes(include=("nowhere/*",)))
    with pytest.raises(NotFound, match="nothing that fits"):
        choose(listing(GGUF), Wishes(exclude=("*",)))


def test_several_large_models_are_not_guessed_among() -> None:
    with pytest.raises(BadInput, match=r"3 separate models, 14\.2 GB together: say which") as told:
        choose(listing("Comfy/text-encoders"), Wishes())
    assert told.value.hint == "there is clip_l, t5xxl_fp16, t5xxl_fp8_e4m3fn"
    with pytest.raises(BadInput, match="8 separate models"):
        choose(listing(WHISPER_CPP), Wishes())


def test_voice_comes_with_its_settings_and_its_terms() -> None:
    folder = "en/en_US/amy/medium"
    assert chosen(PIPER, Wishes(variants=("en_US-amy-medium",))) == {
        *("README.md", "LICENSE", f"{folder}/MODEL_CARD"),
        *(f"{folder}/en_US-amy-medium.onnx{end}" for end in ("", ".json")),
    }


def test_include_takes_what_matches_and_the_other_shards() -> None:
    assert chosen(FOLDERS, Wishes(include=("*Q4_K_M-00002*",))) == {
        f"Q4_K_M/Qwen3-VL-235B-Q4_K_M-0000{part}-of-00003.gguf" for part in (1, 2, 3)
    }
    assert chosen(LLAMA, Wishes(include=("original",), exclude=("*.model",))) == {
        "original/consolidated.00.pth",
        "original/params.json",
    }
    both = Wishes(include=("*.gguf",), variants=("Q6_K",))
    assert chosen(GGUF, both) == {"mistral-7b-instruct-v0.2.Q6_K.gguf"}
    assert chosen(GGUF, Wishes(include=(".gitattributes",))) == {".gitattributes"}


def test_everything_is_taken_when_so_asked() -> None:
    every = {file.path for file in listing(SDXL).files} - {".gitattributes"}
    assert chosen(SDXL, Wishes(all_variants=True)) == every


def test_what_is_left_out_is_counted_by_its_reason() -> None:
    left = choose(listing(LLAMA), Wishes(exclude=("USE_POLICY.md",))).left_out
    assert {reason: each.count for reason, each in left.items()} == {
        "another variant": 3,
        "excluded": 1,
        "not part of a model": 1,
    }
    assert left["another variant"].size_bytes == 16_062_001_000


def test_listing_without_choices_is_taken_whole() -> None:
    files = (RemoteFile("picture.png", 5, ""), RemoteFile("notes.txt", None, ""))
    assert variants_of(files) == ()
    assert choose(Listing("x", "x", files), Wishes()).files == files


def test_models_in_folders_of_their_own_are_each_a_choice() -> None:
    paths = [f"{name}/{file}" for name in "ab" for file in ("config.json", "model.safetensors")]
    found = variants_of([RemoteFile(path, 5, "") for path in [*paths, "README.md"]])
    assert [(each.label, each.separate) for each in found] == [("a", True), ("b", True)]
    assert set(found[0].paths) == {*paths[:2], "README.md"}


def test_checkpoint_is_preferred_as_safetensors() -> None:
    paths = ["a.ckpt", "a.safetensors", "b.ckpt"]
    found = variants_of([RemoteFile(path, 5, "") for path in paths])
    assert [(each.label, each.separate) for each in found] == [
        *(("a", True), ("b", True)),
        ("a pickle", False),
    ]


def test_unknown_sizes_are_borne() -> None:
    files = tuple(replace(file, size_bytes=None) for file in listing(GGUF).files)
    whole = Listing("x", "x", files, variants_of(files))
    assert choose(whole, Wishes(), Room(memory_bytes=GB)).size_bytes == 0
    assert variant_bytes(whole.variants[0], whole) == 0


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a/b.gguf", "*.gguf", True),
        ("a/b.gguf", "a", True),
        ("a/b.gguf", "a/", True),
        ("ab/b.gguf", "a", False),
        ("a/b.gguf", "b.gguf", False),
        ("A/b.gguf", "a/*", False),
    ],
)
def test_pattern_is_matched_as_the_hub_does(path: str, pattern: str, expected: bool) -> None:
    assert matches_pattern(path, pattern) == expected


NAME = st.sampled_from(
    (
        *("config.json", "model_index.json", "model.safetensors", "model.fp16.safetensors"),
        *("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.bin"),
        *("model.safetensors.index.json", "x-Q4_K_M.gguf", "x-Q8_0.gguf", "y-Q8_0.gguf"),
        *("mmproj-F16.gguf", "a.onnx", "a.onnx.json", "a.xml", "a.bin", "README.md", "p.png"),
        *("consolidated.safetensors", ".gitattributes", "vocabulary.txt", "x.zip", "f.msgpack"),
    )
)
FILES = st.dictionaries(
    st.lists(st.sampled_from(("a", "b", "onnx", "original")), max_size=2).flatmap(
        lambda folders: NAME.map(lambda name: "/".join([*folders, name]))
    ),
    st.none() | st.integers(0, 10**10),
    max_size=14,
).map(lambda sizes: tuple(RemoteFile(path, size, "") for path, size in sizes.items()))


@given(FILES)
def test_variants_are_distinct_and_made_of_what_there_is(files: tuple[RemoteFile, ...]) -> None:
    found = variants_of(files)
    there = {file.path for file in files}
    assert len({each.label for each in found}) == len(found)
    assert len({each.paths for each in found}) == len(found)
    for each in found:
        assert set(each.paths) <= there
        assert weights(set(each.paths))


@given(FILES, st.randoms())
def test_order_of_the_files_does_not_matter(files: tuple[RemoteFile, ...], random: object) -> None:
    shuffled = list(files)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert variants_of(shuffled) == variants_of(files)


@given(FILES)
def test_formats_that_nothing_replaces_can_all_be_had(files: tuple[RemoteFile, ...]) -> None:
    had = {path for each in variants_of(files) for path in each.paths}
    assert {file.path for file in files if file.path.endswith((".onnx", ".msgpack"))} <= had
