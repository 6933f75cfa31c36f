"""A fetch from Python: begun, watched, cancelled and waited for."""

import threading
from collections.abc import Sequence
from pathlib import Path

from modelfs.catalog.jobs import JobId
from modelfs.catalog.records import ModelRecord
from modelfs.errors import Cancelled
from modelfs.fetch.listing import Wishes
from modelfs.library import access
from modelfs.library.addition import AddOptions
from modelfs.library.fetch_plan import ask_source, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.jobs import find
from modelfs.library.library import open_library
from modelfs.progress import Progress, Report


class Fetch:
    """A fetch that goes on in a thread of its own. It survives as a job when the process ends."""

    def __init__(
        self, store: Path, source: str, progress: Report, wishes: Wishes, options: AddOptions
    ) -> None:
        self.source = source
        self.progress = Progress("resolving", source, 0, 0)
        """How far it is."""
        self.job: JobId | None = None
        """Its number, once there is something to fetch."""
        self._store = store
        self._tell = progress
        self._wishes = wishes
        self._options = options
        self._cancelled = threading.Event()
        self._models: Sequence[ModelRecord] = ()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"fetch {source}", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """End it soon; what has come is kept for the next time."""
        self._cancelled.set()

    def wait(self, timeout_s: float | None = None) -> Sequence[ModelRecord]:
        """Wait for the models and return them.

        Raises TimeoutError, Cancelled, or whatever ended it.
        """
        self._thread.join(timeout_s)
        if not self.done:
            raise TimeoutError(f"{self.source} is still being fetched")
        if self._error is not None:
            raise self._error
        return self._models

    def _run(self) -> None:
        try:
            with open_library(self._store) as library:
                self._report(self.progress)
                with access.web(library) as web:
                    offer = ask_source(self.source, web)
                plan = plan_fetch(library, offer, self._wishes, self._options)
                self.job = create_job(library, plan)
                added = run_job(library, find(library, self.job), self._report)
                self._models = tuple(each.model for each in added)
        except BaseException as error:
            self._error = error  # raised again where somebody waits for it

    def _report(self, progress: Progress) -> None:
        self.progress = progress
        self._tell(progress)
        if self._cancelled.is_set():
            raise Cancelled("cancelled", "fetch it again to go on")
