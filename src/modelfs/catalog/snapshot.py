"""Copies of the catalogue, made by SQLite itself while others read and write."""

from pathlib import Path

import apsw

from modelfs.catalog.database import Catalog, translated
from modelfs.errors import Damaged


def write(catalog: Catalog, target: Path) -> None:
    """Copy the catalogue as it is now into an empty file, compact and checked; not yet durable.

    Raises Damaged when the catalogue or the copy is not sound: no bad copy may push out a good one.
    """
    catalog.rows("VACUUM INTO ?", [str(target)])
    # Nobody else in this process has the copy open, so it may be opened and closed here.
    with translated(target):
        copy = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            found = [str(row[0]) for row in copy.execute("PRAGMA quick_check(1)")]
        finally:
            copy.close()
    if found != ["ok"]:
        raise Damaged(f"the catalogue {catalog.file} is damaged: {found[0]}", "run: modelfs doctor")
