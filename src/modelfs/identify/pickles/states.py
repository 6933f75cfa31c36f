"""What a model's pickle amounts to: its tensors by name, and the little that lies beside them."""

from __future__ import annotations

from math import prod

from modelfs.identify.pickles.records import Breach, Call, Global, Persistent
from modelfs.identify.pickles.tensors import sequence, tensor_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelfs.identify.pickles.tensors import Tensor

    Path = tuple[str, ...]

MAX_TENSORS = 20_000
MAX_NODES = 1_000_000
MAX_DEPTH = 64
MAX_TOLD = 64
"""Keys and values beside the tensors that are told."""
MAX_TOLD_CHARS = 200
MAX_LISTED = 100
"""Longer lists beside the tensors are data, not settings; COCO has 80 classes."""
MAX_VALUE_CHARS = 2000
MAX_NAME_CHARS = 1000


class Keys:
    """Which keys say nothing of the model itself; the lists are in ``tables/pickles.toml``."""

    __slots__ = ("aside", "inside", "wrappers")

    def __init__(self, wrappers: Sequence[str], aside: Sequence[str], inside: Sequence[str]):
        self.wrappers = tuple(wrappers)
        """Keys below which programs keep the tensors of the model; the first of equals counts."""
        self.aside = tuple(aside)
        """How keys begin below which they keep the state of a training run."""
        self.inside = frozenset(inside)
        """Where torch.nn.Module keeps its parts, which no tensor's name mentions."""


class Found:
    """What was found; names are paths of keys joined by dots."""

    __slots__ = ("counts", "keys", "kind", "tensors", "values")

    def __init__(self) -> None:
        self.tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.counts: dict[str, list[int]] = {}
        """By dtype: tensors and elements, shared storage counted once."""
        self.keys: list[str] = []
        self.values: dict[str, str] = {}
        self.kind = ""
        """The class of the object itself, or of what it keeps as its model."""


def read_state(value: object, keys: Keys) -> Found:
    """Return what the record of a pickle's object holds; raise ``Breach`` for too much of it."""
    top = _entries(value)
    model = next((entry for key, entry in top if key in keys.wrappers and _class_of(entry)), value)
    found = Found()
    found.keys = [str(key)[:MAX_TOLD_CHARS] for key, _ in top[:MAX_TOLD]]
    found.values = _small_values(top if model is value else [*top, *_entries(model)])
    found.kind = _class_of(value) or _class_of(model)
    seen: set[object] = set()
    for path, (dtype, shape, identity) in _unwrapped(list(_walk(value, keys.inside)), keys):
        if identity not in seen:
            seen.add(identity)
            count = found.counts.setdefault(dtype, [0, 0])
            count[0] += 1
            count[1] += prod(shape)
        if len(found.tensors) < MAX_TENSORS:
            found.tensors[".".join(path)[:MAX_NAME_CHARS]] = dtype, shape
    return found


def _small_values(entries: Sequence[tuple[object, object]]) -> dict[str, str]:
    """Return what lies beside the tensors and is small: numbers, texts, and short lists of them."""
    values: dict[str, str] = {}
    for key, entry in entries[: 4 * MAX_TOLD]:
        text = _small(entry)
        if text and len(values) < MAX_TOLD:
            values.setdefault(str(key)[:MAX_TOLD_CHARS], text[:MAX_VALUE_CHARS])
    return values


def _small(entry: object) -> str:
    if isinstance(entry, _SCALARS):
        return str(entry)[:MAX_TOLD_CHARS]
    if isinstance(entry, Call) and not _class_of(entry):
        entry = entry.items
    if not isinstance(entry, dict | list | tuple) or len(entry) > MAX_LISTED:
        return ""
    listed = entry.values() if isinstance(entry, dict) else entry
    texts = [str(each)[:MAX_TOLD_CHARS] for each in listed if isinstance(each, _SCALARS)]
    if len(texts) < len(entry):
        return ""
    if isinstance(entry, dict):
        named = zip(entry, texts, strict=True)
        texts = [f"{str(key)[:MAX_TOLD_CHARS]}={text}" for key, text in named]
    return ", ".join(texts)


_SCALARS = (str, int, float, bool)


def _unwrapped(tensors: list[tuple[Path, Tensor]], keys: Keys) -> list[tuple[Path, Tensor]]:
    """Return the tensors of the model alone, without the keys that it is kept under."""
    own = [len(path) < 2 or not path[0].startswith(keys.aside) for path, _ in tensors]
    tensors = [tensor for tensor, is_own in zip(tensors, own, strict=True) if is_own]
    while True:
        below = dict.fromkeys(keys.wrappers, 0)
        for path, _ in tensors:
            if len(path) > 1 and path[0] in below:
                below[path[0]] += 1
        best = max(below, key=lambda key: below[key], default="")
        # Beside a generator its discriminator may be larger; beside a whole model a part is not it.
        if not below.get(best) or 3 * below[best] < len(tensors):
            return tensors
        tensors = [(path[1:], tensor) for path, tensor in tensors if path[0] == best and path[1:]]


def _walk(value: object, inside: frozenset[str]) -> Iterator[tuple[Path, Tensor]]:
    """Yield every tensor with the keys that lead to it; what is met twice is entered once."""
    pending: list[tuple[Path, object]] = [((), value)]
    entered: set[int] = set()
    nodes = 0
    while pending:
        path, node = pending.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise Breach("more objects than any model needs")
        tensor = tensor_of(node)
        if tensor is not None:
            yield path, tensor
        elif id(node) not in entered and len(path) < MAX_DEPTH:
            entered.add(id(node))
            inner = _entries(node)
            for key, entry in reversed(inner):
                if isinstance(entry, dict | list | tuple | Call):
                    step = () if key in inside else (str(key)[:MAX_TOLD_CHARS],)
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
    given = sequence(next(iter(sequence(node.arguments)), None))
    pairs = [(pair[0], pair[1]) for each in given if len(pair := sequence(each)) == 2]
    is_dict = isinstance(node.function, Global) and node.function.name == _ORDERED_DICT
    return pairs if is_dict and len(pairs) == len(given) else []


_ORDERED_DICT = "collections.OrderedDict"


def _class_of(node: object) -> str:
    function = node.function if isinstance(node, Call) else None
    if isinstance(function, Persistent):  # as torch before 1.6 kept classes
        function = next((g for g in sequence(function.identifier) if isinstance(g, Global)), None)
    if isinstance(node, Call) and isinstance(function, Global):
        name = function.name
        if name in ("copyreg._reconstructor", "copy_reg._reconstructor"):
            given = sequence(node.arguments)[:1]
            return given[0].name if given and isinstance(given[0], Global) else ""
        return "" if name == _ORDERED_DICT else name
    return ""
