"""What identification says, as JSON, cards and tables; and the rules it goes by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelfs.cli.output import note, print_json, say
from modelfs.cli.showing import CardRow, fact_lines, parameters_shown
from modelfs.cli.tables import Cell, Column, is_drawn, is_wide, print_card, print_plain, print_table
from modelfs.errors import NotFound
from modelfs.units import format_size

if TYPE_CHECKING:
    from modelfs.identify.explain import Explained
    from modelfs.library.identifying import Identified

SURE_STYLES = {"sure": "", "likely": "", "guess": "yellow"}


def identified_document(found: Identified) -> dict[str, object]:
    """Return the JSON of one model that was looked at; null for what is not known."""
    verdict = found.verdict
    facts = verdict.facts
    return {
        "path": found.path,
        "format": facts.format,
        "category": verdict.category,
        "confidence": verdict.confidence,
        "architecture": facts.architecture,
        "quant": facts.quant,
        "parameters": facts.parameters,
        "base_model": facts.base_model,
        "tags": list(verdict.auto_tags),
        "family": verdict.family,
        "pickle_verdict": facts.details.get("pickle_verdict"),
        "size_bytes": found.size_bytes,
        "files": list(found.files),
        "facts": dict(facts.details),
        "reasons": list(facts.reasons),
        "warnings": list(facts.warnings),
    }


def show_identified(found: Sequence[Identified], *, why: bool, plain: bool) -> None:
    """Show what was found: a card for one model, a table for more, lines in a pipe."""
    if not found:
        note("there is no model in it")
    elif not is_drawn(plain=plain) and not why:
        print_plain([_plain(each) for each in found])
    elif len(found) == 1 or why:
        for number, each in enumerate(found):
            if number:
                say("")
            print_card(_card(each, why=why), label_width=_LABEL_WIDTH)
    else:
        _table(found)


_LABEL_WIDTH = 12


def _plain(found: Identified) -> list[object]:
    facts, verdict = found.verdict.facts, found.verdict
    columns = (facts.architecture, facts.quant, facts.parameters, facts.base_model)
    pickled = facts.details.get("pickle_verdict")
    return [found.path, facts.format, verdict.category, *columns, verdict.confidence, pickled]


def _card(found: Identified, *, why: bool) -> list[CardRow]:
    document = identified_document(found)
    verdict, facts = found.verdict, found.verdict.facts
    sure = f"{verdict.category} ({verdict.confidence})"
    rows: list[CardRow] = [
        ("path", Cell(found.path, "bold")),
        ("category", Cell(sure, SURE_STYLES[verdict.confidence])),
        ("format", " ".join(filter(None, (facts.format, facts.quant)))),
    ]
    told = {
        "architecture": facts.architecture,
        "parameters": parameters_shown(facts.parameters),
        "base model": facts.base_model,
        "size": format_size(found.size_bytes),
        "tags": ", ".join(verdict.auto_tags),
        "loading it": document["pickle_verdict"],
    }
    rows += [(label, str(text)) for label, text in told.items() if text]
    rows += [("warning", Cell(text, "yellow")) for text in facts.warnings]
    if why:
        lines = [*facts.reasons]
        rows += [("because" if number == 0 else "", line) for number, line in enumerate(lines)]
    else:
        rows += fact_lines({**facts.details})
    return rows


def _table(found: Sequence[Identified]) -> None:
    wide = is_wide()
    columns = [
        Column("Path", shrinks=2),
        Column("Category", shrinks=1),
        Column("Format"),
        Column("Weights", "right"),
        Column("How sure"),
    ]
    columns[2:2] = [Column("Architecture", shrinks=1)] if wide else []
    rows = []
    for each in found:
        facts, verdict = each.verdict.facts, each.verdict
        row: list[str | Cell] = [
            each.path,
            verdict.category,
            " ".join(filter(None, (facts.format, facts.quant))),
            parameters_shown(facts.parameters) or "",
            Cell(verdict.confidence, SURE_STYLES[verdict.confidence]),
        ]
        row[2:2] = [facts.architecture or ""] if wide else []
        rows.append(row)
    print_table(columns, rows)


def show_rules(about: str, *, plain: bool, as_json: bool) -> None:
    """Print the rows of the tables that speak of a family, a category or a format."""
    from modelfs.identify.explain import explain

    found = explain(about)
    if not found:
        raise NotFound(
            f"no row of the tables speaks of {about!r}",
            "name a family (sdxl), a category (image/lora) or a format (gguf); a GGUF of an"
            " architecture without a row is a language model",
        )
    if as_json:
        print_json([_rule_document(each) for each in found])
        return
    for number, each in enumerate(found):
        if number and not plain:
            say("")
        say(f"{each.table}: {each.title}", style="bold")
        for label, text in each.conditions:
            say(f"  {label}: {text}")


def _rule_document(found: Explained) -> dict[str, object]:
    return {
        "table": found.table,
        "title": found.title,
        "conditions": [{"of": label, "is": text} for label, text in found.conditions],
        "row": found.row,
    }
