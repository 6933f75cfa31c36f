"""What can still be read of a catalogue, damaged or whole, as plain rows; and rows made one again.

Reading never raises for damage: it goes around the pages that cannot be read, from both sides, and
says which rows it missed.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path

import apsw

from modelfs.catalog.database import Catalog, Row, translated
from modelfs.catalog.edit import index
from modelfs.errors import Damaged, ModelfsError
from modelfs.names import alternatives, fold, legal_name
from modelfs.types import ModelId

_KEYS: Mapping[str, int] = {
    "pool": 1,
    "blob": 1,
    "copy": 2,
    "category": 1,
    "model": 1,
    "file": 1,
    "tag": 2,
    "use": 2,
    "change": 1,
}
"""The tables, parents first, and how many of their first columns are the primary key."""

_NUMBERED = ("model", "file", "change")
_SPARE_IDS = 1000
"""Numbers left out behind the last known one: those of rows that were lost may live in programs."""

Key = tuple[object, ...]


@dataclass(slots=True)
class Remains:
    """Rows by table and key, and what could not be read."""

    rows: dict[str, dict[Key, Row]] = field(default_factory=lambda: {name: {} for name in _KEYS})
    lost: dict[str, str] = field(default_factory=dict)
    """Tables that were not read whole, and why."""

    @property
    def is_whole(self) -> bool:
        """Whether every row of every table was read."""
        return not self.lost

    def column(self, table: str, number: int) -> set[object]:
        """Return the values of one column."""
        return {row[number] for row in self.rows[table].values()}


def nothing() -> Remains:
    """Return what remains of a catalogue that is gone."""
    return Remains(lost=dict.fromkeys(_KEYS, "it is gone"))


def read(file: Path) -> Remains:
    """Read all that can be read of a catalogue of this version, without changing it."""
    remains = Remains()
    with translated(file):
        try:
            connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
        except _DAMAGE as error:
            remains.lost = dict.fromkeys(_KEYS, str(error))
            return remains
        try:
            with suppress(*_DAMAGE):
                connection.execute("PRAGMA cell_size_check = ON")
            for table, width in _KEYS.items():
                _read_table(connection, table, width, remains)
        finally:
            connection.close()
    return remains


_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.CantOpenError, apsw.SQLError)
"""What SQLite says of damage, down to a table that is not there; not of a lock or of memory."""


def read_snapshot(file: Path) -> Remains | None:
    """Read a snapshot through a copy that is brought to this version; None for a damaged one.

    Raises OSError or ModelfsError when the disk fails: an older snapshot would lose what this has.
    """
    draft = file.with_name(f".{file.name}.reading")
    try:
        shutil.copyfile(file, draft)
        Catalog.open(draft).close()
        return read(draft)
    except Damaged:
        return None
    finally:
        for name in (draft.name, f"{draft.name}-wal", f"{draft.name}-shm"):
            draft.with_name(name).unlink(missing_ok=True)


def _read_table(connection: apsw.Connection, table: str, width: int, remains: Remains) -> None:
    columns = ", ".join(str(number + 1) for number in range(width))
    found = remains.rows[table]
    errors = []
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{column} {direction}" for column in columns.split(", "))
        error = _collect(connection, f"SELECT * FROM {table} ORDER BY {order}", width, found)
        if error is None:
            return
        errors.append(error)
    # Without its first page nothing of a file can be asked for.
    if table in _NUMBERED and not isinstance(errors[0], apsw.NotADBError):
        _read_around(connection, table, found)
    remains.lost[table] = str(errors[0])


def _read_around(connection: apsw.Connection, table: str, found: dict[Key, Row]) -> None:
    """Ask for the rows that reading did not come to, one by one: each may be on a sound page."""
    known = sorted(key[0] for key in found if isinstance(key[0], int))
    for number in islice(_not_seen(known), _TRIED):
        _collect(connection, f"SELECT * FROM {table} WHERE id = {number}", 1, found)


_TRIED = 200_000
_TRIED_BEHIND = 20_000
"""Behind the last row that was seen, when it was the last pages that cannot be read."""


def _not_seen(known: Sequence[int]) -> Iterator[int]:
    """Give the numbers before, between and behind the known ones."""
    last = known[-1] if known else 0
    for before, after in pairwise([0, *known, last + _TRIED_BEHIND]):
        yield from range(before + 1, after)


def _collect(
    connection: apsw.Connection, sql: str, width: int, found: dict[Key, Row]
) -> Exception | None:
    """Take rows until the end or an error; return the error."""
    try:
        for row in connection.execute(sql):
            found.setdefault(tuple(row[:width]), tuple(row))
    except _DAMAGE as error:
        return error
    return None


def merged(newer: Remains, older: Remains) -> Remains:
    """Fill what the newer catalogue lost with what an older one has.

    A table that was read whole stands as it is. A model that the newer log knows to be deleted
    for good stays deleted.
    """
    result = Remains(lost=dict(newer.lost))
    for table in _KEYS:
        older_rows = older.rows[table] if table in newer.lost else {}
        result.rows[table] = {**older_rows, **newer.rows[table]}
    emptied = {row[3] for row in newer.rows["change"].values() if row[2] == "empty"}
    for table, column in (("model", 0), ("file", 1), ("tag", 0), ("use", 0)):
        rows = result.rows[table]
        result.rows[table] = {k: row for k, row in rows.items() if row[column] not in emptied}
    return result


def write(file: Path, remains: Remains) -> None:
    """Make a new catalogue of these rows, durable and closed; names that clash gain a number.

    Rows that belong to nothing come along: ``orphans`` finds and mends them.
    """
    catalog = Catalog.open(file, create=True)
    try:
        catalog.rows("PRAGMA foreign_keys = OFF")
        with catalog.write():
            for table in _KEYS:
                _insert(catalog, table, _sound(table, remains.rows[table].values()))
            for (model,) in catalog.rows("SELECT id FROM model"):
                index(catalog, ModelId(model))
            for table in _NUMBERED if not remains.is_whole else ():
                _leave_room(catalog, table)
    finally:
        catalog.close()


def _insert(catalog: Catalog, table: str, rows: Iterable[Row]) -> None:
    """Insert rows, of this version or an older one: new columns stand behind the old ones."""
    verb = "INSERT OR REPLACE" if table == "pool" else "INSERT OR IGNORE"
    columns = [row[0] for row in catalog.rows(f"SELECT name FROM pragma_table_info('{table}')")]
    for row in rows:
        names, marks = ", ".join(columns[: len(row)]), ", ".join("?" * len(row))
        # A row that breaks a rule of its table was damaged itself, and is left out.
        with suppress(ModelfsError, apsw.ConstraintError, apsw.MismatchError):
            catalog.rows(f"{verb} INTO {table} ({names}) VALUES ({marks})", row)


_NAME, _EXTENSION, _ENTRY_KEY, _FACTS, _TRASHED_AT = 1, 2, 3, 12, 17
_NO_FACTS = '{"details": {}, "reasons": [], "warnings": []}'


def _sound(table: str, rows: Iterable[Row]) -> Iterable[Row]:
    """Make rows fit to be together: of the models each living one gets a name of its own."""
    return _sound_models(rows) if table == "model" else rows


def _sound_models(rows: Iterable[Row]) -> Iterator[Row]:
    taken: set[str] = set()
    for row in sorted(rows):
        name, extension = legal_name(str(row[_NAME])), str(row[_EXTENSION])
        if row[_TRASHED_AT] is None:
            names = alternatives(name, None, f"{row[0]}", extension)
            name = next(one for one in names if fold(one + extension) not in taken)
            taken.add(fold(name + extension))
        values = list(row)
        values[_NAME], values[_ENTRY_KEY] = name, fold(name + extension)
        values[_FACTS] = row[_FACTS] if _is_json(row[_FACTS]) else _NO_FACTS
        yield tuple(values)


def _is_json(text: object) -> bool:
    try:
        return {"details", "reasons", "warnings"} <= set(json.loads(str(text)))
    except (ValueError, TypeError):
        return False


def _leave_room(catalog: Catalog, table: str) -> None:
    last = catalog.value(f"SELECT max(id) FROM {table}") or 0
    catalog.rows("DELETE FROM sqlite_sequence WHERE name = ?", [table])
    catalog.rows("INSERT INTO sqlite_sequence VALUES (?, ?)", [table, last + _SPARE_IDS])
