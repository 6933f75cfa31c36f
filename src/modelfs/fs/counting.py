"""Who opened which model when: gathered on the loop, written by a thread now and then."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from modelfs.catalog import edit
from modelfs.catalog.database import Catalog
from modelfs.errors import ModelfsError
from modelfs.fs.desktop import BYSTANDERS
from modelfs.types import ModelId

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Opens:
    count: int
    last_at: float


class UseCounter:
    """Counts opens of models by program. ``note`` is for the loop, ``write`` for a thread."""

    def __init__(self, catalog_file: Path) -> None:
        self._catalog_file = catalog_file
        self._opens: dict[tuple[ModelId, str], _Opens] = {}

    def note(self, model: ModelId, pid: int) -> None:
        """Count one open, unless the program is one that opens everything."""
        program = program_name(pid)
        if program in BYSTANDERS:
            return
        opens = self._opens.setdefault((model, program), _Opens(0, 0.0))
        opens.count += 1
        opens.last_at = time.time()

    @property
    def has_news(self) -> bool:
        """Whether there is something to write."""
        return bool(self._opens)

    def write(self) -> None:
        """Write what was counted; when the catalogue is busy or full it is kept for later."""
        opens, self._opens = self._opens, {}
        try:
            catalog = Catalog.open(self._catalog_file)
            try:
                with catalog.write():
                    for (model, program), each in opens.items():
                        edit.count_use(catalog, model, program, each.count, each.last_at)
            finally:
                catalog.close()
        except ModelfsError as error:
            log.warning("use counts are kept for later: %s", error.message)
            for key, each in opens.items():
                kept = self._opens.setdefault(key, _Opens(0, 0.0))
                kept.count += each.count
                kept.last_at = max(kept.last_at, each.last_at)


def program_name(pid: int) -> str:
    """Return what the kernel calls a process, ``?`` when it is gone or not ours to see."""
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().decode(errors="replace").rstrip("\n") or "?"
    except OSError:
        return "?"
