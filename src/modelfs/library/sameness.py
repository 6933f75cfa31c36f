"""Whether a stored file has the bytes that a source promises, by the digests that it gives."""

import hashlib
import os

from modelfs import hashing
from modelfs.catalog.records import FileRecord
from modelfs.fetch.listing import RemoteFile
from modelfs.library.library import Library
from modelfs.progress import Progress, Report, silent


def is_same(
    library: Library, file: FileRecord, remote: RemoteFile, report: Report = silent
) -> bool:
    """Say whether a file has the bytes that a source has now.

    What we do not know of the file is computed from its bytes, which may take a while. Where these
    are not here, or the source gives no digest, its size must do.
    """
    if remote.size_bytes not in (None, file.size_bytes):
        return False
    if remote.sha256 is not None:
        ours = file.sha256 or _digest(library, file, report, git=False)
        return ours in (None, remote.sha256)
    if remote.git_sha1 is not None:
        return _digest(library, file, report, git=True) in (None, remote.git_sha1)
    return True


def _digest(library: Library, file: FileRecord, report: Report, *, git: bool) -> str | None:
    """Return the SHA-256, or SHA-1 as git makes it; None for bytes that cannot be read."""
    digest = hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
    digest = digest if git else hashlib.sha256()
    buffer = memoryview(bytearray(hashing.CHUNK_BYTES))
    try:
        fd = library.store.open(file.blob)
    except OSError:
        return None
    try:
        for offset in range(0, file.size_bytes, len(buffer)):
            count = hashing.read_exactly(fd, buffer, offset)
            digest.update(buffer[:count])
            report(Progress("hashing", file.path, offset + count, file.size_bytes))
    except OSError:
        return None
    finally:
        os.close(fd)
    return digest.hexdigest()
