"""What a check found and did: the values that all checks give."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelfs.store import Finding


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding, what was done about it, and whom it concerns."""

    finding: Finding
    action: str
    models: Sequence[str] = ()


@dataclass(slots=True)
class CheckSummary:
    """What a check did; filled while it goes."""

    looked_at: int = 0
    read_bytes: int = 0
    sealed: int = 0
    unread: int = 0
    """Blobs that a full check did not get to in its time; the next one begins with these."""


def whom(checked: Checked) -> str:
    """Say what a finding is about: models, else a path, else a blob that no model has."""
    finding = checked.finding
    if checked.models:
        return ", ".join(checked.models)
    return finding.path or (f"blob {finding.blob}" if finding.blob else "the catalogue")
