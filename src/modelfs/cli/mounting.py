"""``mount``, ``umount`` and ``status``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from modelfs.cli import options
from modelfs.cli.output import next_step, note, print_json, say, warn
from modelfs.cli.tables import Cell, print_card
from modelfs.units import format_size

if TYPE_CHECKING:
    from modelfs.fs.advice import Advice
    from modelfs.fs.state import MountState
    from modelfs.library import Library


def mount(
    foreground: Annotated[
        bool, options.flag("--foreground", "-f", help="Stay, until unmounted or stopped.")
    ] = False,
    links: Annotated[
        bool, options.flag("--links", help="Show files as links into the store.")
    ] = False,
    allow_other: Annotated[
        bool, options.flag("--allow-other", help="Let other users of the machine read it.")
    ] = False,
) -> None:
    """Show the library as folders: by-category, by-tag, by-tool.

    Examples:
      modelfs mount
      modelfs mount --foreground
      modelfs mount --links
    """
    from modelfs.fs.launch import serve, start
    from modelfs.library import open_library

    with open_library() as library:
        root = library.paths.root
        state = None if foreground else start(library, links, allow_other=allow_other)
    if state is None:
        _log_for_the_service()
        serve(
            root,
            links,
            lambda mountpoint: note(f"mounted at {mountpoint}; Ctrl-C unmounts"),
            allow_other=allow_other,
        )
        return
    say(f"{'already mounted' if state.already else 'mounted'} at {state.mountpoint}")
    if state.already and links and state.read_path != "links":
        warn("it is mounted without --links; modelfs umount it first")
    next_step(f"ls {state.mountpoint}")


def _log_for_the_service() -> None:
    """Write down for the journal, which keeps the time itself, what the mount has to say."""
    import logging

    from modelfs.service import notify

    if notify.is_wanted():
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


def umount(
    lazy: Annotated[
        bool, options.flag("--lazy", help="Take it away now, though programs still read it.")
    ] = False,
    dead: Annotated[
        bool, options.flag("--dead", help="Only what a crash has left; nothing that answers.")
    ] = False,
) -> None:
    """Take the mount away. The store stays as it is.

    Examples:
      modelfs umount
      modelfs umount --lazy
    """
    from modelfs.fs.launch import stop, stop_dead
    from modelfs.library import open_library

    with open_library() as library:
        mountpoint = library.mountpoint
        was_there = stop_dead(library) if dead else stop(library, lazy)
    nothing = f"there is no dead mount at {mountpoint}" if dead else f"{mountpoint} was not mounted"
    say(f"unmounted {mountpoint}" if was_there else nothing)


def status(as_json: options.Json = False) -> None:
    """Say whether the library is mounted, how it is read, and how large it is.

    Examples:
      modelfs status
      modelfs status --json
    """
    from modelfs.fs.advice import faster, look
    from modelfs.fs.state import mount_state
    from modelfs.library import describe, open_library

    with open_library(read_only=True) as library:
        state = mount_state(library.paths)
        advice = faster(look(library, state))
        numbers: dict[str, Any] = describe.library_numbers(library)
        document = {**_mount_document(library, state, advice), **numbers}
    if as_json:
        print_json(document)
        return
    print_card([*_mount_card(document), *_numbers_card(document)])
    if document["damaged_models"]:
        note("next: modelfs doctor")
    elif not state.mounted:
        next_step("modelfs mount")


def _mount_document(library: Library, state: MountState, advice: Advice | None) -> dict[str, Any]:
    return {
        "mounted": state.mounted,
        "mountpoint": str(state.mountpoint or library.mountpoint),
        "read_path": state.read_path,
        "read_path_reason": state.read_path_reason,
        "faster": advice.command if advice else None,
        "faster_gain": advice.gain if advice else None,
        "mount_pid": state.pid,
        "mount_problem": state.problem or None,
    }


def _mount_card(document: dict[str, Any]) -> list[tuple[str, str | Cell]]:
    where = document["mountpoint"]
    rows: list[tuple[str, str | Cell]] = [
        (
            "mounted",
            f"yes, at {where} (process {document['mount_pid']})"
            if document["mounted"]
            else f"no; would be at {where}",
        )
    ]
    if document["mount_problem"]:
        rows.append(("problem", Cell(document["mount_problem"], "bold red")))
    if document["read_path"]:
        reason = document["read_path_reason"]
        rows.append(("read path", document["read_path"] + (f" ({reason})" if reason else "")))
    if document["read_path"] == "served":
        rows.append(("cost", "modelfs doctor --speed measures it"))
    if document["faster"]:
        rows.append(("faster", f"{document['faster']} ({document['faster_gain']})"))
    return rows


def _numbers_card(document: dict[str, Any]) -> list[tuple[str, str | Cell]]:
    damaged = document["damaged_models"]
    remote = document["remote_models"]
    models = f"{document['models']}" + (f", {damaged} with damage" if damaged else "")
    models += f", {remote} evicted" if remote else ""
    sizes = {key: format_size(value) for key, value in document.items() if key.endswith("_bytes")}
    return [
        ("models", Cell(models, "bold red" if damaged else "")),
        ("logical", f"{sizes['logical_bytes']}, the sum of all models"),
        ("on disk", f"{sizes['physical_bytes']}, each blob once, trash included"),
        ("trash", f"{sizes['trash_bytes']}, freed by emptying it"),
        ("free", f"{sizes['free_bytes']}, of which {sizes['reserve_bytes']} are kept in reserve"),
        ("jobs", _jobs_told([job["state"] for job in document["jobs"]])),
        ("store", document["store"]),
    ]


def _jobs_told(states: Sequence[str]) -> str:
    counts = [(states.count(state), state) for state in ("running", "queued")]
    return ", ".join(f"{count} {state}" for count, state in counts if count) or "none under way"
