"""What connecting or disconnecting would do, as a value: shown first, then applied as it stands."""

from dataclasses import dataclass
from pathlib import Path

from modelfs.connect.records import Record
from modelfs.connect.states import File, State


@dataclass(frozen=True, slots=True)
class Change:
    """One path, as it is and as it would be."""

    path: Path
    before: State
    after: State

    @property
    def kind(self) -> str:
        """``file`` or ``link``."""
        return "link" if self.is_of_link else "file"

    @property
    def is_of_link(self) -> bool:
        """Say whether the path itself is meant, and not what it leads to."""
        return not (isinstance(self.before, File) or isinstance(self.after, File))


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes for one tool, and what a person should know about them."""

    tool: str
    title: str
    folder: Path
    """The tool's folder in the mount."""
    changes: tuple[Change, ...]
    already: tuple[Path, ...]
    """What is as it should be and stays."""
    notes: tuple[str, ...]
    paste: tuple[str, ...]
    """Lines to use by hand, where the tool has no file that says it."""
    previous: Record | None
    """The record as the plan found it."""
    record: Record | None
    """The record afterwards; None when nothing is left to take back."""
    warnings: tuple[str, ...] = ()
    """What is otherwise than the record says."""
    emptied_folders: tuple[Path, ...] = ()
    """Folders to remove when they turn out empty, the innermost first."""
