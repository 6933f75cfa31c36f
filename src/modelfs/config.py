"""Settings: a few lines of TOML in the store, and one line that says where the store is."""

import json
import os
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from modelfs import durable, paths
from modelfs.errors import BadInput, Failed
from modelfs.units import parse_duration, parse_size

AUTO = "auto"
NEVER = "never"
_READ_PATHS = (AUTO, "served", "links")
_XET = (AUTO, "always", NEVER)
_AUTO_RESERVE_SHARE = 0.03
_AUTO_RESERVE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Settings:
    """What a library's owner may choose. Every field is one line of ``config.toml``."""

    mount: str = ""
    """Where the library is mounted; empty means ``~/AI/models``."""
    reserve: str = AUTO
    """Room that is never filled: ``auto`` (3 %, at least 2 GiB), a size, or a share as ``5%``."""
    grace: str = "1h"
    """How old something without a name must be before ``gc`` removes it."""
    download_limit: str = ""
    """The most that fetching takes of the line, a second: a size; empty for all of it."""
    stall: str = "30s"
    """So long a server may send nothing before it is asked again."""
    xet: str = AUTO
    """Which files of the hub come by way of its Xet storage: ``auto`` (over 50 GB), ``always`` or
    ``never``."""
    read_path: str = AUTO
    """How the mount's files are read: ``auto`` (passthrough where it can be had), ``served`` or
    ``links``."""
    scrub: str = "30d"
    """Each blob's bytes are checked once in so long, little by little: a duration, or ``never``."""
    quota: str = ""
    """The most that the library may take: a size; empty for as much as there is room for.
    What was used longest ago is let go of, if it can be fetched again."""
    allow_other: bool = False
    """Let other users of the machine read the mount."""

    @property
    def mountpoint(self) -> Path:
        """The mount's folder, absolute."""
        return paths.absolute(self.mount) if self.mount else paths.default_mountpoint()

    @property
    def grace_s(self) -> float:
        """The grace of ``gc`` in seconds."""
        return parse_duration(self.grace)

    @property
    def stall_s(self) -> float:
        """How long a server may send nothing, in seconds."""
        return parse_duration(self.stall)

    @property
    def download_bytes_per_s(self) -> float | None:
        """The limit of fetching, or None."""
        return parse_size(self.download_limit) or None if self.download_limit else None

    @property
    def scrub_s(self) -> float | None:
        """How often bytes are checked, in seconds; None for never."""
        return None if self.scrub == NEVER else parse_duration(self.scrub)

    @property
    def quota_bytes(self) -> int | None:
        """The most that all blobs may take, or None."""
        return parse_size(self.quota) if self.quota else None

    def reserve_bytes(self, disk_bytes: int) -> int:
        """Return the room to keep free on a disk of ``disk_bytes``."""
        if self.reserve == AUTO:
            return max(int(disk_bytes * _AUTO_RESERVE_SHARE), _AUTO_RESERVE_BYTES)
        if self.reserve.endswith("%"):
            share = float(self.reserve[:-1])
            if not 0 <= share <= 100:
                raise ValueError(f"not a share: {self.reserve!r} (try 5%)")
            return int(disk_bytes * share / 100)
        return parse_size(self.reserve)

    def with_value(self, key: str, text: str) -> "Settings":
        """Return these settings with one changed; raise BadInput for a wrong key or value."""
        known = {field.name for field in fields(self)}
        if key not in known:
            raise BadInput(f"there is no setting {key!r}", f"known: {', '.join(sorted(known))}")
        if key != "allow_other":
            changed = Settings(**{**asdict(self), key: text})
        elif text in ("true", "false"):
            changed = replace(self, allow_other=text == "true")
        else:
            raise BadInput(f"allow_other is true or false, not {text!r}")
        _check(changed, key)
        return changed


def _check(settings: Settings, key: str) -> None:
    try:
        _ = settings.grace_s, settings.reserve_bytes(0), settings.stall_s
        _ = settings.download_bytes_per_s, settings.scrub_s, settings.quota_bytes
    except ValueError as error:
        raise BadInput(f"{key}: {error}") from error
    if settings.xet not in _XET:
        raise BadInput(f"xet is one of {', '.join(_XET)}, not {settings.xet!r}")
    if settings.read_path not in _READ_PATHS:
        raise BadInput(f"read_path is one of {', '.join(_READ_PATHS)}, not {settings.read_path!r}")
    if settings.mount and not settings.mount.startswith(("/", "~")):
        raise BadInput(f"mount must be an absolute path, not {settings.mount!r}")


def load_settings(file: Path) -> Settings:
    """Read a library's settings; defaults where the file or a line is missing."""
    settings = Settings()
    for key, value in _read_toml(file).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        settings = settings.with_value(key, text)
    return settings


def save_settings(file: Path, settings: Settings) -> None:
    """Write a library's settings durably, only what differs from the defaults."""
    usual = asdict(Settings())
    chosen = {key: value for key, value in asdict(settings).items() if value != usual[key]}
    _write_toml(file, chosen)


def configured_store() -> Path:
    """Return the store to use: the environment's, else the user's, else the default."""
    override = os.environ.get(paths.LIBRARY_VARIABLE, "")
    if override:
        return paths.absolute(override)
    store = _read_toml(paths.user_config_file()).get("store")
    return paths.absolute(str(store)) if store else paths.default_store()


def remember_store(store: Path) -> None:
    """Make ``store`` this user's library from now on."""
    file = paths.user_config_file()
    durable.make_folder(file.parent)
    _write_toml(file, {**_read_toml(file), "store": str(store)})


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read: {error}", "mend or remove that line") from error
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}") from error


def _write_toml(file: Path, values: dict[str, object]) -> None:
    # A JSON string or boolean is also a TOML one (toml.io, v1.0), bar DEL, which no path needs.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]
    durable.write_file(file, "".join(lines).encode())
