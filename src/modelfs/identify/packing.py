"""Weights packed by a method (GPTQ, AWQ, bitsandbytes, MLX…): which one, and how many there are.

A header counts the words that the weights were packed into; a person counts the weights.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from modelfs.identify.reading import MAX_NUMBER, Tensor
from modelfs.identify.tables import Row, load_table

_WORD_BITS = 32
_MLX_GROUP = 64
"""mlx-lm's default group_size, which only the configuration tells."""
_BITS = range(1, 17)
_INTEGERS = frozenset({"U8", "I8", "I16", "I32", "U32"})


@dataclass(frozen=True, slots=True)
class Packing:
    """A method, and the number of weights, ``None`` where the shapes do not tell it."""

    label: str | None
    parameters: int | None


@dataclass(frozen=True, slots=True)
class _Module:
    """The tensors of one layer, by their ends."""

    tensors: Mapping[str, Tensor]
    packed: Tensor
    group: int


def read_packing(tensors: Mapping[str, Tensor], group: int | None = None) -> Packing:
    """Return the method by which tensors were packed, and what they hold unpacked.

    ``group`` is the number of weights with one scale, where the configuration says it.
    """
    lasts = {name[name.rfind(".") :] for name in tensors}
    ends = {end for last in lasts for end in (last, last[last.rfind("_") :])}
    row = next((row for row in load_table("packing")["method"] if _fits(row, ends)), None)
    if row is None:
        scaled = not ends.isdisjoint(load_table("packing")["companions"]["ends"])
        return Packing(None, _plain_count(tensors) if scaled else None)
    bits, total, known = 0, _plain_count(tensors, _packed_ends(row)), True
    for module in _modules(tensors, row, group or _MLX_GROUP):
        count, its_bits = _COUNTS[row["how"]](module)
        known = known and count is not None
        total += count or 0
        bits = bits or its_bits
    label = str(row["label"]).replace("{bits}", str(bits)) if bits else str(row["label"])
    parameters = total if known and 0 < total <= MAX_NUMBER else None
    return Packing(label.replace("-{bits}bit", ""), parameters)


def _fits(row: Row, ends: set[str]) -> bool:
    return bool(ends & set(row["marks"])) and (not row.get("also") or bool(ends & set(row["also"])))


def _packed_ends(row: Row) -> tuple[str, ...]:
    return tuple(row[key] for key in ("packed", "packed_too") if key in row)


def _is_companion(name: str) -> bool:
    table = load_table("packing")["companions"]
    return name in table["names"] or name.endswith(tuple(table["ends"]))


def _plain_count(tensors: Mapping[str, Tensor], packed: tuple[str, ...] = ()) -> int:
    """Count the elements of all that is neither packed nor about something packed."""
    return sum(
        prod(tensor.shape)
        for name, tensor in tensors.items()
        if not _is_companion(name) and not _is_packed(name, tensor, packed)
    )


def _is_packed(name: str, tensor: Tensor, packed: tuple[str, ...]) -> bool:
    """Some layers of a quantised model stay as they were: those are of floating point."""
    return name.endswith(packed) and tensor.dtype in _INTEGERS


def _modules(tensors: Mapping[str, Tensor], row: Row, group: int) -> Iterator[_Module]:
    packed = _packed_ends(row)
    for name, tensor in tensors.items():
        if _is_companion(name) or not _is_packed(name, tensor, packed):
            continue
        end = next(end for end in packed if name.endswith(end))
        stem = name[: -len(end)]
        beside = {key: tensors[stem + key] for key in _BESIDE if stem + key in tensors}
        yield _Module(beside, tensor, group)


_BESIDE = (".g_idx", ".scales", ".weight_shape")

_Count = tuple[int | None, int]
"""Weights, and bits of each or 0."""


def _two_in_a_byte(module: _Module) -> _Count:
    return 2 * prod(module.packed.shape), 0


def _gptq(module: _Module) -> _Count:
    index, shape = module.tensors.get(".g_idx"), module.packed.shape
    if index is None or len(index.shape) != 1 or len(shape) != 2 or not index.shape[0]:
        return None, 0
    return index.shape[0] * shape[1], _bits(shape[0], index.shape[0])


def _awq(module: _Module) -> _Count:
    scales, shape = module.tensors.get(".scales"), module.packed.shape
    if scales is None or len(scales.shape) != 2 or len(shape) != 2 or not scales.shape[1]:
        return None, 0
    return shape[0] * scales.shape[1], _bits(shape[1], scales.shape[1])


def _mlx(module: _Module) -> _Count:
    scales, shape = module.tensors.get(".scales"), module.packed.shape
    if scales is None or not scales.shape or not shape:
        return None, 0
    width = scales.shape[-1] * module.group
    return prod(shape[:-1]) * width, _bits(shape[-1], width)


def _bits(words: int, weights: int) -> int:
    bits = words * _WORD_BITS // weights if weights else 0
    return bits if bits in _BITS else 0


_COUNTS: Mapping[str, Callable[[_Module], _Count]] = {
    "one each": lambda module: (prod(module.packed.shape), 0),
    "two in a byte": _two_in_a_byte,
    "eight in a word": lambda module: (8 * prod(module.packed.shape), 4),
    "gptq": _gptq,
    "awq": _awq,
    "mlx": _mlx,
    "unknown": lambda module: (None, 0),
}
