"""Names and texts with fields in braces, such as ``{publisher}/{name}``, as layouts have them.

``{name!j}`` gives a value as JSON, which is also YAML: whatever is in it, it stays one value.
"""

import json
import re
import string
from collections.abc import Mapping, Sequence
from functools import cache

FIELDS = frozenset(
    {"name", "extension", "stem", "publisher", "repository", "quant", "architecture", "family"}
    | {"format", "category", "id", "file", "file_path", "companion", "companion_path"}
    | {"mount", "folder", "size_bytes"}
)
"""What may stand in braces: of the model, its main file, what goes with it, and where it is."""

_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What JSON takes as it is and readers of YAML do not, or UTF-8 cannot say."""


_FORMATTER = string.Formatter()


def problem(template: str) -> str | None:
    """Return what is wrong with a template, or None."""
    try:
        parsed = list(_FORMATTER.parse(template))
    except ValueError as error:
        return f"{template!r}: {error}; a brace of its own is written twice"
    for _, name, spec, conversion in parsed:
        if name is not None and (name not in FIELDS or spec or conversion not in (None, "j")):
            return f"{template!r}: there is no field {{{name}}}; known: {', '.join(sorted(FIELDS))}"
    return None


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return a checked template with its fields filled; a value that is not known is empty."""
    if "{" not in template and "}" not in template:
        return template
    said = []
    for literal, name, is_json in _pieces(template):
        said.append(literal)
        if name is not None:
            value = values.get(name)
            value = "" if value is None else value
            said.append(_json(value) if is_json else str(value))
    return "".join(said)


@cache
def _pieces(template: str) -> Sequence[tuple[str, str | None, bool]]:
    """Return literals, each with the field behind it and whether that is written as JSON."""
    return [(text, name, how == "j") for text, name, _, how in _FORMATTER.parse(template)]


def _json(value: object) -> str:
    said = json.dumps(value, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", said)
