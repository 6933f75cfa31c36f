"""What connecting changed and what was there before, one JSON file per tool; written first.

Invariant: as long as anything of ours may be in a tool's files, its record is on the disk.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelfs import durable
from modelfs.connect import edits, states
from modelfs.connect.edits import Edit
from modelfs.connect.states import State
from modelfs.errors import Failed, ModelfsError

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One path that was changed."""

    path: Path
    edit: Edit | None
    """Our part of the file; None for a link."""
    original: State
    left: tuple[State, ...]
    """The states in which we may have left it."""
    made_folders: tuple[Path, ...]
    """Folders that did not exist before, the outermost first."""


@dataclass(frozen=True, slots=True)
class Record:
    """All that was changed for one tool."""

    tool: str
    at: str
    """Where the tool is installed, when that mattered."""
    folder: str
    """Its folder in the mount."""
    items: tuple[Item, ...]


def user_state_folder() -> Path:
    """Return where this user's connections are remembered, whatever the library."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local/state") / "modelfs"


def record_file(state_folder: Path, tool: str) -> Path:
    """Return where the record of a tool is."""
    return state_folder / "connections" / f"{tool}.json"


def read_record(state_folder: Path, tool: str) -> Record | None:
    """Return a tool's record; raise Failed for one that cannot be read."""
    file = record_file(state_folder, tool)
    try:
        values = json.loads(file.read_bytes().decode("utf-8", "surrogateescape"))
        return Record(
            str(values["tool"]),
            str(values["at"]),
            str(values["folder"]),
            tuple(map(_item, values["items"])),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, ModelfsError) as error:
        raise Failed(
            f"the record {file} cannot be read: {error}",
            "what was changed before stands in it; mend or remove it",
        ) from error


def write_record(state_folder: Path, record: Record) -> None:
    """Write a record durably; others of this machine cannot read what the files held."""
    file = record_file(state_folder, record.tool)
    durable.make_folder(file.parent)
    values = {
        "format": _FORMAT,
        "tool": record.tool,
        "at": record.at,
        "folder": record.folder,
        "items": [_values(item) for item in record.items],
    }
    text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    durable.write_file(file, text.encode("utf-8", "surrogateescape"), 0o600)


def remove_record(state_folder: Path, tool: str) -> None:
    """Forget a connection, durably."""
    file = record_file(state_folder, tool)
    file.unlink(missing_ok=True)
    if file.parent.is_dir():
        durable.fsync_folder(file.parent)


def _values(item: Item) -> dict[str, Any]:
    return {
        "path": str(item.path),
        "edit": None if item.edit is None else edits.to_record(item.edit),
        "original": states.to_record(item.original),
        "left": [states.to_record(state) for state in item.left],
        "made_folders": [str(folder) for folder in item.made_folders],
    }


def _item(values: Mapping[str, Any]) -> Item:
    return Item(
        Path(values["path"]),
        None if values["edit"] is None else edits.from_record(values["edit"]),
        states.from_record(values["original"]),
        tuple(states.from_record(state) for state in values["left"]),
        tuple(Path(folder) for folder in values["made_folders"]),
    )
