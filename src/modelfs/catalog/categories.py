"""Categories that the user added to the shipped taxonomy."""

from modelfs.catalog import changes
from modelfs.catalog.database import Catalog
from modelfs.types import ModelId


def added(catalog: Catalog) -> list[tuple[str, str]]:
    """Return the id and the title of each."""
    return [(row[0], row[1]) for row in catalog.rows("SELECT id, title FROM category ORDER BY id")]


def add(catalog: Catalog, category: str, title: str) -> None:
    """Add one; inside ``write()``."""
    catalog.rows("INSERT OR REPLACE INTO category (id, title) VALUES (?, ?)", [category, title])
    changes.log(catalog, "category", ModelId(0), None, {"id": category, "title": title})
