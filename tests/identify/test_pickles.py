"""Pickles are followed and never loaded: what they hold, what they name, and hostile ones."""

import collections
import io
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfs.identify.formats import read_header
from modelfs.identify.pickles import PickleReport, inspect
from modelfs.identify.pickles.following import MAX_HELD
from modelfs.identify.pickles.process import MAX_PICKLE_BYTES, Inspector
from modelfs.identify.reading import Reading
from modelfs.identify.verdict import Level
from modelfs.types import SourceFile

from .builders import source

torch = pytest.importorskip("torch")


def saved(value: object, **options: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


def read(data: bytes, name: str = "m.pt") -> Reading:
    return read_header(source(name, data))


def level(data: bytes) -> Level:
    verdict = read(data).verdict
    assert verdict is not None
    return verdict.level


STATE = {
    "layer.weight": torch.zeros(4, 8, dtype=torch.float16),
    "layer.bias": torch.zeros(4, dtype=torch.float32),
    "steps": torch.zeros((), dtype=torch.int64),
}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_gives_its_tensors(zipped: bool) -> None:
    reading = read(saved(STATE, _use_new_zipfile_serialization=zipped))
    assert {name: (t.dtype, t.shape) for name, t in reading.tensors.items()} == {
        "layer.weight": ("F16", (4, 8)),
        "layer.bias": ("F32", (4,)),
        "steps": ("I64", ()),
    }
    assert (reading.facts.parameters, reading.facts.quant) == (37, "F16")
    assert str(reading.verdict) == "weights only"


@pytest.mark.parametrize(
    "wrapped",
    [
        {"state_dict": STATE, "epoch": 3, "optimizer": {"state": {0: {"m": torch.zeros(999)}}}},
        {"params_ema": STATE},
        {"model": {"module": STATE}},
        {"model_state_dict": collections.OrderedDict(STATE), "dims": {"n_mels": 80}},
    ],
)
def test_tensors_of_the_model_are_found_below_what_programs_keep_them_under(
    wrapped: dict[str, object],
) -> None:
    reading = read(saved(wrapped))
    assert set(reading.tensors) == set(STATE)
    assert reading.facts.parameters == 37
    assert set(reading.keys) == set(wrapped)


def test_parameters_and_whole_modules_are_understood() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    reading = read(saved(module))
    assert {"0.weight", "0.bias", "1.running_mean"} <= set(reading.tensors)
    assert reading.kind == "torch.nn.modules.container.Sequential"
    assert reading.verdict is not None
    assert reading.verdict.level is Level.RUNS_CODE, "a whole module brings its classes' code"


def test_shared_storage_counts_once() -> None:
    tied = torch.zeros(10, 3)
    assert read(saved({"embed.weight": tied, "head.weight": tied})).facts.parameters == 30


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torchscript_says_that_it_brings_code(tmp_path: Path) -> None:
    script = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.save(script, str(tmp_path / "m.jit"))
    data = (tmp_path / "m.jit").read_bytes()
    reading = read(data, "m.jit")
    assert reading.facts.format == "torchscript"
    assert reading.verdict is not None
    assert reading.verdict.level is Level.EXTRA_CODE


def test_settings_of_a_training_run_are_extra_code() -> None:
    import argparse

    data = saved({"state_dict": STATE, "hyper_parameters": argparse.Namespace(lr=1)})
    reading = read(data)
    assert str(reading.verdict) == "extra code references: argparse.Namespace"


class _Reduced:
    """Pickles as a call of something."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def _global(name: str) -> bytes:
    module, _, last = name.rpartition(".")
    return f"\x80\x02c{module}\n{last}\n".encode()


RUN = [
    pickle.dumps(_Reduced(os.system, "true")),
    pickle.dumps(_Reduced(eval, "1")),
    _global("builtins.getattr") + b".",
    _global("importlib.import_module") + b"(S'os'\ntR.",
    _global("marshal.loads") + b"(S'x'\ntR.",
    _global("torch.hub.load") + b"(S'x'\ntR.",
    _global("torch.jit.load") + b".",
    _global("torch.storage._load_from_bytes") + b".",
    _global("functools.partial") + b".",
    _global("operator.attrgetter") + b".",
    b"\x80\x04\x8c\x0bcollections\x8c\x18OrderedDict.__init__.x.y\x93.",
    b"\x80\x04\x8c\x05torch\x8c\x0eFloatStorage.x\x93.",
    b"\x80\x02(ios\nsystem\n.",
    b"\x80\x02\x82\x01.",
    b"\x80\x02cposix\nsystem\n(S'true'\nt\x81.",
    b"\x80\x02c__main__\nAnything\n)\x81}b.",
]


@pytest.mark.parametrize("data", RUN, ids=lambda data: repr(data[:40]))
def test_what_would_run_code_is_said(data: bytes) -> None:
    assert inspect(data).verdict.level is Level.RUNS_CODE
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("m/data.pkl", data)
        out.writestr("m/version", "3\n")
    verdict = read(archive.getvalue()).verdict
    assert verdict is not None
    assert str(verdict).startswith("would run code when loaded: ")


def test_code_hidden_in_the_first_of_torchs_five_pickles_is_found() -> None:
    legacy = saved(STATE, _use_new_zipfile_serialization=False)
    assert level(legacy) is Level.WEIGHTS_ONLY
    magic_end = legacy.index(b".") + 1
    assert level(legacy[:magic_end] + RUN[0] + legacy[magic_end:]) is Level.RUNS_CODE


def _archive(*entries: tuple[str, bytes], compress: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", compress) as archive:
        warnings.simplefilter("ignore")  # of the names that are there twice
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


GOOD = b"\x80\x02}."


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (_archive(("a/data.pkl", GOOD), ("b/data.pkl", GOOD)), "2 entries called data.pkl"),
        (_archive(("a/data.pkl", GOOD), ("b/x", b"")), "more than one archive"),
        (_archive(("a/data.pkl", GOOD), ("a/data/0", b""), ("a/data/0", b"")), "two entries"),
        (_archive(("a/data.pkl", b"\x80\x02}")), "unreadable"),
        (_archive(("a/data.pkl", b"")), "unreadable"),
        (_archive(("a/data.pkl", GOOD), ("a/version", b"3"))[:-30], "unreadable"),
    ],
)
def test_an_archive_that_two_loaders_would_read_differently_is_feared(
    data: bytes, told: str
) -> None:
    verdict = read(data).verdict
    assert verdict is not None
    assert verdict.level is Level.RUNS_CODE
    assert told in str(verdict)


def test_a_directory_that_names_a_member_otherwise_than_its_own_header_is_feared() -> None:
    data = bytearray(_archive(("a/data.pkl", GOOD)))
    at = data.index(b"a/data.pkl")
    data[at : at + 10] = b"a/dato.pkl"
    verdict = read(bytes(data)).verdict
    assert verdict is not None
    assert "another name" in str(verdict)


def test_a_member_that_inflates_without_end_is_cut() -> None:
    bomb = _archive(("a/data.pkl", bytes(200 << 20)), compress=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    verdict = read(bomb).verdict
    assert verdict is not None
    assert "larger than" in str(verdict)
    at = bomb.rindex(b"PK\x01\x02")
    lying = bomb[: at + 24] + struct.pack("<I", 100) + bomb[at + 28 :]
    again = read(lying).verdict
    assert again is not None
    assert "larger than" in str(again)


EXHAUSTING = {
    "a number of 2 GiB": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
    "doubling tuples": b"\x80\x02)" + b"2\x86" * 300_000 + b".",
    "doubling lists": b"\x80\x02]" + b"q\x00h\x00a" * 200_000 + b".",
    "a deep nest": b"\x80\x02" + b"(" * 500_000 + b")" + b"t" * 500_000 + b".",
    "many opcodes": b"\x80\x02" + b"N0" * 2_600_000 + b".",
    "a full stack": b"\x80\x02" + b"N" * (MAX_HELD + 10) + b".",
    "a full memo": b"\x80\x02N"
    + b"".join(b"r" + struct.pack("<I", n) for n in range(1_000_100))
    + b".",
    "a frame that lies": b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
    "a text of 4 GiB": b"\x80\x02X\xff\xff\xff\xff.",
    "a decimal of a megabyte": b"\x80\x02L" + b"9" * 1_000_000 + b"L\n.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "no end": b"\x80\x02N",
    "nothing to pop": b"\x80\x020.",
    "no mark": b"\x80\x02Nt.",
}


@pytest.mark.parametrize("data", EXHAUSTING.values(), ids=EXHAUSTING)
def test_a_pickle_that_would_exhaust_a_loader_costs_little_here(data: bytes) -> None:
    report = inspect(data, several=True)
    assert isinstance(report, PickleReport)
    assert inspect(GOOD).problem == "", "and the next one is followed as ever"


def test_one_that_is_too_large_is_not_even_sent() -> None:
    assert "larger" in inspect(bytes(MAX_PICKLE_BYTES + 1)).problem


def test_a_worker_that_is_late_is_replaced() -> None:
    inspector = Inspector(patience_s=0.0)
    try:
        assert "too long" in inspector.inspect(GOOD).problem
    finally:
        inspector.close()


def test_a_worker_that_was_killed_is_replaced() -> None:
    inspector = Inspector()
    try:
        assert inspector.inspect(GOOD).problem == ""
        assert inspector._process is not None
        inspector._process.kill()
        inspector._process.wait()
        assert inspector.inspect(GOOD).problem == ""
    finally:
        inspector.close()


OPCODES = [bytes([n]) for n in range(256)]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(OPCODES), st.binary(max_size=4)), max_size=40))
def test_any_soup_of_opcodes_gives_a_verdict(pieces: list[bytes]) -> None:
    report = inspect(b"\x80\x04" + b"".join(pieces) + b".", several=True)
    assert str(report.verdict)


@pytest.mark.parametrize("zipped", [True, False])
def test_cut_at_any_byte_it_is_still_only_a_verdict(zipped: bool) -> None:
    whole = saved({"w": torch.zeros(2)}, _use_new_zipfile_serialization=zipped)
    for end in range(0, len(whole), 7):
        reading = read(whole[:end])
        assert reading.verdict is None or reading.verdict.level in Level


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.integers(),
            st.text(max_size=5),
            st.none(),
            st.booleans(),
            st.floats(allow_nan=False),
            st.sampled_from(["f32", "bf16", "i64"]).map(
                lambda kind: torch.zeros(
                    2,
                    dtype={"f32": torch.float32, "bf16": torch.bfloat16, "i64": torch.int64}[kind],
                )
            ),
        ),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_called_weights_only_torch_loads_as_such(value: object) -> None:
    data = saved(value)
    assert level(data) is Level.WEIGHTS_ONLY
    torch.load(io.BytesIO(data), weights_only=True)


def test_a_file_that_ends_while_it_is_read_is_a_verdict() -> None:
    whole = saved(STATE)
    reading = read_header(SourceFile("m.pt", len(whole), lambda: io.BytesIO(whole[:100])))
    assert reading.facts.format in ("pytorch", "unknown")
