"""What one file's header told us, in the one shape that every reader returns.

Text from a header is written by strangers: it passes through ``plain_text`` before it becomes a
fact, so that no escape sequence reaches a terminal and no megabyte reaches the catalogue.
"""

from dataclasses import dataclass

from modelfs.types import Facts

MAX_FACT_CHARS = 300
"""Names, licences and class names are far shorter; descriptions are not kept as facts."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The facts of one file, and the clues that only a guess of its category needs."""

    facts: Facts
    kind: str = ""
    """What the file says it is: GGUF's ``general.type``, a diffusers class name."""
    tensor_names: tuple[str, ...] = ()
    is_delta: bool = False
    """The tensors are differences to apply to another model (LoRA and its kin)."""


def plain_text(text: str, limit: int = MAX_FACT_CHARS) -> str:
    """Return ``text`` on one line, without control characters, at most ``limit`` long."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def truncated(promised_bytes: int, size_bytes: int) -> str:
    """Return the warning for a file that is shorter than its own header says."""
    return (
        f"truncated: the header promises {promised_bytes} bytes of data, the file has {size_bytes}"
    )
