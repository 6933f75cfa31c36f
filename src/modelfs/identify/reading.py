"""What one file's header told us, in the one shape that every reader returns.

Text from a header is written by strangers: it passes through ``plain_text`` before it becomes a
fact, so that no escape sequence reaches a terminal and no megabyte reaches the catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelfs.identify.verdict import Verdict
from modelfs.types import Facts

MAX_FACT_CHARS = 300
"""Names, licences and class names are far shorter; descriptions are not kept as facts."""
MAX_KEPT_TENSORS = 20_000
"""The largest published models have some thousands in a file."""
MAX_NUMBER = 2**63 - 1
"""What a catalogue column can hold."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as a header describes it."""

    dtype: str
    """The format's own name for it: ``F16``, ``Q4_K``."""
    shape: tuple[int, ...]
    """Outermost dimension first, as torch prints it, whatever order the format uses."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The facts of one file, and the clues that only the rules need."""

    facts: Facts
    kind: str = ""
    """What the file says it is: GGUF's ``general.type``, a class name."""
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    """At most ``MAX_KEPT_TENSORS``, in the file's order."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the file says of itself under keys of its own; bounded, but not yet plain text."""
    keys: tuple[str, ...] = ()
    """The names at the top of a pickled dictionary or an archive."""
    is_delta: bool = False
    """The file calls itself an adapter; what the tensors say is for the rules to find."""
    data_start: int | None = None
    """Where the tensors' bytes begin, of formats that keep them in one piece behind a header."""
    needs: tuple[str, ...] = ()
    """Files beside it that hold a part of its weights: relative, ``/``-separated, no ``..``."""
    verdict: Verdict | None = None
    """What loading it would do, of formats that can do more than hold numbers."""


def plain_text(text: str, limit: int = MAX_FACT_CHARS) -> str:
    """Return ``text`` on one line, without control characters, at most ``limit`` long."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def truncated(promised_bytes: int, size_bytes: int) -> str:
    """Return the warning for a file that is shorter than its own header says."""
    return (
        f"truncated: the header promises {promised_bytes} bytes of data, the file has {size_bytes}"
    )
