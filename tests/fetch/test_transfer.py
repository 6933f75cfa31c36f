"""What a server can do to a file on its way: the outcome, what is said, what a second try costs.

Counted at the server: bytes are sent once, whatever happened in between.
"""

import email.utils
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fetch.bringing import FILE, REPOSITORY, TOKEN, Bringing, content, sent
from fetch.standin.faults import Fault
from fetch.standin.hub import StandInHub
from modelfs import durable
from modelfs.errors import AccessDenied, Cancelled, ModelfsError, NoSpace, NotFound, Unreachable
from modelfs.fetch import transfer
from modelfs.fetch.download import Download
from modelfs.fetch.partial import BLOCK_BYTES
from modelfs.fetch.transfer import WrongDigest

SIZE_BYTES = 5 * BLOCK_BYTES + 12_345
DEADLINE_S = 20.0
SOON_S = 3.0


@pytest.fixture
def one(hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bringing:
    """A file of five blocks and a bit, which comes over one connection."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.tokens[TOKEN] = "user"
    return Bringing.of(hub, tmp_path, content(SIZE_BYTES))


@pytest.fixture
def four(one: Bringing, monkeypatch: pytest.MonkeyPatch) -> Bringing:
    """The same over four connections, each of which asks for a block at a time."""
    monkeypatch.setattr(transfer, "PART_BYTES", BLOCK_BYTES)
    one.connections = 4
    return one


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + DEADLINE_S
    while left := [each for each in set(threading.enumerate()) - before if each.is_alive()]:
        assert time.monotonic() < until, f"still at work: {left}"
        time.sleep(0.01)


def fails(
    bringing: Bringing, error: type[ModelfsError], says: str, exit_code: int = 6
) -> ModelfsError:
    """Try once: it fails so, and says so in one clear line."""
    with pytest.raises(error) as raised:
        bringing.bring()
    found = raised.value
    assert re.search(says, found.message), found.message
    assert found.exit_code == exit_code
    assert "\n" not in found.message + found.hint
    assert len(found.message) < 200
    assert TOKEN not in found.message + found.hint
    return found


def breaks_after(bringing: Bringing, done_bytes: int) -> None:
    """Try once: the connection breaks after so many bytes, and each later one before a block."""
    bringing.hub.faults.drop_after(FILE, done_bytes, times=1)
    bringing.hub.faults.drop_after(FILE, 100, skip=1)
    fails(bringing, Unreachable, "the connection to (127.0.0.1|localhost) broke")


def heals(bringing: Bringing) -> int:
    """Try once more at a server that behaves: it comes right. Return what that transferred."""
    bringing.hub.faults.clear()
    no_connection_is_left(bringing)
    before = sent(bringing.hub)
    assert bringing.bring() == bringing.data
    return sent(bringing.hub) - before


def no_connection_is_left(bringing: Bringing) -> None:
    """Wait until the server has seen that its clients have gone: its counts are exact then."""
    until = time.monotonic() + DEADLINE_S
    while bringing.hub.open_connections():
        assert time.monotonic() < until, "a socket stays open"
        time.sleep(0.002)


def once_at(bringing: Bringing, done_bytes: int, do: Callable[[Download], None]) -> None:
    """Try once, and do something as soon as so many bytes have come; it ends by Cancelled."""

    def watch(download: Download) -> None:
        def wait() -> None:
            until = time.monotonic() + DEADLINE_S
            while download.done_bytes < done_bytes and time.monotonic() < until:
                time.sleep(0.002)
            do(download)

        threading.Thread(target=wait).start()

    with pytest.raises(Cancelled):
        bringing.bring(watch)


def test_a_file_comes_in_one_pass(one: Bringing) -> None:
    assert one.bring() == one.data
    assert sent(one.hub) == SIZE_BYTES
    assert one.hub.authorized_hosts() == {"hub"}


def test_a_file_comes_in_one_pass_over_several_connections(four: Bringing) -> None:
    assert four.bring() == four.data
    assert sent(four.hub) == SIZE_BYTES
    ranges = [each.range for each in four.hub.requests if each.status == 206]
    assert len(ranges) == len(set(ranges)) == four.whole_blocks + 1


@pytest.mark.parametrize("size_bytes", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_sizes_around_a_block(hub: StandInHub, tmp_path: Path, size_bytes: int) -> None:
    bringing = Bringing.of(hub, tmp_path, content(size_bytes))
    assert bringing.bring() == bringing.data
    assert sent(hub) == size_bytes


def test_an_empty_file_that_should_be_another_is_refused(one: Bringing) -> None:
    one.remote = replace(one.remote, size_bytes=0)
    fails(one, WrongDigest, "a.gguf is damaged")


def test_a_slow_file_that_is_stopped_goes_on_where_it_was(one: Bringing) -> None:
    one.hub.faults.slow(FILE, 20e6)
    once_at(one, 2 * BLOCK_BYTES, Download.stop)
    assert heals(one) <= SIZE_BYTES - 2 * BLOCK_BYTES


def test_a_dropped_connection_is_made_again_for_the_rest(one: Bringing) -> None:
    one.hub.faults.drop_after(FILE, 2 * BLOCK_BYTES + 100, times=1)
    assert one.bring() == one.data
    assert sent(one.hub) == SIZE_BYTES + 100


def test_a_connection_that_always_drops_still_gets_there(four: Bringing) -> None:
    four.hub.faults.drop_after(FILE, BLOCK_BYTES + BLOCK_BYTES // 2)
    four.connections = 1
    assert four.bring() == four.data


def test_a_connection_that_brings_nothing_is_given_up(one: Bringing) -> None:
    breaks_after(one, 2 * BLOCK_BYTES)
    assert heals(one) == SIZE_BYTES - 2 * BLOCK_BYTES


def test_a_server_that_is_not_there_is_said_so(one: Bringing) -> None:
    one.remote = replace(one.remote, url="http://127.0.0.1:9/a.gguf")
    fails(one, Unreachable, "127.0.0.1 cannot be reached")


def test_what_came_damaged_once_is_fetched_once_more(one: Bringing) -> None:
    one.hub.faults.corrupt(FILE, 3_000_000, times=1)
    assert one.bring() == one.data
    assert sent(one.hub) == 2 * SIZE_BYTES


def test_what_always_comes_damaged_is_not_kept(one: Bringing) -> None:
    one.hub.faults.corrupt(FILE, 3_000_000)
    found = fails(
        one, WrongDigest, "a.gguf is damaged: .* promised [0-9a-f]{16}…, and what came is"
    )
    assert "nothing of it was kept" in found.hint
    assert one.left == []
    assert sent(one.hub) == 2 * SIZE_BYTES
    assert heals(one) == SIZE_BYTES


@pytest.mark.parametrize("wrong_by", [-1000, 1000])
def test_a_file_of_another_size_than_was_listed_is_refused(one: Bringing, wrong_by: int) -> None:
    one.remote = replace(one.remote, size_bytes=SIZE_BYTES + wrong_by)
    found = fails(one, Unreachable, f"a.gguf is not what .* promised: it has {SIZE_BYTES} bytes")
    assert str(SIZE_BYTES + wrong_by) in found.message
    one.remote = replace(one.remote, size_bytes=SIZE_BYTES)
    assert heals(one) == SIZE_BYTES


@pytest.mark.parametrize("wrong_by", [-1000, 1000])
def test_a_whole_file_of_another_size_is_refused(one: Bringing, wrong_by: int) -> None:
    one.hub.faults.no_ranges(FILE)
    one.remote = replace(one.remote, size_bytes=SIZE_BYTES + wrong_by)
    fails(one, Unreachable, f"it has {SIZE_BYTES} bytes, and {SIZE_BYTES + wrong_by} were promised")


@pytest.mark.parametrize("wrong_by", [-1000, 1000])
def test_an_answer_that_lies_about_its_length_costs_its_end(one: Bringing, wrong_by: int) -> None:
    one.hub.faults.wrong_size(FILE, wrong_by, times=1)
    assert one.bring() == one.data
    assert SIZE_BYTES <= sent(one.hub) <= SIZE_BYTES + BLOCK_BYTES


def test_an_answer_that_always_ends_too_early_is_given_up(one: Bringing) -> None:
    one.hub.faults.wrong_size(FILE, -1000)
    fails(one, Unreachable, "the connection to .* broke: the body ended early")
    assert heals(one) == SIZE_BYTES - 5 * BLOCK_BYTES


def test_the_token_goes_to_the_hub_alone(one: Bringing) -> None:
    assert one.bring() == one.data
    seen = {each.origin: each.token for each in one.hub.requests}
    assert seen == {"hub": TOKEN, "cdn": None}


def test_a_redirect_to_what_is_no_address_is_refused(one: Bringing) -> None:
    one.hub.faults.status(FILE, 302, {"Location": "file:///etc/passwd"}, origin="hub")
    fails(one, Unreachable, "redirects to what is not an address of the web")


def test_a_circle_of_redirects_is_left(one: Bringing) -> None:
    address = f"/{REPOSITORY}/resolve/main/{FILE}"
    one.hub.faults.status(FILE, 302, {"Location": address}, origin="hub")
    fails(one, Unreachable, "redirects in a circle")


def test_an_expired_link_is_asked_for_anew(four: Bringing) -> None:
    four.hub.links.expire_after_uses = 1
    assert four.bring() == four.data
    assert sent(four.hub) == SIZE_BYTES


def test_a_link_that_expires_under_way_is_asked_for_anew(one: Bringing) -> None:
    fault = one.hub.faults.stall_after(FILE, 2 * BLOCK_BYTES, times=1)
    one.stall_s = 0.3

    def revoke() -> None:
        assert fault.reached.wait(DEADLINE_S)
        one.hub.links.expire_all()

    thread = threading.Thread(target=revoke)
    thread.start()
    assert one.bring() == one.data
    thread.join()
    assert sent(one.hub) == SIZE_BYTES


def test_links_that_are_never_good_are_given_up(one: Bringing) -> None:
    one.hub.links.expire_after_uses = 0
    fails(one, AccessDenied, r"localhost does not give a.gguf to you \(403\)")
    assert len([each for each in one.hub.requests if each.origin == "cdn"]) <= 5


def test_a_server_without_ranges_sends_everything_once(one: Bringing) -> None:
    one.hub.faults.no_ranges(FILE)
    assert one.bring() == one.data
    assert sent(one.hub) == SIZE_BYTES


def test_of_a_server_without_ranges_one_connection_takes_all(four: Bringing) -> None:
    four.hub.faults.no_ranges(FILE)
    assert four.bring() == four.data


def test_a_server_that_forgets_its_ranges_brings_only_what_is_missing(one: Bringing) -> None:
    breaks_after(one, 3 * BLOCK_BYTES)
    one.hub.faults.clear()
    one.hub.faults.no_ranges(FILE)
    assert one.bring() == one.data
    whole = [each for each in one.hub.requests if each.status == 200]
    assert [each.bytes_sent for each in whole] == [SIZE_BYTES]


def test_a_server_that_finds_its_ranges_again_goes_on_with_them(one: Bringing) -> None:
    one.hub.faults.no_ranges(FILE, times=1)
    one.hub.faults.drop_after(FILE, 3 * BLOCK_BYTES, times=1)
    assert one.bring() == one.data
    assert sent(one.hub) == SIZE_BYTES


@pytest.mark.parametrize("ranges", [True, False])
def test_a_body_of_unknown_length_ends_where_it_should(one: Bringing, ranges: bool) -> None:
    one.hub.faults.no_length(FILE)
    if not ranges:
        one.hub.faults.no_ranges(FILE)
    assert one.bring() == one.data
    assert sent(one.hub) == SIZE_BYTES


def test_a_body_of_unknown_length_that_breaks_is_gone_on_with(one: Bringing) -> None:
    one.hub.faults.no_length(FILE)
    one.hub.faults.drop_after(FILE, 2 * BLOCK_BYTES + 7, times=1)
    assert one.bring() == one.data
    assert sent(one.hub) == SIZE_BYTES + 7


def test_a_private_file_wants_a_token(one: Bringing, monkeypatch: pytest.MonkeyPatch) -> None:
    one.hub.repositories[REPOSITORY].private = True
    one.hub.repositories[REPOSITORY].allowed.add("user")
    monkeypatch.delenv("HF_TOKEN")
    found = fails(one, AccessDenied, r"127.0.0.1 does not give a.gguf without a valid token")
    assert "modelfs login" in found.hint
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert heals(one) == SIZE_BYTES


def test_a_token_that_expires_under_way_keeps_what_came(one: Bringing) -> None:
    one.hub.faults.drop_after(FILE, 2 * BLOCK_BYTES, times=1)
    one.hub.faults.status(FILE, 403, origin="cdn", skip=1)
    one.hub.faults.status(FILE, 401, origin="hub", skip=1)
    fails(one, AccessDenied, "without a valid token")
    assert heals(one) == SIZE_BYTES - 2 * BLOCK_BYTES


def test_a_gated_file_wants_its_terms_accepted(one: Bringing) -> None:
    repository = one.hub.repositories[REPOSITORY]
    repository.gated = "auto"
    found = fails(one, AccessDenied, "/maker/model is gated: .* terms accepted")
    assert "modelfs login" in found.hint
    repository.allowed.add("user")
    assert heals(one) == SIZE_BYTES


def test_a_file_that_is_gone_is_not_found(one: Bringing) -> None:
    one.hub.faults.status(FILE, 404, origin="hub")
    fails(one, NotFound, r"127.0.0.1 has no a.gguf \(404\)", exit_code=3)
    assert heals(one) == SIZE_BYTES


def test_a_pause_in_seconds_is_made(one: Bringing) -> None:
    one.hub.faults.status(FILE, 429, {"Retry-After": "1"}, origin="hub", times=1)
    begun = time.monotonic()
    assert one.bring() == one.data
    assert time.monotonic() - begun >= 1
    assert [each.status for each in one.hub.requests] == [429, 302, 206]


def test_a_pause_until_a_date_is_made(one: Bringing) -> None:
    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    one.hub.faults.status(FILE, 503, {"Retry-After": date}, origin="cdn", times=1)
    begun = time.monotonic()
    assert one.bring() == one.data
    assert time.monotonic() - begun >= 0.9
    assert [each.status for each in one.hub.requests] == [302, 503, 302, 206]


def test_a_pause_is_made_by_all_connections(four: Bringing) -> None:
    fault = four.hub.faults.status(FILE, 429, {"Retry-After": "1"}, origin="cdn", times=1)
    arrived: list[float] = []
    inner = four.hub._cdn.answer

    def answer(request: object) -> object:
        if fault.happened:
            arrived.append(time.monotonic())
        return inner(request)  # type: ignore[arg-type]

    four.hub._cdn.answer = answer  # type: ignore[assignment]
    begun = time.monotonic()
    assert four.bring() == four.data
    # Those that had been asked already come at once, one of each connection.
    assert len([at for at in arrived if at < begun + 1]) <= 3
    assert arrived[-1] >= begun + 1


def test_a_pause_that_is_too_long_is_told_instead(one: Bringing) -> None:
    one.hub.faults.status(FILE, 429, {"Retry-After": "3600"})
    fails(one, Unreachable, r"127.0.0.1 asks for a pause for 3600 s: too many requests \(429\)")
    assert len(one.hub.requests) == 1


def test_a_server_that_never_stops_asking_for_pauses_is_given_up(one: Bringing) -> None:
    one.hub.faults.status(FILE, 429)
    fails(one, Unreachable, r"too many requests \(429\)")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_trouble_that_passes_is_waited_for(one: Bringing, status: int) -> None:
    one.hub.faults.status(FILE, status, origin="cdn", times=3)
    assert one.bring() == one.data
    assert sent(one.hub) == SIZE_BYTES


def test_a_trouble_that_stays_is_told(one: Bringing) -> None:
    one.hub.faults.drop_after(FILE, BLOCK_BYTES, times=1)
    one.hub.faults.status(FILE, 500, origin="cdn", skip=1)
    fails(one, Unreachable, "localhost answered 500 when asked for a.gguf")
    assert heals(one) == SIZE_BYTES - BLOCK_BYTES


def test_a_refusal_without_end_is_not_read_to_its_end(one: Bringing) -> None:
    fault = one.hub.faults.status(FILE, 404, origin="hub", body=bytes(30 << 20))
    fails(one, NotFound, "has no a.gguf", exit_code=3)
    assert fault.happened == 1
    assert one.hub.requests[0].bytes_sent < 20 << 20


def test_a_stalled_connection_is_asked_again(one: Bringing) -> None:
    one.stall_s = 0.3
    one.hub.faults.stall_after(FILE, 2 * BLOCK_BYTES + 5, times=1)
    assert one.bring() == one.data
    assert sent(one.hub) == SIZE_BYTES + 5


def test_a_server_that_always_stalls_is_given_up(
    one: Bringing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_ATTEMPTS", 3)
    one.stall_s = 0.2
    one.hub.faults.stall_after(FILE, 5)
    fails(one, Unreachable, "(127.0.0.1|localhost) sends nothing any more")
    assert heals(one) == SIZE_BYTES


def test_a_web_page_instead_of_a_file_is_refused(one: Bringing) -> None:
    page = b"<html>please log in</html>"
    headers = {"Content-Type": "text/html; charset=utf-8"}
    one.hub.faults.status(FILE, 200, headers, page, origin="cdn")
    found = fails(one, AccessDenied, "127.0.0.1 answered with a web page instead of a.gguf")
    assert "browser" in found.hint
    assert heals(one) == SIZE_BYTES


def test_a_file_without_digest_that_changes_is_not_mixed(one: Bringing) -> None:
    one.remote = replace(one.remote, sha256=None, size_bytes=None)
    breaks_after(one, 2 * BLOCK_BYTES)
    other = content(SIZE_BYTES, "other")
    one.hub.repository(REPOSITORY, {FILE: other})
    one.hub.faults.clear()
    assert one.bring() == other


def test_a_file_without_digest_that_changes_under_way_is_not_mixed(one: Bringing) -> None:
    one.remote = replace(one.remote, sha256=None, size_bytes=None)
    fault = one.hub.faults.stall_after(FILE, 2 * BLOCK_BYTES, times=1)
    one.stall_s = 0.3
    other = content(SIZE_BYTES, "other")

    def change() -> None:
        assert fault.reached.wait(DEADLINE_S)
        one.hub.repository(REPOSITORY, {FILE: other})
        one.hub.links.expire_all()

    thread = threading.Thread(target=change)
    thread.start()
    found = fails(one, Unreachable, "a.gguf has changed at 127.0.0.1 while it was being fetched")
    assert "begins anew" in found.hint
    thread.join()
    one.hub.faults.clear()
    assert one.bring() == other


def test_a_file_without_digest_goes_on_while_it_is_the_same(one: Bringing) -> None:
    one.remote = replace(one.remote, sha256=None, size_bytes=None)
    breaks_after(one, 2 * BLOCK_BYTES)
    assert heals(one) == SIZE_BYTES - 2 * BLOCK_BYTES + 1  # a byte to ask for its size


def test_a_size_that_nobody_could_store_is_refused_before_the_first_byte(
    one: Bringing, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.remote = replace(one.remote, sha256=None, size_bytes=None)
    monkeypatch.setattr(durable, "free_bytes", lambda _: SIZE_BYTES - 1)
    fails(one, NoSpace, "are needed", exit_code=5)
    assert sent(one.hub) == 1
    assert one.left == []


def test_a_failure_nobody_thought_of_ends_the_transfer(
    four: Bringing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Iterator[bytes]:
        raise ZeroDivisionError
        yield b""

    monkeypatch.setattr(transfer, "pieces", fail)
    with pytest.raises(ZeroDivisionError):
        four.bring()


def fails_while(four: Bringing, others: Fault) -> None:
    """Have one connection get a web page, but only once a fault has struck the others."""
    page = four.hub.faults.hold(FILE, origin="cdn", times=1)
    page.status, page.headers = 200, {"Content-Type": "text/html"}

    def release() -> None:
        until = time.monotonic() + DEADLINE_S
        while not (page.happened and others.happened) and time.monotonic() < until:
            time.sleep(0.002)
        page.release()

    thread = threading.Thread(target=release)
    thread.start()
    begun = time.monotonic()
    fails(four, AccessDenied, "web page")
    thread.join()
    assert page.happened
    assert others.happened
    assert time.monotonic() - begun < SOON_S


def test_one_connection_that_fails_ends_the_pauses_of_the_others(four: Bringing) -> None:
    pause = {"Retry-After": "60"}
    fails_while(four, four.hub.faults.status(FILE, 429, pause, origin="cdn", skip=1))


def test_one_connection_that_fails_ends_those_that_stall(four: Bringing) -> None:
    four.stall_s = 60
    fails_while(four, four.hub.faults.stall_after(FILE, 100))


@pytest.mark.parametrize("where", ["head", "body", "pause"])
def test_it_ends_soon_wherever_it_waits(four: Bringing, where: str) -> None:
    four.stall_s = 60
    faults = four.hub.faults
    if where == "head":
        fault = faults.hold(FILE)
    elif where == "body":
        fault = faults.stall_after(FILE, 100)
    else:
        fault = faults.status(FILE, 429, {"Retry-After": "100"})
    failures: list[BaseException] = []
    with four.web() as web:
        download = four.download(web)

        def run() -> None:
            try:
                download.run()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        until = time.monotonic() + DEADLINE_S
        while not (fault.reached.is_set() or fault.happened) and time.monotonic() < until:
            time.sleep(0.005)
        begun = time.monotonic()
        web.stop()
        download.stop()
        thread.join(DEADLINE_S)
        assert time.monotonic() - begun < SOON_S
    (failure,) = failures
    assert isinstance(failure, Cancelled)
    assert heals(four) == SIZE_BYTES


def test_stopped_is_stopped(one: Bringing) -> None:
    with one.web() as web:
        web.stop()
        with pytest.raises(Cancelled):
            one.download(web).run()
    assert one.hub.requests == []
