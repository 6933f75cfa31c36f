"""The stand-in hub as a process of its own, so that its work is not its client's.

``python -m fetch.standin.process FOLDER`` serves each ``FOLDER/org/name`` as a repository. It says
its addresses in a line of JSON, then answers each line of stdin, ``[method, arguments, keywords]``,
with a line, and ends with stdin. The digests of files are kept in ``FOLDER/.digests.json``.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fetch.standin.content import Content
from fetch.standin.hub import StandInHub

_TESTS = Path(__file__).parents[2]


class HubProcess:
    """The client's side. Use it in a ``with``; ``redirects=False`` is the hub without its CDN."""

    def __init__(self, folder: Path, *, redirects: bool = True) -> None:
        path = os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fetch.standin.process", str(folder)],
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        addresses = self._line()
        self.endpoint: str = addresses["endpoint"]
        self.cdn: str = addresses["cdn"]
        self._ask("set", redirects=redirects)

    def __enter__(self) -> "HubProcess":
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        self._process.communicate(timeout=20)
        assert failure or self._process.returncode == 0, "the stand-in itself failed; see stderr"

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests so far, with the fields of ``serving.Request``."""
        answer: list[dict[str, Any]] = self._ask("requests")
        return answer

    def bytes_sent(self, file: str) -> int:
        """Return how many bytes of a file went out."""
        return int(self._ask("bytes_sent", file))

    def set(self, **settings: object) -> None:
        """Set attributes of the hub: ``tokens``, ``redirects``, ``page_size``."""
        self._ask("set", **settings)

    def fault(self, method: str, *arguments: object, **when: object) -> None:
        """Plan a fault as ``Faults`` does: ``fault("slow", "*.gguf", 1e6)``."""
        self._ask("fault", method, *arguments, **when)

    def _ask(self, method: str, *arguments: object, **keywords: object) -> Any:
        assert self._process.stdin is not None
        print(json.dumps([method, arguments, keywords]), file=self._process.stdin, flush=True)
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def repositories(folder: Path) -> dict[str, dict[str, Content]]:
    """Return the files of each ``org/name`` in a folder, hashing those that are new."""
    kept = folder / ".digests.json"
    digests = json.loads(kept.read_text()) if kept.exists() else {}
    found: dict[str, dict[str, Content]] = {}
    for path in sorted(folder.glob("*/*/**/*")):
        if path.is_file():
            organisation, name, *rest = path.relative_to(folder).parts
            state = path.stat()
            key = f"{path.relative_to(folder)} {state.st_size} {state.st_mtime_ns}"
            content = Content(path, digests.get(key))
            digests[key] = content.sha256
            found.setdefault(f"{organisation}/{name}", {})["/".join(rest)] = content
    kept.write_text(json.dumps(digests))
    return found


def _answer(hub: StandInHub, method: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    match method:
        case "requests":
            return [asdict(request) | {"body": ""} for request in list(hub.requests)]
        case "bytes_sent":
            return hub.bytes_sent(*arguments)
        case "set":
            for name, value in keywords.items():
                setattr(hub, name, value)
        case "fault":
            getattr(hub.faults, arguments[0])(*arguments[1:], **keywords)
    return None


def main() -> None:
    """Serve until stdin ends."""
    hub = StandInHub()
    for id, files in repositories(Path(sys.argv[1])).items():
        hub.repository(id, files)
    hub.start()
    _say({"endpoint": hub.endpoint, "cdn": hub.cdn})
    for line in sys.stdin:
        _say(_answer(hub, *json.loads(line)))
    hub.stop()
    sys.exit("\n".join(hub.errors) or 0)


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
