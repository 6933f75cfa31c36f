"""The open catalogue: its connection, its transactions and its version.

Nobody else in the process may open the file, not even to copy it: closing a second descriptor
would drop SQLite's POSIX locks. One ``Catalog`` belongs to one thread at a time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import apsw

from modelfs.catalog.waiting import patience
from modelfs.errors import CatalogBusy, Damaged, Failed, ModelfsError, NoSpace, NotFound

APPLICATION_ID = 0x6D6F6673
"""'mofs' in the SQLite header, so that a stranger's database is not taken for ours."""

BUSY_TIMEOUT_S = 15.0

Row = tuple[Any, ...]


class Catalog:
    """One connection to the catalogue of a library."""

    def __init__(self, file: Path, connection: apsw.Connection, *, is_read_only: bool) -> None:
        self.file = file
        self.is_read_only = is_read_only
        self._connection = connection

    @classmethod
    def open(cls, file: Path, *, create: bool = False, read_only: bool = False) -> "Catalog":
        """Open a catalogue and bring it to the newest version.

        Raises NotFound when there is none and ``create`` is False, Damaged when it is not one.
        """
        flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
        if create:
            flags |= apsw.SQLITE_OPEN_CREATE
        if not create and not file.exists():
            raise NotFound(f"there is no library in {file.parent}", "make one: modelfs init")
        with translated(file):
            connection = apsw.Connection(str(file), flags=flags)
            try:
                connection.set_busy_handler(patience(BUSY_TIMEOUT_S))
                _check_ours(file, connection)
                if not create and _version(connection) == 0:
                    raise Damaged(
                        f"the catalogue {file} is empty",
                        "modelfs init makes a new one; with models: modelfs doctor --rebuild",
                    )
                if read_only and _version(connection) < migrations()[-1][0]:
                    connection.close()
                    cls.open(file).close()
                    return cls.open(file, read_only=True)
                _configure(connection, read_only=read_only)
                if not read_only:
                    migrate(connection)
                _check_version(file, connection)
            except BaseException:
                connection.close()
                raise
        return cls(file, connection, is_read_only=read_only)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def read(self) -> Iterator[None]:
        """See one consistent state for several queries."""
        with translated(self.file):
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                _roll_back(self._connection)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[None]:
        """Change everything inside or nothing; durable when the block is left (FULL).

        With ``durable=False`` a power cut may take it back, wholly: for what is written often and
        soon written again.
        """
        with translated(self.file):
            if not durable:
                self._connection.execute("PRAGMA synchronous = NORMAL")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._connection.execute("COMMIT")
                except BaseException:
                    _roll_back(self._connection)
                    raise
            finally:
                if not durable:
                    self._connection.execute("PRAGMA synchronous = FULL")

    def rows(self, sql: str, bindings: Sequence[object] = ()) -> list[Row]:
        """Run a statement to its end and give all its rows."""
        with translated(self.file):
            return self._connection.execute(sql, bindings).fetchall()

    def value(self, sql: str, bindings: Sequence[object] = ()) -> Any:
        """Run a statement and give the first column of its first row, or None."""
        rows = self.rows(sql, bindings)
        return rows[0][0] if rows else None

    @property
    def last_id(self) -> int:
        """The id of the row that was inserted last."""
        return self._connection.last_insert_rowid()

    def data_version(self) -> int:
        """Return a number that moves when another connection commits; costs microseconds."""
        return int(self.value("PRAGMA data_version"))

    def fold_journal(self) -> None:
        """Bring all that was committed into the file itself, durably; raises what the disk says.

        Closing does it too, but says nothing when it fails and leaves the journal for the next.
        """
        busy = self.value("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise CatalogBusy(f"somebody else has {self.file} open", "wait, and try again")

    def problems(self) -> list[str]:
        """Check every page, index and reference; give what is wrong."""
        return self.broken_pages() + [
            f"row {row[1]} of {row[0]} points at a missing row of {row[2]}"
            for row in self.rows("PRAGMA foreign_key_check")
        ]

    def broken_pages(self) -> list[str]:
        """Check every page and index, not the references; give what is wrong."""
        with self.read():
            # FTS5 checks its index against what it remembers from before others wrote to it, and
            # finds damage where there is none, unless a query had it look afresh.
            with suppress(Damaged):
                self.rows("SELECT 1 FROM model_text WHERE rowid = 0")
            try:
                found = [str(row[0]) for row in self.rows("PRAGMA integrity_check(20)")]
            except Damaged as error:  # too damaged to be looked through
                return [error.message]
        return [text for text in found if text != "ok"]

    def renew_indexes(self) -> None:
        """Make all indexes again from the tables, the one of the search too. In ``write()``."""
        self.rows("REINDEX")
        self.rows("INSERT INTO model_text (model_text) VALUES ('rebuild')")


def _roll_back(connection: apsw.Connection) -> None:
    # A failed COMMIT may have rolled back by itself (SQLITE_FULL, SQLITE_IOERR).
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _configure(connection: apsw.Connection, *, read_only: bool) -> None:
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    # FULL: one commit may name 10 GB that gc must not collect after a power cut.
    connection.execute("PRAGMA synchronous = FULL")


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """Return the numbered steps from an empty file to the newest version, in order."""
    folder = resources.files("modelfs.catalog") / "migrations"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return tuple(sorted((int(entry.name[:4]), entry.read_text("utf-8")) for entry in files))


def migrate(connection: apsw.Connection) -> None:
    """Apply the steps that a catalogue has not seen, each in one transaction."""
    steps = migrations()
    for number, sql in steps:
        if _version(connection) >= number:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been faster while we waited for the lock.
            if _version(connection) < number:
                connection.execute(sql)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise


def _version(connection: apsw.Connection) -> int:
    return int(str(connection.execute("PRAGMA user_version").get))


def _check_ours(file: Path, connection: apsw.Connection) -> None:
    """Raise Damaged for a database of somebody else's, before a byte of it is changed."""
    # One statement, so that a catalogue that is just being created is seen before or after.
    stranger = connection.execute(
        "SELECT (SELECT application_id FROM pragma_application_id) <> ? "
        "AND EXISTS (SELECT 1 FROM sqlite_schema)",
        [APPLICATION_ID],
    ).get
    if stranger:
        raise Damaged(f"{file} is not a modelfs catalogue", "choose another folder: modelfs init")


def _check_version(file: Path, connection: apsw.Connection) -> None:
    newest = migrations()[-1][0]
    if _version(connection) > newest:
        raise Failed(
            f"{file} was written by a newer modelfs (version {_version(connection)}, "
            f"this one knows {newest})",
            "update modelfs",
        )


@contextmanager
def translated(file: Path) -> Iterator[None]:
    """Raise our errors for SQLite's."""
    try:
        yield
    except apsw.Error as error:
        raise _explain(error, file) from error


def _explain(error: apsw.Error, file: Path) -> ModelfsError:
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return CatalogBusy(
                f"the catalogue is in use by another program ({error})",
                "wait for the other modelfs command to finish and try again",
            )
        case apsw.CorruptError() | apsw.NotADBError():
            return Damaged(f"the catalogue {file} is damaged: {error}", "run: modelfs doctor")
        case apsw.FullError():
            return NoSpace(f"the disk of {file} is full", "free some space and try again")
        case apsw.IOError() if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE:
            # Even reading needs a few pages of shared memory beside the file.
            return NoSpace(f"the disk of {file} is full", "free some space and try again")
        case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError():
            return Failed(f"the catalogue {file} cannot be opened: {error}", "check its owner")
        case apsw.IOError():
            return Failed(f"the catalogue {file} cannot be read or written: {error}")
    raise error
