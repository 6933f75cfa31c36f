"""Taking values of the expected type out of what strangers wrote, and nothing else."""

import json
from collections.abc import Mapping, Sequence

from modelfs.identify.reading import MAX_NUMBER, plain_text
from modelfs.types import SourceFile

MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_LISTED = 64

Values = Mapping[str, object]


def read_json(file: SourceFile | None) -> dict[str, object]:
    """Return the JSON object in a file; anything else, or too much of it, gives an empty one."""
    if file is None or file.size_bytes > MAX_JSON_BYTES:
        return {}
    with file.open() as handle:
        text = handle.read(MAX_JSON_BYTES)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def text(values: Values, *keys: str) -> str | None:
    """Return the first of these that is a text with something in it."""
    for key in keys:
        value = values.get(key)
        if isinstance(value, str) and value.strip():
            return plain_text(value.strip())
    return None


def number(values: Values, *keys: str) -> int | None:
    """Return the first of these that is a whole number above zero and fits a column."""
    for key in keys:
        value = values.get(key)
        if type(value) is float and value == value // 1:
            value = int(value)
        if type(value) is int and 0 < value <= MAX_NUMBER:
            return value
    return None


def inner(values: Values, *keys: str) -> Values:
    """Return the first of these that is an object, or an empty one."""
    found = (values.get(key) for key in keys)
    return next((value for value in found if isinstance(value, dict)), {})


def texts(value: object) -> tuple[str, ...]:
    """Return a text, or the texts of a list, each once."""
    listed: Sequence[object] = [value] if isinstance(value, str) else ()
    if isinstance(value, list):
        listed = value[:MAX_LISTED]
    found = (plain_text(each.strip()) for each in listed if isinstance(each, str) and each.strip())
    return tuple(dict.fromkeys(found))
