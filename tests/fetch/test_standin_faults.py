"""What the stand-in hub does wrong is what it was told to, as often as it was told."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fetch.standin.content import Content
from fetch.standin.hub import StandInHub
from fetch.standin.process import HubProcess
from fetch.standin.real_client import digest
from fetch.standin.repository import HubFile

DATA = bytes(range(256)) * 1000
PATH = "/org/name/resolve/main/a.gguf"
DEADLINE_S = 20.0


@contextmanager
def asking(
    hub: StandInHub | HubProcess, path: str = PATH, method: str = "GET", **headers: str
) -> Iterator[http.client.HTTPResponse]:
    """Ask once, with no redirect followed."""
    host = urlsplit(path).netloc or urlsplit(hub.endpoint).netloc
    connection = http.client.HTTPConnection(host, timeout=DEADLINE_S)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path.removeprefix(f"http://{host}"), headers=sent)
    with connection.getresponse() as response:
        yield response
    connection.close()


def got(hub: StandInHub | HubProcess, path: str = PATH, **headers: str) -> tuple[int, bytes]:
    """Return status and body, as far as it came."""
    with asking(hub, path, **headers) as response:
        try:
            return response.status, response.read()
        except http.client.IncompleteRead as broken:
            return response.status, broken.partial


@pytest.fixture(params=["memory", "disk"])
def served(request: pytest.FixtureRequest, hub: StandInHub, tmp_path: Path) -> StandInHub:
    """A hub without its CDN that has one file."""
    on_disk = tmp_path / "a.gguf"
    on_disk.write_bytes(DATA)
    hub.redirects = False
    hub.repository("org/name", {"a.gguf": DATA if request.param == "memory" else on_disk})
    return hub


def test_ranges_are_those_of_the_standard(served: StandInHub) -> None:
    assert got(served) == (200, DATA)
    assert got(served, Range="bytes=10-19") == (206, DATA[10:20])
    assert got(served, Range="bytes=255990-") == (206, DATA[-10:])
    assert got(served, Range="bytes=-10") == (206, DATA[-10:])
    assert got(served, Range="bytes=256000-") == (416, b"")
    assert got(served, Range="bytes=0-1", If_Range=f'"{digest(DATA)}"') == (206, DATA[:2])
    assert got(served, Range="bytes=0-1", If_Range='"other"') == (200, DATA)
    with asking(served, method="HEAD", Range="bytes=1-2") as response:
        assert response.headers["Content-Range"] == "bytes 1-2/256000"
        assert response.headers["Content-Length"] == "2"
    assert served.bytes_sent("a.gguf") == 2 * len(DATA) + 10 + 10 + 10 + 2


def test_a_connection_is_kept(served: StandInHub) -> None:
    connection = http.client.HTTPConnection(urlsplit(served.endpoint).netloc, timeout=DEADLINE_S)
    connection.connect()
    at_first = connection.sock
    for _ in range(3):
        connection.request("GET", PATH)
        assert connection.getresponse().read() == DATA
        assert connection.sock is at_first
    connection.close()


def test_a_drop_comes_where_and_as_often_as_planned(served: StandInHub) -> None:
    fault = served.faults.drop_after("a.gguf", 1000, times=2, skip=1)
    assert got(served, Range="bytes=0-999") == (206, DATA[:1000])  # not long enough to count
    assert got(served) == (200, DATA)
    assert got(served) == (200, DATA[:1000])
    assert got(served, Range="bytes=500-") == (206, DATA[500:1500])
    assert got(served) == (200, DATA)
    assert fault.happened == 2
    assert [each.bytes_sent for each in served.requests] == [1000, 256000, 1000, 1000, 256000]


def test_a_stalled_response_goes_on_when_it_is_released(served: StandInHub) -> None:
    fault = served.faults.stall_after("*.gguf", 1000)
    answers: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(got(served)))
    thread.start()
    assert fault.reached.wait(DEADLINE_S)
    assert served.bytes_sent("a.gguf") == 1000
    fault.release()
    thread.join(DEADLINE_S)
    assert answers == [(200, DATA)]


def test_a_stall_ends_with_the_client(served: StandInHub) -> None:
    served.faults.stall_after("a.gguf", 1000)
    with asking(served) as response:
        assert response.read(1000) == DATA[:1000]
        assert served.open_connections() == 1
    deadline = time.monotonic() + DEADLINE_S
    while served.open_connections():
        assert time.monotonic() < deadline, "the stand-in still waits for a client that has gone"
        time.sleep(0.01)
    assert served.bytes_sent("a.gguf") == 1000


def test_a_held_response_has_no_head(served: StandInHub) -> None:
    fault = served.faults.hold("/api/models/org/*", times=1)
    answers: list[tuple[int, bytes]] = []
    about = "/api/models/org/name"
    thread = threading.Thread(target=lambda: answers.append(got(served, about)))
    thread.start()
    assert fault.reached.wait(DEADLINE_S)
    assert answers == []
    assert [each.status for each in served.requests] == [0]
    assert got(served, about)[0] == 200
    served.faults.release()
    thread.join(DEADLINE_S)
    assert [status for status, _ in answers] == [200]


def test_one_byte_is_corrupt_for_those_who_ask_for_it(served: StandInHub) -> None:
    served.faults.corrupt("a.gguf", at=5000, times=1)
    assert got(served, Range="bytes=0-4999") == (206, DATA[:5000])
    wrong = bytes([DATA[5000] ^ 0xFF])
    assert got(served, Range="bytes=4999-5001") == (206, DATA[4999:5000] + wrong + DATA[5001:5002])
    assert got(served) == (200, DATA)


def test_a_wrong_size_is_promised_either_way(served: StandInHub) -> None:
    served.faults.wrong_size("a.gguf", 10, times=1)
    with asking(served) as response:
        assert response.headers["Content-Length"] == "256010"
        with pytest.raises(http.client.IncompleteRead):
            response.read()
    served.faults.wrong_size("a.gguf", -10, times=1)
    assert got(served) == (200, DATA[:-10])


def test_ranges_can_be_ignored_and_lengths_be_missing(served: StandInHub) -> None:
    served.faults.no_ranges("a.gguf", times=1)
    assert got(served, Range="bytes=10-") == (200, DATA)
    served.faults.no_length("a.gguf", times=1)
    with asking(served) as response:
        assert response.headers["Content-Length"] is None
        assert response.read() == DATA
    assert served.bytes_sent("a.gguf") == 2 * len(DATA)


def test_a_status_comes_with_its_headers(served: StandInHub) -> None:
    served.faults.status("a.gguf", 429, {"Retry-After": "7"}, times=1, method="GET")
    with asking(served, method="HEAD") as response:
        assert response.status == 200
    with asking(served) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
    assert got(served) == (200, DATA)


def test_a_slow_response_takes_its_time(served: StandInHub) -> None:
    served.faults.slow("a.gguf", 1_000_000)
    began = time.monotonic()
    assert got(served) == (200, DATA)
    assert time.monotonic() - began > 0.2


def test_links_expire_by_use_by_age_and_all_at_once(hub: StandInHub) -> None:
    hub.repository("org/name", {"a.gguf": DATA})

    def link() -> str:
        with asking(hub) as response:
            assert response.status == 302
            assert response.headers["X-Linked-Size"] == "256000"
            return str(response.headers["Location"])

    used = link()
    assert urlsplit(used).hostname == "localhost" != urlsplit(hub.endpoint).hostname
    hub.links.expire_after_uses = 2
    assert [got(hub, used)[0] for _ in range(3)] == [200, 200, 403]
    fresh = link()
    assert got(hub, fresh) == (200, DATA)
    hub.links.expire_all()
    assert got(hub, fresh)[0] == 403
    hub.links.expire_after_s = 0
    assert got(hub, link())[0] == 403
    assert hub.bytes_sent("a.gguf") == 3 * len(DATA)


def test_the_hub_may_promise_what_is_not_so(hub: StandInHub) -> None:
    lie = HubFile(Content(DATA), promised_size=7, promised_sha256="0" * 64)
    hub.repository("org/name", {"a.gguf": lie})
    with asking(hub) as response:
        assert response.headers["X-Linked-Size"] == "7"
        assert response.headers["X-Linked-Etag"] == f'"{"0" * 64}"'
        assert got(hub, response.headers["Location"]) == (200, DATA)


def test_a_process_serves_folders_and_counts(tmp_path: Path) -> None:
    (tmp_path / "org/name/unet").mkdir(parents=True)
    (tmp_path / "org/name/a.gguf").write_bytes(DATA)
    (tmp_path / "org/name/unet/config.json").write_text("{}")
    with HubProcess(tmp_path, redirects=False) as process:
        process.fault("drop_after", "a.gguf", 1000, times=1)
        assert got(process, PATH) == (200, DATA[:1000])
        assert got(process, "/org/name/resolve/main/unet/config.json") == (200, b"{}")
        assert process.bytes_sent("a.gguf") == 1000
        assert [each["status"] for each in process.requests()] == [200, 200]
    with HubProcess(tmp_path) as again:
        about = f"{again.endpoint}/api/models/org/name?blobs=true"
        assert digest(DATA).encode() in got(again, about)[1]
