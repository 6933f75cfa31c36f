"""A name that says nothing gives way to the folder around it."""

import pytest

from modelfs.identify import telling_name


@pytest.mark.parametrize(
    ("name", "folders", "told"),
    [
        ("sdxl_vae", ["models", "vae"], "sdxl_vae"),
        ("model", ["home", "all-MiniLM-L6-v2"], "all-MiniLM-L6-v2"),
        ("Diffusion_PyTorch_model", ["flux", "transformer"], "transformer"),
        ("pytorch_model", ["whisper-tiny", "checkpoints"], "whisper-tiny"),
        ("model", [], "model"),
        ("model", ["models", "data"], "model"),
        ("model", ["alice", "Downloads"], "model"),
        ("model", ["ComfyUI", "loras"], "model"),
        ("c" * 40, ["models--org--Name-7B", "snapshots"], "Name-7B"),
        ("c" * 40, ["models--gpt2", "snapshots"], "gpt2"),
        ("c" * 40, [], "c" * 40),
    ],
)
def test_a_generic_name_is_replaced_by_the_nearest_that_tells(
    name: str, folders: list[str], told: str
) -> None:
    assert telling_name(name, folders) == told
