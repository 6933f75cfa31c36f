"""The program: its commands put together, and the one place that ends it."""

import inspect
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from modelfs import __version__
from modelfs.cli import (
    adding,
    categories,
    checking,
    collecting,
    connecting,
    evicting,
    history,
    identifying,
    jobs,
    listing,
    lists,
    login,
    mounting,
    options,
    organising,
    removing,
    service,
    settings,
    showing,
    tools,
    trash,
    updating,
)
from modelfs.cli.errors import guarded
from modelfs.cli.help import flowed

_ANYWHERE = ("--debug", "--no-color", "--quiet")
"""Options of the program itself, which people write behind the command as well."""

app = typer.Typer(
    name="modelfs",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"modelfs {__version__}")
        raise typer.Exit


def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", metavar="", is_eager=True, callback=_version
        ),
    ] = False,
    debug: Annotated[bool, options.flag("--debug", help="Show tracebacks of errors.")] = False,
    no_color: Annotated[
        bool, options.flag("--no-color", help="No colour; as NO_COLOR in the environment.")
    ] = False,
    quiet: Annotated[
        bool, options.flag("--quiet", help="Only data and errors: no hints, no progress.")
    ] = False,
) -> None:
    """One home for every AI model: each weight kept once, shown to every tool as folders.

    Examples:
      modelfs init
      modelfs add ~/Downloads/SmolLM2-135M-Q4_K_M.gguf
      modelfs ls category:llm
      modelfs mount
    """
    from modelfs.cli.output import err

    if no_color:
        os.environ["NO_COLOR"] = "1"
    if quiet:
        err().quiet = True


_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Bring in and find": {
        "add": adding.add,
        "identify": identifying.identify,
        "ls": listing.ls,
        "show": showing.show,
        "search": listing.search,
        "path": listing.path,
        "export-list": lists.export_list,
        "outdated": updating.outdated,
        "update": updating.update,
        "login": login.login,
        "logout": login.logout,
    },
    "Organise": {
        "tag": organising.tag,
        "untag": organising.untag,
        "tags": organising.tags,
        "set": organising.set_values,
        "pin": organising.pin,
        "unpin": organising.unpin,
        "refresh": identifying.refresh,
    },
    "Remove and take back": {
        "rm": removing.rm,
        "restore": removing.restore,
        "evict": evicting.evict,
        "gc": collecting.gc,
        "undo": history.undo,
        "history": history.history,
    },
    "Mount and check": {
        "mount": mounting.mount,
        "umount": mounting.umount,
        "status": mounting.status,
        "verify": checking.verify,
        "doctor": checking.doctor,
    },
    "Tools": {"connect": connecting.connect, "disconnect": connecting.disconnect},
    "Library": {"init": settings.init, "config": settings.config},
}
_GROUPS = {
    "jobs": (jobs.app, "Bring in and find"),
    "categories": (categories.app, "Organise"),
    "trash": (trash.app, "Remove and take back"),
    "service": (service.app, "Mount and check"),
    "tools": (tools.app, "Mount and check"),
}


def _assemble() -> None:
    app.callback(help=flowed(program))(program)
    for panel, commands in _COMMANDS.items():
        for name, command in commands.items():
            parameters = inspect.signature(command).parameters.values()
            app.command(
                name,
                help=flowed(command),
                rich_help_panel=panel,
                no_args_is_help=any(p.default is p.empty for p in parameters),
            )(command)
    for name, (group, panel) in _GROUPS.items():
        app.add_typer(group, name=name, rich_help_panel=panel)


_assemble()


def run() -> None:
    """Run the program with the arguments of the process, and end it."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is shown escaped; it is no reason to fail.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    arguments = hoisted(sys.argv[1:])
    _leave_only(next((word for word in arguments if not word.startswith("-")), ""))
    code = guarded(lambda: app(args=arguments, prog_name="modelfs"), debug="--debug" in arguments)
    sys.exit(code)


def _leave_only(name: str) -> None:
    """Keep one command of all, if there is one of that name.

    Typer builds every command that is registered before it looks for the one that was asked for.
    """
    commands = [command for command in app.registered_commands if command.name == name]
    groups = [group for group in app.registered_groups if group.name == name]
    if commands or groups:
        app.registered_commands, app.registered_groups = commands, groups


def hoisted(arguments: list[str]) -> list[str]:
    """Put the program's own options first, wherever they were written before a ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    own = [argument for argument in arguments[:end] if argument in _ANYWHERE]
    rest = [argument for argument in arguments[:end] if argument not in _ANYWHERE]
    return own + rest + arguments[end:]
