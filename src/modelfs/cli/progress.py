"""Bars for long work, on stderr and only on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelfs.cli.output import clean, err
from modelfs.cli.tables import shorten
from modelfs.progress import Progress
from modelfs.units import format_size

if TYPE_CHECKING:
    from rich.progress import Progress as Drawing
    from rich.progress import ProgressColumn, TaskID

_INTERVAL_S = 0.05
_BAR = 16
_REST = 48 + _BAR
"""Cells of a line that the name of the file does not get."""
_LEAST_ITEM = 8
_MOST_FILES = 6
_MEASURED = frozenset({"downloading", "verifying", "filing"})
"""Steps that say themselves how fast they are."""


class Bars:
    """One bar for what is being done, and one for each file where it is several at once."""

    def __init__(self, drawing: Drawing | None) -> None:
        self._drawing = drawing
        self._latest = Progress("", "", 0, 0)
        self._drawn_at = 0.0
        self._tasks: dict[str, TaskID] = {}
        """By what they show; the sum's is ``""``."""

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
            several = progress.files if len(progress.files) > 1 else ()
            shown = {"": progress} | {each.item: each for each in several[:_MOST_FILES]}
            for gone in self._tasks.keys() - shown.keys():
                self._drawing.remove_task(self._tasks.pop(gone))
            for name, each in shown.items():
                self._draw(self._drawing, name, each)

    def _begin(self, drawing: Drawing, progress: Progress) -> None:
        for task in drawing.task_ids:
            drawing.remove_task(task)
        self._tasks.clear()
        is_measured = progress.step in _MEASURED
        drawing.columns = _columns(progress.unit, is_measured=is_measured)
        self._drawn_at = 0.0

    def _draw(self, drawing: Drawing, name: str, progress: Progress) -> None:
        if name not in self._tasks:
            label = progress.step if not name else ""
            self._tasks[name] = drawing.add_task(label, item="", speed="", left="")
        drawing.update(
            self._tasks[name],
            completed=progress.done,
            total=progress.total or None,
            item=self._item(drawing, progress),
            speed=f"{format_size(int(progress.per_s))}/s" if progress.per_s else "",
            left=shown_left(progress.left_s),
        )

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


def shown_left(seconds: float | None) -> str:
    """Write the time that is left: ``0:03:20``; nothing where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _columns(unit: str, *, is_measured: bool) -> tuple[ProgressColumn, ...]:
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
    far: tuple[ProgressColumn, ...]
    if is_measured:  # by those who know what was here before
        speed = TextColumn("{task.fields[speed]}", table_column=whole)
        left = TextColumn("{task.fields[left]}", table_column=whole)
        far = (DownloadColumn(table_column=whole), speed, left)
    elif unit == "bytes":
        speeds = TransferSpeedColumn(table_column=whole)
        far = (DownloadColumn(table_column=whole), speeds, TimeRemainingColumn(table_column=whole))
    else:
        far = (MofNCompleteColumn(table_column=whole), TimeRemainingColumn(table_column=whole))
    return (
        TextColumn("{task.description}", table_column=whole),
        TextColumn("{task.fields[item]}", markup=False, table_column=whole),
        BarColumn(bar_width=_BAR),
        *far,
    )
