"""LoRAs by their keys, packed weights by what lies beside them, and what trainers write down."""

import json

import pytest

from modelfs.identify.deltas import read_delta
from modelfs.identify.metadata import read_metadata, trigger_words
from modelfs.identify.packing import read_packing
from modelfs.identify.reading import Tensor
from modelfs.identify.structures import find_base

Shapes = dict[str, tuple[int, ...]]


def tensors(shapes: Shapes, dtype: str = "F16") -> dict[str, Tensor]:
    return {name: Tensor(dtype, shape) for name, shape in shapes.items()}


LAYER = "down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
DOTTED = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"


@pytest.mark.parametrize(
    "shapes",
    [
        {
            f"lora_unet_{LAYER}.lora_down.weight": (8, 2048),
            f"lora_unet_{LAYER}.lora_up.weight": (640, 8),
        },
        {f"unet.{DOTTED}.lora_A.weight": (8, 2048), f"unet.{DOTTED}.lora_B.weight": (640, 8)},
        {f"unet.{DOTTED}.lora.down.weight": (8, 2048), f"unet.{DOTTED}.lora.up.weight": (640, 8)},
        {f"lora_unet_{LAYER}.hada_w1_b": (8, 2048), f"lora_unet_{LAYER}.hada_w1_a": (640, 8)},
        {f"base_model.model.{DOTTED}.lora_A.default.weight": (8, 2048)},
    ],
)
def test_dialects_name_the_same_layer(shapes: Shapes) -> None:
    delta = read_delta(tensors(shapes))
    assert delta is not None
    assert delta.rank == 8
    assert delta.layers.named(LAYER) == [LAYER]
    assert delta.layers[LAYER][1] == 2048
    base = find_base(delta)
    assert base is not None
    assert base.id == "sdxl"


def test_kinds_are_told_by_their_factors() -> None:
    for end, kind in (
        (".hada_w1_a", "LoHa"),
        (".lokr_w1", "LoKr"),
        (".dora_scale", "DoRA"),
        (".alpha", "LoRA"),
    ):
        delta = read_delta(
            tensors({"lora_unet_x.lora_down.weight": (4, 8), f"lora_unet_x{end}": (4, 8)})
        )
        assert delta is not None
        assert delta.kind == kind


def test_down_and_up_of_other_models_are_no_delta() -> None:
    assert read_delta(tensors({"mlp.down.weight": (4, 8), "mlp.up.weight": (8, 4)})) is None


def test_gptq_counts_weights_and_finds_its_bits() -> None:
    shapes = {
        "a.qweight": (512, 4096),
        "a.g_idx": (4096,),
        "a.qzeros": (32, 512),
        "a.scales": (32, 4096),
    }
    found = read_packing({name: Tensor("I32", shape) for name, shape in shapes.items()})
    assert (found.label, found.parameters) == ("gptq-4bit", 4096 * 4096)


def test_awq_and_mlx_and_nf4() -> None:
    awq = {"a.qweight": (4096, 512), "a.qzeros": (32, 512), "a.scales": (32, 4096)}
    found = read_packing({name: Tensor("I32", shape) for name, shape in awq.items()})
    assert (found.label, found.parameters) == ("awq-4bit", 4096 * 4096)
    mlx = {
        "a.weight": Tensor("U32", (10, 16)),
        "a.scales": Tensor("F16", (10, 2)),
        "a.biases": Tensor("F16", (10, 2)),
    }
    found = read_packing(mlx)
    assert (found.label, found.parameters) == ("mlx-4bit", 10 * 128)
    nf4 = {
        "a.weight": Tensor("U8", (50, 1)),
        "a.weight.quant_state.bitsandbytes__nf4": Tensor("U8", (80,)),
    }
    found = read_packing(nf4)
    assert (found.label, found.parameters) == ("bnb-nf4", 100)


def test_layers_that_stayed_as_they_were_count_once() -> None:
    mixed = {
        "a.weight": Tensor("U8", (50, 1)),
        "a.weight.quant_state.bitsandbytes__nf4": Tensor("U8", (80,)),
        "norm.weight": Tensor("F16", (7,)),
    }
    assert read_packing(mixed).parameters == 107


def test_scales_of_fp8_are_no_weights() -> None:
    found = read_packing(
        {"a.weight": Tensor("F8_E4M3", (4, 4)), "a.weight_scale": Tensor("F32", (1,))}
    )
    assert (found.label, found.parameters) == (None, 16)


def test_methods_whose_shapes_do_not_tell_give_no_count() -> None:
    found = read_packing({"a.q_weight": Tensor("I32", (4, 4)), "a.q_scale": Tensor("I32", (4,))})
    assert (found.label, found.parameters) == ("exl2", None)


def test_trigger_words_are_those_given_or_the_commonest_tags() -> None:
    assert trigger_words({"modelspec.trigger_phrase": "ohwx, style"}) == ("ohwx", "style")
    tags = {"10_a": {"ohwx": 20, "1girl": 15, "rare": 2}, "b": {"ohwx": 5}}
    assert trigger_words({"ss_tag_frequency": json.dumps(tags)}) == ("ohwx", "1girl")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[" * 90_000, '{"a": 1}', '{"a": {"b": "c", "d": true}}']
)
def test_odd_tag_counts_give_no_words(text: str) -> None:
    assert trigger_words({"ss_tag_frequency": text}) == ()


def test_metadata_tells_rank_title_base_and_merges() -> None:
    told = read_metadata(
        {
            "ss_network_module": "networks.lora",
            "ss_network_dim": "32",
            "ss_network_alpha": "16.0",
            "ss_sd_model_name": "sd_xl_base_1.0.safetensors",
            "modelspec.title": "T",
            "modelspec.author": "A",
            "modelspec.thumbnail": "data:image/jpeg;base64,AAAA",
        }
    )
    assert told.details == {
        "rank": 32,
        "alpha": 16,
        "title": "T",
        "author": "A",
        "preview": "in the header",
    }
    assert told.base_model == "sd_xl_base_1.0.safetensors"
    assert read_metadata({"modelspec.merged_from": "a, b"}).relation == "merge"
    assert read_metadata({"ss_network_dim": "Dynamic", "ss_network_alpha": "1e999"}).details == {}
