"""Carrying out a plan: the record first, then each file, so that a kill leaves what can be undone.

Connecting writes the record before it touches anything; disconnecting removes it when all is back.
In between, the record says both what a path was and what it was to become.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from modelfs import durable, locks
from modelfs.connect import records
from modelfs.connect.plan import Change, Plan
from modelfs.connect.records import Record
from modelfs.connect.states import State, put, read_file_state, read_link_state, remove_draft
from modelfs.errors import Failed, ModelfsError, Refused

_PATIENCE_S = 10.0


def apply(plan: Plan, state_folder: Path) -> None:
    """Carry out a plan, all or nothing.

    Raises Refused when anything has changed since it was made, Failed where something cannot be
    written; then nothing is changed. Killed at any point, ``plan_disconnect`` finds the way back.
    """
    if not plan.changes and plan.record == plan.previous:
        return
    folder = records.record_file(state_folder, plan.tool).parent
    durable.make_folder(folder)
    with locks.hold(folder / ".lock", exclusive=True, timeout_s=_PATIENCE_S):
        _check(plan, state_folder)
        if plan.record is not None and plan.record != plan.previous:
            records.write_record(state_folder, plan.record)
        done: list[Change] = []
        try:
            for change in plan.changes:
                _check_unchanged(change)
                done.append(change)
                with _told(change.path):
                    put(change.path, change.before, change.after)
        except (ModelfsError, OSError):
            _take_back(plan, done, state_folder)
            raise
        if plan.record is None:
            _remove_drafts(plan.previous)
        _remove_empty(plan.emptied_folders)
        if plan.record is None:
            records.remove_record(state_folder, plan.tool)


def _check(plan: Plan, state_folder: Path) -> None:
    if records.read_record(state_folder, plan.tool) != plan.previous:
        raise Refused(f"{plan.title} was connected or disconnected meanwhile", "try again")
    for change in plan.changes:
        _check_unchanged(change)
        _check_writable(change)


def _check_unchanged(change: Change) -> None:
    if _now(change) != change.before:
        raise Refused(f"{change.path} has changed meanwhile; nothing was done", "try again")


def _now(change: Change) -> State:
    read = read_link_state if change.is_of_link else read_file_state
    return read(change.path)


def _check_writable(change: Change) -> None:
    path = change.path if change.is_of_link else Path(os.path.realpath(change.path))
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise Failed(f"{change.path} cannot be written: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise _unwritable(change.path, f"{folder} is not yours to write to")


def _unwritable(path: Path, reason: str) -> Failed:
    hint = "nothing was changed; put in as its owner what modelfs connect --print shows"
    return Failed(f"{path} cannot be written: {reason}", hint)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise _unwritable(path, (error.strerror or str(error)).lower()) from error
    except OSError as error:
        # The name of the file that is meant, not of its draft.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _take_back(plan: Plan, done: Sequence[Change], state_folder: Path) -> None:
    """Undo what was done of a plan that failed; what cannot be undone stays in the record."""
    left_over = False
    for change in reversed(done):
        try:
            now = _now(change)
            if now != change.before:
                put(change.path, now, change.before)
        except (ModelfsError, OSError):
            left_over = True
    if left_over or plan.record is None:
        return
    made = {folder for item in plan.record.items for folder in item.made_folders}
    _remove_empty(sorted(made, key=lambda each: -len(each.parts)))
    with suppress(OSError):
        if plan.previous is None:
            records.remove_record(state_folder, plan.tool)
        else:
            records.write_record(state_folder, plan.previous)


def _remove_drafts(record: Record | None) -> None:
    """Remove what a killed one was about to give its name."""
    for item in record.items if record else ():
        path = item.path if item.edit is None else Path(os.path.realpath(item.path))
        with suppress(OSError):
            remove_draft(path)


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        # Safety: rmdir takes only what is empty.
        with suppress(OSError):
            folder.rmdir()
            durable.fsync_folder(folder.parent)
