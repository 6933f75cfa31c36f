"""What each published model is, written by hand from its makers' words, beside its header.

Categories are those a person would look in; architectures are ids of the tables or what the header
says; parameters are the makers' counts where the header is whole, ``None`` where it is abridged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .headers import Tensors, write_gguf, write_safetensors


@dataclass(frozen=True)
class Published:
    """One model: how its files are made, and what it is."""

    name: str
    category: str
    section: str = ""
    """Of the headers; the name unless said otherwise."""
    path: str = "model.safetensors"
    architecture: str | None = None
    quant: str | None = "F16"
    parameters: int | None = None
    tags: frozenset[str] = frozenset()
    """Automatic tags that it must have, among others."""
    format: str = "safetensors"
    beside: Mapping[str, object] = field(default_factory=dict)
    """Small files in the same folder; values that are no bytes become JSON."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    """Of a GGUF header."""
    gguf: Mapping[str, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    base_model: str | None = None
    only_named: bool = False
    """Nothing but its name tells what it is, so that a guess is the most there can be."""

    def write(self, folder: Path, tensors: Mapping[str, Tensors]) -> Path:
        """Write its files below a folder; return what to look at."""
        import json

        folder.mkdir(parents=True)
        target = folder / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.keys:
            write_gguf(target, self.keys, self.gguf)
        else:
            write_safetensors(target, tensors[self.section or self.name], self.metadata)
        for name, content in self.beside.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            (folder / name).write_bytes(data)
        return folder if self.beside else target


def _image(name: str, architecture: str, part: str = "diffusion-model", **rest: Any) -> Published:
    tags = frozenset({architecture, *rest.pop("tags", ())})
    return Published(name, f"image/{part}", architecture=architecture, tags=tags, **rest)


def _video(name: str, architecture: str, part: str = "diffusion-model", **rest: Any) -> Published:
    tags = frozenset({architecture, *rest.pop("tags", ())})
    return Published(name, f"video/{part}", architecture=architecture, tags=tags, **rest)


_BF = {"quant": "BF16"}
DIFFUSION = (
    _image("sd1-checkpoint", "sd1", "checkpoint", parameters=1_066_235_384),
    _image("sdxl-checkpoint", "sdxl", "checkpoint"),
    _image("sd1-unet-ldm", "sd1", parameters=859_520_964),
    _image("sdxl-unet-ldm", "sdxl", parameters=2_567_463_684),
    _image("sd1-unet", "sd1", parameters=859_520_964),
    _image("sd2-unet", "sd2", parameters=865_910_724),
    _image("sdxl-unet", "sdxl", parameters=2_567_463_684),
    _video("svd-unet", "svd", parameters=1_524_623_082),
    _video("animatediff", "animatediff"),
    _image("flux1-dev", "flux1", parameters=11_901_408_320, **_BF),
    _image("flux1-schnell", "flux1", **_BF),
    _image("flux1-fill", "flux1", tags=("fill",), **_BF),
    _image("flux1-dev-checkpoint", "flux1", "checkpoint", quant="F8_E4M3"),
    _image("flux1-dev-diffusers", "flux1", parameters=11_901_408_320),
    _image("flux2-dev", "flux2", **_BF),
    _image("flux2-klein-4b", "flux2", **_BF),
    _image("flux2-dev-diffusers", "flux2"),
    _image("chroma1", "chroma", **_BF),
    _image("chroma-diffusers", "chroma"),
    _image("sd3-mmdit", "sd3"),
    _image("sd3-checkpoint", "sd3", "checkpoint"),
    _image("sd3-diffusers", "sd3"),
    _image("sd35-large", "sd3.5-large"),
    _image("sd35-large-diffusers", "sd3.5-large"),
    _image("sd35-medium", "sd3.5-medium"),
    _video("wan21-t2v-14b", "wan2.1", tags=("t2v",), parameters=14_288_491_584, **_BF),
    _video("wan21-t2v-1.3b", "wan2.1", tags=("t2v",), **_BF),
    _video("wan21-i2v-14b", "wan2.1", tags=("i2v",), **_BF),
    _video("wan21-vace-1.3b", "wan2.1", tags=("vace",), **_BF),
    _video("wan22-ti2v-5b", "wan2.2", **_BF),
    _video("wan21-14b-diffusers", "wan2.1", parameters=14_288_491_584),
    _video("hunyuan-video", "hunyuan-video", **_BF),
    _video("hunyuan-video-diffusers", "hunyuan-video"),
    _image("hunyuan-image-2.1", "hunyuan-image", **_BF),
    _image("hunyuan-dit", "hunyuan-dit"),
    _video("ltx-video-checkpoint", "ltx-video", "checkpoint", **_BF),
    _video("ltx-diffusers", "ltx-video"),
    _video("ltx2-diffusers", "ltx-2"),
    _image("qwen-image", "qwen-image", parameters=20_430_401_088),
    _image("z-image-turbo", "z-image", **_BF),
    _image("z-image", "z-image", parameters=6_154_908_736),
    _image("lumina2", "lumina2", **_BF),
    _image("lumina2-diffusers", "lumina2"),
    _image("pixart-sigma", "pixart-sigma", parameters=610_856_096),
    _image("pixart-alpha", "pixart-alpha"),
    _image("auraflow-diffusers", "auraflow"),
    _video("mochi-diffusers", "mochi"),
    _video("cosmos-diffusers", "cosmos"),
    _video("cosmos-predict2-2b", "cosmos-predict2", **_BF),
    _video("cogvideox-2b", "cogvideox"),
    _image("hidream-i1", "hidream", **_BF),
    _video("kandinsky5-lite", "kandinsky5"),
    _image("stable-cascade-c", "cascade", **_BF),
    _video("seedvr2-3b", "seedvr2"),
    Published("hunyuan3d-2", "3d/checkpoint", architecture="hunyuan3d"),
    Published("ace-step-v1", "audio/music", architecture="ace-step", quant="BF16"),
    Published("stable-audio-open", "audio/music", architecture="stable-audio", quant="F32"),
    Published("stable-audio-diffusers", "audio/music", architecture="stable-audio"),
)

PARTS = (
    Published("vae-sd-ldm", "image/vae", parameters=83_653_863),
    Published("vae-sd", "image/vae", parameters=83_653_863),
    Published("vae-flux", "image/vae", parameters=83_819_683),
    Published("vae-wan21", "video/vae", path="wan_2.1_vae.safetensors", quant="BF16"),
    Published(
        "vae-qwen",
        "image/vae",
        section="vae-wan21",
        path="qwen_image_vae.safetensors",
        quant="BF16",
        only_named=True,
    ),
    Published("vae-wan-diffusers", "video/vae", path="Wan2.1_VAE.safetensors"),
    Published("vae-hunyuan", "video/vae"),
    Published("vae-ltx", "video/vae"),
    Published("vae-cogvideox", "video/vae"),
    Published("vae-mochi", "video/vae"),
    Published("taesd", "image/vae"),
    Published("oobleck", "audio/music"),
    Published("clip-l", "image/text-encoder", parameters=123_060_480),
    Published("clip-g", "image/text-encoder", parameters=694_659_840, quant="F32"),
    Published("t5-xxl-encoder", "image/text-encoder", quant="F32"),
    Published("umt5-xxl-encoder", "image/text-encoder", quant="F32"),
    Published(
        "qwen25-vl-7b-scaled",
        "image/text-encoder",
        path="qwen_2.5_vl_7b_fp8_scaled.safetensors",
        quant="F8_E4M3",
        only_named=True,
    ),
    Published("clip-vision-h", "image/clip-vision", quant="F32", parameters=632_076_800),
    Published("siglip-so400m", "image/clip-vision"),
    Published("dinov2-large", "image/clip-vision", quant="F32"),
    _image("sd1-controlnet", "sd1", "controlnet", parameters=361_279_120),
    _image("sdxl-controlnet", "sdxl", "controlnet", parameters=1_251_014_160),
    _image("flux1-controlnet", "flux1", "controlnet"),
    _image("controlnet-xlabs-flux", "flux1", "controlnet", quant="BF16"),
    _image("controlnet-lllite-sdxl", "sdxl", "controlnet"),
    Published("control-lora-sdxl", "image/controlnet"),
    Published("t2i-adapter", "image/controlnet"),
    _image("ip-adapter-sd1", "sd1", "ip-adapter"),
    _image("ip-adapter-sdxl", "sdxl", "ip-adapter"),
    Published("flux-redux", "image/style", quant="BF16"),
    _image("textual-inversion-sd1", "sd1", "textual-inversion", quant="F32"),
    _image("textual-inversion-sdxl", "sdxl", "textual-inversion", quant="F32"),
    Published("realesrgan-x4plus", "image/upscaler", quant="F32", parameters=16_697_987),
    Published("esrgan-old", "image/upscaler", quant="F32"),
    Published("realesr-compact", "image/upscaler", quant="F32"),
    Published("swinir-l", "image/upscaler", quant="F32"),
    Published("span", "image/upscaler", quant="F32"),
    Published("gfpgan-1.4", "image/restoration", quant="F32"),
    Published("codeformer", "image/restoration", quant="F32"),
)

_KOHYA = {
    "ss_network_module": "networks.lora",
    "ss_network_dim": "16",
    "ss_sd_model_name": "base.safetensors",
}
DELTAS = (
    _image("lora-sd1-kohya", "sd1", "lora", metadata=_KOHYA, base_model="base.safetensors"),
    _image("lora-sdxl-kohya", "sdxl", "lora"),
    _image("lora-sdxl-diffusers", "sdxl", "lora"),
    _image("loha-sdxl", "sdxl", "lora"),
    _image("lokr-sdxl", "sdxl", "lora"),
    _image("lora-flux-kohya", "flux1", "lora", **_BF),
    _image("lora-flux-diffusers", "flux1", "lora", **_BF),
    _image("lora-flux-xlabs", "flux1", "lora", **_BF),
    _image("lora-flux2-klein", "flux2", "lora", **_BF),
    _video("lora-wan-14b", "wan2.1", "lora", **_BF),
    _video("lora-hunyuan-video", "hunyuan-video", "lora", **_BF),
    _video("lora-ltx", "ltx-video", "lora", **_BF),
    _image("lora-qwen-image", "qwen-image", "lora", **_BF),
    _image("lora-z-image", "z-image", "lora", **_BF),
    Published("lora-llm-peft", "language/lora", quant="BF16"),
    Published(
        "lora-llm-folder",
        "language/lora",
        section="lora-llm-peft",
        path="adapter_model.safetensors",
        quant="BF16",
        format="peft",
        base_model="meta-llama/Llama-3.1-8B",
        beside={
            "adapter_config.json": {
                "peft_type": "LORA",
                "r": 16,
                "base_model_name_or_path": "meta-llama/Llama-3.1-8B",
            }
        },
    ),
)


def _folder(name: str, category: str, class_name: str, model_type: str, **rest: Any) -> Published:
    """A folder as transformers saves it; the class and type are those of its published config."""
    config = {"architectures": [class_name], "model_type": model_type, **rest.pop("config", {})}
    beside = {"config.json": config, **rest.pop("beside", {})}
    rest = {"quant": "F32", **rest}
    return Published(
        name, category, architecture=model_type, format="transformers", beside=beside, **rest
    )


def _card(front: str) -> bytes:
    return f"---\n{front}\n---\n\n# A model\n".encode()


_GPTQ = {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}
_AWQ = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
_NF4 = {
    "quantization_config": {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
    }
}
_MLX = {"quantization": {"group_size": 64, "bits": 4}}
_TWO_LAYERS_AND_ATTENTION = 32 * 4 * 4096 * 4096
LANGUAGE = (
    _folder(
        "llama-3.1-8b",
        "language/llm",
        "LlamaForCausalLM",
        "llama",
        parameters=8_030_261_248,
        tags=frozenset({"8b"}),
    ),
    _folder(
        "smollm2-135m",
        "language/llm",
        "LlamaForCausalLM",
        "llama",
        parameters=134_515_008,
        tags=frozenset({"135m"}),
    ),
    _folder("qwen2.5-7b", "language/llm", "Qwen2ForCausalLM", "qwen2", parameters=7_615_616_512),
    _folder("gpt2", "language/llm", "GPT2LMHeadModel", "gpt2", parameters=124_439_808),
    _folder("mamba-130m", "language/llm", "MambaForCausalLM", "mamba"),
    _folder("flan-t5-base", "language/llm", "T5ForConditionalGeneration", "t5"),
    _folder("nllb-600m", "language/translation", "M2M100ForConditionalGeneration", "m2m_100"),
    _folder(
        "bge-reranker-v2-m3",
        "language/reranker",
        "XLMRobertaForSequenceClassification",
        "xlm-roberta",
        beside={
            "README.md": _card(
                "pipeline_tag: text-classification\ntags:\n- text-ranking\npipeline_tag: text-ranking\nlanguage:\n- multilingual"
            )
        },
        tags=frozenset({"multilingual"}),
    ),
    _folder(
        "bge-m3", "language/embedding", "XLMRobertaModel", "xlm-roberta", parameters=567_754_752
    ),
    _folder("minilm", "language/embedding", "BertModel", "bert", parameters=22_713_216),
    _folder("bert-base-ner", "text/token-classification", "BertForTokenClassification", "bert"),
    _folder(
        "distilbert-sst2", "text/classifier", "DistilBertForSequenceClassification", "distilbert"
    ),
    _folder(
        "gptq-llama",
        "language/llm",
        "LlamaForCausalLM",
        "llama",
        section="gptq-4bit-g128",
        quant="gptq-4bit",
        config=_GPTQ,
        parameters=_TWO_LAYERS_AND_ATTENTION + 2 * 32000 * 4096,
    ),
    _folder(
        "awq-llama",
        "language/llm",
        "LlamaForCausalLM",
        "llama",
        section="awq-4bit-g128",
        quant="awq-4bit",
        config=_AWQ,
        parameters=_TWO_LAYERS_AND_ATTENTION + 2 * 32000 * 4096,
    ),
    _folder(
        "mlx-llama",
        "language/llm",
        "LlamaForCausalLM",
        "llama",
        section="mlx-4bit-g64",
        quant="mlx-4bit",
        config=_MLX,
        parameters=_TWO_LAYERS_AND_ATTENTION + 32000 * 4096,
    ),
    _folder(
        "bnb-llama",
        "language/llm",
        "LlamaForCausalLM",
        "llama",
        section="bnb-nf4",
        quant="bnb-nf4",
        config=_NF4,
        parameters=_TWO_LAYERS_AND_ATTENTION + 32000 * 4096,
    ),
    Published("gptq-bare", "language/llm", section="gptq-4bit-g128", quant="gptq-4bit"),
    Published(
        "llama-bare", "language/llm", section="llama-3.1-8b", quant="F32", parameters=8_030_261_248
    ),
    Published("minilm-bare", "language/embedding", section="minilm", quant="F32"),
    _folder(
        "qwen-vl-config",
        "language/multimodal",
        "Qwen2_5_VLForConditionalGeneration",
        "qwen2_5_vl",
        section="qwen25-vl-7b-scaled",
        quant="F8_E4M3",
    ),
    _folder(
        "gemma3-config",
        "language/multimodal",
        "Gemma3ForConditionalGeneration",
        "gemma3",
        section="smollm2-135m",
    ),
    _folder(
        "orpheus-config",
        "speech/text-to-speech",
        "LlamaForCausalLM",
        "llama",
        section="smollm2-135m",
        beside={
            "README.md": _card(
                "pipeline_tag: text-to-speech\nbase_model: meta-llama/Llama-3.2-3B-Instruct"
            )
        },
        base_model="meta-llama/Llama-3.2-3B-Instruct",
        tags=frozenset({"fine-tune"}),
    ),
)
SPEECH_AND_VISION = (
    _folder(
        "whisper-large-v3", "speech/speech-to-text", "WhisperForConditionalGeneration", "whisper"
    ),
    _folder(
        "whisper-german",
        "speech/speech-to-text-finetune",
        "WhisperForConditionalGeneration",
        "whisper",
        section="whisper-tiny",
        base_model="openai/whisper-tiny",
        tags=frozenset({"fine-tune"}),
        beside={
            "README.md": _card(
                "language: de\npipeline_tag: automatic-speech-recognition\nbase_model: openai/whisper-tiny"
            )
        },
    ),
    Published("whisper-bare", "speech/speech-to-text", section="whisper-tiny", quant="F32"),
    _folder("wav2vec2-base-960h", "speech/speech-to-text", "Wav2Vec2ForCTC", "wav2vec2"),
    _folder("mms-tts", "speech/text-to-speech", "VitsModel", "vits"),
    _folder("speecht5-tts", "speech/text-to-speech", "SpeechT5ForTextToSpeech", "speecht5"),
    _folder("vit-base-224", "vision/classifier", "ViTForImageClassification", "vit"),
    _folder(
        "depth-anything-small", "vision/depth", "DepthAnythingForDepthEstimation", "depth_anything"
    ),
    _folder("sam-vit-base", "vision/segmentation", "SamModel", "sam"),
    Published("sam-bare", "vision/segmentation", section="sam-vit-base", quant="F32"),
    Published("depth-bare", "vision/depth", section="depth-anything-small", quant="F32"),
    Published(
        "sdxl-pipeline",
        "image/checkpoint",
        section="sdxl-unet",
        path="unet/diffusion_pytorch_model.safetensors",
        architecture="sdxl",
        format="diffusers",
        tags=frozenset({"sdxl"}),
        beside={
            "model_index.json": {
                "_class_name": "StableDiffusionXLPipeline",
                "_diffusers_version": "0.19.0",
                "unet": ["diffusers", "UNet2DConditionModel"],
                "vae": ["diffusers", "AutoencoderKL"],
            }
        },
    ),
)

_BLOCK = {"blk.0.attn_q.weight": (12, (4096, 4096)), "token_embd.weight": (14, (32000, 4096))}
_TOKENS = ["a", "b", "c"]


def _gguf(name: str, category: str, keys: Mapping[str, Any], **rest: Any) -> Published:
    """A GGUF with keys as llama.cpp's converter and others write them."""
    own = {"gguf": _BLOCK, "quant": "Q4_K_M", "path": "model.gguf", **rest}
    common = {"general.quantization_version": 2, "general.file_type": 15}
    tokens = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": _TOKENS}
    architecture = own.pop("architecture", keys.get("general.architecture"))
    return Published(
        name,
        category,
        format="gguf",
        keys={**keys, **tokens, **common},
        architecture=architecture,
        **own,
    )


def _named(architecture: str, **more: Any) -> dict[str, Any]:
    return {"general.architecture": architecture, "general.type": "model", **more}


def _dit(
    section: Mapping[str, tuple[int, ...]], kind: int = 8
) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {name: (kind, shape) for name, shape in section.items()}


_FLUX = {
    "img_in.weight": (3072, 64),
    "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
    "double_blocks.0.img_attn.qkv.weight": (9216, 3072),
    "double_blocks.0.txt_attn.qkv.weight": (9216, 3072),
    "guidance_in.in_layer.weight": (3072, 256),
    "single_blocks.0.linear1.weight": (21504, 3072),
}
_SDXL = {
    "input_blocks.0.0.weight": (320, 4, 3, 3),
    "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
    "input_blocks.4.1.transformer_blocks.0.attn2.to_v.weight": (640, 2048),
    "label_emb.0.0.weight": (1280, 2816),
    "out.2.weight": (4, 320, 3, 3),
    "middle_block.0.in_layers.2.weight": (1280, 1280, 3, 3),
}
GGUF = (
    _gguf(
        "llama-gguf",
        "language/llm",
        _named(
            "llama",
            **{
                "general.basename": "Llama-3.1",
                "general.size_label": "8B",
                "llama.context_length": 131072,
            },
        ),
        tags=frozenset({"gguf", "q4_k_m"}),
    ),
    _gguf("qwen3-moe-gguf", "language/llm", _named("qwen3moe", **{"qwen3moe.expert_count": 128})),
    _gguf("gemma3-gguf", "language/llm", _named("gemma3")),
    _gguf("gpt-oss-gguf", "language/llm", _named("gpt-oss")),
    _gguf("unseen-gguf", "language/llm", _named("brandnew2027")),
    _gguf(
        "nomic-embed-gguf",
        "language/embedding",
        _named("nomic-bert", **{"nomic-bert.pooling_type": 1}),
    ),
    _gguf(
        "qwen3-embedding-gguf", "language/embedding", _named("qwen3", **{"qwen3.pooling_type": 3})
    ),
    _gguf("bge-reranker-gguf", "language/reranker", _named("bert", **{"bert.pooling_type": 4})),
    _gguf(
        "mmproj-gguf",
        "language/projector",
        {
            "general.architecture": "clip",
            "general.type": "mmproj",
            "clip.has_vision_encoder": True,
            "clip.projector_type": "gemma3",
        },
        gguf={
            "v.blk.0.attn_q.weight": (1, (1152, 1152)),
            "mm.input_projection.weight": (1, (2560, 1152)),
        },
        quant="F16",
    ),
    _gguf(
        "lora-gguf",
        "language/lora",
        {
            "general.architecture": "llama",
            "general.type": "adapter",
            "adapter.type": "lora",
            "adapter.lora.alpha": 16.0,
        },
        gguf={
            "blk.0.attn_q.weight.lora_a": (1, (16, 4096)),
            "blk.0.attn_q.weight.lora_b": (1, (4096, 16)),
        },
        quant="F16",
    ),
    _gguf(
        "vocab-gguf", "language/tokenizer", _named("llama"), gguf={}, path="ggml-vocab-llama.gguf"
    ),
    _gguf("qwen2vl-gguf", "language/multimodal", _named("qwen2vl")),
    _gguf("eagle3-gguf", "language/draft", _named("eagle3")),
    _gguf(
        "t5-encoder-gguf",
        "image/text-encoder",
        _named("t5encoder"),
        path="t5-v1_1-xxl-encoder-Q4_K_M.gguf",
    ),
    _gguf(
        "madlad-gguf",
        "language/translation",
        _named("t5"),
        path="madlad400-3b-mt-Q4_K_M.gguf",
        only_named=True,
    ),
    _gguf(
        "flux-gguf",
        "image/diffusion-model",
        {"general.architecture": "flux"},
        gguf=_dit(_FLUX),
        quant="Q8_0",
        architecture="flux1",
    ),
    _gguf(
        "sdxl-gguf",
        "image/diffusion-model",
        {"general.architecture": "sdxl"},
        gguf=_dit(_SDXL, 1),
        quant="F16",
        architecture="sdxl",
    ),
    _gguf(
        "wan-gguf",
        "video/diffusion-model",
        {"general.architecture": "wan"},
        gguf=_dit(
            {
                "head.modulation": (1, 2, 5120),
                "patch_embedding.weight": (5120, 16, 1, 2, 2),
                "blocks.0.self_attn.q.weight": (5120, 5120),
                "blocks.0.cross_attn.k.weight": (5120, 5120),
                "blocks.0.ffn.0.weight": (13824, 5120),
                "head.head.weight": (64, 5120),
            }
        ),
        quant="Q8_0",
        architecture="wan2.1",
    ),
    Published(
        "sdcpp-gguf",
        "image/diffusion-model",
        path="flux1-dev-q8_0.gguf",
        format="gguf",
        quant="Q8_0",
        architecture="flux1",
        keys={"general.quantization_version": 2},
        gguf=_dit({f"model.diffusion_model.{n}": s for n, s in _FLUX.items()}),
    ),
    _gguf("outetts-gguf", "speech/text-to-speech", _named("wavtokenizer-dec")),
    _gguf(
        "orpheus-gguf",
        "speech/text-to-speech",
        _named("llama"),
        path="orpheus-3b-0.1-ft-Q4_K_M.gguf",
        only_named=True,
    ),
)

ALL = (*DIFFUSION, *PARTS, *DELTAS, *LANGUAGE, *SPEECH_AND_VISION, *GGUF)
