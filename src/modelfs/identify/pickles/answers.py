"""JSON of what a worker found, without the time that importing ``json`` takes."""

from _json import encode_basestring_ascii  # the C half of json


def as_json(value: object) -> str:
    """Return a value of dicts with text keys, lists, texts, truth values and whole numbers."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        pairs = (f"{as_json(key)}:{as_json(entry)}" for key, entry in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no place in an answer")
