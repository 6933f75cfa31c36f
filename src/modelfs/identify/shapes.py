"""Tensor shapes looked up by name, and the little language in which tables ask about them.

A condition is written as a person would say it::

    img_in.weight                   a tensor of this name
    double_blocks.*                 one whose name begins so; a star stands for anything
    img_in.weight[1] = 64           and its second dimension is 64; also: in 32 33, >= 16, <= 8
    !guidance_in.*                  none of this name
    a.weight | b.weight             one or the other

Looking up costs the names that begin like the pattern, and all of them where that is a star.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from functools import cache

Shape = tuple[int, ...]
Condition = Callable[["Shapes"], bool]

_TERM = re.compile(
    r"(?P<no>!)?(?P<name>[^\s\[\]|!]+)(?:\[(?P<at>-?\d)\])?"
    r"(?:\s*(?P<how>=|>=|<=|in)\s*(?P<numbers>\d+(?:\s+\d+)*))?"
)
_LAST = "\U0010ffff"


class Shapes:
    """Shapes by tensor name. Never changed once made."""

    __slots__ = ("_found", "_names", "_shapes")

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes
        self._names: list[str] | None = None
        self._found: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, name: str) -> Shape:
        return self._shapes[name]

    def below(self, prefix: str) -> "Shapes":
        """Return those whose names begin with ``prefix``, without it."""
        if not prefix:
            return self
        names = self._beginning(prefix)
        return Shapes({name[len(prefix) :]: self._shapes[name] for name in names})

    def count(self, prefix: str) -> int:
        """Return how many names begin with ``prefix``."""
        return len(self._shapes) if not prefix else len(self._beginning(prefix))

    def named(self, pattern: str) -> list[str]:
        """Return the names that fit a pattern in which ``*`` stands for anything."""
        if "*" not in pattern:
            return [pattern] if pattern in self._shapes else []
        found = self._found.get(pattern)
        if found is None:
            found = self._found[pattern] = self._fitting(pattern)
        return found

    def _fitting(self, pattern: str) -> list[str]:
        start, *middle, end = pattern.split("*")
        names = self._beginning(start) if start else self._sorted()
        if not middle:
            least = len(start) + len(end)
            return [name for name in names if name.endswith(end) and len(name) >= least]
        compiled = _compiled(pattern)
        return [name for name in names if compiled.fullmatch(name)]

    def _beginning(self, prefix: str) -> list[str]:
        names = self._sorted()
        return names[bisect_left(names, prefix) : bisect_left(names, prefix + _LAST)]

    def _sorted(self) -> list[str]:
        if self._names is None:
            self._names = sorted(self._shapes)
        return self._names


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


@cache
def condition(text: str) -> Condition:
    """Return the condition that ``text`` means; raise ValueError when it means none."""
    terms = [_term(part.strip()) for part in text.split("|")]
    if len(terms) == 1:
        return terms[0]
    return lambda shapes: any(term(shapes) for term in terms)


def hold(texts: Iterable[str], shapes: Shapes) -> bool:
    """Say whether all of these conditions hold."""
    return all(condition(text)(shapes) for text in texts)


def _term(text: str) -> Condition:
    match = _TERM.fullmatch(text)
    if match is None or (match["at"] is None) != (match["how"] is None):
        raise ValueError(f"{text!r} is no condition on tensors")
    name, wanted = match["name"], match["no"] is None
    if match["how"] is None:
        return lambda shapes: bool(shapes.named(name)) is wanted
    at, fits = int(match["at"]), _comparison(match["how"], match["numbers"])

    def holds(shapes: Shapes) -> bool:
        sizes = (shapes[found] for found in shapes.named(name))
        return any(-len(size) <= at < len(size) and fits(size[at]) for size in sizes) is wanted

    return holds


def _comparison(how: str, numbers: str) -> Callable[[int], bool]:
    values = tuple(map(int, numbers.split()))
    if how == ">=":
        return lambda size: size >= values[0]
    if how == "<=":
        return lambda size: size <= values[0]
    return lambda size: size in values
