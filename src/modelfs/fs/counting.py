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


Uses = dict[tuple[ModelId, str], _Opens]
"""Opens by model and program."""


class UseCounter:
    """Counts opens of models by program. Lives on the loop; only ``write_uses`` is for a thread."""

    def __init__(self) -> None:
        self._uses: Uses = {}

    def note(self, model: ModelId, pid: int) -> None:
        """Count one open, unless the program is one that opens everything."""
        program = program_name(pid)
        if program not in BYSTANDERS:
            opens = self._uses.setdefault((model, program), _Opens(0, 0.0))
            opens.count += 1
            opens.last_at = time.time()

    def take(self) -> Uses:
        """Give away what was counted, to be written."""
        taken, self._uses = self._uses, {}
        return taken

    def give_back(self, uses: Uses) -> None:
        """Take back what could not be written."""
        for key, each in uses.items():
            kept = self._uses.setdefault(key, _Opens(0, 0.0))
            kept.count += each.count
            kept.last_at = max(kept.last_at, each.last_at)


def write_uses(catalog_file: Path, uses: Uses) -> bool:
    """Write opens to the catalogue; False when it is busy or full, so that they are kept."""
    try:
        catalog = Catalog.open(catalog_file)
        try:
            with catalog.write():
                for (model, program), each in uses.items():
                    edit.count_use(catalog, model, program, each.count, each.last_at)
        finally:
            catalog.close()
    except ModelfsError as error:
        log.warning("use counts are kept for later: %s", error.message)
        return False
    return True


def program_name(pid: int) -> str:
    """Return what the kernel calls a process, ``?`` when it is gone or not ours to see."""
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().decode(errors="replace").rstrip("\n") or "?"
    except OSError:
        return "?"
