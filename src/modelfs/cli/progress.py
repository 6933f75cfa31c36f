"""Bars for long work, on stderr and only on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelfs.cli.output import clean, err
from modelfs.cli.tables import shorten
from modelfs.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Drawing
    from rich.progress import ProgressColumn

_INTERVAL_S = 0.05
_BAR = 16
_REST = 48 + _BAR
"""Cells of a line that the name of the file does not get."""
_LEAST_ITEM = 8


class Bars:
    """One bar for what is being done; ``report`` is what the work calls."""

    def __init__(self, drawing: Drawing | None) -> None:
        self._drawing = drawing
        self._latest = Progress("", "", 0, 0)
        self._drawn_at = 0.0

    def report(self, progress: Progress) -> None:
        """Draw how far the work is, a few times a second."""
        if self._drawing is None:
            return
        latest, self._latest = self._latest, progress
        # Over several files with one sum the bar goes on; one with its own sum gets its own bar.
        same = (progress.step, progress.total) == (latest.step, latest.total)
        if not same or progress.done < latest.done:
            self._begin(self._drawing, progress)
        now = time.monotonic()
        if now - self._drawn_at >= _INTERVAL_S or progress.done >= progress.total:
            self._drawn_at = now
            self._draw(self._drawing, progress)

    def _begin(self, drawing: Drawing, progress: Progress) -> None:
        for task in drawing.task_ids:
            drawing.remove_task(task)
        drawing.columns = _columns(progress.unit)
        total = progress.total or None
        drawing.add_task(progress.step, total=total, item=self._item(drawing, progress))
        self._drawn_at = 0.0

    def _draw(self, drawing: Drawing, progress: Progress) -> None:
        item = self._item(drawing, progress)
        drawing.update(drawing.task_ids[-1], completed=progress.done, item=item)

    def _item(self, drawing: Drawing, progress: Progress) -> str:
        return shorten(clean(progress.item), max(_LEAST_ITEM, drawing.console.width - _REST))

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take the bar away while lines are printed."""
        if self._drawing is None:
            yield
            return
        self._drawing.stop()
        try:
            yield
        finally:
            self._drawing.start()


@contextmanager
def bars() -> Iterator[Bars]:
    """Show bars while the block runs."""
    console = err()
    if not console.is_terminal or console.quiet:
        yield Bars(None)
        return
    with _drawing() as drawing:
        yield Bars(drawing)


def _drawing() -> Drawing:
    from rich.progress import Progress as Drawing

    return Drawing(
        console=err(),
        transient=True,
        # Data printed meanwhile belongs on stdout, not on the console of the bars.
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _columns(unit: str) -> tuple[ProgressColumn, ...]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    whole = Column(no_wrap=True)
    far = (
        (DownloadColumn(table_column=whole), TransferSpeedColumn(table_column=whole))
        if unit == "bytes"
        else (MofNCompleteColumn(table_column=whole),)
    )
    return (
        TextColumn("{task.description}", table_column=whole),
        TextColumn("{task.fields[item]}", markup=False, table_column=whole),
        BarColumn(bar_width=_BAR),
        *far,
        TimeRemainingColumn(table_column=whole),
    )
