"""The options for containers: what is bound, what is said about it, and that docker reads it so."""

import http.server
import json
import shlex
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelfs.connect import Machine, Shown, docker_lines

HOME = Path("/home/ada")
RSLAVE = {"Propagation": "rslave"}


def options(shown: Shown) -> tuple[list[str], list[str]]:
    """Return the words for the command line, and the notes."""
    lines, notes = docker_lines("ollama", Machine(HOME, {}), shown)
    return shlex.split(" ".join(line for line in lines if not line.startswith("#"))), notes


def test_the_folder_above_is_bound_unless_it_holds_more_than_models() -> None:
    for mountpoint, bound in (
        (HOME / "AI/models", HOME / "AI"),
        (Path("/srv/ai/models"), Path("/srv/ai")),
        (HOME / "models", HOME / "models"),
        (Path("/home/models"), Path("/home/models")),
        (Path("/models"), Path("/models")),
    ):
        (_, value, *_), notes = options(Shown(mountpoint))
        assert f"src={bound},dst={bound}," in value
        whole = any(f"it sees all of {bound}" in note for note in notes)
        alone = any("before modelfs umount" in note for note in notes)
        assert (whole, alone) == (bound != mountpoint, bound == mountpoint)


def test_who_is_kept_out_is_told_how_to_get_in() -> None:
    _, notes = options(Shown(HOME / "AI/models"))
    assert any("--user" in note and "allow_other=true" in note for note in notes)
    _, notes = options(Shown(HOME / "models"))
    assert any("as root cannot bind it" in note and "allow_other=true" in note for note in notes)
    for mountpoint in (HOME / "AI/models", HOME / "models"):
        _, notes = options(Shown(mountpoint, lets_others_in=True))
        assert not any("allow_other" in note for note in notes)


class _Engine(http.server.BaseHTTPRequestHandler):
    """What answers docker's client: it takes the wish for a container down, and refuses it."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/containers/create"):
            self.server.asked.append(json.loads(body))  # type: ignore[attr-defined]
        is_ping = self.path.endswith("_ping")
        answer = b"OK" if is_ping else b'{"message": "that is all"}'
        self.send_response(200 if is_ping else 500)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = _answer

    def address_string(self) -> str:
        return "a socket has none"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def engine(socket: Path) -> Iterator[list[dict[str, Any]]]:
    """Give what docker's client asks of the engine at a socket."""
    with socketserver.ThreadingUnixStreamServer(str(socket), _Engine) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.asked  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker's client is not installed")
@pytest.mark.parametrize("name", ["AI", "AI, mine & yours"])
def test_docker_reads_the_options_as_they_are_meant(tmp_path: Path, name: str) -> None:
    above, blobs = HOME / name, HOME / 'my "store", here' / "blobs"
    words, _ = options(Shown(above / "models", linked=blobs))
    socket = tmp_path / "engine"
    with engine(socket) as asked:
        done = subprocess.run(
            ["docker", "--host", f"unix://{socket}", "create", *words, "image"],
            capture_output=True,
            text=True,
        )
    assert "that is all" in done.stderr, done.stderr
    bind = {"Type": "bind", "ReadOnly": True}
    assert asked[0]["HostConfig"]["Mounts"] == [
        {**bind, "Source": str(above), "Target": str(above), "BindOptions": RSLAVE},
        {**bind, "Source": str(blobs), "Target": str(blobs)},
    ]
    assert f"OLLAMA_MODELS={above}/models/by-tool/ollama" in asked[0]["Env"]
