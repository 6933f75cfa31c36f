"""How a tool is found and pointed at its folder, as data: one TOML file per tool in ``tools/``.

Templates may name ``{home}``, ``{config}``, ``{data}``, ``{cache}``, ``{at}`` (where the tool is
installed), ``{mount}`` and ``{folder}`` (the tool's folder in the mount).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from modelfs.errors import BadInput, NotFound

_KEYS = {"title", "through", "find", "way", "paste", "notes", "docker"}
_FIND_KEYS = {"folders", "holds", "programs", "packages", "version"}
_WAY_KEYS = {"only_if", "change", "notes"}
_DOCKER_KEYS = {"environment", "arguments", "notes"}
_CHANGE_KEYS = {
    "environment": {"file", "variables"},
    "systemd": {"file", "variables"},
    "yaml": {"file", "section", "values"},
    "lines": {"file", "lines"},
    "json": {"file", "replaced", "added", "usual"},
    "section": {"file", "section", "values", "style"},
    "fds": {"file", "section", "key", "value", "usual"},
    "link": {"file"},
}
"""What a change of each kind says besides its kind; ``target`` of a link may be left out."""


@dataclass(frozen=True, slots=True)
class Find:
    """What says that a tool is on a machine."""

    folders: tuple[str, ...] = ()
    """Where it may be installed, the likeliest first."""
    holds: tuple[str, ...] = ()
    """What its folder holds, each of them."""
    programs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    """Names of Python packages, as their metadata folders are called."""
    version: tuple[tuple[str, str], ...] = ()
    """Files below its folder, each with a pattern whose group is the version."""


@dataclass(frozen=True, slots=True)
class Way:
    """Changes that together point the tool at its folder."""

    only_if: tuple[str, ...]
    """It is for machines where one of these exists; for all when empty."""
    changes: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    @property
    def needs_place(self) -> bool:
        """Say whether the changes depend on where the tool is installed."""
        return any("{at}" in change["file"] for change in self.changes)

    @property
    def needs_tool(self) -> bool:
        """Say whether it changes settings that only the tool itself would have made."""
        return any(
            change["kind"] not in ("environment", "systemd", "link") for change in self.changes
        )


@dataclass(frozen=True, slots=True)
class Docker:
    """How a container is given the folder."""

    environment: Mapping[str, str]
    arguments: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool."""

    name: str
    title: str
    through: str
    """The tool whose folder it reads, where it has none of its own."""
    find: Find
    ways: tuple[Way, ...]
    """The first that fits the machine is the one."""
    paste: tuple[str, ...]
    """Lines to use by hand; with no way, they are all there is."""
    notes: tuple[str, ...]
    docker: Docker | None


def tool_named(name: str) -> Tool:
    """Return a tool; raise NotFound that names those there are."""
    tools = load_tools()
    if name in tools:
        return tools[name]
    raise NotFound(f"there is no tool {name!r}", f"known: {', '.join(tools)}")


@cache
def load_tools() -> Mapping[str, Tool]:
    """Return all tools by name, in order."""
    folder = resources.files("modelfs.connect.tools")
    files = {file.name[:-5]: file for file in folder.iterdir() if file.name.endswith(".toml")}
    return {name: parse_tool(name, files[name].read_text("utf-8")) for name in sorted(files)}


def parse_tool(name: str, text: str) -> Tool:
    """Read one tool; raise BadInput that says where its data is wrong."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{name}: {error}") from error
    _only(name, table, _KEYS)
    find, docker = table.get("find", {}), table.get("docker")
    _only(f"{name}, find", find, _FIND_KEYS)
    return Tool(
        name,
        str(table.get("title", name)),
        str(table.get("through", "")),
        Find(
            tuple(find.get("folders", ())),
            tuple(find.get("holds", ())),
            tuple(find.get("programs", ())),
            tuple(find.get("packages", ())),
            tuple(find.get("version", {}).items()),
        ),
        tuple(_way(f"{name}, way {n}", way) for n, way in enumerate(table.get("way", []), 1)),
        tuple(table.get("paste", ())),
        tuple(table.get("notes", ())),
        None if docker is None else _docker(f"{name}, docker", docker),
    )


def _way(origin: str, table: Mapping[str, Any]) -> Way:
    _only(origin, table, _WAY_KEYS)
    changes = tuple(table.get("change", ()))
    for change in changes:
        kind = str(change.get("kind"))
        if kind not in _CHANGE_KEYS:
            raise BadInput(f"{origin}: there is no kind {kind!r}")
        _only(origin, change, {"kind", "target", *_CHANGE_KEYS[kind]})
        if "file" not in change:
            raise BadInput(f"{origin}: a change names its 'file'")
    return Way(tuple(table.get("only_if", ())), changes, tuple(table.get("notes", ())))


def _docker(origin: str, table: Mapping[str, Any]) -> Docker:
    _only(origin, table, _DOCKER_KEYS)
    arguments = str(table.get("arguments", ""))
    return Docker(dict(table.get("environment", {})), arguments, tuple(table.get("notes", ())))


def _only(origin: str, table: Mapping[str, Any], known: set[str]) -> None:
    for key in table:
        if key not in known:
            raise BadInput(f"{origin}: there is no {key!r}", f"known: {', '.join(sorted(known))}")
