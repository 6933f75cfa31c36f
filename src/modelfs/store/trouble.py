"""What the disk says, in words: OSError becomes an error that a person can act on."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from modelfs.errors import Damaged, Failed, NoSpace, NotFound

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Translate an OSError raised inside; ``what`` names what was being done to what."""
    try:
        yield
    except OSError as error:
        raise explain(error, what) from error


def explain(error: OSError, what: str) -> Failed | NoSpace | NotFound:
    """Return the error a person should see for ``error``."""
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        return NoSpace(f"{what}: {reason}", "free some space and run the same command again")
    if error.errno == errno.EIO:
        return Damaged(f"{what}: the disk reports an input/output error", "look at dmesg")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFound(f"{what}: {reason}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failed(f"{what}: {reason}", "check the owner and the mode, or run as its owner")
    if error.errno == errno.EROFS:
        return Failed(f"{what}: {reason}", "the disk is mounted read-only")
    return Failed(f"{what}: {reason}")
