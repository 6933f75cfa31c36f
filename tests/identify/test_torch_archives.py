"""What checkpoints made by torch itself give: dtypes, shapes, names, and the little beside them."""

import argparse
import collections
import io
import subprocess
import sys
import threading

import pytest

from modelfs.identify.formats import read_header
from modelfs.identify.pickles import inspect
from modelfs.identify.pickles.process import Inspector
from modelfs.identify.reading import Reading
from modelfs.identify.verdict import Level

from .builders import source

torch = pytest.importorskip("torch")

BOTH_LAYOUTS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def read(value: object, zipped: bool = True) -> Reading:
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=zipped)
    return read_header(source("m.pt", out.getvalue()))


LABELS = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "bool": "BOOL",
    "complex64": "C64",
    "complex128": "C128",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}


@BOTH_LAYOUTS
def test_dtypes_are_told_as_safetensors_spells_them(zipped: bool) -> None:
    state = {name: torch.empty(2, 3, dtype=getattr(torch, name)) for name in LABELS}
    reading = read(state, zipped)
    assert {name: tensor.dtype for name, tensor in reading.tensors.items()} == LABELS
    assert {tensor.shape for tensor in reading.tensors.values()} == {(2, 3)}
    assert str(reading.verdict) == "weights only"


@BOTH_LAYOUTS
@pytest.mark.filterwarnings("ignore")
def test_tensors_of_every_kind_are_tensors(zipped: bool) -> None:
    state = {
        "parameter": torch.nn.Parameter(torch.zeros(2, 3)),
        "view": torch.zeros(10, 3)[4:6],
        "scalar": torch.tensor(1.0),
        "quantized": torch.quantize_per_tensor(torch.zeros(2, 3), 0.1, 0, torch.qint8),
        "without numbers": torch.empty(2, 3, device="meta"),
    }
    tensors = read(state, zipped).tensors
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in state.items()
    }
    assert tensors["quantized"].dtype == "I8"


def test_a_whisper_checkpoint_tells_its_dimensions() -> None:
    state = {"encoder.conv1.weight": torch.zeros(4, 80, 3)}
    reading = read({"dims": {"n_mels": 80, "n_vocab": 51865}, "model_state_dict": state})
    assert reading.keys == ("dims", "model_state_dict")
    assert reading.metadata["dims"] == "n_mels=80, n_vocab=51865"
    assert list(reading.tensors) == ["encoder.conv1.weight"]


def test_a_voice_of_rvc_tells_its_settings() -> None:
    state = collections.OrderedDict({"enc_p.emb_phone.weight": torch.zeros(192, 768)})
    value = {"weight": state, "config": [1025, 32, "1"], "info": "20epoch", "sr": "40k", "f0": 1}
    reading = read({**value, "version": "v2"})
    told = {"config": "1025, 32, 1", "info": "20epoch", "sr": "40k", "f0": "1", "version": "v2"}
    assert reading.metadata == told
    assert list(reading.tensors) == ["enc_p.emb_phone.weight"]


class Detector(torch.nn.Module):
    """As Ultralytics saves its models: whole, with the names of what they find."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 1)
        self.names = {0: "person", 1: "bicycle"}


@BOTH_LAYOUTS
@pytest.mark.filterwarnings("ignore")
def test_a_whole_model_tells_its_class_its_tensors_and_what_it_finds(zipped: bool) -> None:
    reading = read({"epoch": -1, "model": Detector()}, zipped)
    assert reading.kind.endswith(".Detector")
    assert set(reading.tensors) == {"conv.weight", "conv.bias"}
    assert reading.metadata["names"] == "0=person, 1=bicycle"
    assert reading.verdict is not None
    assert reading.verdict.level is Level.RUNS_CODE


def test_a_checkpoint_of_lightning_is_extra_code_for_its_settings() -> None:
    layers = {f"layer.{n}.weight": torch.zeros(2, 2) for n in range(9)}
    reading = read(
        {
            "epoch": 3,
            "pytorch-lightning_version": "1.9.0",
            "state_dict": layers,
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(9999)}}}],
            "hyper_parameters": argparse.Namespace(lr=0.1),
        }
    )
    assert set(reading.tensors) == set(layers)
    assert reading.facts.parameters == 36
    assert reading.metadata["epoch"] == "3"
    assert str(reading.verdict) == "extra code references: argparse.Namespace"


def test_a_generator_is_found_beside_a_larger_discriminator() -> None:
    def part(layers: int) -> dict[str, object]:
        return {f"conv.{n}.weight": torch.zeros(1) for n in range(layers)}

    reading = read({"discriminator": part(5), "generator": part(4)})
    assert set(reading.tensors) == set(part(4))


def test_a_small_part_is_not_taken_for_the_model() -> None:
    state = {"model": {"w": torch.zeros(1)}, "encoder": {str(n): torch.zeros(1) for n in range(9)}}
    assert len(read(state).tensors) == 10


def test_tensors_whose_names_begin_like_those_of_a_training_run_are_kept() -> None:
    state = {"scaler.mean": torch.zeros(3), "gradient.weight": torch.zeros(2)}
    assert set(read(state).tensors) == set(state)


@BOTH_LAYOUTS
def test_cut_at_every_byte_nothing_raises_and_the_rest_is_not_trusted(zipped: bool) -> None:
    out = io.BytesIO()
    torch.save({"w": torch.zeros(2)}, out, _use_new_zipfile_serialization=zipped)
    whole = out.getvalue()
    pickles_end = len(whole) if zipped else whole.rindex(b".")
    for end in range(pickles_end):
        verdict = read_header(source("m.pt", whole[:end])).verdict
        assert verdict is None or verdict.level is Level.RUNS_CODE


def test_a_legacy_file_with_more_pickle_than_is_read_at_first_is_read_on() -> None:
    names = [f"{'deep.' * 30}{n}" for n in range(8000)]
    reading = read({name: torch.zeros(0) for name in names}, zipped=False)
    assert len(reading.tensors) == len(names)
    assert str(reading.verdict) == "weights only"


def test_many_threads_may_ask_at_once() -> None:
    verdicts: list[str] = []

    def ask() -> None:
        verdicts.extend(str(inspect(b"\x80\x02}.").verdict) for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == ["weights only"] * 160


def test_one_that_ran_out_of_memory_is_replaced() -> None:
    inspector = Inspector()
    object_in_itself = b"\x80\x02cargparse\nNamespace\n)\x81q\x00h\x00b."
    try:
        assert "memory" in inspector.inspect(object_in_itself).problem
        assert inspector.inspect(b"\x80\x02}.").problem == ""
    finally:
        inspector.close()


def test_a_program_that_used_the_worker_ends_without_a_warning() -> None:
    code = "from modelfs.identify.pickles import inspect; print(inspect(b'\\x80\\x02}.').verdict)"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("weights only\n", "")
