"""The text of a configuration file: its encoding, its kind of line ends, its lines."""

import codecs

from modelfs.errors import BadInput


def decoded(content: bytes | None) -> str:
    """Return a file's text; a missing one is empty. Raises BadInput unless it is UTF-8."""
    try:
        return (content or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"it is not UTF-8 text (byte {error.start})", "mend it first") from error


def without_bom(text: str) -> tuple[str, str]:
    """Split off the mark that some editors put first."""
    bom = codecs.BOM_UTF8.decode()
    return (bom, text[len(bom) :]) if text.startswith(bom) else ("", text)


def newline_of(text: str) -> str:
    """Return the line end that a file uses."""
    return "\r\n" if "\r\n" in text else "\n"


def lines_of(text: str) -> list[str]:
    """Split into lines that keep their ends; only real line ends count."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def bare(line: str) -> str:
    """Return a line without its end."""
    return line.removesuffix("\n").removesuffix("\r")


def ended(lines: list[str], newline: str) -> list[str]:
    """Return lines of which the last one has its end too, so that more may follow."""
    if lines and not lines[-1].endswith("\n"):
        return [*lines[:-1], lines[-1] + newline]
    return lines
