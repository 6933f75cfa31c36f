"""``service scrub`` and ``service quota``: what the mount and the timer start by themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from modelfs.cli import options
from modelfs.cli.output import say
from modelfs.errors import Damaged
from modelfs.units import format_count, format_size

_SLICE_S = 300.0


def scrub(
    max_time: Annotated[
        float | None,
        typer.Option(
            parser=options.duration,
            metavar="DURATION",
            help="Begin no other file after this.",
            show_default="5m",
        ),
    ] = None,
) -> None:
    """Check a slice of the bytes whose turn it is by the setting scrub; exit 1 for damage.

    Examples:
      modelfs service scrub
      modelfs service scrub --max-time 1h
    """
    from modelfs.library import open_library, upkeep
    from modelfs.library.checked import CheckSummary, whom
    from modelfs.service.rights import be_idle, give_up_capabilities

    give_up_capabilities()
    be_idle()
    summary, damaged = CheckSummary(), False
    with open_library() as library:
        for checked in upkeep.scrub(library, summary, max_time or _SLICE_S):
            damaged = damaged or checked.finding.is_damage
            say(f"{whom(checked)}: {checked.finding.detail}; {checked.action}")
    if summary.looked_at:
        read = format_size(summary.read_bytes)
        left = f", {format_count(summary.unread, 'blob')} left" if summary.unread else ""
        say(f"{format_count(summary.looked_at, 'blob')} checked, {read} read{left}")
    if damaged:
        raise typer.Exit(Damaged.exit_code)


def quota() -> None:
    """Let go of what was used longest ago, until the setting quota is held.

    Examples:
      modelfs service quota
      modelfs service quota --quiet
    """
    from modelfs.library import open_library, upkeep

    with open_library() as library:
        for line in upkeep.keep_quota(library):
            say(line)
