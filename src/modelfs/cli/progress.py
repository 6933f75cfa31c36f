"""Bars for long work, on stderr and only on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelfs.cli.output import clean, err
from modelfs.progress import Progress, Report

if TYPE_CHECKING:
    from rich.progress import Progress as Drawing

_INTERVAL_S = 0.05


class Bars:
    """One bar for the file that is being worked on; ``report`` is what the work calls."""

    def __init__(self, drawing: Drawing | None) -> None:
        self._drawing = drawing
        self._current: tuple[str, str] | None = None
        self._drawn_at = 0.0

    def report(self, progress: Progress) -> None:
        """Draw how far the work is, a few times a second."""
        if self._drawing is None:
            return
        key, now = (progress.step, progress.item), time.monotonic()
        if key != self._current:
            self._begin(progress)
        elif now - self._drawn_at < _INTERVAL_S and progress.done_bytes < progress.total_bytes:
            return
        self._drawn_at = now
        task = self._drawing.task_ids[-1]
        self._drawing.update(
            task, completed=progress.done_bytes, total=progress.total_bytes or None
        )

    def _begin(self, progress: Progress) -> None:
        assert self._drawing is not None
        self._current = progress.step, progress.item
        for task in self._drawing.task_ids:
            self._drawing.remove_task(task)
        self._drawing.add_task(progress.step, item=clean(progress.item))

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
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Drawing
    from rich.table import Column

    return Drawing(
        TextColumn("{task.description}"),
        TextColumn(
            "{task.fields[item]}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=32),
        ),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=err(),
        transient=True,
        # Data printed meanwhile belongs on stdout, not on the console of the bars.
        redirect_stdout=False,
        redirect_stderr=False,
    )


__all__ = ["Bars", "Report", "bars"]
