"""``jobs``: fetches and other long work, wherever it goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import completion, options
from modelfs.cli.help import flowed
from modelfs.cli.job_rows import columns, lines, plain_row, rows
from modelfs.cli.jobs_clean import clean
from modelfs.cli.output import error_console, next_step, note, out, print_json, say, warn
from modelfs.cli.progress import bars
from modelfs.cli.tables import drawn_table, is_drawn, print_plain
from modelfs.errors import BadInput, ModelfsError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from modelfs.catalog.jobs import JobRecord
    from modelfs.library import Library
    from modelfs.library.watching import JobView

_LOOK_S = 0.5
_SETTLE_S = 10.0
"""So long is waited for a runner to do what it is asked for; it looks once a second."""

Number = Annotated[
    list[int],
    typer.Argument(metavar="ID", help="Numbers of jobs.", autocompletion=completion.job_ids, min=1),
]
Numbers = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="ID",
        help="Numbers of jobs.",
        autocompletion=completion.job_ids,
        show_default=False,
        min=1,
    ),
]
Background = Annotated[
    bool, options.flag("--background", help="Queue them; a process of its own does them.")
]


def jobs(
    context: typer.Context,
    everything: Annotated[
        bool, options.flag("--all", help="Those too that were over a day ago.")
    ] = False,
    watch: Annotated[
        bool, options.flag("--watch", "-w", help="Keep looking until none is under way, or Ctrl-C.")
    ] = False,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """List fetches and other long work: how far each is, or why it stopped.

    Those that are over are listed for a day. Piped, it prints id, what, state, stage, bytes done,
    bytes in all, bytes a second, seconds left and the error, with tabs between.

    Examples:
      modelfs jobs
      modelfs jobs --watch
      modelfs jobs --all --json
      modelfs jobs cancel 3
    """
    if context.invoked_subcommand is not None:
        return
    from modelfs.library import open_library
    from modelfs.library.watching import document, listed

    with open_library(read_only=True) as library:
        if watch and not as_json and is_drawn(plain=plain):
            _watch(library, everything=everything)
            return
        found = listed(library, everything=everything)
    if as_json:
        print_json([document(each) for each in found])
    elif not is_drawn(plain=plain):
        print_plain([plain_row(each) for each in found])
    elif found:
        out().print(_drawn(found, with_files=False))
        _suggest(found)
    else:
        note("there are no jobs" if everything else "there are no jobs; --all shows older ones")


def _drawn(found: Sequence[JobView], *, with_files: bool) -> RenderableType:
    from rich.console import Group

    width = out().width
    shown = rows(found, with_files=with_files, width=width)
    return Group(drawn_table(columns(width), shown, room=width), *lines(found))


def _watch(library: Library, *, everything: bool) -> None:
    from rich.live import Live

    from modelfs.library.watching import listed

    try:
        with Live(console=out(), auto_refresh=False) as live:
            while True:
                found = listed(library, everything=everything)
                live.update(_drawn(found, with_files=True), refresh=True)
                if not any(each.is_active for each in found):
                    break
                time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        return  # looking has ended; what was looked at goes on
    _suggest(found)


def _suggest(found: Sequence[JobView]) -> None:
    if any(each.job.state in ("paused", "failed") for each in found):
        next_step("modelfs jobs resume")


def cancel(
    numbers: Numbers = None,
    everything: Annotated[bool, options.flag("--all", help="Every job that is not over.")] = False,
) -> None:
    """Cancel jobs, wherever they are being worked on. What came is kept until jobs clean.

    Examples:
      modelfs jobs cancel 3
      modelfs jobs cancel --all
    """
    from modelfs.library import open_library
    from modelfs.library.jobs import cancel as end

    if not numbers and not everything:
        raise BadInput("which jobs?", "give their numbers, or --all")
    with open_library() as library:
        chosen = _chosen(library, numbers, ("queued", "running", "paused", "failed"))
        _tell_ended(library, [job for job in chosen if end(library, job)], "cancelled")


def pause(numbers: Number) -> None:
    """Pause jobs, wherever they are being worked on.

    Examples:
      modelfs jobs pause 3
      modelfs jobs pause 3 4
    """
    from modelfs.library import open_library
    from modelfs.library.jobs import pause as end

    with open_library() as library:
        chosen = _chosen(library, numbers, ())
        _tell_ended(library, [job for job in chosen if end(library, job)], "paused")


def _chosen(
    library: Library, numbers: Sequence[int] | None, states: Sequence[str]
) -> list[JobRecord]:
    """Return the jobs with these numbers, or without any those in these states; NotFound."""
    from modelfs.library.jobs import find, state_now
    from modelfs.library.watching import listed

    if numbers:
        found = [find(library, number) for number in dict.fromkeys(numbers)]
        for job in found:
            if state_now(library, job) == "done":
                raise BadInput(f"job {job.id} is done", "modelfs jobs --all")
        return found
    views = listed(library, everything=True)
    return [find(library, each.job.id) for each in views if each.job.state in states]


def _tell_ended(library: Library, asked: Sequence[JobRecord], state: str) -> None:
    from modelfs.library.jobs import settled

    for job in asked:
        now = settled(library, job.id, _SETTLE_S)
        if now.state == state:
            say(f"{state} job {job.id}: {job.title}")
        elif now.state == "running":
            say(f"job {job.id} was asked to stop and will in a moment: {job.title}")
        else:
            say(f"job {job.id} was {now.state} before it could be {state}: {job.title}")
    if not asked:
        note(f"there is nothing that could be {state}")


def resume(numbers: Numbers = None, background: Background = False) -> None:
    """Go on with jobs that stopped: those given, or all that are paused or failed.

    What has come is not transferred again.

    Examples:
      modelfs jobs resume
      modelfs jobs resume 3 --background
    """
    _go_on(numbers, ("paused", "failed"), background=background)


def retry(numbers: Numbers = None, background: Background = False) -> None:
    """Try jobs again that failed or were cancelled: those given, or all that failed.

    What has come is not transferred again.

    Examples:
      modelfs jobs retry
      modelfs jobs retry 3 4
    """
    _go_on(numbers, ("failed",), background=background)


def _go_on(numbers: Sequence[int] | None, states: Sequence[str], *, background: bool) -> None:
    from modelfs.library import open_library

    with open_library() as library:
        chosen = _chosen(library, numbers, states)
        if not chosen:
            note(f"there is no job that is {' or '.join(states)}")
        elif background:
            _queue(library, chosen)
        else:
            _run_each(library, chosen)


def _queue(library: Library, chosen: Sequence[JobRecord]) -> None:
    from modelfs.library.jobs import requeue
    from modelfs.library.work import start_worker

    for job in chosen:
        if requeue(library, job.id):
            say(f"queued job {job.id}: {job.title}")
        else:
            note(f"job {job.id} is being worked on already: {job.title}")
    start_worker(library)
    next_step("modelfs jobs --watch")


def _run_each(library: Library, chosen: Sequence[JobRecord]) -> None:
    """Run jobs here, one after the other; the first that fails says how this ends."""
    first: ModelfsError | None = None
    for job in chosen:
        try:
            _run(library, job)
        except ModelfsError as error:
            if len(chosen) == 1:
                raise
            first = first or error
            warn(f"job {job.id}: {error.message}")
    if first is not None:
        raise typer.Exit(first.exit_code)


def _run(library: Library, job: JobRecord) -> None:
    from modelfs.library.work import run

    try:
        with bars() as drawn:
            added = run(library, job, drawn.report)
    except KeyboardInterrupt:
        error_console().print(f"what came is kept: modelfs jobs resume {job.id}")
        raise
    say(f"job {job.id} is done: {job.title}")
    for each in added:
        say(f"  {each.outcome}: {each.model.entry_name} in {each.model.category}")


def work() -> None:
    """Do what is queued, until nothing is left; the programs start this by themselves.

    Examples:
      modelfs jobs work
      modelfs jobs work --debug
    """
    import logging

    from modelfs.config import configured_store
    from modelfs.library.work import work as work_through
    from modelfs.service.rights import give_up_capabilities

    give_up_capabilities()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    # Ours alone: what fetches would write down every address, with what is signed in it.
    logging.getLogger("modelfs").setLevel(logging.INFO)
    work_through(configured_store())


app = typer.Typer()
app.callback(invoke_without_command=True, help=flowed(jobs))(jobs)
for _name, _command in {"cancel": cancel, "pause": pause, "resume": resume, "retry": retry}.items():
    app.command(_name, help=flowed(_command), no_args_is_help=_command in (cancel, pause))(_command)
app.command("clean", help=flowed(clean))(clean)
app.command("work", help=flowed(work), hidden=True)(work)
