"""A library for one program of steps after another: emptied in between, not made anew."""

import shutil
from pathlib import Path

from core.conftest import make_library
from core.reference.agreement import blob_files
from core.reference.deeds import Doer
from core.reference.neighbour import Neighbour
from core.views.cache import Looks
from modelfs.fs.following import Follower
from modelfs.layouts import fill
from modelfs.library import Library, open_library
from modelfs.views import STORES, Placer, Tree


class Bench:
    """One store on disk, everybody who has it open, and a folder for what is to be added."""

    def __init__(self, root: Path) -> None:
        self._root = root
        make_library(root).close()
        self.store = root / "store"
        self._empty_catalog = (self.store / "catalog.sqlite3").read_bytes()
        self.neighbour = Neighbour(self.store)
        self._sources = root / "sources"
        self._number = 0
        self._open()

    def _open(self) -> None:
        self.doer = Doer(_few_tools(open_library(self.store)))
        self._follower = Follower(self.library.paths.catalog, self.library.placer)
        self.looks = Looks(self._follower.tree)

    @property
    def library(self) -> Library:
        """The library, as this process has it open."""
        return self.doer.library

    def reopen(self) -> None:
        """Close the library and open it again; the mount's eye on it stays."""
        self.library.close()
        self.doer = Doer(_few_tools(open_library(self.store)))

    def tree(self) -> Tree:
        """Return the tree as a mount has it: changed by what others committed since."""
        if self._follower.poll():
            tree, diff = self._follower.refresh()
            self.looks.forget(diff)
            self.looks.look_again(tree)
        return self._follower.tree

    def folder(self) -> Path:
        """Return a new empty folder to put sources into."""
        self._number += 1
        folder = self._sources / f"shelf-{self._number}"
        folder.mkdir(parents=True)
        return folder

    def clear(self) -> None:
        """Make everything as it was at the beginning."""
        self.close()
        shutil.rmtree(self._sources, ignore_errors=True)
        self._number = 0
        beside = [
            path for name in ("staging", "quarantine") for path in (self.store / name).iterdir()
        ]
        for path in [*blob_files(self.store).values(), *beside, *self.store.glob("*-wal")]:
            path.unlink()
        (self.store / "catalog.sqlite3").write_bytes(self._empty_catalog)
        self._open()
        self.neighbour.reopen()

    def close(self) -> None:
        """Close the library here and next door."""
        self._follower.close()
        self.library.close()
        self.neighbour.leave()

    def stop(self) -> None:
        """End everything that was started."""
        self.close()
        self.neighbour.stop()


def _few_tools(library: Library) -> Library:
    """Leave it a tool of each kind: the tree is walked after every step."""
    kinds = ("comfyui", "llama.cpp", "localai", "ollama", "whisper")
    chosen = [layout for layout in library.layouts if layout.tool in kinds]
    library.placer = Placer(chosen, fill, STORES, str(library.mountpoint))
    return library
