"""``add`` for addresses: what a source offers, what would come, and its coming."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from modelfs.cli.additions import tell_added
from modelfs.cli.output import clean, next_step, note, say
from modelfs.cli.progress import bars
from modelfs.cli.tables import Cell, Column, is_drawn, print_plain, print_table
from modelfs.errors import ModelfsError
from modelfs.units import format_count, format_size

if TYPE_CHECKING:
    from modelfs.fetch.listing import Wishes
    from modelfs.fetch.web import Web
    from modelfs.library import Library
    from modelfs.library.add import Added
    from modelfs.library.addition import AddOptions
    from modelfs.library.fetch_plan import Choosable, FetchPlan, Offer
    from modelfs.library.list_text import Wanted

_SHOWN = 20
_NAMED = 8
_FITS = {
    "gpu": "graphics card",
    "memory": "memory",
    "disk": "disk, too large to run",
    "no": "not on this disk",
}


@dataclass(slots=True)
class Fetched:
    """What became of one address."""

    text: str
    plan: FetchPlan | None = None
    job: int | None = None
    outcome: str = "planned"
    added: Sequence[Added] = ()
    error: ModelfsError | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a person wants it done."""

    dry_run: bool
    background: bool
    asks: bool
    """Whether there is somebody to choose among variants."""
    as_json: bool


def fetch(
    library: Library,
    web: Web,
    text: str,
    wishes: Wishes,
    options: AddOptions,
    manner: Manner,
    entry: Wanted | None = None,
) -> Fetched:
    """Fetch from one address, perhaps of a list's ``entry``; an error is in the result."""
    from modelfs.library.fetch_plan import ask_source, plan_fetch
    from modelfs.library.lists import followed

    result = Fetched(text)
    try:
        offer = ask_source(text, web)
        if entry is not None:
            offer = followed(offer, entry)
        if manner.asks and offer.is_open and not _says(wishes):
            wishes = _asked(library, offer, wishes)
        result.plan = plan_fetch(library, offer, wishes, options)
        if not manner.as_json:
            _tell_plan(result.plan)
        if not manner.dry_run:
            _carry_out(library, result, result.plan, manner)
        elif not manner.as_json:
            _show_files(result.plan)
    except ModelfsError as error:
        result.error, result.outcome = error, "failed"
    return result


def _says(wishes: Wishes) -> bool:
    return bool(wishes.variants or wishes.all_variants or wishes.include)


def _carry_out(library: Library, result: Fetched, plan: FetchPlan, manner: Manner) -> None:
    from modelfs.library.fetching import create_job
    from modelfs.library.following import run_or_follow
    from modelfs.library.work import start_worker

    result.job = create_job(library, plan, queued=manner.background)
    if manner.background:
        start_worker(library)
        result.outcome = "queued"
        if not manner.as_json:
            say(f"job {result.job} fetches it")
            next_step("modelfs jobs --watch")
        return
    try:
        with bars() as drawn:
            result.added = run_or_follow(library, result.job, drawn.report)
    except KeyboardInterrupt:
        note(f"what came is kept: modelfs jobs resume {result.job}, or the same command again")
        raise
    result.outcome = "fetched"
    if not manner.as_json:
        for added in result.added:
            tell_added(added)


def _asked(library: Library, offer: Offer, wishes: Wishes) -> Wishes:
    """Show the variants and let a person choose; Enter takes the usual one."""
    from dataclasses import replace

    from modelfs.library.fetch_plan import choosable

    found = choosable(library, offer)
    usual = [each.label for each in found if each.is_usual]
    note(f"{offer.listing.title} has {format_count(len(found), 'variant')}:", style="")
    _show_variants(found)
    shown = ", ".join(usual) if len(usual) <= 3 else f"{usual[0]} and {len(usual) - 1} more"
    print(
        f"which? [{clean(shown) or 'say'}; several with commas; all; q] ", end="", file=sys.stderr
    )
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    if answer.lower() in ("q", "quit"):
        note("nothing was fetched")
        raise typer.Exit(1)
    if answer.lower() == "all":
        return replace(wishes, all_variants=True)
    chosen = [word.strip() for word in answer.split(",") if word.strip()] or usual
    return replace(wishes, variants=tuple(chosen))


def _show_variants(found: Sequence[Choosable]) -> None:
    columns = [
        Column(""),
        Column("Variant", shrinks=2),
        Column("Size", "right"),
        Column("Here", "right"),
        Column("Runs in"),
        *([Column("Note", shrinks=1)] if any(each.note for each in found) else []),
    ]
    rows = [_variant_row(each)[: len(columns)] for each in found[:_SHOWN]]
    print_table(columns, rows, aside=True)
    if len(found) > _SHOWN:
        note(f"and {len(found) - _SHOWN} more")


def _variant_row(each: Choosable) -> list[str | Cell]:
    return [
        Cell("*" if each.is_usual else " ", "bold"),
        each.label,
        format_size(each.size_bytes),
        format_size(each.here_bytes) if each.here_bytes else "",
        Cell(_FITS[each.fit], "red" if each.fit == "no" else ""),
        each.note,
    ]


def _tell_plan(plan: FetchPlan) -> None:
    variants = ", ".join(variant.label for variant in plan.choice.variants)
    shown = f" ({variants})" if variants and len(plan.choice.variants) <= 3 else ""
    here = f", of which {format_size(plan.here_bytes)} already here" if plan.here_bytes else ""
    begun = f", {format_size(plan.begun_bytes)} from an earlier attempt" if plan.begun_bytes else ""
    files = format_count(len(plan.files), "file")
    note(f"{plan.listing.title}{shown}: {files}, {format_size(plan.size_bytes)}{here}{begun}", "")


def _show_files(plan: FetchPlan) -> None:
    """List what would come, and in what variants there is more."""
    rows = [
        (file.remote.path, file.remote.size_bytes, "all" if file.held else file.begun_bytes)
        for file in plan.files
    ]
    if is_drawn():
        columns = [Column("File", shrinks=2), Column("Size", "right"), Column("Here", "right")]
        print_table(columns, [[path, _size(size), _size(here)] for path, size, here in rows])
    else:
        print_plain(rows)
    chosen = {variant.label for variant in plan.choice.variants}
    others = [each.label for each in plan.listing.variants if each.label not in chosen]
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        note(f"other variants: {', '.join(others[:_NAMED])}{more}")


def _size(size: int | str | None) -> str:
    return size if isinstance(size, str) else format_size(size) if size else ""


def fetch_document(result: Fetched) -> dict[str, object]:
    """Return the JSON of one address."""
    plan, error = result.plan, result.error
    document: dict[str, object] = {
        "address": result.text,
        "outcome": result.outcome,
        "job": result.job,
        "error": error.message if error else None,
        "hint": (error.hint or None) if error else None,
    }
    if plan is None:
        return document
    return document | {
        "source": plan.listing.source,
        "title": plan.listing.title,
        "variants": [variant.label for variant in plan.choice.variants],
        "size_bytes": plan.size_bytes,
        "here_bytes": plan.here_bytes,
        "begun_bytes": plan.begun_bytes,
        "new_bytes": plan.new_bytes,
        "files": [
            {
                "path": file.remote.path,
                "size_bytes": file.remote.size_bytes,
                "sha256": file.remote.sha256,
                "here": file.held is not None,
            }
            for file in plan.files
        ],
        "left_out": [
            {"reason": reason, "count": left.count, "size_bytes": left.size_bytes}
            for reason, left in plan.choice.left_out.items()
        ],
        "models": [added.model.entry_name for added in result.added] or list(plan.models),
    }
