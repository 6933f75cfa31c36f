"""What every test may count on: the home and the XDG places are temporary, never the real ones."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults import tally

XDG = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
_REAL_HOME = Path.home()


def _own_places() -> dict[Path, int | None]:
    """Return what modelfs keeps in the real home, with the time each was last changed."""
    folders = [
        Path(os.environ.get("XDG_CONFIG_HOME") or _REAL_HOME / ".config") / "modelfs",
        Path(os.environ.get("XDG_DATA_HOME") or _REAL_HOME / ".local/share") / "modelfs",
        _REAL_HOME / "AI",
    ]
    files = [folders[0] / "config.toml", folders[1] / "catalog.sqlite3"]
    return {path: _changed_at(path) for path in folders + files}


def _changed_at(path: Path) -> int | None:
    try:
        return path.lstat().st_mtime_ns
    except FileNotFoundError:
        return None


@pytest.fixture(scope="session", autouse=True)
def _real_home_stays_untouched() -> Iterator[None]:
    before = _own_places()
    yield
    after = _own_places()
    changed = [str(path) for path in before if before[path] != after[path]]
    assert not changed, f"a test wrote to the real home: {', '.join(changed)}"


@pytest.fixture(autouse=True)
def temporary_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Point HOME and the XDG variables at an empty folder, for this process and its children."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for variable in XDG:
        monkeypatch.setenv(variable, str(home / variable.lower()))
    monkeypatch.delenv("MODELFS_LIBRARY", raising=False)
    return home


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give the one who started us what was tried, where several processes test."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tally"] = tally.counted()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what one of several processes has tried."""
    tally.add(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was tried."""
    if lines := tally.lines():
        terminalreporter.section("tried", sep="-")
        for line in lines:
            terminalreporter.write_line(line)
        tally.keep()
