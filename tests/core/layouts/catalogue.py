"""One library with a model of every kind that some tool looks for; all golden trees show it."""

from collections.abc import Sequence
from itertools import count

from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.names import split_extension
from modelfs.types import BlobId, Facts, FactValue, FileId, ModelId

WHISPER_TINY = "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9"

_ids = count(1)


def model(
    category: str,
    files: str | Sequence[str],
    model_format: str,
    name: str = "",
    source: str = "local:/x",
    family: str | None = None,
    sha256: str | None = None,
    **facts: FactValue,
) -> ModelRecord:
    """Return a model; of several files the first is the largest and its stem the model's name."""
    paths = [files] if isinstance(files, str) else files
    number = next(_ids)
    stem, extension = split_extension(paths[0])
    quant, architecture = facts.pop("quant", None), facts.pop("architecture", None)
    return ModelRecord(
        id=ModelId(number),
        name=name or stem,
        extension=extension if len(paths) == 1 else "",
        category=category,
        category_by="guess",
        source=source,
        facts=Facts(
            model_format,
            architecture=str(architecture) if architecture else None,
            quant=str(quant) if quant else None,
            details=facts,
        ),
        notes="",
        pinned=False,
        added_at=1_700_000_000.0 + number,
        changed_at=0.0,
        trashed_at=None,
        files=tuple(
            FileRecord(
                FileId(number * 100 + at),
                path,
                BlobId(f"{number * 100 + at:032x}"),
                1000 - at,
                0,
                sha256,
            )
            for at, path in enumerate(paths)
        ),
        tags=(),
        auto_tags=(),
        family=family,
    )


def _shards(stem: str, of: int) -> list[str]:
    # The last is the largest here: the main file is the first all the same.
    return [f"{stem}-{at:05d}-of-{of:05d}.gguf" for at in range(of, 0, -1)]


QWEN = "language/llm qwen2.5-vl-7b"

LANGUAGE = (
    model("language/llm", "SmolLM2-Q4_K_M.gguf", "gguf", source="hf:org/SmolLM2-GGUF@main"),
    model("language/llm", _shards("Big-70B-Q8_0", 3), "gguf", "Big-70B-Q8_0"),
    model("language/llm", "Big-70B-Q8_0.gguf", "gguf"),
    model("language/multimodal", "Qwen2.5-VL-7B-Q4_0.gguf", "gguf", family=QWEN),
    model(
        "language/multimodal",
        _shards("Qwen2.5-VL-7B-F16", 2),
        "gguf",
        "Qwen2.5-VL-7B-F16",
        family=QWEN,
    ),
    model("language/projector", "vision-f16.gguf", "gguf", family=QWEN),
    model(
        "language/llm",
        ["model.safetensors", "config.json", "tokenizer.json"],
        "transformers",
        "Qwen3-8B",
        "hf:Qwen/Qwen3-8B@1",
    ),
    model(
        "language/llm",
        ["model.safetensors", "config.json"],
        "transformers",
        "Qwen3-4bit",
        "hf:mlx-community/Qwen3-4bit@1",
        quant="mlx-4bit",
    ),
    model(
        "language/llm",
        ["pytorch_model.bin", "config.json", "vocab.json"],
        "transformers",
        "fooocus_expansion",
    ),
    model("language/embedding", "nomic-embed-text.Q8_0.gguf", "gguf"),
    model(
        "language/embedding",
        ["model.safetensors", "modules.json", "1_Pooling/config.json"],
        "sentence-transformers",
        "all-MiniLM-L6-v2",
        "hf:sentence-transformers/all-MiniLM-L6-v2@1",
    ),
    model("language/reranker", "bge-reranker-v2-m3-Q8_0.gguf", "gguf"),
    model("language/draft", "mtp-small.gguf", "gguf"),
    model("language/translation", "madlad400-3b.gguf", "gguf"),
    model(
        "language/lora", ["adapter_model.safetensors", "adapter_config.json"], "peft", "pirate-talk"
    ),
)

IMAGE = (
    model("image/checkpoint", "sd_xl_base_1.0.safetensors", "safetensors", architecture="sdxl"),
    model(
        "image/checkpoint", ["anime.ckpt", "anime.yaml", "anime.preview.png"], "pytorch", "anime"
    ),
    model(
        "image/checkpoint",
        [
            "unet/diffusion_pytorch_model.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
            "model_index.json",
        ],
        "diffusers",
        "sdxl-turbo",
    ),
    model("image/diffusion-model", "flux1-dev-Q4_0.gguf", "gguf", architecture="flux1"),
    model("image/diffusion-model", "flux1-dev.safetensors", "safetensors", architecture="flux1"),
    model("image/lora", "pixel-art.safetensors", "safetensors", adapter_type="LoRA"),
    model(
        "image/lora",
        ["ink.safetensors", "ink.preview.png"],
        "safetensors",
        "ink",
        adapter_type="LoHa",
    ),
    model("image/lora", "inpaint_v26.fooocus.patch", "pytorch"),
    model("image/vae", "sdxl_vae.safetensors", "safetensors"),
    model("image/vae", "animevae.vae.pt", "pytorch"),
    model("image/vae", "taesd_decoder.safetensors", "safetensors"),
    model("image/vae", "xlvaeapp.pth", "pytorch"),
    model("image/text-encoder", "t5xxl-Q8_0.gguf", "gguf"),
    model("image/text-encoder", "clip_l.safetensors", "safetensors"),
    model("image/clip-vision", "clip_vision_g.safetensors", "safetensors"),
    model("image/controlnet", "control_v11p_sd15_canny.pth", "pytorch"),
    model("image/ip-adapter", "ip-adapter_sd15.safetensors", "safetensors"),
    model("image/style", "flux1-redux-dev.safetensors", "safetensors"),
    model("image/textual-inversion", "easynegative.safetensors", "safetensors"),
    model("image/hypernetwork", "hyper.pt", "pytorch"),
    model("image/upscaler", "4x-UltraSharp.pth", "pytorch"),
    model("image/upscaler", "RealESRGAN_x4plus.pth", "pytorch"),
    model("image/upscaler", "003_SwinIR_x4.pth", "pytorch"),
    model("image/upscaler", "DAT_x4.pth", "pytorch"),
    model("image/upscaler", "Real_HAT_GAN_sharper.pth", "pytorch"),
    model("image/upscaler", "ltx-spatial-upscaler.safetensors", "safetensors"),
    model("image/upscaler", ["realesr-ncnn.bin", "realesr-ncnn.param"], "ncnn", "realesr-ncnn"),
    model("image/restoration", "GFPGANv1.4.pth", "pytorch"),
    model("image/restoration", "codeformer.pth", "pytorch"),
    model("image/restoration", "scunet_color_real_psnr.pth", "pytorch"),
)

VIDEO_AND_3D = (
    model("video/checkpoint", "ltx-video-2b.safetensors", "safetensors"),
    model("video/diffusion-model", "wan2.2_t2v.safetensors", "safetensors", architecture="wan2.2"),
    model("video/diffusion-model", "mm_sd_v15.ckpt", "pytorch", architecture="animatediff"),
    model("video/lora", "lightx2v.safetensors", "safetensors"),
    model("video/vae", "wan_2.1_vae.safetensors", "safetensors"),
    model("video/interpolation", "rife47.pth", "pytorch"),
    model("3d/checkpoint", "hunyuan3d-dit-v2.safetensors", "safetensors"),
)

SPEECH = (
    model("speech/speech-to-text", "tiny.pt", "pytorch", sha256=WHISPER_TINY),
    model("speech/speech-to-text", "my-own-whisper.pt", "pytorch", sha256="0" * 64),
    model("speech/speech-to-text", "ggml-tiny.en.bin", "whisper-ggml"),
    model("speech/speech-to-text-finetune", "tiny-da.bin", "whisper-ggml"),
    model("speech/vad", "ggml-silero-v6.2.0.bin", "whisper-ggml"),
    model(
        "speech/speech-to-text",
        ["model.bin", "config.json", "tokenizer.json"],
        "ctranslate2",
        "faster-whisper-tiny",
        "hf:Systran/faster-whisper-tiny@1",
    ),
    model("speech/speech-to-text", "wav2vec2_fairseq_base_ls960_asr_ls960.pth", "pytorch"),
    model("speech/speech-to-text", "whisper_large_v3_fp16.safetensors", "safetensors"),
    model(
        "speech/speech-to-text",
        ["am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst"],
        "vosk",
        "vosk-model-small-en-us-0.15",
    ),
    model(
        "speech/voice",
        ["en_US-lessac-medium.onnx", "en_US-lessac-medium.onnx.json"],
        "onnx",
        "en_US-lessac-medium",
    ),
    model("speech/voice", "lonely.onnx", "onnx"),
    model("speech/voice", "af_heart.pt", "pytorch"),
    model("speech/voice", "narrator.wav", "unknown"),
    model(
        "speech/text-to-speech",
        ["kokoro-v1_0.pth", "config.json", "VOICES.md"],
        "transformers",
        "Kokoro-82M",
        "hf:hexgrad/Kokoro-82M@1",
    ),
    model("speech/text-to-speech", "kokoro-v1.0.onnx", "onnx"),
    model(
        "speech/text-to-speech",
        ["model.pth", "config.json", "vocab.json"],
        "pytorch",
        "tts_models--multilingual--multi-dataset--xtts_v2",
    ),
    model(
        "speech/text-to-speech",
        ["model.pth", "codec.pth", "config.json"],
        "pytorch",
        "openaudio-s1-mini",
    ),
    model("speech/text-to-speech", "OuteTTS-0.3-500M-Q8_0.gguf", "gguf", architecture="llama"),
    model(
        "speech/text-to-speech", "WavTokenizer-Q8_0.gguf", "gguf", architecture="wavtokenizer-dec"
    ),
)

OTHER = (
    model("audio/music", "ace_step_v1_3.5b.safetensors", "safetensors"),
    model("audio/separation", "htdemucs-955717e8.th", "pytorch"),
    model("vision/detection", "face_yolov8n.pt", "pytorch"),
    model("vision/segmentation", "u2net.onnx", "onnx"),
    model("vision/segmentation", "sam_vit_b_01ec64.pth", "pytorch"),
    model("vision/segmentation", "person_yolov8n-seg.pt", "pytorch"),
    model("vision/segmentation", "BiRefNet.safetensors", "safetensors"),
    model("vision/classifier", "resnet50-0676ba61.pth", "pytorch"),
    model("vision/depth", "depth_anything_v2_vitl.pth", "pytorch"),
    model("vision/face", "inswapper_128.onnx", "onnx"),
    model("vision/ocr", "ch_PP-OCRv4_rec_infer.onnx", "onnx"),
    model(
        "text/punctuation", ["model.safetensors", "config.json"], "transformers", "punctuate-all"
    ),
    model("other/unsorted", "mystery.bin", "unknown"),
)

CATALOGUE = (*LANGUAGE, *IMAGE, *VIDEO_AND_3D, *SPEECH, *OTHER)
