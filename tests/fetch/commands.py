"""Commands run within the test's own process: a start of the program costs a second."""

import io
import signal
import sys
from dataclasses import dataclass

import pytest

from modelfs.cli.errors import guarded
from modelfs.cli.main import app, hoisted


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Commands:
    """Runs commands without a terminal."""

    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def __call__(self, *words: str, piped: bytes = b"") -> Done:
        """Run one, with these bytes in the pipe."""
        self.capture.readouterr()
        handler = signal.getsignal(signal.SIGTERM)
        with self.patch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped)))
            try:
                arguments = hoisted(list(words))
                code = guarded(
                    lambda: app(args=arguments, prog_name="modelfs"), debug="--debug" in words
                )
            finally:
                signal.signal(signal.SIGTERM, handler)
        return Done(code, *self.capture.readouterr())
