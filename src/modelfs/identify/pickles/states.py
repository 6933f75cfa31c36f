"""What a model's pickle amounts to: its tensors by name, and the little that lies beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from modelfs.identify.pickles.machine import Breach, Call, Global, Persistent

MAX_TENSORS = 20_000
MAX_NODES = 1_000_000
MAX_DEPTH = 64
MAX_TOLD = 64
"""Keys and values beside the tensors that are told."""
MAX_TOLD_CHARS = 200
MAX_DIMENSIONS = 64

WRAPPERS = frozenset(
    {"state_dict", "model_state_dict", "model_state", "params_ema", "params", "model", "module"}
    | {"net", "net_g", "generator", "ema", "ema_model", "weight", "weights", "network"}
)
"""Keys below which programs keep the tensors of the model itself."""
_ASIDE = ("optim", "scheduler", "lr_sched", "scaler", "loops", "callbacks", "grad")
"""How keys begin below which they keep the state of a training run."""
_INSIDES = frozenset({"_modules", "_parameters", "_buffers"})
"""Where torch.nn.Module keeps its parts, which no tensor's name mentions."""

STORAGES: Mapping[str, str] = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "QInt8Storage": "I8",
    "QUInt8Storage": "U8",
    "QInt32Storage": "I32",
}
"""torch's storage classes, by safetensors' names of what they hold."""
DTYPES: Mapping[str, str] = {
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
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
NUMPY: Mapping[str, str] = {
    "f8": "F64",
    "f4": "F32",
    "f2": "F16",
    "i8": "I64",
    "i4": "I32",
    "i2": "I16",
    "i1": "I8",
    "u1": "U8",
    "b1": "BOOL",
}
_REBUILT = frozenset(
    f"torch._utils._rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3", "qtensor")
)
_WRAPPED = frozenset(
    {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
)


@dataclass(slots=True)
class Found:
    """What was found; names are paths of keys joined by dots."""

    tensors: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=dict)
    """By dtype: tensors and elements, shared storage counted once."""
    keys: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    kind: str = ""
    """The class of the object itself, or of what it keeps as its model."""


Path = tuple[str, ...]


def read_state(value: object) -> Found:
    """Return what the record of a pickle's object holds; raise ``Breach`` for too much of it."""
    found = Found()
    top = _entries(value)
    found.keys = [str(key)[:MAX_TOLD_CHARS] for key, _ in top[:MAX_TOLD]]
    for key, entry in top[:MAX_TOLD]:
        if isinstance(entry, str | int | float | bool):
            found.values[str(key)[:MAX_TOLD_CHARS]] = str(entry)[:MAX_TOLD_CHARS]
    found.kind = _class_of(value) or next(
        (name for key, entry in top if key in WRAPPERS and (name := _class_of(entry))), ""
    )
    tensors = list(_walk(value))
    seen: set[object] = set()
    for path, (dtype, shape, identity) in _unwrapped(tensors):
        if identity not in seen:
            seen.add(identity)
            count = found.counts.setdefault(dtype, [0, 0])
            count[0] += 1
            count[1] += prod(shape)
        if len(found.tensors) < MAX_TENSORS:
            found.tensors[".".join(path)] = dtype, shape
    return found


_Tensor = tuple[str, tuple[int, ...], object]


def _unwrapped(tensors: list[tuple[Path, _Tensor]]) -> list[tuple[Path, _Tensor]]:
    """Return the tensors of the model alone, without the keys that it is kept under."""
    tensors = [(path, t) for path, t in tensors if not path or not path[0].startswith(_ASIDE)]
    while True:
        below: dict[str, int] = {}
        for path, _ in tensors:
            if len(path) > 1:
                below[path[0]] = below.get(path[0], 0) + 1
        best = max(below, key=lambda key: below[key], default="")
        if best not in WRAPPERS:
            return tensors
        tensors = [(path[1:], tensor) for path, tensor in tensors if path[0] == best and path[1:]]


def _walk(value: object) -> Iterator[tuple[Path, _Tensor]]:
    """Yield every tensor with the keys that lead to it; what is met twice is entered once."""
    pending: list[tuple[Path, object]] = [((), value)]
    entered: set[int] = set()
    nodes = 0
    while pending:
        path, node = pending.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise Breach("more objects than any model needs")
        tensor = _tensor(node)
        if tensor is not None:
            yield path, tensor
        elif id(node) not in entered and len(path) < MAX_DEPTH:
            entered.add(id(node))
            inner = _entries(node)
            for key, entry in reversed(inner):
                if isinstance(entry, dict | list | tuple | Call):
                    step = () if key in _INSIDES else (str(key)[:MAX_TOLD_CHARS],)
                    pending.append(((*path, *step), entry))


def _entries(node: object) -> list[tuple[object, object]]:
    """Return what a container holds by key or place; of an object what was built into it."""
    if isinstance(node, Call):
        if node.items is not None:
            return list(node.items.items())
        return _pairs(node) or _entries(node.state)
    if isinstance(node, tuple) and len(node) == 2 and isinstance(node[0], dict):
        node = node[0]  # state and slots, as copyreg has it
    if isinstance(node, dict):
        return list(node.items())
    if isinstance(node, list | tuple):
        return list(enumerate(node))
    return []


def _pairs(node: Call) -> list[tuple[object, object]]:
    """Return the entries of an OrderedDict that Python 2 wrote: a list of pairs to call it with."""
    given = _sequence(next(iter(_sequence(node.arguments)), None))
    pairs = [(pair[0], pair[1]) for each in given if len(pair := _sequence(each)) == 2]
    is_dict = isinstance(node.function, Global) and node.function.name == _ORDERED_DICT
    return pairs if is_dict and len(pairs) == len(given) else []


_ORDERED_DICT = "collections.OrderedDict"


def _class_of(node: object) -> str:
    if isinstance(node, Call) and isinstance(node.function, Global):
        name = node.function.name
        if name in ("copyreg._reconstructor", "copy_reg._reconstructor"):
            given = _sequence(node.arguments)[:1]
            return given[0].name if given and isinstance(given[0], Global) else ""
        return "" if name == _ORDERED_DICT else name
    return ""


def _tensor(node: object, depth: int = 0) -> _Tensor | None:
    if not isinstance(node, Call) or not isinstance(node.function, Global) or depth > 4:
        return None
    name, arguments = node.function.name, _sequence(node.arguments)
    if name in _WRAPPED and arguments:
        return _tensor(arguments[0], depth + 1)
    if name == "torch._tensor._rebuild_from_type_v2" and len(arguments) > 2:
        return _tensor(Call(arguments[0], arguments[2]), depth + 1)
    if name in _REBUILT and len(arguments) >= 4:
        return _torch_tensor(arguments)
    if name.endswith(".multiarray._reconstruct") and name.startswith("numpy."):
        return _numpy_array(node)
    return None


def _torch_tensor(arguments: Sequence[object]) -> _Tensor | None:
    """(storage, offset, size, stride, requires_grad, hooks[, dtype]): torch/_utils.py."""
    storage, offset, shape = arguments[0], arguments[1], _shape(arguments[2])
    identifier = _sequence(storage.identifier) if isinstance(storage, Persistent) else ()
    if shape is None or len(identifier) < 3 or not isinstance(identifier[1], Global):
        return None
    dtype = STORAGES.get(identifier[1].name.rpartition(".")[2], "")
    if len(arguments) > 6 and isinstance(arguments[6], Global):
        dtype = DTYPES.get(arguments[6].name.rpartition(".")[2], dtype)
    key = identifier[2] if isinstance(identifier[2], str | int) else id(storage)
    return dtype or "unknown", shape, (key, offset if isinstance(offset, int) else 0, shape)


def _numpy_array(node: Call) -> _Tensor | None:
    """The state of an array: (version, shape, dtype, is_fortran, bytes)."""
    state = _sequence(node.state)
    shape = _shape(state[1]) if len(state) > 2 else None
    kind = state[2] if shape is not None else None
    if shape is None or not isinstance(kind, Call):
        return None
    code = next((text for text in _sequence(kind.arguments) if isinstance(text, str)), "")
    return NUMPY.get(code.lstrip("<>|="), "unknown"), shape, id(node)


def _shape(value: object) -> tuple[int, ...] | None:
    if isinstance(value, Call):  # torch.Size
        value = next(iter(_sequence(value.arguments)), None)
    sizes = _sequence(value)
    if not isinstance(value, list | tuple) or len(sizes) > MAX_DIMENSIONS:
        return None
    whole = [size for size in sizes if type(size) is int and 0 <= size < 2**63]
    return tuple(whole) if len(whole) == len(sizes) else None


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
