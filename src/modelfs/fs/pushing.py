"""Pushing what comes next into the kernel's page cache, while the reader copies what he has.

Answered request by request, a reader sleeps while this process works, and the other way round. Who
goes through a file is spared that: threads put the bytes there before he asks (FUSE_NOTIFY_STORE).
A blob that cannot be read at some place ends the pushing, and the request for that place is
answered EIO, as ever.

The kernel makes a push wait for a page that a pending request has locked. Invariant: nothing that
is pushed is in a gap, and a request is held back only if all of it is (see ``course``), so no push
waits for a request that waits for it. The loop never pushes, and the threads are ended while it
still answers: one that waits for a request nobody answers would keep the process from ending.
"""

import logging
import os
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import trio

from modelfs.fs import residency
from modelfs.fs.course import Course
from modelfs.fs.kernel import wire
from modelfs.fs.kernel.splicing import Pipe

log = logging.getLogger(__name__)

_THREADS: Final = 2
_PIECE_BYTES: Final = 512 << 10
"""Fits a pipe, and what one push keeps the kernel's unmount waiting for."""

_HELD_BACK_S: Final = 0.1
_FOLLOWED: Final = 256
"""Inodes whose readers are followed; one that is forgotten for another begins a new row."""


@dataclass(slots=True, eq=False)
class Span:
    """A period of a file that is being pushed."""

    fd: int
    """Its own, until all is done: the reader may close his meanwhile."""
    inode: int
    extent: range
    pushed: range
    """All but its gap."""
    was_absent: bool
    """None of it was in memory before."""
    left: int
    """Steps that are still to be done."""
    given_up: bool = False
    done: trio.Event = field(default_factory=trio.Event)

    async def wait(self) -> None:
        """Return when it is pushed, or when the request is better answered without."""
        with trio.move_on_after(_HELD_BACK_S):
            await self.done.wait()


Step = Callable[[Span, Pipe], None]


@dataclass(slots=True)
class _Followed:
    course: Course
    spans: dict[int, Span] = field(default_factory=dict)
    """By where they begin: those that the reader has not got past."""


class Pusher:
    """Follows readers, for the loop, and pushes, in threads that begin with the first push."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._followed: dict[int, _Followed] = {}
        self._pushing: Counter[int] = Counter()
        """Spans that have not ended, by inode; under the condition's lock."""
        self._steps: deque[tuple[Span, Step]] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._token: trio.lowlevel.TrioToken | None = None
        self._stopping = False

    def follow(self, fd: int, inode: int, size_bytes: int, wanted: range) -> Span | None:
        """Take note of a request, push what follows, and say what to wait for with the answer.

        Who has come to where bytes are just being pushed would otherwise ask for the same ones.
        """
        if self._stopping:
            return None
        followed = self._followed.get(inode) or self._begin(inode, size_bytes)
        course = followed.course
        periods = course.follow(wanted.start, wanted.stop)
        place = course.period_of(wanted.start)
        with suppress(OSError):  # no descriptor is free: then nothing is pushed
            if followed.spans and (periods or not course.pushed_to):
                self._leave(followed, fd, place if course.pushed_to else size_bytes)
            for period in periods:
                self._push(followed, fd, inode, period)
        if not followed.spans or not course.is_in_gap(wanted.start, wanted.stop):
            return None
        span = followed.spans.get(place)
        return span if span is not None and span.left else None

    def ends(self, inode: int) -> bool:
        """Push no more of an inode, whose bytes are others now; say whether all pushes have ended.

        Until they have, one may still give the kernel what the inode's file was before.
        """
        followed = self._followed.pop(inode, None)
        for span in followed.spans.values() if followed is not None else ():
            span.given_up = True
        with self._changed:
            return not self._pushing[inode]

    def row_bytes(self, inode: int) -> int:
        """Return how much of an inode was last read in a row."""
        followed = self._followed.get(inode)
        return followed.course.row_bytes if followed is not None else 0

    def stop(self, timeout_s: float) -> None:
        """End the threads, as far as the kernel lets them go; not for the loop."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_s)

    def _begin(self, inode: int, size_bytes: int) -> _Followed:
        if len(self._followed) >= _FOLLOWED:
            del self._followed[next(iter(self._followed))]
        followed = self._followed[inode] = _Followed(Course(size_bytes))
        return followed

    def _push(self, followed: _Followed, fd: int, inode: int, period: range) -> None:
        pushed = period[followed.course.gap_bytes :]
        pieces = [pushed[at : at + _PIECE_BYTES] for at in range(0, len(pushed), _PIECE_BYTES)]
        if pieces:
            absent = residency.is_absent(fd, period.start, period.stop)
            steps: list[Step] = [_fetch] if absent else []
            steps += [partial(self._push_piece, piece) for piece in pieces]
            span = followed.spans[period.start] = Span(
                os.dup(fd), inode, period, pushed, absent, len(steps)
            )
            self._have_done(span, steps)

    def _leave(self, followed: _Followed, fd: int, place: int) -> None:
        """Let go of the periods before a place."""
        for start in [start for start in followed.spans if start < place]:
            span = followed.spans.pop(start)
            span.given_up = True
            if span.was_absent:
                self._have_done(replace(span, fd=os.dup(fd), left=1), [_drop])

    def _have_done(self, span: Span, steps: list[Step]) -> None:
        with self._changed:
            self._pushing[span.inode] += 1
            self._steps.extend((span, step) for step in steps)
            self._changed.notify(len(steps))
        if not self._threads:
            self._token = trio.lowlevel.current_trio_token()
            for number in range(_THREADS):
                thread = threading.Thread(target=self._work, name=f"push-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        try:
            self._push_along()
        except OSError as error:
            self._stopping = True
            log.warning("nothing is pushed ahead of readers any more: %s", error)

    def _push_along(self) -> None:
        pipe = Pipe()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._steps or self._stopping)
                if self._stopping:
                    return
                span, step = self._steps.popleft()
            try:
                step(span, pipe)
            except OSError as error:
                span.given_up = True
                if error.errno not in wire.UNWANTED:
                    log.info("inode %d is not pushed at all places: %s", span.inode, error)
                pipe.close()
                pipe = Pipe()
            self._end(span)

    def _push_piece(self, piece: range, span: Span, pipe: Pipe) -> None:
        if span.given_up or self._stopping:
            return
        pipe.fill(wire.storing(span.inode, piece.start, len(piece)), span.fd, piece)
        pipe.send(self._device, wire.STORING_BYTES + len(piece))

    def _end(self, span: Span) -> None:
        """Note that a step is done."""
        with self._changed:
            span.left -= 1
            if span.left:
                return
            self._pushing[span.inode] -= 1
            if not self._pushing[span.inode]:
                del self._pushing[span.inode]
        if span.was_absent:
            # Without its gap, which will be asked for.
            residency.drop(span.fd, span.pushed.start, span.pushed.stop)
        os.close(span.fd)
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(span.done.set)


def _fetch(span: Span, _: Pipe) -> None:
    """Have the disk bring all of it at once; the kernel does not read blobs ahead by itself."""
    residency.fetch(span.fd, span.extent.start, span.extent.stop)


def _drop(span: Span, _: Pipe) -> None:
    residency.drop(span.fd, span.extent.start, span.extent.stop)
