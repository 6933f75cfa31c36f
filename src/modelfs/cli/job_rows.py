"""How jobs are written: as rows of a table, with their files, and as lines for pipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelfs.cli.output import clean
from modelfs.cli.progress import shown_left
from modelfs.cli.tables import Cell, Column, Row
from modelfs.units import format_size

if TYPE_CHECKING:
    from rich.text import Text

    from modelfs.catalog.jobs import JobFile
    from modelfs.library.watching import JobView

_WIDE = 100
"""Cells from which the stage has a column of its own."""
_STYLES = {"running": "green", "paused": "yellow", "failed": "bold red", "cancelled": "dim"}
_MOST_FILES = 8


def columns(width: int) -> list[Column]:
    """Return the columns that fit."""
    found = [
        Column("Id", "right"),
        Column("What", shrinks=2),
        Column("State"),
        Column("Stage", shrinks=1),
        Column("Done", "right"),
        Column("%", "right"),
        Column("Speed", "right"),
        Column("Left", "right"),
    ]
    return [each for each in found if width >= _WIDE or each.title != "Stage"]


def rows(found: Sequence[JobView], *, with_files: bool, width: int) -> list[Row]:
    """Return the rows of jobs, and below those that are running their files under way."""
    shown: list[list[str | Cell]] = []
    for each in found:
        shown.append(_row(each))
        if with_files and each.job.state == "running":
            under_way = [file for file in each.files if file.stage not in ("waiting", "filed")]
            moving = [file for file in under_way if file.stage != "here"] or under_way
            shown += [_file_row(file) for file in moving[:_MOST_FILES]]
    stage = 3
    return [row if width >= _WIDE else row[:stage] + row[stage + 1 :] for row in shown]


def _row(seen: JobView) -> list[str | Cell]:
    job = seen.job
    return [
        str(job.id),
        job.title,
        Cell(job.state, _STYLES.get(job.state, "")),
        job.stage if job.state == "running" else "",
        _done(job.done_bytes, job.total_bytes),
        "" if seen.percent is None else f"{seen.percent:.0f}",
        "" if job.per_s is None else f"{format_size(int(job.per_s))}/s",
        shown_left(job.left_s),
    ]


def _file_row(file: JobFile) -> list[str | Cell]:
    total = file.size_bytes or 0
    percent = f"{min(100, 100 * file.done_bytes // total)}" if total else ""
    cells = ["", f"  {file.path}", "", file.stage, _done(file.done_bytes, total), percent, "", ""]
    return [Cell(text, "dim") for text in cells]


def _done(done: int, total: int) -> str:
    if not total:
        return format_size(done) if done else ""
    sizes = format_size(done), format_size(total)
    numbers, units = zip(*(size.split(" ") for size in sizes), strict=True)
    return f"{numbers[0]}/{sizes[1]}" if units[0] == units[1] else f"{sizes[0]}/{sizes[1]}"


def lines(found: Sequence[JobView]) -> list[Text]:
    """Return why jobs stopped, and what to do about it, a line for each."""
    from rich.text import Text

    shown = []
    for each in found:
        job = each.job
        if job.error and job.state in ("paused", "failed"):
            hint = f"; {job.hint}" if job.hint else ""
            style = "red" if job.state == "failed" else "yellow"
            shown.append(Text(clean(f"job {job.id}: {job.error}{hint}"), style))
    return shown


def plain_row(seen: JobView) -> list[object]:
    """Return the values of a tab-separated line."""
    job = seen.job
    return [
        *(job.id, job.title, job.state, job.stage, job.done_bytes, job.total_bytes or None),
        None if job.per_s is None else round(job.per_s),
        None if job.left_s is None else round(job.left_s),
        job.error,
    ]
