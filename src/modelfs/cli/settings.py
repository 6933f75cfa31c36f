"""``init`` and ``config``: where a library is and how it behaves."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import completion, options
from modelfs.cli.output import next_step, note, print_json, say
from modelfs.cli.tables import is_drawn, print_card, print_plain
from modelfs.errors import BadInput
from modelfs.paths import LIBRARY_VARIABLE

if TYPE_CHECKING:
    from modelfs.library import Library


def init(
    store: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the bytes are kept.", show_default=False),
    ] = None,
    mount: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where they are shown.", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Create a library, or use the one that is there and say where it is mounted.

    Unless said otherwise, the bytes are kept in ~/.local/share/modelfs and shown in ~/AI/models.

    Examples:
      modelfs init
      modelfs init --store /data/modelfs --mount ~/models
      modelfs init --mount ~/AI/models --json
    """
    from modelfs.library import create_library
    from modelfs.paths import absolute

    folders = [absolute(folder) if folder else None for folder in (store, mount)]
    with create_library(*folders) as library:
        root, mountpoint = str(library.paths.root), str(library.mountpoint)
    if as_json:
        print_json({"store": root, "mountpoint": mountpoint})
        return
    print_card([("store", root), ("mount", mountpoint)])
    if os.environ.get(LIBRARY_VARIABLE):
        note(f"{LIBRARY_VARIABLE} is set, so this was not made your library from now on")
    next_step("modelfs add FILE_OR_FOLDER, modelfs mount")


def config(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY[=VALUE]",
            help="One setting to print, or settings to change; all are shown without any.",
            autocompletion=completion.setting_words,
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show the settings of the library, or change some.

    mount: where it is shown. reserve: room never filled (auto, 20GB, 5%). grace: how old a
    leftover must be before gc takes it. download_limit: how much of the line fetching may take
    a second (20MB; empty: all of it). stall: how long a server may send nothing (30s). xet: which
    files come by the hub's Xet storage (auto: those over 50 GB; always; never). read_path:
    how the mount is read (auto: by the kernel itself where it can; served; links). scrub: each
    file's bytes are checked once in so long while it is mounted (30d; never). quota: the most that
    the library may take (500GB; empty: no limit); what was used longest ago and can be fetched
    again goes first. allow_other: true lets other users read the mount.

    Examples:
      modelfs config
      modelfs config mount
      modelfs config reserve=50GB grace=1d
      modelfs config download_limit=20MB xet=always
    """
    from modelfs.library import open_library

    keys = [word for word in words or [] if "=" not in word]
    changes = dict(word.split("=", 1) for word in words or [] if "=" in word)
    with open_library(read_only=not changes) as library:
        if changes:
            if keys:
                raise BadInput(f"{keys[0]} has no value", f"write {keys[0]}=VALUE")
            _change(library, changes)
        values = _values(library)
    wanted = keys or list(changes) or list(values)
    unknown = [key for key in wanted if key not in values]
    if unknown:
        raise BadInput(f"there is no setting {unknown[0]!r}", f"known: {', '.join(values)}")
    _print({key: values[key] for key in wanted}, single=len(keys) == 1, as_json=as_json)


def _change(library: Library, changes: dict[str, str]) -> None:
    from modelfs.library import settings

    before = library.mountpoint
    settings.change(library, changes)
    if library.mountpoint != before:
        note("shown there from the next modelfs mount on")


def _values(library: Library) -> dict[str, object]:
    return {**asdict(library.settings), "mount": str(library.mountpoint)}


def _print(values: dict[str, object], *, single: bool, as_json: bool) -> None:
    texts = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in values.items()}
    if as_json:
        print_json(values)
    elif single:
        say(*texts.values())
    elif is_drawn():
        print_card(list(texts.items()))
    else:
        print_plain(list(texts.items()))
