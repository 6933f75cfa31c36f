"""Tokens are kept for their owner alone, shown to their service alone, and never shown again."""

import fcntl
import json
import os
import pty
import stat
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from fetch.commands import Commands, Done
from fetch.standin.hub import StandInHub
from modelfs.fetch import hub_client
from modelfs.fetch.web import Web

TOKEN = "hf_this-is-the-secret"
OTHER = "civitai-secret"


@pytest.fixture
def token_file(temporary_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where huggingface_hub keeps its token, which it decides when it is imported."""
    from huggingface_hub import constants

    folder = temporary_home / "hf"
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(folder / "stored_tokens"))
    return folder / "token"


@pytest.fixture
def known(hub: StandInHub) -> StandInHub:
    hub.tokens = {TOKEN: "ada"}
    return hub


def holding(folder: Path, secret: str) -> set[Path]:
    """Return the files below a folder that a secret is in."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path for path in files if secret.encode() in path.read_bytes()}


def modes(*files: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in files}


def test_a_piped_token_is_checked_kept_and_shown_to_nobody_but_the_hub(
    known: StandInHub, token_file: Path, temporary_home: Path, commands: Commands
) -> None:
    done = commands("login", "--debug", piped=f"{TOKEN}\n".encode())
    host = known.endpoint.removeprefix("http://")
    assert done == Done(0, f"logged in to {host} as ada; token kept in {token_file}\n", "")
    files = {token_file, token_file.with_name("stored_tokens")}
    assert holding(temporary_home, TOKEN) == files and modes(*files) == {0o600}
    known.repository("org/owl", {"owl.gguf": b"GGUF"}, private=True, allowed={"ada"})
    with Web() as web:
        assert hub_client.hub().model(web, "org/owl").repository == "org/owl"
    assert known.authorized_hosts() == {"hub"}
    document = json.loads(commands("login", "--json", piped=TOKEN.encode()).out)
    assert document == {"service": "hub", "user": "ada", "stored_at": str(token_file)}


@pytest.mark.parametrize(
    ("piped", "code", "said"),
    [
        (b"hf_of-nobody", 6, "does not accept that token"),
        (b"", 2, "no token"),
        (b"two words", 2, "no token"),
        (b"\xff\xfe", 2, "no token"),
        (b"hf_a\nhf_b\n", 2, "no token"),
    ],
)
def test_what_is_no_token_is_not_kept_and_not_repeated(
    piped: bytes, code: int, said: str, known: StandInHub, token_file: Path, commands: Commands
) -> None:
    done = commands("login", "--debug", piped=piped)
    assert (done.code, done.out) == (code, "") and said in done.err
    assert not piped or piped.decode("ascii", "replace") not in done.err
    assert not token_file.parent.exists()


def test_offline_nothing_is_stored_and_the_token_is_not_told(
    token_file: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("modelfs.fetch.hub_requests._ATTEMPTS", 1)
    done = commands("login", "--debug", piped=TOKEN.encode())
    assert done.code == 6 and "nothing was stored" in done.err
    assert TOKEN not in done.err and not token_file.parent.exists()


def test_a_variable_that_overrides_is_named(
    known: StandInHub, token_file: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    done = commands("login", piped=TOKEN.encode())
    assert done.code == 0 and "HF_TOKEN is set: its token is used" in done.err
    assert "hf_another" not in done.out + done.err
    assert "HF_TOKEN is set" in commands("logout").err


def test_logging_out_removes_it_and_says_when_there_was_none(
    known: StandInHub, token_file: Path, temporary_home: Path, commands: Commands
) -> None:
    commands("login", piped=TOKEN.encode())
    done = commands("logout")
    assert done.code == 0 and done.out.startswith("removed the token for ")
    assert str(token_file) in done.out and holding(temporary_home, TOKEN) == set()
    again = commands("logout")
    assert (again.code, again.out) == (0, "") and "there was no token" in again.err
    document = json.loads(commands("logout", "--json").out)
    assert document == {"service": "hub", "removed": False, "stored_at": str(token_file)}


@pytest.mark.parametrize("service", ["civitai", "modelscope"])
def test_other_services_have_a_file_of_their_own(
    service: str, temporary_home: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("CIVITAI_API_TOKEN", "CIVITAI_TOKEN", "MODELSCOPE_API_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    file = temporary_home / "xdg_config_home" / "modelfs" / f"{service}-token"
    done = commands("login", service, piped=OTHER.encode())
    assert done.code == 0 and str(file) in done.out and OTHER not in done.out + done.err
    assert holding(temporary_home, OTHER) == {file} and modes(file) == {0o600}
    assert commands("logout", service).code == 0 and not file.exists()


def test_an_unknown_service_is_told_the_known_ones(commands: Commands) -> None:
    done = commands("login", "nowhere", piped=TOKEN.encode())
    assert done.code == 2 and "hub, civitai, modelscope" in done.err and TOKEN not in done.err


def test_a_typed_token_is_not_shown(temporary_home: Path) -> None:
    """On a terminal, which a child of our own has: what it shows is all that anybody sees."""
    ours, terminal = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "modelfs", "login", "civitai"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    shown = b""
    try:
        while b"not shown" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, f"{OTHER}\n".encode())
        while piece := _read(ours):
            shown += piece
    finally:
        os.close(ours)
    assert child.wait(20) == 0, shown
    assert OTHER.encode() not in shown and b"kept in" in shown
    assert len(holding(temporary_home, OTHER)) == 1


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # EIO: the child has gone
        return b""
