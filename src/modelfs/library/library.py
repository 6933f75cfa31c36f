"""One opened library: its store, its catalogue and its settings."""

import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from modelfs import config, durable, locks, paths
from modelfs.catalog import categories, changes, models
from modelfs.catalog.database import Catalog
from modelfs.catalog.records import ModelRecord
from modelfs.config import Settings
from modelfs.errors import BadInput, CatalogBusy, Damaged, NotFound
from modelfs.identify import Taxonomy, load_taxonomy
from modelfs.layouts import Layout, fill, load_layouts
from modelfs.library.snapshots import keep_snapshot
from modelfs.paths import StorePaths
from modelfs.progress import Report, silent
from modelfs.store import BlobStore
from modelfs.types import ModelId
from modelfs.views import STORES, Placer

if TYPE_CHECKING:
    from modelfs.library.handle import Fetch


class Library:
    """A library that is open. One per thread; close it or use it in a ``with``."""

    def __init__(
        self, store_paths: StorePaths, catalog: Catalog, settings: Settings, use: int | None = None
    ) -> None:
        self.paths = store_paths
        self._use = use
        """The lock that says that somebody has this library open."""
        self.catalog = catalog
        self.settings = settings
        disk = os.statvfs(store_paths.root)
        self.store = BlobStore(store_paths, settings.reserve_bytes(disk.f_blocks * disk.f_frsize))

    def __enter__(self) -> "Library":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalogue, and copy it if it changed and the last copy is old."""
        if not self.catalog.is_read_only:
            keep_snapshot(self.store, self.catalog)
        self.catalog.close()
        if self._use is not None:
            os.close(self._use)
            self._use = None

    @property
    def mountpoint(self) -> Path:
        """Where this library is, or will be, mounted."""
        return self.settings.mountpoint

    @property
    def taxonomy(self) -> Taxonomy:
        """The shipped categories and the user's, those too that another process just added."""
        rows = categories.rows(self.catalog)
        return load_taxonomy().with_changes((row.id, row.title, row.hidden) for row in rows)

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """The tools' folders."""
        return load_layouts(paths.user_layouts_folder())

    @cached_property
    def placer(self) -> Placer:
        """What says where each model appears."""
        return Placer(self.layouts, fill, STORES, str(self.mountpoint))

    def fetch(
        self,
        source: str,
        progress: Report = silent,
        *,
        variants: Sequence[str] = (),
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        name: str | None = None,
        category: str | None = None,
        tags: Sequence[str] = (),
    ) -> "Fetch":
        """Begin to fetch from an address and return at once; ``progress`` is called from a thread.

        The handle's ``wait`` gives the models and raises what went wrong.
        """
        from modelfs.fetch.listing import Wishes
        from modelfs.library.addition import AddOptions
        from modelfs.library.handle import Fetch

        wishes = Wishes(tuple(variants), False, tuple(include), tuple(exclude))
        options = AddOptions(name, category, tuple(tags))
        return Fetch(self.paths.root, source, progress, wishes, options)

    def is_cached(self, address: str) -> bool:
        """Say whether a whole model of this address is here, without asking the network."""
        from modelfs.library.cached import cached

        return bool(cached(self, address))

    def cached_models(self) -> list[ModelRecord]:
        """Return the living models that came from the network."""
        from modelfs.library.cached import cached_models

        return cached_models(self)

    def size(self) -> int:
        """Return what the library takes on disk, in bytes; each blob counts once."""
        return models.summary(self.catalog).physical_bytes

    def remove(self, name: str) -> ModelRecord:
        """Move a model to the trash, by its name; raises NotFound, Refused for a pinned one."""
        from modelfs.library import removal, select

        model = select.one(self, name)
        removal.remove(self, removal.plan_removal(self, [model]))
        return model

    def clear(self) -> list[ModelRecord]:
        """Move everything to the trash that came from the network and is not pinned."""
        from modelfs.library import removal

        going = [model for model in self.cached_models() if not model.pinned]
        removal.remove(self, removal.plan_removal(self, going))
        return going

    def evict_to_fit(self, free_bytes: int) -> int:
        """Let go of what can be fetched again, least used first, until so much is free.

        Returns the bytes that came free: fewer than needed, where no more may go.
        """
        from modelfs.library import eviction

        plan = eviction.plan_to_fit(self, free_bytes, is_open=eviction.open_now(self))
        return eviction.evict(self, plan, is_open=eviction.open_now(self))

    def evict_older_than(self, age_s: float) -> int:
        """Let go of what can be fetched again and was not used for so long; return bytes freed."""
        from modelfs.library import eviction

        plan = eviction.plan_older_than(self, age_s, is_open=eviction.open_now(self))
        return eviction.evict(self, plan, is_open=eviction.open_now(self))


def open_library(store: Path | None = None, *, read_only: bool = False) -> Library:
    """Open the configured library, or the one in ``store``.

    Raises NotFound when there is none yet. ``read_only`` never waits for a writer.
    """
    store_paths = StorePaths(store or config.configured_store())
    settings = config.load_settings(store_paths.settings)
    with _taking_part(store_paths) as use:
        check_not_lost(store_paths)
        catalog = Catalog.open(store_paths.catalog, read_only=read_only)
    _raise_descriptor_limit()
    return Library(store_paths, catalog, settings, use)


def check_not_lost(store_paths: StorePaths) -> None:
    """Raise Damaged when there are blobs and no catalogue that knows them.

    A new one in its place would know nothing, and ``gc`` would take all of them for leftovers.
    """
    catalog = store_paths.catalog
    if catalog.exists() and catalog.stat().st_size > 0:
        return
    if store_paths.rebuilt_catalog.exists() or any(store_paths.blobs.glob("??/*")):
        raise Damaged(
            f"the catalogue {catalog} is lost; the blobs are there", "run: modelfs doctor --rebuild"
        )


@contextmanager
def _taking_part(store_paths: StorePaths) -> Iterator[int | None]:
    """Say that we have the library open, until the descriptor closes: here only if this fails.

    Gives None where there is no library, in which nothing is made, and on a read-only disk.
    """
    create = os.O_CREAT if store_paths.blobs.is_dir() else 0
    fd = None
    with suppress(OSError):
        fd = os.open(store_paths.use_lock, os.O_RDONLY | os.O_CLOEXEC | create, 0o600)
    try:
        if fd is not None and not locks.take_within(fd, exclusive=False, timeout_s=_REBUILD_S):
            raise CatalogBusy("the catalogue is being rebuilt", "try again when that has ended")
        yield fd
    except BaseException:
        if fd is not None:
            os.close(fd)
        raise


_REBUILD_S = 5.0
"""So long is waited for a rebuild, which takes a second for a thousand models."""


def create_library(store: Path | None, mountpoint: Path | None) -> Library:
    """Create a library, or open the one that is there, and make it this user's.

    ``mountpoint`` re-points it. Raises BadInput when store and mount overlap.
    """
    store_paths = StorePaths(store or config.configured_store())
    _check_usable(store_paths)
    settings = config.load_settings(store_paths.settings)
    if mountpoint is not None:
        settings = settings.with_value("mount", str(mountpoint))
    check_apart(store_paths.root, settings.mountpoint)
    blobs = BlobStore(store_paths)
    blobs.create()
    with _taking_part(store_paths) as use:
        catalog = _create_catalog(store_paths, blobs)
        durable.fsync_folder(store_paths.root)
        config.save_settings(store_paths.settings, settings)
        if not os.environ.get(paths.LIBRARY_VARIABLE):
            config.remember_store(store_paths.root)
    return Library(store_paths, catalog, settings, use)


def _create_catalog(store_paths: StorePaths, store: BlobStore) -> Catalog:
    # One at a time: SQLite does not wait for the lock that changing to WAL takes.
    with store.deleting():
        check_not_lost(store_paths)
        # With blobs it is not a new library, and an empty catalogue would forget them all.
        is_new = not any(store_paths.blobs.glob("??/*"))
        catalog = Catalog.open(store_paths.catalog, create=is_new)
        if changes.newest(catalog)[0] == 0:
            with catalog.write():
                changes.log(catalog, "init", ModelId(0), None, {"at": time.time()})
    return catalog


def check_apart(store: Path, mountpoint: Path) -> None:
    """Raise BadInput when one would lie inside the other: the mount would read through itself."""
    real_store, real_mount = Path(os.path.realpath(store)), Path(os.path.realpath(mountpoint))
    if paths.is_within(real_store, real_mount) or paths.is_within(real_mount, real_store):
        raise BadInput(
            f"the store {store} and the mount {mountpoint} lie inside each other",
            "choose two separate folders: modelfs init --store DIR --mount DIR",
        )


def _check_usable(store_paths: StorePaths) -> None:
    root = store_paths.root
    if root.exists() and not root.is_dir():
        raise BadInput(f"{root} is not a folder")
    if root.is_dir() and any(root.iterdir()) and not store_paths.catalog.exists():
        known = {store_paths.blobs.name, store_paths.staging.name, store_paths.settings.name}
        if not any((root / name).exists() for name in known):
            raise BadInput(
                f"{root} has files in it that are not a modelfs library",
                "give an empty or new folder with --store",
            )


def require_store(store_paths: StorePaths) -> None:
    """Raise NotFound when the store's folders are not there, as when its disk is not mounted."""
    if not store_paths.blobs.is_dir():
        raise NotFound(f"{store_paths.blobs} is not there", "is its disk mounted?")


def _raise_descriptor_limit() -> None:
    # A model of many files keeps each open until it is entered.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
