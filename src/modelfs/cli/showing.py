"""``show``: everything about one model on one card."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from modelfs.cli import options
from modelfs.cli.listing import STATE_STYLES
from modelfs.cli.output import note, print_json
from modelfs.cli.tables import Cell, print_card
from modelfs.units import format_size

CardRow = tuple[str, str | Cell]

_OWN_LINES = {
    *("format", "architecture", "quant", "parameters", "base_model", "reasons", "warnings"),
    *("pickle_verdict", "confidence", "relation"),
}
"""Facts that the card shows in a line of their own, or that were shown when adding."""
VERDICT_STYLES = {"would run code when loaded": "bold red", "extra code references": "yellow"}
_SHOWN_FILES = 12
_LONGEST_FACT = 200
_COUNTS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def show(model: options.Model, as_json: options.Json = False) -> None:
    """Show everything about one model: facts, files, tags, where it appears.

    Examples:
      modelfs show SmolLM2-135M-Q4_K_M.gguf
      modelfs show "#12"
      modelfs show sdxl-base --json
    """
    from modelfs.library import describe, open_library, select

    with open_library(read_only=True) as library:
        document = describe.shown(library, select.one(library, model))
    if as_json:
        print_json(document)
        return
    print_card(card(document))
    if document["state"] == "remote":
        name = shlex.quote(str(document["entry_name"]))
        note(f"remote: fetch it again with: modelfs restore {name}")
    elif document["state"] != "ok":
        note("add the same files again to heal it; see modelfs doctor")


def card(model: dict[str, Any]) -> list[CardRow]:
    """Return the lines of a model's card from its ``show --json``."""
    rows: list[CardRow] = [
        ("name", Cell(model["entry_name"], "bold")),
        ("category", f"{model['category']} ({_by(model)})"),
        ("format", " ".join(filter(None, (model["format"], model["quant"]))) or "unknown"),
    ]
    rows += _optional("architecture", model["architecture"])
    rows += _optional("parameters", parameters_shown(model["parameters"]))
    rows += _optional("base model", _base(model["facts"]))
    rows.append(("size", _sizes(model)))
    rows.append(("state", _state(model)))
    if model["pickle_verdict"]:
        rows.append(("loading it", verdict_cell(model["pickle_verdict"])))
    rows.append(("tags", _tags(model)))
    rows += _optional("notes", model["notes"])
    rows += [("source", model["source"]), ("added", model["added_at"])]
    rows.append(("last used", model["last_used_at"] or "never, as far as the mount knows"))
    rows += _lines("warning", [Cell(text, "yellow") for text in model["facts"]["warnings"]])
    rows += fact_lines(model["facts"])
    rows += _lines("siblings", [_sibling(each) for each in model["relatives"]])
    rows += _files(model["files"])
    rows += _lines("appears at", model["appears_at"])
    rows += _lines("waits for", [f"{each['tool']}: {each['for']}" for each in model["waits_for"]])
    return rows


def _by(model: dict[str, Any]) -> str:
    if model["category_by"] == "user":
        return "you said so"
    sure = HOW_SURE.get(model["facts"].get("confidence", "guess"), "a guess")
    return ": ".join([sure, *model["facts"]["reasons"][-1:]])


HOW_SURE = {"sure": "by its bytes", "likely": "by what is said of it", "guess": "a guess"}


def verdict_cell(verdict: str) -> Cell:
    """Return what loading a file would do, in the colour of the danger."""
    return Cell(verdict, VERDICT_STYLES.get(verdict.partition(":")[0], ""))


def _base(facts: dict[str, Any]) -> str | None:
    relation = facts.get("relation")
    if facts["base_model"] and relation:
        return f"{facts['base_model']} ({relation})"
    return facts["base_model"] or relation


def _sibling(relative: dict[str, Any]) -> str:
    form = " ".join(filter(None, (relative["format"], relative["quant"])))
    size = format_size(relative["size_bytes"])
    return f"{relative['entry_name']}  {form}, {size}: {relative['relation']}"


def _optional(label: str, value: str | None) -> list[CardRow]:
    return [(label, value)] if value else []


def _lines(label: str, values: list[Any]) -> list[CardRow]:
    return [(label if number == 0 else "", value) for number, value in enumerate(values)]


def parameters_shown(parameters: int | None) -> str | None:
    """Return a number of parameters in short: ``135M``."""
    if parameters is None:
        return None
    for size, letter in _COUNTS:
        if parameters >= size:
            return f"{parameters / size:.3g}{letter}"
    return str(parameters)


def _sizes(model: dict[str, Any]) -> str:
    return (
        f"{format_size(model['size_bytes'])} logical, "
        f"{format_size(model['local_bytes'])} whole on disk"
    )


def _state(model: dict[str, Any]) -> Cell:
    pinned = ", pinned" if model["pinned"] else ""
    return Cell(model["state"] + pinned, STATE_STYLES.get(model["state"], ""))


def _tags(model: dict[str, Any]) -> str:
    auto = set(model["auto_tags"])
    typed = [tag for tag in model["tags"] if tag not in auto]
    found = [f"{tag} (auto)" for tag in sorted(auto)]
    return ", ".join(typed + found) or "none"


def fact_lines(facts: Mapping[str, Any]) -> list[CardRow]:
    """Return the lines of the facts that have none of their own."""
    known = {key: value for key, value in facts.items() if key not in _OWN_LINES}
    told = [
        f"{k.replace('_', ' ')}: {_fact(v)}"
        for k, v in known.items()
        if v not in (None, "", [], ())
    ]
    return _lines("facts", told)


def _fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _LONGEST_FACT else f"{text[:_LONGEST_FACT]}…"


def _files(files: list[dict[str, Any]]) -> list[CardRow]:
    rows = _lines("files", [_file(file) for file in files[:_SHOWN_FILES]])
    more = len(files) - _SHOWN_FILES
    return [*rows, ("", f"and {more} more; --json has them all")] if more > 0 else rows


def _file(file: dict[str, Any]) -> Cell:
    state = "" if file["state"] == "ok" else f" {file['state']}"
    seal = f" sha256 {file['sha256'][:12]}…" if file["sha256"] else ""
    text = f"{file['path']}  {format_size(file['size_bytes'])}{seal}{state}"
    return Cell(text, STATE_STYLES.get(file["state"], ""))
