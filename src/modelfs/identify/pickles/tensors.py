"""Tensors among the records of a pickle: calls of what torch and numpy rebuild them with."""

from __future__ import annotations

from modelfs.identify.pickles.dtypes import DTYPES, NUMPY, STORAGES
from modelfs.identify.pickles.records import Call, Global, Persistent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Tensor = tuple[str, tuple[int, ...], object]
    """dtype, shape, and what tells its numbers from those of other tensors."""

MAX_DIMENSIONS = 64

_REBUILT = frozenset(
    f"torch._utils._rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3", "qtensor")
)
_WRAPPED = frozenset(
    f"torch._utils._rebuild_{name}"
    for name in (
        *("parameter", "parameter_with_state"),
        *("device_tensor_from_numpy", "device_tensor_from_cpu_tensor"),
    )
)
_META = "torch._utils._rebuild_meta_tensor_no_storage"


def tensor_of(node: object, depth: int = 0) -> Tensor | None:
    """Return what a record says of a tensor, or ``None`` where it stands for none."""
    if not isinstance(node, Call) or not isinstance(node.function, Global) or depth > 4:
        return None
    name, arguments = node.function.name, sequence(node.arguments)
    if name in _WRAPPED and arguments:
        return tensor_of(arguments[0], depth + 1)
    if name == "torch._tensor._rebuild_from_type_v2" and len(arguments) > 2:
        return tensor_of(Call(arguments[0], arguments[2]), depth + 1)
    if name in _REBUILT:
        return _torch_tensor(arguments)
    if name == _META and len(arguments) >= 2:
        return _meta_tensor(node, arguments)
    if name.startswith("torch.") and name.endswith("Tensor"):
        return _torch_tensor(sequence(node.state))
    if name.endswith(".multiarray._reconstruct") and name.startswith("numpy."):
        return _numpy_array(node)
    return None


def _torch_tensor(arguments: Sequence[object]) -> Tensor | None:
    """(storage, offset, size, stride, requires_grad, hooks[, dtype]): torch/_utils.py."""
    if len(arguments) < 4:
        return None
    storage, offset, shape = arguments[0], arguments[1], _shape(arguments[2])
    identifier = sequence(storage.identifier) if isinstance(storage, Persistent) else ()
    if shape is None or len(identifier) < 3 or not isinstance(identifier[1], Global):
        return None
    dtype = STORAGES.get(identifier[1].name.rpartition(".")[2], "")
    if len(arguments) > 6 and isinstance(arguments[6], Global):
        dtype = DTYPES.get(arguments[6].name.rpartition(".")[2], dtype)
    key = identifier[2] if isinstance(identifier[2], str | int) else id(storage)
    return dtype or "unknown", shape, (key, offset if isinstance(offset, int) else 0, shape)


def _meta_tensor(node: Call, arguments: Sequence[object]) -> Tensor | None:
    """(dtype, size, stride, requires_grad): a shape without numbers."""
    kind, shape = arguments[0], _shape(arguments[1])
    if shape is None or not isinstance(kind, Global):
        return None
    return DTYPES.get(kind.name.rpartition(".")[2], "unknown"), shape, id(node)


def _numpy_array(node: Call) -> Tensor | None:
    """The state of an array: (version, shape, dtype, is_fortran, bytes)."""
    state = sequence(node.state)
    shape = _shape(state[1]) if len(state) > 2 else None
    kind = state[2] if shape is not None else None
    if shape is None or not isinstance(kind, Call):
        return None
    code = next((text for text in sequence(kind.arguments) if isinstance(text, str)), "")
    return NUMPY.get(code.lstrip("<>|="), "unknown"), shape, id(node)


def _shape(value: object) -> tuple[int, ...] | None:
    if isinstance(value, Call):  # torch.Size
        value = next(iter(sequence(value.arguments)), None)
    sizes = sequence(value)
    if not isinstance(value, list | tuple) or len(sizes) > MAX_DIMENSIONS:
        return None
    whole = [size for size in sizes if type(size) is int and 0 <= size < 2**63]
    return tuple(whole) if len(whole) == len(sizes) else None


def sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
