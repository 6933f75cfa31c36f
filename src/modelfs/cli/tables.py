"""Tables and cards: aligned and cut to fit on a terminal, tab-separated lines in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from modelfs.cli.output import clean, err, out, say, show

if TYPE_CHECKING:
    from rich.table import Table

_WIDE = 110
"""Cells of a terminal from which the less important columns fit."""
_GAP = 2
"""Cells between columns: the box brings one of them."""
_LEAST = 16
"""Below this a shortened name says nothing."""

UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    justify: Literal["left", "right"] = "left"
    shrinks: int = 0
    """Gives way, cut in the middle, when the table is too wide: 1 first, 2 last, 0 never."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Text with a style; plain strings will do for the rest."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


def is_wide(*, aside: bool = False) -> bool:
    """Say whether there is room for the less important columns."""
    return (err() if aside else out()).width >= _WIDE


def is_drawn(*, plain: bool = False) -> bool:
    """Say whether tables are drawn: on a terminal, unless plain lines are asked for."""
    return out().is_terminal and not plain


def print_plain(rows: Sequence[Sequence[object]]) -> None:
    """Print tab-separated lines without a header; ``-`` stands for what is not known."""
    for row in rows:
        # The values are cleaned one by one: the tabs between them must stay.
        line = "\t".join(UNKNOWN if value in (None, "") else clean(value) for value in row)
        print(line)


def print_table(columns: Sequence[Column], rows: Sequence[Row], *, aside: bool = False) -> None:
    """Draw a table that fits the terminal."""
    show(drawn_table(columns, rows, room=(err() if aside else out()).width), aside=aside)


def drawn_table(columns: Sequence[Column], rows: Sequence[Row], *, room: int) -> Table:
    """Return a table that fits into so many cells."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP - 1, 0, 0), show_edge=False)
    cells = [[_cell(value) for value in row] for row in rows]
    widths = _widths(columns, cells, room=room)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column.title, justify=column.justify, width=width, no_wrap=True)
    for row in cells:
        pairs = zip(row, widths, strict=True)
        table.add_row(*(Text(shorten(cell.text, width), cell.style) for cell, width in pairs))
    return table


def _cell(value: str | Cell) -> Cell:
    return Cell(clean(value.text), value.style) if isinstance(value, Cell) else Cell(clean(value))


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, room: int) -> list[int]:
    """Give each column what it needs, and take what is too much from those that shrink."""
    from rich.cells import cell_len

    titles = [[Cell(column.title) for column in columns]]
    needed = [
        max(cell_len(row[number].text) for row in [*titles, *rows])
        for number in range(len(columns))
    ]
    excess = sum(needed) + _GAP * (len(columns) - 1) - room
    for turn in (1, 2):
        numbers = [n for n, column in enumerate(columns) if column.shrinks == turn]
        excess = _take(needed, numbers, excess)
    return needed


def _take(widths: list[int], numbers: Sequence[int], excess: int) -> int:
    """Take cells from the widest of these columns; return what is too much still."""
    while excess > 0:
        widest = max(numbers, key=lambda n: widths[n], default=None)
        if widest is None or widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
        excess -= 1
    return excess


def shorten(text: str, cells: int) -> str:
    """Cut the middle out of a text that is wider than ``cells``: names differ at their ends."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= cells:
        return text
    head = (cells - 1) // 2
    tail = cells - 1 - head
    backwards = set_cell_size(text[::-1], tail)
    return f"{set_cell_size(text, head).rstrip()}…{backwards[::-1].lstrip()}"


def print_card(
    rows: Sequence[tuple[str, str | Cell]], *, mark: Cell | None = None, label_width: int = 0
) -> None:
    """Print labels with their values, which wrap under themselves; empty labels go on.

    A ``mark`` stands before the first line; cards of one ``label_width`` align.
    """
    from rich.table import Table
    from rich.text import Text

    width = max(label_width, *(len(label) for label, _ in rows))
    marks = [mark or Cell("")] + [Cell("")] * (len(rows) - 1)
    if not out().is_terminal:
        for (label, value), before in zip(rows, marks, strict=True):
            first = f"{before.text:<{len(marks[0].text)}}  " if mark else ""
            say(f"{first}{label:<{width}}  {_cell(value).text}")
        return
    grid = Table.grid(padding=(0, _GAP))
    if mark:
        grid.add_column(width=len(mark.text), no_wrap=True)
    grid.add_column(style="" if mark else "dim", width=width, no_wrap=True)
    grid.add_column(overflow="fold")
    for (label, value), before in zip(rows, marks, strict=True):
        cells = [before, Cell(label), _cell(value)] if mark else [Cell(label), _cell(value)]
        grid.add_row(*(Text(cell.text, cell.style) for cell in cells))
    show(grid)
