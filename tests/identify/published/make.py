"""Make ``diffusers.txt``, ``transformers.txt`` and ``ldm.txt``: tensors as libraries define them.

Run by hand where diffusers, transformers and torch are installed; models are built on the meta
device, so nothing is downloaded and no weights are made. The configurations are the published ones.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

Shapes = Mapping[str, Sequence[int]]

_NUMBER = re.compile(r"(?<![^.])(\d+)(?![^.])")


def collapsed(shapes: Shapes) -> list[str]:
    """Return lines for these tensors, names that differ only in numbers together."""
    groups: dict[tuple[str, tuple[int, ...]], list[tuple[int, ...]]] = defaultdict(list)
    for name, shape in shapes.items():
        numbers = tuple(int(found) for found in _NUMBER.findall(name))
        groups[_NUMBER.sub("{}", name), tuple(shape)].append(numbers)
    return [
        f"{template.format(*map(_range, choices))} {','.join(map(str, shape))}"
        for (template, shape), numbers in groups.items()
        for choices in _products(numbers)
    ]


def _products(numbers: list[tuple[int, ...]]) -> list[list[list[int]]]:
    """Split tuples into products of choices, one list of choices for each place."""
    if not numbers[0]:
        return [[]]
    below: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for first, *rest in numbers:
        below[first].append(tuple(rest))
    same: dict[tuple[tuple[int, ...], ...], list[int]] = defaultdict(list)
    for first, rests in below.items():
        same[tuple(sorted(rests))].append(first)
    return [[firsts, *rest] for rests, firsts in same.items() for rest in _products(list(rests))]


def _range(numbers: list[int]) -> str:
    numbers = sorted(numbers)
    if len(numbers) == 1:
        return str(numbers[0])
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{{{numbers[0]}-{numbers[-1]}}}"
    return "{" + ",".join(map(str, numbers)) + "}"


SDXL: dict[str, Any] = {
    "sample_size": 128,
    "cross_attention_dim": 2048,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": [5, 10, 20],
    "transformer_layers_per_block": [1, 2, 10],
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
SD1: dict[str, Any] = {"cross_attention_dim": 768, "attention_head_dim": 8}
SD2: dict[str, Any] = {
    "cross_attention_dim": 1024,
    "attention_head_dim": [5, 10, 20, 20],
    "use_linear_projection": True,
}
_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
}
_SDXL_CONTROL = {k: v for k, v in SDXL.items() if k not in ("sample_size", "up_block_types")}
_SD3 = {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536}
_SD35L = {"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432}
_FLUX_AE = {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
_DIT = {
    "activation_fn": "gelu-approximate",
    "hidden_size": 1408,
    "mlp_ratio": 4.3637,
    "num_attention_heads": 16,
    "attention_head_dim": 88,
    "num_layers": 40,
    "patch_size": 2,
    "sample_size": 128,
    "in_channels": 4,
    "cross_attention_dim": 1024,
    "cross_attention_dim_t5": 2048,
    "pooled_projection_dim": 1024,
    "text_len": 77,
    "text_len_t5": 256,
}
DIFFUSERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "sd1-unet": ("UNet2DConditionModel", SD1),
    "sd2-unet": ("UNet2DConditionModel", SD2),
    "sdxl-unet": ("UNet2DConditionModel", SDXL),
    "sd1-controlnet": ("ControlNetModel", SD1),
    "sdxl-controlnet": ("ControlNetModel", _SDXL_CONTROL),
    "svd-unet": ("UNetSpatioTemporalConditionModel", {}),
    "animatediff": ("MotionAdapter", {}),
    "flux1-dev-diffusers": ("FluxTransformer2DModel", {"guidance_embeds": True}),
    "flux1-controlnet": ("FluxControlNetModel", {"num_layers": 5, "num_single_layers": 10}),
    "flux2-dev-diffusers": ("Flux2Transformer2DModel", {}),
    "chroma-diffusers": ("ChromaTransformer2DModel", {}),
    "sd3-diffusers": ("SD3Transformer2DModel", {**_SD3, "attention_head_dim": 64}),
    "sd35-large-diffusers": ("SD3Transformer2DModel", {**_SD35L, "attention_head_dim": 64}),
    "wan21-14b-diffusers": ("WanTransformer3DModel", {}),
    "hunyuan-video-diffusers": ("HunyuanVideoTransformer3DModel", {}),
    "ltx-diffusers": ("LTXVideoTransformer3DModel", {}),
    "ltx2-diffusers": ("LTX2VideoTransformer3DModel", {}),
    "qwen-image": ("QwenImageTransformer2DModel", {}),
    "z-image": ("ZImageTransformer2DModel", {}),
    "lumina2-diffusers": ("Lumina2Transformer2DModel", {}),
    "pixart-sigma": (
        "PixArtTransformer2DModel",
        {"caption_channels": 4096, "sample_size": 128, "use_additional_conditions": False},
    ),
    "pixart-alpha": (
        "PixArtTransformer2DModel",
        {"caption_channels": 4096, "sample_size": 128, "use_additional_conditions": True},
    ),
    "auraflow-diffusers": ("AuraFlowTransformer2DModel", {}),
    "mochi-diffusers": ("MochiTransformer3DModel", {}),
    "cosmos-diffusers": ("CosmosTransformer3DModel", {}),
    "cogvideox-2b": ("CogVideoXTransformer3DModel", {}),
    "kandinsky5-lite": ("Kandinsky5Transformer3DModel", {}),
    "stable-audio-diffusers": ("StableAudioDiTModel", {}),
    "hunyuan-dit": ("HunyuanDiT2DModel", _DIT),
    "vae-sd": ("AutoencoderKL", _VAE),
    "vae-flux": ("AutoencoderKL", {**_VAE, **_FLUX_AE}),
    "vae-wan-diffusers": ("AutoencoderKLWan", {}),
    "vae-hunyuan": ("AutoencoderKLHunyuanVideo", {}),
    "vae-ltx": ("AutoencoderKLLTXVideo", {}),
    "vae-cogvideox": ("AutoencoderKLCogVideoX", {}),
    "vae-mochi": ("AutoencoderKLMochi", {}),
    "taesd": ("AutoencoderTiny", {}),
    "oobleck": ("AutoencoderOobleck", {}),
    "t2i-adapter": ("T2IAdapter", {}),
}

_LLAMA = {"num_hidden_layers": 32, "num_attention_heads": 32, "hidden_size": 4096}
_XLM = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "vocab_size": 250002,
    "max_position_embeddings": 8194,
    "type_vocab_size": 1,
}
_LARGE = {
    "d_model": 1280,
    "encoder_layers": 32,
    "decoder_layers": 32,
    "encoder_attention_heads": 20,
    "decoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "decoder_ffn_dim": 5120,
    "num_mel_bins": 128,
    "vocab_size": 51866,
}
_T5 = {"d_model": 4096, "d_ff": 10240, "d_kv": 64, "num_layers": 24, "num_heads": 64}
_GATED = {"feed_forward_proj": "gated-gelu"}
_UNTIED = {"tie_word_embeddings": False}
TRANSFORMERS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "llama-3.1-8b": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {
            **_LLAMA,
            **_UNTIED,
            "intermediate_size": 14336,
            "num_key_value_heads": 8,
            "vocab_size": 128256,
        },
    ),
    "smollm2-135m": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "vocab_size": 49152,
            "tie_word_embeddings": True,
        },
    ),
    "qwen2.5-7b": (
        "Qwen2ForCausalLM",
        "Qwen2Config",
        {
            **_UNTIED,
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
        },
    ),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {}),
    "mamba-130m": ("MambaForCausalLM", "MambaConfig", {}),
    "minilm": (
        "BertModel",
        "BertConfig",
        {
            "hidden_size": 384,
            "num_hidden_layers": 6,
            "num_attention_heads": 12,
            "intermediate_size": 1536,
        },
    ),
    "bge-m3": ("XLMRobertaModel", "XLMRobertaConfig", _XLM),
    "bge-reranker-v2-m3": (
        "XLMRobertaForSequenceClassification",
        "XLMRobertaConfig",
        {**_XLM, "num_labels": 1},
    ),
    "bert-base-ner": ("BertForTokenClassification", "BertConfig", {"num_labels": 9}),
    "distilbert-sst2": ("DistilBertForSequenceClassification", "DistilBertConfig", {}),
    "nllb-600m": (
        "M2M100ForConditionalGeneration",
        "M2M100Config",
        {"vocab_size": 256206, "d_model": 1024, "encoder_ffn_dim": 4096, "decoder_ffn_dim": 4096},
    ),
    "flan-t5-base": (
        "T5ForConditionalGeneration",
        "T5Config",
        {**_GATED, **_UNTIED, "d_model": 768, "d_ff": 2048, "num_layers": 12, "num_heads": 12},
    ),
    "whisper-tiny": ("WhisperForConditionalGeneration", "WhisperConfig", {}),
    "whisper-large-v3": ("WhisperForConditionalGeneration", "WhisperConfig", _LARGE),
    "wav2vec2-base-960h": ("Wav2Vec2ForCTC", "Wav2Vec2Config", {"vocab_size": 32}),
    "mms-tts": ("VitsModel", "VitsConfig", {}),
    "speecht5-tts": ("SpeechT5ForTextToSpeech", "SpeechT5Config", {}),
    "clip-vision-h": (
        "CLIPVisionModelWithProjection",
        "CLIPVisionConfig",
        {
            "hidden_size": 1280,
            "intermediate_size": 5120,
            "num_hidden_layers": 32,
            "num_attention_heads": 16,
            "patch_size": 14,
            "projection_dim": 1024,
        },
    ),
    "clip-g": (
        "CLIPTextModelWithProjection",
        "CLIPTextConfig",
        {
            "hidden_size": 1280,
            "intermediate_size": 5120,
            "num_hidden_layers": 32,
            "num_attention_heads": 20,
            "projection_dim": 1280,
        },
    ),
    "dinov2-large": (
        "Dinov2Model",
        "Dinov2Config",
        {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
    ),
    "t5-xxl-encoder": ("T5EncoderModel", "T5Config", {**_T5, **_GATED, "vocab_size": 32128}),
    "umt5-xxl-encoder": ("UMT5EncoderModel", "UMT5Config", {**_T5, **_GATED, "vocab_size": 256384}),
    "vit-base-224": ("ViTForImageClassification", "ViTConfig", {"num_labels": 1000}),
    "depth-anything-small": ("DepthAnythingForDepthEstimation", "DepthAnythingConfig", {}),
    "sam-vit-base": ("SamModel", "SamConfig", {}),
}


# The original code's names (CompVis, Stability) for what diffusers calls otherwise.
_UNET = [
    ("time_embedding.linear_1", "time_embed.0"),
    ("time_embedding.linear_2", "time_embed.2"),
    ("add_embedding.linear_1", "label_emb.0.0"),
    ("add_embedding.linear_2", "label_emb.0.2"),
    ("conv_in", "input_blocks.0.0"),
    ("conv_norm_out", "out.0"),
    ("conv_out", "out.2"),
    ("mid_block.attentions.0", "middle_block.1"),
    ("mid_block.resnets.0", "middle_block.0"),
    ("mid_block.resnets.1", "middle_block.2"),
]
_RESNET = [
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("time_emb_proj", "emb_layers.1"),
    ("conv_shortcut", "skip_connection"),
]


def ldm_unet(name: str, first_upsampler: int) -> str:
    """Return the original name of a tensor of an SD UNet.

    ``first_upsampler`` is 1 where the first block up has no attention, as in SD 1, else 2.
    """
    match = re.match(
        r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)", name
    )
    if match:
        block, number = int(match[2]), int(match[4])
        side = "input_blocks" if match[1] == "down" else "output_blocks"
        first = 3 * block + (match[1] == "down")
        place = {
            "resnets": f"{first + number}.0",
            "attentions": f"{first + number}.1",
            "downsamplers": f"{first + 2}.0",
            "upsamplers": f"{first + 2}.{first_upsampler if block == 0 else 2}",
        }[match[3]]
        rest = name[match.end() :]
        rest = rest.replace(".conv.", ".op.") if match[3] == "downsamplers" else rest
        name = f"{side}.{place}{rest}"
    for theirs, ours in _UNET:
        if name.startswith(theirs + "."):
            name = ours + name[len(theirs) :]
    if re.match(r"(input_blocks|output_blocks)\.\d+\.0\.|middle_block\.[02]\.", name):
        for theirs, ours in _RESNET:
            name = name.replace(f".{theirs}.", f".{ours}.")
    return name


def ldm_vae(name: str) -> str:
    """Return the original name of a tensor of an SD autoencoder."""
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(
        r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{3 - int(m[1])}.block.{m[2]}", name
    )
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace(
        "conv_shortcut", "nin_shortcut"
    )
    for theirs, ours in (
        ("group_norm", "norm"),
        ("to_q", "q"),
        ("to_k", "k"),
        ("to_v", "v"),
        ("to_out.0", "proj_out"),
    ):
        name = name.replace(f"attn_1.{theirs}", f"attn_1.{ours}")
    return name.replace("conv_norm_out", "norm_out")


def main() -> None:
    """Write the files beside this one."""
    import diffusers  # type: ignore[import-not-found]
    import torch
    import transformers

    here = Path(__file__).parent
    with torch.device("meta"):
        made = {name: getattr(diffusers, cls)(**kw) for name, (cls, kw) in DIFFUSERS.items()}
        written = {
            name: getattr(transformers, cls)(getattr(transformers, config)(**kw))
            for name, (cls, config, kw) in TRANSFORMERS.items()
        }
    _write(here / "diffusers.txt", made, "F16")
    _write(here / "transformers.txt", written, "F32")
    renamed = {
        "sd1-unet-ldm": _renamed(made["sd1-unet"], partial(ldm_unet, first_upsampler=1)),
        "sdxl-unet-ldm": _renamed(made["sdxl-unet"], partial(ldm_unet, first_upsampler=2)),
        "vae-sd-ldm": _renamed(made["vae-sd"], ldm_vae),
    }
    lines = ["# Made by make.py."]
    for name, shapes in renamed.items():
        lines += ["", f"[{name}] F16", *collapsed(shapes)]
    (here / "ldm.txt").write_text("\n".join(lines) + "\n" + _CHECKPOINTS, "utf-8")


_CHECKPOINTS = """
[sd1-checkpoint] F16
+ model.diffusion_model. sd1-unet-ldm
+ first_stage_model. vae-sd-ldm
+ cond_stage_model.transformer. clip-l
cond_stage_model.transformer.text_model.embeddings.position_ids 1,77 I64

[sdxl-checkpoint] F16
+ model.diffusion_model. sdxl-unet-ldm
+ first_stage_model. vae-sd-ldm
+ conditioner.embedders.0.transformer. clip-l
conditioner.embedders.1.model.ln_final.bias 1280
conditioner.embedders.1.model.transformer.resblocks.{0-31}.mlp.c_fc.weight 5120,1280
"""


def _renamed(model: Any, rename: Any) -> dict[str, tuple[int, ...]]:
    return {rename(key): tuple(tensor.shape) for key, tensor in model.state_dict().items()}


def _write(file: Path, models: Mapping[str, Any], dtype: str) -> None:
    lines = ["# Made by make.py."]
    for name, model in models.items():
        tied = getattr(getattr(model, "config", None), "tie_word_embeddings", False)
        shapes = {
            key: tuple(tensor.shape)
            for key, tensor in model.state_dict().items()
            if not (tied and key == "lm_head.weight")
        }
        lines += ["", f"[{name}] {dtype}", *collapsed(shapes)]
    file.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
