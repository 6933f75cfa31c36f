"""Follow a pickle's opcodes with records in place of objects: nothing is imported, called or built.

Every opcode of protocols 0 to 5 (pickletools) is known; what would be a call becomes a ``Call``
record. Invariant: the only Python objects made are this module's own and plain values out of the
pickle, each bounded; a pickle that would hold more raises ``Breach``.
"""

import pickletools
from collections.abc import Callable
from typing import Any

MAX_OPCODES = 5_000_000
MAX_HELD = 1_000_000
"""Entries on the stack, in the memo, and in all containers together."""
MAX_TEXT_CHARS = 65_536


class Breach(Exception):
    """The pickle is malformed or wants more than it may have; the message says what."""


class Global:
    """A name that loading would import."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Call:
    """The result of calling something, or of building an object of a class."""

    __slots__ = ("arguments", "function", "items", "state")

    def __init__(self, function: object, arguments: object) -> None:
        self.function = function
        self.arguments = arguments
        self.items: dict[Any, Any] | None = None
        """What was put into it by key, as into an OrderedDict."""
        self.state: object = None
        """What was built into it."""


class Persistent:
    """What the loader would fetch by an identifier: torch's storages."""

    __slots__ = ("identifier",)

    def __init__(self, identifier: object) -> None:
        self.identifier = identifier


class Opaque:
    """Bytes, huge numbers and whatever else has no bearing on what a model is."""

    __slots__ = ("size",)

    def __init__(self, size: int = 0) -> None:
        self.size = size


class _Mark:
    __slots__ = ()


_MARK = _Mark()


class Machine:
    """Runs one pickle; ``names`` gathers what it would import, over several pickles."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self.opcodes = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._held = 0

    def run(self, data: Any) -> object:
        """Follow a pickle from a binary file to its end; return the record of what it makes."""
        self._stack, self._memo = [], {}
        try:
            for opcode, argument, _ in pickletools.genops(data):
                self.opcodes += 1
                if self.opcodes > MAX_OPCODES:
                    raise Breach("more opcodes than any model needs")
                if opcode.name == "STOP":
                    return self._pop()
                self._step(opcode.name, argument)
                if len(self._stack) + len(self._memo) + self._held > MAX_HELD:
                    raise Breach("more objects than any model needs")
        except (ValueError, IndexError, KeyError, TypeError, UnicodeError, OverflowError) as error:
            raise Breach(f"damaged: {str(error)[:80] or type(error).__name__}") from error
        raise Breach("it has no end")

    def _step(self, name: str, argument: Any) -> None:
        if name in _PUSHED:
            self._stack.append(_kept(argument))
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name not in _IGNORED:
            _STEPS[name](self, argument)

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

    def mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def pop(self, _: Any) -> None:
        self._stack.pop()

    def pop_mark(self, _: Any) -> None:
        self._pop_to_mark()

    def dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def get(self, key: Any) -> None:
        self._stack.append(self._memo[int(key)])

    def put(self, key: Any) -> None:
        self._memo[int(key)] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def global_name(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        self._global(f"{module}.{name}")

    def stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name that is no text")
        self._global(f"{module}.{name}")

    def extension(self, argument: Any) -> None:
        self._global(f"extension code {argument}")

    def reduce(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        self._stack.append(Call(function, arguments))

    def inst(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        arguments = tuple(self._pop_to_mark())
        self._global(f"{module}.{name}")
        self._stack.append(Call(self._pop(), arguments))

    def obj(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._stack.append(Call(items[0], tuple(items[1:])))

    def newobj_ex(self, _: Any) -> None:
        _, arguments, function = self._pop(), self._pop(), self._pop()
        self._stack.append(Call(function, arguments))

    def build(self, _: Any) -> None:
        state, target = self._pop(), self._stack[-1]
        if isinstance(target, Call):
            target.state = state

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
        self._held += len(values)
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(values)

    def setitem(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def setitems(self, _: Any) -> None:
        self._set(self._pop_to_mark())

    def _set(self, pairs: list[Any]) -> None:
        self._held += len(pairs)
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
        self._held += len(items)
        self._stack.append(tuple(items))

    def tuple_of(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self._stack.append(tuple(reversed(items)))

    def list_of_mark(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._held += len(items)
        self._stack.append(items)

    def dict_of_mark(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._stack.append({})
        self._set(items)

    def opaque(self, _: Any) -> None:
        self._stack.append(Opaque())


def _kept(argument: Any) -> Any:
    """Texts keep what a name can have, numbers what a size can; the rest is only there."""
    if isinstance(argument, str):
        return argument if len(argument) <= MAX_TEXT_CHARS else argument[:MAX_TEXT_CHARS]
    if isinstance(argument, int):
        return argument if argument.bit_length() <= 64 else Opaque()
    if isinstance(argument, float):
        return argument
    return Opaque(len(argument))


_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_TEXTS = {
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_PUSHED = _NUMBERS | _TEXTS
_IGNORED = frozenset({"PROTO", "FRAME", "READONLY_BUFFER"})
_CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
    "NEXT_BUFFER": Opaque,
}
_STEPS: dict[str, Callable[[Machine, Any], None]] = {
    "MARK": Machine.mark,
    "POP": Machine.pop,
    "POP_MARK": Machine.pop_mark,
    "DUP": Machine.dup,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), Machine.get),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), Machine.put),
    "MEMOIZE": Machine.memoize,
    "GLOBAL": Machine.global_name,
    "STACK_GLOBAL": Machine.stack_global,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), Machine.extension),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), Machine.reduce),
    "INST": Machine.inst,
    "OBJ": Machine.obj,
    "NEWOBJ_EX": Machine.newobj_ex,
    "BUILD": Machine.build,
    "PERSID": Machine.persistent,
    "BINPERSID": Machine.persistent_binary,
    "APPEND": Machine.append,
    **dict.fromkeys(("APPENDS", "ADDITEMS"), Machine.appends),
    "SETITEM": Machine.setitem,
    "SETITEMS": Machine.setitems,
    "TUPLE": Machine.tuple_of_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "LIST": Machine.list_of_mark,
    "FROZENSET": Machine.list_of_mark,
    "DICT": Machine.dict_of_mark,
}
