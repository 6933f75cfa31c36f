"""The one edge where errors become words and exit codes; tracebacks only with ``--debug``."""

import os
import signal
import sys
import traceback
from collections.abc import Callable

from modelfs.errors import BadInput, ModelfsError

BUG = 1
INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
TERMINATED = 143
"""128 + SIGTERM."""


def guarded(start: Callable[[], object], *, debug: bool) -> int:
    """Run the program; return its exit code, with every error told in a line or two."""
    # Leaving by an exception lets every staged file be cleaned up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        start()
        sys.stdout.flush()
    except SystemExit as end:
        return _ended(end)
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        _forget_stdout()
        return 1
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _tell(error)
    return 0


def _ended(end: SystemExit) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
    code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return _interrupted() if code == INTERRUPTED else code


def _interrupted() -> int:
    # Not through a rich console: one that was interrupted while it printed would print that again.
    newline = "\n" if sys.stderr.isatty() else ""  # behind the ^C that the terminal echoed
    print(
        f"{newline}modelfs: stopped; what was finished stays, nothing is half done", file=sys.stderr
    )
    return INTERRUPTED


def _tell(error: Exception) -> int:
    known = _explain(error)
    if known is None:
        kind = type(error).__name__
        _print(f"modelfs: this is a bug ({kind}: {error})", "run it again with --debug, report it")
        return BUG
    _print(f"modelfs: {known.message}", known.hint)
    return known.exit_code


def _explain(error: Exception) -> ModelfsError | None:
    if isinstance(error, ModelfsError):
        return error
    if isinstance(error, OSError):
        from modelfs.store.trouble import explain

        return explain(error, str(error.filename or "modelfs"))
    if isinstance(error, UnicodeEncodeError):
        return BadInput(f"not UTF-8: {error.object!r}", "names are given in UTF-8, or as #NUMBER")
    return None


def _print(*lines: str) -> None:
    from rich.text import Text

    from modelfs.cli.output import clean, error_console

    console = error_console()
    for number, line in enumerate(filter(None, lines)):
        text = Text(clean(line) if number == 0 else f"  {clean(line)}")
        if number == 0:
            text.stylize("bold red", 0, len("modelfs:"))
        console.print(text, soft_wrap=True)


def _forget_stdout() -> None:
    """Let the interpreter's last flush go nowhere, so that a closed pipe stays silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
