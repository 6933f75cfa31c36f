"""The changes of a tool's data made concrete: which edit of which file, or which link."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelfs.connect.edits import (
    Edit,
    FdsList,
    JsonKeys,
    MarkedLines,
    SectionKeys,
    YamlSection,
    environment_file,
    systemd_drop_in,
)
from modelfs.connect.machine import Machine, filled
from modelfs.errors import BadInput

_UNSAFE = re.compile(r"""[\x00-\x1f\x7f"'`$\\%;{}\ud800-\udfff\u0085\u2028\u2029]""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted at one path: our part of a file, or a link to ``target``."""

    path: Path
    edit: Edit | None
    target: str = ""


def check_mountpoint(mountpoint: Path) -> None:
    """Raise BadInput for a path that the files of some tool could not hold, or would read wrong."""
    found = _UNSAFE.search(str(mountpoint))
    if found:
        raise BadInput(
            f"tools' settings cannot hold the path {str(mountpoint)!r} because of {found[0]!r}",
            "mount elsewhere: modelfs init --mount DIR",
        )


def wanted(change: Mapping[str, Any], machine: Machine, fields: Mapping[str, str]) -> Wanted:
    """Return what one change of a tool's data means on this machine."""
    path = machine.path(change["file"], fields)
    if change["kind"] == "link":
        return Wanted(path, None, filled(change.get("target", "{folder}"), fields))
    return Wanted(path, _edit(change, {**machine.fields(), **fields}))


def _edit(change: Mapping[str, Any], fields: Mapping[str, str]) -> Edit:
    def fill(value: str) -> str:
        return filled(value, fields)

    def fill_all(key: str) -> dict[str, str]:
        return {name: fill(value) for name, value in change.get(key, {}).items()}

    match change["kind"]:
        case "environment":
            return environment_file(fill_all("variables"))
        case "systemd":
            return systemd_drop_in(fill_all("variables"))
        case "lines":
            return MarkedLines(tuple(map(fill, change["lines"])))
        case "yaml":
            values = {key: _folders(value) for key, value in change["values"].items()}
            return YamlSection(change["section"], {k: fill(v) for k, v in values.items()})
        case "json":
            usual = {key: tuple(value) for key, value in change.get("usual", {}).items()}
            return JsonKeys(fill_all("replaced"), fill_all("added"), usual)
        case "section":
            style = change.get("style", "ini")
            return SectionKeys(change["section"], fill_all("values"), style)
        case "fds":
            return FdsList(change["section"], change["key"], fill(change["value"]), change["usual"])
    raise BadInput(f"there is no kind of change {change['kind']!r}")


def _folders(value: str | list[str]) -> str:
    """Return a YAML value: several folders stand one a line."""
    return value if isinstance(value, str) else "".join(f"{line}\n" for line in value)
