"""The room's TOML tables: shipped beside the code, read once, editable without reading code.

A user's files in the configuration folder hold more rows of the tables that are asked in order,
``[[structure]]`` and ``[[rule]]``; they come first. One that cannot be used is left out and told:
identification goes on without it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from modelfs import paths

Row = Mapping[str, Any]
Check = Callable[[Row], str | None]

ORDERED: Mapping[str, Sequence[str]] = {
    "structure": ("structures",),
    "rule": ("category-formats", "category-folders", "category-tensors", "category-names"),
}
"""Which files hold the rows of a table, in the order in which they are asked."""


@cache
def load_table(name: str) -> dict[str, Any]:
    """Return the table ``<name>.toml``; callers share one object and must not change it."""
    # Only a command that identifies something pays for these.
    import tomllib
    from importlib import resources

    text = resources.files("modelfs.identify.tables").joinpath(f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def rows(kind: str) -> tuple[Row, ...]:
    """Return all rows of an ordered table, the user's own first."""
    shipped = (row for name in ORDERED[kind] for row in load_table(name)[kind])
    return (*user_tables().rows.get(kind, ()), *shipped)


@dataclass(frozen=True, slots=True)
class UserTables:
    """The user's rows by table, and what is wrong with those that are left out."""

    rows: Mapping[str, Sequence[Row]]
    problems: tuple[str, ...]


@cache
def user_tables() -> UserTables:
    """Return what the user's own files add; a file with anything wrong in it adds nothing."""
    folder = paths.user_tables_folder()
    found: dict[str, list[Row]] = {kind: [] for kind in ORDERED}
    problems = []
    for file in sorted(folder.glob("[!.]*.toml")) if folder.is_dir() else ():
        try:
            for kind, row in _read(file):
                found[kind].append(row)
        except ValueError as error:
            problems.append(f"{file} is not used: {error}")
    return UserTables(found, tuple(problems))


def _read(file: Path) -> list[tuple[str, Row]]:
    """Read one of the user's files; raise ValueError that says where it is wrong."""
    import tomllib

    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ValueError(error.strerror) from error
    checks = _checks()
    found = []
    for kind, listed in table.items():
        if kind not in checks or not isinstance(listed, list):
            raise ValueError(f"there is no [[{kind}]]; known: {', '.join(sorted(checks))}")
        for number, row in enumerate(listed, 1):
            problem = checks[kind](row) if isinstance(row, dict) else "it is not a table"
            if problem:
                raise ValueError(f"{kind} {number}: {problem}")
            found.append((kind, row))
    return found


def _checks() -> Mapping[str, Check]:
    # They know the tables that they check; only a user's own files need them.
    from modelfs.identify import rules, structures

    return {"structure": structures.problem, "rule": rules.problem}
