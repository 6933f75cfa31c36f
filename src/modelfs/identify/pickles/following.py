"""Follow one pickle from its first opcode to its last, within limits.

Every opcode of protocols 0 to 5 (pickletools) is known. A pickle that is malformed or would hold
more than it may raises ``Breach``.
"""

from __future__ import annotations

from modelfs.identify.pickles.decoder import ARGUMENTS, Cut, Opaque
from modelfs.identify.pickles.machine import Machine
from modelfs.identify.pickles.records import Breach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from modelfs.identify.pickles.decoder import Argument

    Step = Callable[[Machine, Any], None]

MAX_OPCODES = 5_000_000
MAX_HELD = 1_000_000
_CHECKED_EVERY = 256
"""An opcode adds one entry at most: no more than so many too many."""


def follow(machine: Machine, data: bytes, position: int) -> tuple[object, int]:
    """Follow the pickle that begins there; return the record of what it makes, and its end."""
    machine.begin()
    try:
        return _follow(machine, data, position)
    except Cut:
        breach = Breach("it has no end")
        breach.is_cut = True
        raise breach from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        breach = Breach(f"damaged: {str(error)[:80] or type(error).__name__}")
        breach.is_damaged = True
        raise breach from error


def _follow(machine: Machine, data: bytes, position: int) -> tuple[object, int]:
    argument, frame_end = None, 0
    for count in range(MAX_OPCODES):
        begin = position
        if begin >= len(data):
            raise Cut
        opcode = _OPCODES[data[begin]]
        if opcode is None:
            raise ValueError(f"{data[begin]:#x} is no opcode")
        step, read, fixed = opcode
        position += 1
        if read is not None:
            argument, position = read(data, position)
        if begin < frame_end and (position > frame_end or step is Machine.frame):
            # C forgets what it read of an opcode before the frame's end: "__torch__.posix"
            # becomes "posix". Nothing writes such frames.
            raise Breach("a frame that ends within an opcode")
        if step is None:
            return machine.result(), position
        step(machine, argument if read is not None else fixed)
        if step is Machine.frame:
            frame_end = position + machine.frame_bytes
        if count % _CHECKED_EVERY == 0 and machine.held > MAX_HELD:
            raise Breach("more objects than any model needs")
    raise Breach("more opcodes than any model needs")


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
    "FRAME": Machine.frame,
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
    "REDUCE": Machine.reduce,
    "NEWOBJ": Machine.newobj,
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


_IGNORED = frozenset({"PROTO", "READONLY_BUFFER"})
"""What only says how the rest is written."""


def _opcode(code: int) -> tuple[Step | None, Argument | None, object] | None:
    """Return what a byte makes the machine do, its argument's reader, and what stands for none."""
    name, read = ARGUMENTS.get(chr(code), ("", None))
    if not name:
        return None
    if name == "STOP":
        return None, None, None
    if name in _CONSTANTS:
        return Machine.constant, None, _CONSTANTS[name]
    # What has an argument and nothing else to do is a number or a text.
    step = Machine.ignored if name in _IGNORED else _STEPS.get(name, Machine.push)
    return step, read, None


_OPCODES = tuple(map(_opcode, range(256)))
