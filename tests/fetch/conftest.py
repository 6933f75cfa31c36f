"""A stand-in hub, where ``HF_ENDPOINT`` says."""

from collections.abc import Iterator

import pytest

from fetch.commands import Commands
from fetch.standin.hub import StandInHub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    """An empty hub, at ``HF_ENDPOINT``, that no proxy stands before."""
    standing_in = StandInHub()
    monkeypatch.setenv("HF_ENDPOINT", standing_in.endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    standing_in.start()
    yield standing_in
    standing_in.stop()
    assert not standing_in.errors, standing_in.errors[0]


@pytest.fixture
def commands(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Run commands in this process."""
    for variable in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(variable, raising=False)
    return Commands(capfd, monkeypatch)
