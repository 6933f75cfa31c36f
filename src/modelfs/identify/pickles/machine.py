"""What each opcode does to stack and memo, with records in place of objects.

Nothing is imported, called or built: what would be a call becomes a ``Call``. Invariant: the only
Python objects made are records and plain values out of the pickle. What no list of allowed names
could ever judge (a change to a class, a call of something that was made before) goes among the
names too, in words that are no name, so that it is feared.
"""

from __future__ import annotations

from modelfs.identify.pickles.records import Call, Global, Persistent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Mark:
    __slots__ = ()


_MARK = _Mark()


class Machine:
    """Stack and memo of one pickle after another; ``names`` gathers what they would import."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self.called: dict[str, None] = {}
        """Those of them that are called with arguments out of the file, or given to such a call."""
        self.uses = 0
        """How often something named was called, made or changed."""
        self.frame_bytes = 0
        """How long the frame is that the last FRAME announced."""
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._in_containers = 0

    def begin(self) -> None:
        """Forget all but the names: each pickle has a stack and a memo of its own."""
        self._stack, self._memo, self._in_containers = [], {}, 0

    @property
    def held(self) -> int:
        """How many entries the stack, the memo and all containers have together."""
        return len(self._stack) + len(self._memo) + self._in_containers

    def result(self) -> object:
        """Take off what the pickle made."""
        return self._pop()

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value should be")
        return value

    def _pop_to_mark(self) -> list[Any]:
        at = len(self._stack) - 1
        while self._stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("no mark")
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _global(self, name: str) -> None:
        self.names[name] = None
        self._stack.append(Global(name))

    # What follows are the opcodes, each as pickle.py's of the same name.

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def constant(self, make: Any) -> None:
        self._stack.append(make())

    def ignored(self, _: Any) -> None:
        """What only says how the rest is written."""

    def frame(self, size: Any) -> None:
        self.frame_bytes = size

    def mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def pop(self, _: Any) -> None:
        self._stack.pop()

    def pop_mark(self, _: Any) -> None:
        self._pop_to_mark()

    def dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def get(self, key: Any) -> None:
        self._stack.append(self._memo[key])

    def put(self, key: Any) -> None:
        self._memo[key] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def global_name(self, argument: Any) -> None:
        self._global(".".join(argument))

    def stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name that is no text")
        self._global(f"{module}.{name}")

    def extension(self, argument: Any) -> None:
        self._global(f"extension code {argument}")

    def _call(self, function: object, arguments: object) -> None:
        """A call of something with arguments that the file chose."""
        self._made(function, arguments)
        given = list(arguments) if isinstance(arguments, tuple) else []
        if isinstance(function, Global):
            self.called[function.name] = None
            if function.name in _RECONSTRUCTORS:
                given = given[1:]  # the class, of which it makes an empty object
            if function.name == _REBUILD_SUBCLASS and not _rebuilds(given):
                self.names["torch's rebuilding by something else"] = None
        for each in given:
            if isinstance(each, Global):
                self.called[each.name] = None

    def _made(self, function: object, arguments: object) -> None:
        if isinstance(function, Persistent):
            function = _saved_class(function)
        if isinstance(function, Global):
            self.uses += 1
        else:
            self.names["a call of what it made before"] = None
        self._stack.append(Call(function, arguments))

    def reduce(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        self._call(function, arguments)

    def newobj(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        self._made(function, arguments)

    def inst(self, argument: Any) -> None:
        self._global(".".join(argument))  # pickle.py imports before it looks for the mark
        function = self._pop()
        self._call(function, tuple(self._pop_to_mark()))

    def obj(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._call(items[0], tuple(items[1:]))

    def newobj_ex(self, _: Any) -> None:
        _, arguments, function = self._pop(), self._pop(), self._pop()
        self._made(function, arguments)

    def build(self, _: Any) -> None:
        state, target = self._pop(), self._stack[-1]
        if isinstance(target, Call):
            target.state = state
        elif isinstance(target, Global):  # setattr on a class or function, for all to come
            self.uses += 1
            self.names[f"a change to {target.name}"] = None

    def persistent(self, argument: Any) -> None:
        self._stack.append(Persistent(argument))

    def persistent_binary(self, _: Any) -> None:
        self._stack.append(Persistent(self._pop()))

    def append(self, _: Any) -> None:
        value = self._pop()
        self._extend([value])

    def appends(self, _: Any) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[Any]) -> None:
        self._in_containers += len(values)
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(values)

    def setitem(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def setitems(self, _: Any) -> None:
        self._set(self._pop_to_mark())

    def _set(self, pairs: list[Any]) -> None:
        self._in_containers += len(pairs)
        target = self._stack[-1]
        if isinstance(target, Call):  # an OrderedDict is called first and filled then
            if target.items is None:
                target.items = {}
            target = target.items
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if isinstance(target, dict) and isinstance(key, str | int | float | bool):
                target[key] = value

    def tuple_of_mark(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._in_containers += len(items)
        self._stack.append(tuple(items))

    def tuple_of(self, count: int) -> None:
        self._in_containers += 1  # itself: nested, they would be millions behind one entry
        items = [self._pop() for _ in range(count)]
        self._stack.append(tuple(reversed(items)))

    def list_of_mark(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._in_containers += len(items)
        self._stack.append(items)

    def dict_of_mark(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._stack.append({})
        self._set(items)


def _rebuilds(arguments: list[Any]) -> bool:
    """Say whether the first argument is one of torch's ways to put a tensor together."""
    first = arguments[0] if arguments else None
    return isinstance(first, Global) and first.name.startswith("torch._utils._rebuild_")


def _saved_class(persistent: Persistent) -> object:
    """Torch before 1.6 kept classes of modules so: ('module', class, file, source)."""
    match persistent.identifier:
        case ("module", saved, _, _):
            return saved
    return persistent


_RECONSTRUCTORS = frozenset({"copyreg._reconstructor", "copy_reg._reconstructor"})
_REBUILD_SUBCLASS = "torch._tensor._rebuild_from_type_v2"
