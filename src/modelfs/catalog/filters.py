"""Which models a person means, as values, and those values as SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from modelfs.catalog.records import DAMAGE

Field = Literal[
    "category",
    "tag",
    "format",
    "architecture",
    "quant",
    "name",
    "source",
    "state",
    "pinned",
    "size",
    "parameters",
    "used",
    "added",
    "text",
]
Comparison = Literal["=", "<", ">"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold, or must not.

    ``value`` is a text (``*`` matches anything), a choice of texts, bytes or a number, or for
    ``used`` and ``added`` a moment in Unix seconds.
    """

    field: Field
    value: str | Sequence[str] | float
    comparison: Comparison = "="
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """All conditions must hold. ``trashed`` asks for the trash instead of the living."""

    conditions: Sequence[Condition] = ()
    trashed: bool = False


_SIZE = "(SELECT total(b.size_bytes) FROM file f JOIN blob b ON b.id = f.blob WHERE f.model = m.id)"
_USED = "coalesce((SELECT max(u.last_at) FROM use u WHERE u.model = m.id), 0)"
_COLUMNS = {"size": _SIZE, "parameters": "m.parameters", "used": _USED, "added": "m.added_at"}
_TEXTS = {
    "category": "m.category",
    "format": "m.format",
    "architecture": "m.architecture",
    "quant": "m.quant",
    "source": "m.source",
}
_EXISTS = {
    "tag": "EXISTS (SELECT 1 FROM tag t WHERE t.model = m.id AND {})",
    "state": "EXISTS (SELECT 1 FROM file f JOIN copy c ON c.blob = f.blob "
    "WHERE f.model = m.id AND {})",
}
_EXISTS_COLUMN = {"tag": "t.name", "state": "c.state"}


def to_sql(chosen: Filter) -> tuple[str, list[object]]:
    """Return a WHERE expression over ``model m`` and its bindings."""
    parts = [f"m.trashed_at IS {'NOT ' if chosen.trashed else ''}NULL"]
    bindings: list[object] = []
    for condition in chosen.conditions:
        sql, values = _condition(condition)
        parts.append(f"NOT coalesce({sql}, 0)" if condition.negated else sql)
        bindings += values
    return " AND ".join(parts), bindings


def _condition(condition: Condition) -> tuple[str, list[object]]:
    field, value = condition.field, condition.value
    if field in _COLUMNS:
        return f"{_COLUMNS[field]} {condition.comparison} ?", [value]
    if field == "pinned":
        return "m.pinned = ?", [int(value == "yes")]
    if field == "text":
        return _words(str(value))
    choices = [value] if isinstance(value, str) else list(value)  # type: ignore[arg-type]
    if field == "name":
        return _any_like("m.name", choices, also="m.name || m.extension")
    if field == "state" and choices == ["ok"]:
        sql, bindings = _condition(Condition("state", (*DAMAGE, "remote")))
        return f"NOT {sql}", bindings
    if field in _EXISTS:
        sql, bindings = _any_like(_EXISTS_COLUMN[field], choices)
        return _EXISTS[field].format(sql), bindings
    return _any_like(_TEXTS[field], choices)


def _any_like(column: str, choices: Sequence[str], also: str = "") -> tuple[str, list[object]]:
    """Match any of the choices, without regard to case; ``*`` stands for anything."""
    columns = [column, also] if also else [column]
    parts = [f"{name} LIKE ? ESCAPE '\\'" for name in columns for _ in choices]
    patterns = [_like(choice) for choice in choices] * len(columns)
    return f"({' OR '.join(parts)})", list(patterns)


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _words(text: str) -> tuple[str, list[object]]:
    """Find every word anywhere in the model's text: by the index from three letters on."""
    parts: list[str] = []
    bindings: list[object] = []
    for word in text.split():
        if len(word) >= 3:
            parts.append("m.id IN (SELECT rowid FROM model_text WHERE model_text MATCH ?)")
            bindings.append('"' + word.replace('"', '""') + '"')
        else:
            parts.append(
                "EXISTS (SELECT 1 FROM model_text x WHERE x.rowid = m.id "
                "AND x.text LIKE ? ESCAPE '\\')"
            )
            bindings.append(f"%{_like(word)}%")
    return f"({' AND '.join(parts) or '1'})", bindings
