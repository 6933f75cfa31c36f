"""The handlers: each kernel request is a look at the current tree, and nothing waits.

Everything here runs on the loop's one thread, so there is no lock: between two awaits nothing
else happens. What touches the disk goes to a thread, and so does what takes
long because a folder is large: settling its names. Reads do not come here (see ``kernel``).
"""

import errno
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

import pyfuse3
import trio

from modelfs.fs.attributes import SHORT_S, absent, attributes, is_combined
from modelfs.fs.counting import UseCounter
from modelfs.fs.desktop import is_probe
from modelfs.fs.guard import guarded
from modelfs.fs.kernel.reads import OpenFile
from modelfs.fs.known import KnownInodes
from modelfs.fs.places import Places, place
from modelfs.fs.reading import open_blob, open_text
from modelfs.fs.xattrs import extended
from modelfs.names import MAX_BYTES
from modelfs.store import BlobStore
from modelfs.views import FileNode, FolderNode, Node, TextNode, Tree
from modelfs.views.inodes import file_of_inode

log = logging.getLogger(__name__)

_PROBE_REMEMBERED_S = 3600.0
_STATFS_REMEMBERED_S = 1.0


@guarded
class Operations(pyfuse3.Operations):
    """The file system of one library, read-only."""

    supports_dot_lookup = False
    enable_writeback_cache = False
    enable_acl = False

    def __init__(self, store: BlobStore, tree: Tree, *, links: bool) -> None:
        super().__init__()
        self.tree = tree
        self.catch_up: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        """Brings the tree up to date with the catalogue; whoever follows it sets this."""
        self.known = KnownInodes()
        self.uses = UseCounter()
        self.ready = trio.Event()
        """Set when the mount is up and the kernel has its first answer."""
        self._store = store
        self._links = links
        self._handles = count(1)
        self._files: dict[int, OpenFile] = {}
        self._places = Places()
        self._statfs: tuple[float, pyfuse3.StatvfsData] | None = None

    def init(self) -> None:
        """Note that the kernel has asked for the first time; it is answered before anybody runs."""
        self.ready.set()

    async def lookup(
        self, parent_inode: int, name: bytes, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        """Find a name in a folder."""
        if len(name) > MAX_BYTES:
            raise pyfuse3.FUSEError(errno.ENAMETOOLONG)
        if is_probe(name):
            return absent(_PROBE_REMEMBERED_S)
        folder = await self._settled_folder(parent_inode)
        try:
            node = self.tree.child(folder, name.decode())
        except UnicodeDecodeError:
            node = None
        if node is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        entry = self._attributes(node)
        if is_combined(folder.path) or (isinstance(node, FolderNode) and is_combined(node.path)):
            entry.entry_timeout = SHORT_S
        self.known.remember(node, entry.st_ino)
        return entry

    async def forget(self, inode_list: Sequence[tuple[int, int]]) -> None:
        """Take back references that the kernel dropped."""
        self.known.forget(inode_list)

    async def getattr(self, inode: int, ctx: pyfuse3.RequestContext) -> pyfuse3.EntryAttributes:
        """Describe an inode."""
        return self._attributes(await self._node(inode))

    async def readlink(self, inode: int, ctx: pyfuse3.RequestContext) -> bytes:
        """Say where a link leads; files are links only with ``--links``."""
        node = await self._node(inode)
        if not isinstance(node, FileNode) or not self._links:
            raise pyfuse3.FUSEError(errno.EINVAL)
        return os.fsencode(self._store.path(node.file.blob))

    async def open(self, inode: int, flags: int, ctx: pyfuse3.RequestContext) -> pyfuse3.FileInfo:
        """Open a file for reading; damage answers EIO, and an evicted file ENODATA."""
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise pyfuse3.FUSEError(errno.EROFS)
        node = await self._node(inode)
        if isinstance(node, FolderNode):
            raise pyfuse3.FUSEError(errno.EISDIR)
        file = open_text(node) if isinstance(node, TextNode) else await self._open_blob(node)
        handle = next(self._handles)
        self._files[handle] = file
        if isinstance(node, FileNode):
            self.uses.note(node.model.id, ctx.pid)
        # Content never changes under an inode, so the page cache is right for ever.
        return pyfuse3.FileInfo(fh=handle, keep_cache=True)

    async def _open_blob(self, node: FileNode) -> OpenFile:
        try:
            return await trio.to_thread.run_sync(
                open_blob, self._store, node, abandon_on_cancel=True
            )
        except OSError as error:
            await self.catch_up()
            now = self.tree.files.get(node.file.id)
            if now is None:
                # Removed for good a moment ago. ESTALE makes the kernel look the name up again.
                raise pyfuse3.FUSEError(errno.ESTALE) from error
            if now.file.state == "remote":
                # Not EIO, for no disk failed: the file has no bytes here.
                raise pyfuse3.FUSEError(errno.ENODATA) from error
            if now.file.state == "ok" != node.file.state:  # fetched again, or healed, a moment ago
                return await self._open_blob(now)
            log.error("%s cannot be opened: %s", node.model.entry_name, error)
            raise pyfuse3.FUSEError(errno.EIO) from error

    async def flush(self, fh: int) -> None:
        """Nothing is ever pending."""

    async def release(self, fh: int) -> None:
        """Close a file."""
        self.drop(fh)

    def opened(self, handle: int) -> OpenFile:
        """Return what a handle has open."""
        return self._files[handle]

    def drop(self, handle: int) -> None:
        """Close an open file."""
        os.close(self._files.pop(handle).fd)

    async def readdir(self, inode: int, start_id: int, token: pyfuse3.ReaddirToken) -> None:
        """Give a folder's entries behind a place, counting those that were taken.

        Folders are not opened, so that the kernel keeps what it was told of them (pyfuse3 says
        so for an ``opendir`` that is not there); the relay gives the inode for the handle.
        """
        folder = await self._settled_folder(inode)
        listing = self.tree.listing(folder)
        combined = is_combined(folder.path)
        begin = self._places.index(inode, listing, start_id)
        for number in range(begin, len(listing.names)):
            name = listing.names[number]
            node = listing.node(name)
            entry = self._attributes(node)
            if combined:
                entry.entry_timeout = SHORT_S
            if not pyfuse3.readdir_reply(token, name.encode(), entry, place(name)):
                if number > begin:
                    self._places.keep(inode, listing, number)
                return
            self.known.remember(node, entry.st_ino)

    async def statfs(self, ctx: pyfuse3.RequestContext) -> pyfuse3.StatvfsData:
        """Describe the store's disk, asked at most once a second."""
        if self._statfs is None or time.monotonic() - self._statfs[0] > _STATFS_REMEMBERED_S:
            disk = await trio.to_thread.run_sync(os.statvfs, self._store.paths.root)
            self._statfs = time.monotonic(), _statvfs(disk)
        return self._statfs[1]

    async def access(self, inode: int, mode: int, ctx: pyfuse3.RequestContext) -> bool:
        """The kernel checks modes itself (default_permissions)."""
        return True

    async def getxattr(self, inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> bytes:
        """Return one extended attribute; other namespaces than ``user`` there are not.

        ENOTSUP lets ``ls -l`` stop asking after its first file; ENODATA does not, and ENOSYS
        would make the kernel forget that there are any.
        """
        if not name.startswith(b"user."):
            raise pyfuse3.FUSEError(errno.ENOTSUP)
        value = extended(await self._node(inode)).get(name)
        if value is None:
            raise pyfuse3.FUSEError(pyfuse3.ENOATTR)
        return value

    async def listxattr(self, inode: int, ctx: pyfuse3.RequestContext) -> Sequence[bytes]:
        """Return the names of the extended attributes."""
        return list(extended(await self._node(inode)))

    async def _settled_folder(self, inode: int) -> FolderNode:
        """Return what a folder's inode is now, in a tree that knows all names on its way."""
        path = self.known.folder(inode)
        if path is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        # Again after each: while a thread was busy, the tree may have become another one.
        while (folder := self.tree.unsettled(path)) is not None:
            await trio.to_thread.run_sync(folder.settle)
        node = self.tree.node(path)
        if node is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        if not isinstance(node, FolderNode):
            raise pyfuse3.FUSEError(errno.ENOTDIR)
        return node

    async def _node(self, inode: int) -> Node:
        """Return what an inode is now, or was, if it is gone and the kernel still holds it."""
        file = file_of_inode(inode)
        node = (self.tree.files.get(file) if file else None) or self.known.file(inode)
        return node or await self._settled_folder(inode)

    def _attributes(self, node: Node) -> pyfuse3.EntryAttributes:
        if not isinstance(node, FileNode):
            return attributes(node, 1)
        links = self.tree.links.get(node.file.id, 0)
        target = str(self._store.path(node.file.blob)) if self._links else None
        return attributes(node, links, target)


def _statvfs(disk: os.statvfs_result) -> pyfuse3.StatvfsData:
    data = pyfuse3.StatvfsData()
    data.f_bsize, data.f_frsize = disk.f_bsize, disk.f_frsize
    data.f_blocks, data.f_bfree, data.f_bavail = disk.f_blocks, disk.f_bfree, disk.f_bavail
    data.f_files, data.f_ffree, data.f_favail = disk.f_files, disk.f_ffree, disk.f_favail
    data.f_namemax = MAX_BYTES
    return data
