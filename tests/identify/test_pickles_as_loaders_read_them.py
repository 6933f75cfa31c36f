"""Where loaders of pickles differ from each other, or from what one would think, none is fooled.

Each hostile file here ran code under a real loader when it was found; the loaders are asked too.
"""

import contextlib
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfs.identify.formats import read_header
from modelfs.identify.pickles import inspect, worker
from modelfs.identify.pickles.states import Keys
from modelfs.identify.reading import Reading
from modelfs.identify.tables import load_table
from modelfs.identify.verdict import Level

from .builders import source

torch = pytest.importorskip("torch")

MAGIC = 0x1950A86A20F9469CFC6C
GOOD = b"\x80\x02}."
CALL = b"cposix\nmkdir\n(S'%s'\ntR."


def read(data: bytes) -> Reading:
    return read_header(source("m.pt", data))


def framed(hidden: bytes, call: bytes) -> bytes:
    """What stands between the opcode and the frame's end is lost on C's unpickler."""
    front = b"c" + hidden
    return b"\x80\x04\x95" + struct.pack("<Q", len(front)) + front + call[1:]


def archive(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.comment = comment
        for name, data in (("m/version", b"3\n"), ("m/byteorder", b"little"), *members):
            target.writestr(name, data)
    return out.getvalue()


def with_useless_locator(data: bytes) -> bytes:
    """A pointer to a 64-bit end record that is none: torch goes on with the plain one."""
    end = data.rindex(b"PK\x05\x06")
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 10, 1)
    return data[:end] + bytes(60) + locator + data[end:]


def with_long_directory(*members: tuple[str, bytes]) -> bytes:
    fillers = ((f"m/{n:06}{'x' * 200}", b"") for n in range(66_000))
    return archive(*fillers, *members)


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "protocol 0": lambda call: call,
    "protocol 0 behind 10 000 opcodes": lambda call: b"N0" * 5000 + call,
    "protocol 0, numbers as only C reads them": lambda call: b"I0x1F\n0I1\0z\n0" + call,
    "an object of the oldest protocol": lambda call: (
        b"(" + call[call.index(b"(S") + 1 : -3] + b"iposix\nmkdir\n."
    ),
    "a mark of protocol 0": lambda call: b"\x80\x00" + call,
    "a mark of protocol 1": lambda call: b"\x80\x01" + call,
    "no end behind the call": lambda call: b"\x80\x02" + call[:-1] + b"\xff",
    "a text longer than any head": lambda call: (
        b"\x80\x02X" + struct.pack("<I", 9000) + b"a" * 9000 + b"0" + call
    ),
    "a frame that cuts a name": lambda call: framed(b"__torch__.", call),
    "torch's second pickle in protocol 0": lambda call: pickle.dumps(MAGIC, 2) + call,
    "torch's magic in protocol 0": lambda call: b"L%dL\n." % MAGIC + call,
    "torch's magic in protocol 4": lambda call: pickle.dumps(MAGIC, 4) + call,
    "torch's magic as the result of a call": lambda call: (
        b"\x80\x02cbuiltins\nint\n(S'%d'\ntR.M\xe9\x03." % MAGIC + call
    ),
    "torch's fifth pickle": lambda call: pickle.dumps(MAGIC, 2) + b"M\xe9\x03.N.N." + call,
    "an entry in capitals": lambda call: archive(("m/DATA.PKL", call)),
    "two entries by case": lambda call: archive(("m/DATA.PKL", call), ("m/data.pkl", GOOD)),
    "a comment that ends like an archive": lambda call: archive(
        ("m/data.pkl", call), comment=b"xPK\x05\x06"
    ),
    "a useless locator": lambda call: with_useless_locator(archive(("m/data.pkl", call))),
    "a framed entry": lambda call: archive(("m/data.pkl", framed(b"__torch__.", call))),
    "the magic of another format": lambda call: b"GGUF\x03\0\0\0\0" + b"0" + call,
    "a directory of 17 MB": lambda call: with_long_directory(("m/data.pkl", call)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", HOSTILE)
def test_whatever_torch_would_run_is_feared(how: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    data = HOSTILE[how](CALL % str(made).encode())
    with contextlib.suppress(Exception):  # having run what it ran
        torch.load(io.BytesIO(data), weights_only=False)
    assert made.exists(), "the example is none: torch does not run it"
    verdict = read(data).verdict
    assert verdict is not None
    assert verdict.level is Level.RUNS_CODE


def test_the_tar_that_torch_still_loads_is_feared(tmp_path: Path) -> None:
    made, path = tmp_path / "made", tmp_path / "m.pt"
    with tarfile.open(path, "w") as target:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            member, data = tarfile.TarInfo(name), CALL % str(made).encode()
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    with pytest.raises(Exception, match=r".*"):
        torch.load(path, weights_only=False)
    assert made.exists()
    reading = read(path.read_bytes())
    assert (reading.facts.format, reading.facts.details["layout"]) == ("pickle", "torch-tar")
    assert reading.verdict is not None
    assert reading.verdict.level is Level.RUNS_CODE


@pytest.mark.parametrize(
    "text",
    [
        b"cat\ndog\nbird\n",
        b"class\nname\nR\n.\n",
        b"(I think)\nthat is all.\n",
        b"Introduction\n============\n",
        b"This is a text that is longer than it looks, and no pickle.\n" * 90,
        b"Very short\nPlain\nVain\n",
        b"]]]]]]]]\n",
        b"2024\n",
    ],
)
def test_text_is_no_pickle_of_the_old_protocols(text: bytes) -> None:
    reading = read(text)
    assert (reading.facts.format, reading.verdict) == ("unknown", None)


FEARED = {
    "a change to a class": b"\x80\x02cargparse\nNamespace\nN}X\x01\0\0\0aNs\x86b.",
    "a call of what it made": b"\x80\x02ccollections\nOrderedDict\n)R)R.",
    "a function under torch's rebuilding": b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n"
    b"(cbuiltins\ndict\nctorch\nTensor\n)}tR.",
    "an __init__ that looks around": b"\x80\x02caccelerate.state\nPartialState\n)R.",
    "the same as somebody's argument": b"\x80\x02ccollections\ndefaultdict\n"
    b"caccelerate.state\nPartialState\n\x85R.",
    "a name that only begins like an allowed one": b"\x80\x02c__torch__."
    + b"a" * 300
    + b"\nx y\n.",
    "a name with a backslash": b"\x80\x02ccoll\\x65ctions\nOrderedDict\n.",
    "a storage that torch has not": b"\x80\x02ctorch\nMyStorage\n.",
    "a name in parts": b"\x80\x04\x8c\x05torch\x8c\x15FloatStorage.__init__\x93.",
    "generated code": b"\x80\x02ccollections\nnamedtuple\n.",
    "types": b"\x80\x02ctypes\nSimpleNamespace\n.",
}


@pytest.mark.parametrize("how", FEARED)
def test_allowed_names_in_ways_that_are_not_allowed_are_feared(how: str) -> None:
    assert inspect(FEARED[how]).verdict.level is Level.RUNS_CODE


def test_an_object_that_is_only_filled_is_extra_code() -> None:
    filled = b"\x80\x02caccelerate.state\nPartialState\n)\x81}X\x01\0\0\0aK\x01sb."
    assert inspect(filled).verdict.level is Level.EXTRA_CODE


def test_every_weights_only_name_is_one_that_torch_allows() -> None:
    from torch import _weights_only_unpickler as torchs

    allowed = set(torchs._get_allowed_globals())
    mapped = {"__builtin__": "builtins"}  # torch maps Python 2's names as it reads
    for row in load_table("pickles")["names"]:
        below = [f"{m}.{last}" for m in row.get("modules", ()) for last in row["last"]]
        for name in [*row.get("names", ()), *below]:
            module, _, last = name.rpartition(".")
            known = f"{mapped.get(module, module)}.{last}" in allowed
            is_claimed = row["level"] == "WEIGHTS_ONLY" and not row.get("beyond_torch")
            assert known or not is_claimed, name


def test_no_name_stands_in_two_rows() -> None:
    seen: set[str] = set()
    for row in load_table("pickles")["names"]:
        assert row["why"]
        below = [f"{m}.{last}" for m in row.get("modules", ()) for last in row["last"]]
        for name in [*row.get("names", ()), *below]:
            assert name not in seen, name
            seen.add(name)


class _Anything:
    """Lets a loader get as far as it can."""

    def __new__(cls, *_: object, **__: object) -> "_Anything":
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __call__(self, *_: object) -> "_Anything":
        return self

    def append(self, _: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    extend = add = append


def _recorder(base: type) -> type:
    class Recorder(base):  # type: ignore[misc]
        """A loader that imports nothing and writes down what it would have."""

        def __init__(self, data: bytes) -> None:
            super().__init__(io.BytesIO(data))
            self.named: list[str] = []

        def find_class(self, module: str, name: str) -> type:
            self.named.append(f"{module}.{name}")
            return _Anything

        def persistent_load(self, _: object) -> object:
            return _Anything()

    return Recorder


LOADERS = [_recorder(pickle.Unpickler), _recorder(pickle._Unpickler)]

words = st.sampled_from([b"os", b"system", b"a.b", b"x", b"o\\x73", b"builtins", "é".encode()])
places = st.sampled_from([0, 1, 2, 3, 255])
pieces = st.one_of(
    st.sampled_from([bytes([code]) for code in b"(0012N)]}RRobQaesutttld\x85\x86\x87\x88\x89"]),
    st.sampled_from([bytes([code]) for code in b"\x81\x8f\x90\x91\x92\x93\x93\x93\x94\x94"]),
    st.tuples(st.sampled_from([b"c", b"i"]), words, words).map(lambda t: b"%s%s\n%s\n" % t),
    words.map(lambda word: b"X" + struct.pack("<I", len(word)) + word),
    words.map(lambda word: b"\x8c" + bytes([len(word)]) + word),
    words.map(lambda word: b"U" + bytes([len(word)]) + word),
    words.map(lambda word: b"T" + struct.pack("<I", len(word)) + word),
    words.map(lambda word: b"S'" + word + b"'\n"),
    st.tuples(st.sampled_from([b"V", b"P"]), words).map(lambda t: b"%s%s\n" % t),
    places.map(lambda n: b"q" + bytes([n])),
    places.map(lambda n: b"h" + bytes([n])),
    places.map(lambda n: b"r" + struct.pack("<I", n)),
    places.map(lambda n: b"j" + struct.pack("<I", n)),
    st.tuples(st.sampled_from([b"p", b"g"]), st.sampled_from([b"", b"0" * 50]), places).map(
        lambda t: b"%s%s%d\n" % t
    ),
    st.sampled_from([b"g1\0z\n", b"p1\0z\n", b"p1_0\n", b"I\n", b"I0x1\n", b"I01\n", b"I3\0z\n"]),
    st.sampled_from(
        [b"L1L\n", b"L0x1L\n", b"F1.5\n", b"Finf\n", b"F2\0z\n", b"K\x01", b"M\x01\x02"]
    ),
    st.sampled_from([b"J\1\0\0\0", b"G" + bytes(8), b"\x8a\1\5", b"\x8b\1\0\0\0\7", b"C\1a"]),
    st.sampled_from([b"\x80\x02", b"\x80\x05"]),
    st.sampled_from([0, 1, 5, 9, 30]).map(lambda n: b"\x95" + struct.pack("<Q", n)),
)


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@settings(max_examples=1500, deadline=None)
@given(st.lists(pieces, max_size=30))
def test_nothing_that_a_loader_would_import_is_missed(parts: list[bytes]) -> None:
    data = b"".join(parts) + b"."
    report = worker.inspect(data, Keys((), (), ()), several=False)
    if report["problem"] and not report["is_damaged"]:
        return  # feared as it is
    for loader in LOADERS:
        loading = loader(data)
        try:
            loading.load()
        except Exception:
            pass
        else:
            assert not report["problem"], "damaged only where no loader goes on"
        assert set(loading.named) <= set(report["names"])
