"""What each deed should do to a library, told on plain dictionaries.

A deed is a name and arguments, the same that ``deeds`` carries out on the real library. Each
function changes the plain library and returns what the real one should answer, or raises
``Unable``; a deed that cannot be done changes nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from core.reference.adding import add
from core.reference.going import empty, gc, restore, rm, verify
from core.reference.plain import PlainLibrary, Unable
from core.reference.saying import add_category, assign, pin, tag, untag
from core.reference.undoing import undo


def foretell(plain: PlainLibrary, deed: str, arguments: Mapping[str, Any]) -> dict[str, object]:
    """Do a deed on the plain library; return what the real one should answer."""
    before = plain.copy()
    try:
        return {"done": DEEDS[deed](plain, **arguments)}
    except Unable as error:
        vars(plain).update(vars(before) | {"stages": plain.stages})
        return {"error": str(error)}


DEEDS: dict[str, Callable[..., object]] = {
    "add": add,
    "tag": tag,
    "untag": untag,
    "assign": assign,
    "pin": pin,
    "rm": rm,
    "restore": restore,
    "empty": empty,
    "gc": gc,
    "verify": verify,
    "add_category": add_category,
    "undo": undo,
}
