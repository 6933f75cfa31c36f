"""LoRA and its kin: whether tensors are differences to another model, and to which layers.

Asked before anything else, because a delta's keys carry the names of the model that it changes.
The dialects (kohya, diffusers, PEFT, XLabs, LyCORIS) differ only around a layer's name, so the
names are brought to one form, dots to underscores, in which the tables ask.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from modelfs.identify.reading import Tensor
from modelfs.identify.shapes import Shapes
from modelfs.identify.tables import load_table

MAX_RANK = 65_536


@dataclass(frozen=True, slots=True)
class Delta:
    """A file that changes another model."""

    layers: Shapes
    """(out, in) by the layer's name, 0 where it is not known; text encoders begin with ``te:``."""
    rank: int | None
    kind: str
    """``LoRA``, ``LoHa``, ``LoKr``, ``DoRA``…"""


@dataclass(frozen=True, slots=True)
class _Ends:
    down: tuple[str, ...]
    up: tuple[str, ...]
    every: tuple[str, ...]
    weak: tuple[str, ...]
    weak_needs: tuple[str, ...]


@cache
def _ends() -> _Ends:
    table = load_table("deltas")
    down, up = tuple(table["down"]), tuple(table["up"])
    every = (*down, *up, *table["other"])
    return _Ends(down, up, every, tuple(table["weak"]), tuple(table["weak_needs"]))


def read_delta(tensors: Mapping[str, Tensor]) -> Delta | None:
    """Return what the tensors change, or ``None`` when most of them are no differences.

    A majority, because some full models were saved with a few such keys left in them.
    """
    found = {name: end for name in tensors if (end := _end_of(name))}
    if not found or 2 * len(found) <= len(tensors):
        return None
    layers: dict[str, list[int]] = {}
    ranks: Counter[int] = Counter()
    for name, end in found.items():
        widths = layers.setdefault(_layer(name[: -len(end)]), [0, 0])
        shape = tensors[name].shape
        if end in _ends().up and shape:
            widths[0] = shape[0]
        elif end in _ends().down and len(shape) > 1:
            widths[1] = shape[1]
            ranks[shape[0]] += 1
    common = ranks.most_common(1)
    rank = common[0][0] if common and common[0][0] <= MAX_RANK else None
    shapes = Shapes({name: (out, into) for name, (out, into) in layers.items()})
    return Delta(shapes, rank, _kind(set(found.values())))


def _end_of(name: str) -> str:
    ends = _ends()
    if not name.endswith(ends.every):
        return ""
    end = max((end for end in ends.every if name.endswith(end)), key=len)
    if end in ends.weak and not any(part in name for part in ends.weak_needs):
        return ""
    return end


def _layer(name: str) -> str:
    for row in load_table("deltas")["prefix"]:
        if name.startswith(row["text"]):
            name = row["becomes"] + name[len(row["text"]) :]
            break
    return name.replace(".", "_")


def _kind(ends: set[str]) -> str:
    rows = load_table("deltas")["kind"]
    return next((str(row["label"]) for row in rows if row["end"] in ends), "LoRA")
