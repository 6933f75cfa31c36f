"""Where things are: the folders of a library, and the XDG places that lead to it."""

import os
from dataclasses import dataclass
from pathlib import Path

LIBRARY_VARIABLE = "MODELFS_LIBRARY"
"""Environment variable: the store of another library than the configured one."""


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG base directory specification says that relative values are to be ignored.
    return Path(value) if value.startswith("/") else Path.home() / fallback


def user_config_file() -> Path:
    """Return the file that says where this user's library is."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "modelfs" / "config.toml"


def user_layouts_folder() -> Path:
    """Return the folder of the user's own tool layouts."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "modelfs" / "layouts"


def user_tables_folder() -> Path:
    """Return the folder of the user's own additions to the tables of identification."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "modelfs" / "identify"


def default_store() -> Path:
    """Return where a library is created unless the user says otherwise."""
    return _xdg("XDG_DATA_HOME", ".local/share") / "modelfs"


def default_mountpoint() -> Path:
    """Return where a library is mounted unless the user says otherwise."""
    return Path.home() / "AI" / "models"


def absolute(path: str | os.PathLike[str]) -> Path:
    """Make a path absolute and free of ``..`` without touching the disk."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def is_within(path: Path, folder: Path) -> bool:
    """Say whether ``path`` is ``folder`` or below it, by name alone."""
    return path == folder or folder in path.parents


@dataclass(frozen=True, slots=True)
class StorePaths:
    """The files and folders of one store."""

    root: Path

    @property
    def blobs(self) -> Path:
        """Finished blobs, in 256 folders by the first two digits of the id."""
        return self.root / "blobs"

    @property
    def staging(self) -> Path:
        """Files on their way in; its owner's lock says that one is alive."""
        return self.root / "staging"

    @property
    def quarantine(self) -> Path:
        """Blobs whose bytes are no longer what their id says."""
        return self.root / "quarantine"

    @property
    def rebuilt_catalog(self) -> Path:
        """A rebuilt catalogue that is complete and about to take the lost one's place."""
        return self.root / "catalog.rebuilt.sqlite3"

    @property
    def snapshots(self) -> Path:
        """Copies of the catalogue, the newest and a few older ones."""
        return self.root / "snapshots"

    @property
    def lost_found(self) -> Path:
        """What was in the way and is nobody's: kept, never collected."""
        return self.root / "lost+found"

    @property
    def jobs(self) -> Path:
        """A file for each job that somebody works on, whose lock says so."""
        return self.root / "jobs"

    @property
    def scratch(self) -> Path:
        """What tools write that is no model."""
        return self.root / "scratch"

    @property
    def catalog(self) -> Path:
        """The SQLite file. Only ``catalog/`` may open it."""
        return self.root / "catalog.sqlite3"

    @property
    def settings(self) -> Path:
        """The library's settings."""
        return self.root / "config.toml"

    @property
    def lock(self) -> Path:
        """Shared around rename-and-commit, exclusive while blobs are deleted."""
        return self.root / "store.lock"

    @property
    def use_lock(self) -> Path:
        """Shared by everybody who has the library open, exclusive while it is rebuilt."""
        return self.root / "use.lock"

    @property
    def mount_lock(self) -> Path:
        """Held by the mount for as long as it lives; says where it is mounted."""
        return self.root / "mount.lock"

    @property
    def mount_log(self) -> Path:
        """What the mount has to say."""
        return self.root / "mount.log"
