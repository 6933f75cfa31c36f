"""The options and arguments that commands share, each said once."""

from typing import Annotated, Any

import typer

from modelfs.cli import completion
from modelfs.units import parse_duration, parse_size


def duration(text: str) -> float:
    """Read a duration such as 30d or 12h for an option."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def size(text: str) -> int:
    """Read a size such as 20GB for an option."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def flag(*names: str, help: str) -> Any:
    """Return an option that is on or off; help shows no type for it."""
    return typer.Option(*names, help=help, metavar="")


Json = Annotated[bool, flag("--json", help="Print one JSON document.")]
Plain = Annotated[
    bool,
    flag("--plain", help="Print tab-separated lines, as is done when piped."),
]
DryRun = Annotated[
    bool,
    flag("--dry-run", "-n", help="Show what would be done; change nothing."),
]
Yes = Annotated[
    bool,
    flag("--yes", "-y", help="Do not ask. Needed when there is no terminal."),
]
Background = Annotated[
    bool, flag("--background", help="Fetch in the background: see modelfs jobs.")
]
Query = Annotated[
    str | None,
    typer.Option(
        "--query",
        "-q",
        metavar="QUERY",
        help="Act on all models that this query means, as in ls.",
        autocompletion=completion.query_words,
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model's name, or # and its number.",
        autocompletion=completion.model_names,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL",
        help="Names of models, or # and a number.",
        autocompletion=completion.model_names,
        show_default=False,
    ),
]
TrashedModelsOrAll = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL",
        help="Names of models in the trash; all of it without any.",
        autocompletion=completion.trashed_names,
        show_default=False,
    ),
]
ReturningModels = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL",
        help="Names of models in the trash or evicted, or # and a number.",
        autocompletion=completion.returning_names,
    ),
]
