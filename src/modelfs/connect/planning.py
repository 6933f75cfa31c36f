"""Plans for connecting and disconnecting: what is on the disk is read, nothing is changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelfs.connect.changing import Wanted, check_mountpoint, wanted
from modelfs.connect.edits import Edit, MarkedLines, YamlSection
from modelfs.connect.machine import Machine, filled
from modelfs.connect.placing import fields_of, owner_of, place_of, way_for
from modelfs.connect.plan import Change, Plan
from modelfs.connect.records import Item, Record, read_record
from modelfs.connect.states import (
    ABSENT,
    OTHER,
    File,
    Link,
    State,
    read_file_state,
    read_link_state,
)
from modelfs.connect.tool import Tool, tool_named
from modelfs.errors import BadInput, Refused

_NEW_FILE_MODE = 0o644


def plan_connect(
    name: str,
    machine: Machine,
    mountpoint: Path,
    state_folder: Path,
    at: Path | None = None,
) -> Plan:
    """Return what points a tool at its folder in the mount.

    ``at`` is where the tool is installed, for those that are not where they usually are. A tool
    that reads another's folder is connected through that one.

    Raises NotFound for an unknown tool and for one that is not there, BadInput for a settings
    file that is broken and for a mountpoint that settings could not hold, Refused where something
    of somebody else is in the way.
    """
    check_mountpoint(mountpoint)
    asked = tool_named(name)
    tool = owner_of(asked)
    way = way_for(tool, machine)
    place = place_of(tool, way, machine, at)
    fields = fields_of(tool, mountpoint, place)
    previous = read_record(state_folder, tool.name)
    notes = [f"this connects {tool.title}, which {asked.title} reads"] if asked != tool else []
    paste = tuple(filled(line, {**machine.fields(), **fields}) for line in tool.paste)
    items, changes, already = [], [], []
    for each in (wanted(change, machine, fields) for change in (way.changes if way else ())):
        known = _item_of(previous, each.path)
        before, after = _states(each)
        if before == after:
            already.append(each.path)
            items += [known] if known else []
            continue
        base = _without_ours(each, known, before)
        if known is not None and known.edit != each.edit and each.edit is not None:
            after = _with_edit(each.path, each.edit, base)  # what we put in earlier goes
        changes.append(Change(each.path, before, after))
        items.append(_remembered(each, known, base, before, after))
    if previous is not None:
        paths = {item.path for item in items}
        items += [item for item in previous.items if item.path not in paths]
    notes += [*tool.notes, *(asked.notes if asked != tool else ()), *(way.notes if way else ())]
    record = Record(tool.name, str(place or ""), fields["folder"], tuple(items))
    return Plan(
        tool=tool.name,
        title=tool.title,
        folder=Path(fields["folder"]),
        changes=tuple(changes),
        already=tuple(already),
        notes=tuple(filled(note, {**machine.fields(), **fields}) for note in notes),
        paste=() if way else paste,
        previous=previous,
        record=record if changes else previous,
    )


def plan_disconnect(
    name: str, machine: Machine, mountpoint: Path, state_folder: Path, at: Path | None = None
) -> Plan:
    """Return what takes our part out of a tool's files again.

    A file that is as we left it becomes what it was, byte for byte. From one that was edited since
    only our part goes, which a warning says; so it is when no record tells what was there before.
    Raises Refused, with nothing changed, when our part cannot be told apart any more.
    """
    tool = owner_of(tool_named(name))
    previous = read_record(state_folder, tool.name)
    warnings: list[str] = []
    items = previous.items if previous else _unrecorded(tool, machine, mountpoint, at, warnings)
    changes = []
    for item in items:
        before = _read(item.path, item.edit is not None)
        after = _taken_back(item, before, warnings)
        if after != before:
            changes.append(Change(item.path, before, after))
    made = [folder for item in items for folder in item.made_folders]
    return Plan(
        tool=tool.name,
        title=tool.title,
        folder=Path(previous.folder if previous else mountpoint / "by-tool" / tool.name),
        changes=tuple(changes),
        already=(),
        notes=(),
        paste=(),
        previous=previous,
        record=None,
        warnings=tuple(warnings),
        emptied_folders=tuple(sorted(set(made), key=lambda each: -len(each.parts))),
    )


def is_connected(tool: Tool, machine: Machine, mountpoint: Path, at: Path | None = None) -> bool:
    """Say whether a tool's files point at its folder already, whoever wrote that.

    Raises as ``plan_connect`` does.
    """
    way = way_for(tool, machine)
    fields = fields_of(tool, mountpoint, place_of(tool, way, machine, at))
    states = [_states(wanted(change, machine, fields)) for change in (way.changes if way else ())]
    return bool(states) and all(before == after for before, after in states)


def _states(each: Wanted) -> tuple[State, State]:
    """Return what is at a path and what is wanted there."""
    if each.edit is None:
        found = read_link_state(each.path)
        same = isinstance(found, Link) and found.target.rstrip("/") == each.target
        return found, found if same else Link(each.target)
    file = read_file_state(each.path)
    return file, _with_edit(each.path, each.edit, file)


def _with_edit(path: Path, edit: Edit, state: State) -> State:
    content = state.content if isinstance(state, File) else None
    with _about(path):
        after = edit.joined(content)
    return File(after, state.mode if isinstance(state, File) else _NEW_FILE_MODE)


def _without_ours(each: Wanted, known: Item | None, before: State) -> State:
    """Return what a path would be had we never been there; others' edits in between included."""
    if known is not None and (before == known.original or before in known.left):
        return known.original
    if not isinstance(before, File):
        return before
    with _about(each.path):
        if known is not None and known.edit is not None:
            rest = known.edit.parted(before.content, _content(known.original))
            return ABSENT if rest is None else File(rest, before.mode)
        # Lines of ours that no record knows: their marks say whose they are.
        is_marked = isinstance(each.edit, MarkedLines | YamlSection)
        if each.edit and is_marked and each.edit.parted(before.content, b"") != before.content:
            rest = each.edit.parted(before.content, None)
            return ABSENT if rest is None else File(rest, before.mode)
    return before


def _remembered(each: Wanted, known: Item | None, base: State, before: State, after: State) -> Item:
    """Return what is to be kept of a path, so that its change can be taken back."""
    left = [before] if known is not None and before in known.left else []
    left.append(after)
    if each.edit is None:
        left.append(ABSENT)  # a folder and a link replace each other with nothing in between
    made = known.made_folders if known is not None else _missing_above(each.path)
    return Item(each.path, each.edit, base, tuple(left), made)


def _taken_back(item: Item, before: State, warnings: list[str]) -> State:
    """Return what a path becomes when our part of it goes."""
    if before == item.original:
        return before
    if before in item.left:
        return item.original
    if item.edit is None or not isinstance(before, File):
        what = "is not there any more" if before == ABSENT else "was changed since"
        warnings.append(f"{item.path} {what}; it stays as it is")
        return before
    with _about(item.path):
        rest = item.edit.parted(before.content, _content(item.original))
    if rest == before.content:
        warnings.append(f"{item.path} has nothing of modelfs any more; it stays as it is")
        return before
    warnings.append(f"{item.path} was changed since; only our part is taken out")
    return ABSENT if rest is None else File(rest, before.mode)


def _unrecorded(
    tool: Tool, machine: Machine, mountpoint: Path, at: Path | None, warnings: list[str]
) -> tuple[Item, ...]:
    """Return what is of us in a tool's files although no record says so."""
    way = way_for(tool, machine)
    fields = fields_of(tool, mountpoint, place_of(tool, way, machine, at))
    found = []
    for each in (wanted(change, machine, fields) for change in (way.changes if way else ())):
        try:
            before, after = _states(each)
        except Refused:
            continue  # whatever is there is not ours
        if before == after:
            left = (before,) if each.edit is None else ()
            found.append(Item(each.path, each.edit, ABSENT, left, ()))
    if found:
        warnings.append("there is no record of what was there before")
    return tuple(found)


def _read(path: Path, is_file: bool) -> State:
    if is_file:
        return read_file_state(path)
    try:
        return read_link_state(path)
    except Refused:
        return OTHER


def _content(state: State) -> bytes | None:
    return state.content if isinstance(state, File) else None


def _item_of(record: Record | None, path: Path) -> Item | None:
    return next((item for item in record.items if item.path == path), None) if record else None


def _missing_above(path: Path) -> tuple[Path, ...]:
    missing = []
    folder = path.parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return tuple(reversed(missing))


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Say which file an error of an edit is about."""
    try:
        yield
    except (BadInput, Refused) as error:
        raise type(error)(f"{path}: {error.message}", error.hint) from error
