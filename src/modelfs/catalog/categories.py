"""What the user changed about the categories: his own, other titles, what is hidden."""

from dataclasses import asdict, dataclass

from modelfs.catalog import changes
from modelfs.catalog.database import Catalog
from modelfs.types import ModelId


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """A category of the user's own, or what he changed about a shipped one."""

    id: str
    title: str
    """Empty: as it was shipped."""
    hidden: bool = False


def rows(catalog: Catalog) -> list[CategoryRow]:
    """Return all of them, sorted by id."""
    found = catalog.rows("SELECT id, title, hidden FROM category ORDER BY id")
    return [CategoryRow(row[0], row[1], bool(row[2])) for row in found]


def get(catalog: Catalog, category: str) -> CategoryRow | None:
    """Return one, or None."""
    return next((row for row in rows(catalog) if row.id == category), None)


def change(catalog: Catalog, before: CategoryRow | None, after: CategoryRow | None) -> None:
    """Put ``after`` in the place of ``before``; None is nothing. Inside ``write()``."""
    if before is not None:
        catalog.rows("DELETE FROM category WHERE id = ?", [before.id])
    if after is not None:
        catalog.rows(
            "INSERT OR REPLACE INTO category (id, title, hidden) VALUES (?, ?, ?)",
            [after.id, after.title, int(after.hidden)],
        )
    told = [None if row is None else asdict(row) for row in (before, after)]
    changes.log(catalog, "category", ModelId(0), *told)
