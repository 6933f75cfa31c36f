"""Files that are ours alone: settings that a folder of files is made of, one file per program."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from modelfs.connect.edits.edit import remembered
from modelfs.connect.edits.text import bare, decoded, lines_of
from modelfs.errors import Refused

MARK = "# Written by modelfs connect; modelfs disconnect takes it away."


@remembered
@dataclass(frozen=True, slots=True)
class OwnFile:
    """A whole file, whose first line says whose it is."""

    kind: ClassVar[str] = "file"
    text: str

    def joined(self, content: bytes | None) -> bytes:
        """Return our text; Refused when the file is there and is not ours."""
        if content is not None and content.strip():
            before = decoded(content)
            if MARK not in map(bare, lines_of(before)) and before != self.text:
                raise Refused("somebody else wrote this file", "move it away and try again")
            if self._is_in(before):
                return content
        return self.text.encode()

    def parted(self, content: bytes, original: bytes | None) -> bytes | None:
        """Return what others wrote into the file, below the headings that were ours."""
        ours = set(self._settings()) | {MARK}
        kept = [line for line in lines_of(decoded(content)) if bare(line) not in ours]
        is_bare = all(not line.strip() or _is_heading(line) for line in kept)
        return None if is_bare and original is None else "".join(kept).encode()

    def by_hand(self) -> str:
        """Return the lines without the mark."""
        return self.text.removeprefix(MARK + "\n")

    def _settings(self) -> list[str]:
        lines = map(bare, lines_of(self.by_hand()))
        return [line for line in lines if line and not _is_heading(line)]

    def _is_in(self, text: str) -> bool:
        """Say whether all our settings are there; others may have added theirs."""
        return set(self._settings()) <= set(map(bare, lines_of(text)))


def _is_heading(line: str) -> bool:
    return line.startswith("[")


def environment_file(variables: Mapping[str, str]) -> OwnFile:
    """Return a file of environment.d(5)."""
    lines = [f"{key}={_quoted(value)}" for key, value in variables.items()]
    return OwnFile("\n".join([MARK, *lines, ""]))


def systemd_drop_in(variables: Mapping[str, str]) -> OwnFile:
    """Return a drop-in of a unit, systemd.exec(5)."""
    lines = [f'Environment="{key}={value}"' for key, value in variables.items()]
    return OwnFile("\n".join([MARK, "[Service]", *lines, ""]))


def _quoted(value: str) -> str:
    # Safe values stay bare: other readers of such files than systemd know no quotes.
    is_plain = all(letter.isalnum() or letter in "/._-+:@," for letter in value)
    return value if is_plain else f'"{value}"'
