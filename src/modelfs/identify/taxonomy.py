"""The categories a model can have: a tree of two levels, shipped as data, to which users may add.

An id is a path in the mount that workflows save, so the shipped ids never change.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from modelfs.errors import BadInput
from modelfs.identify.tables import load_table

UNSORTED = "other/unsorted"
MAX_PART_CHARS = 64
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:/[a-z0-9]+(?:-[a-z0-9]+)*){0,2}")


@dataclass(frozen=True, slots=True)
class Category:
    """One place for models; ``id`` is its path below ``by-category/``."""

    id: str
    title: str
    about: str = ""

    @property
    def last_part(self) -> str:
        return self.id.rpartition("/")[2]

    @property
    def first_part(self) -> str:
        return self.id.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All categories of a library, the shipped ones first."""

    categories: tuple[Category, ...]

    def __contains__(self, category_id: object) -> bool:
        return any(category.id == category_id for category in self.categories)

    def get(self, category_id: str) -> Category | None:
        """Return the category with exactly this id."""
        return next((found for found in self.categories if found.id == category_id), None)

    def resolve(self, text: str) -> str:
        """Return the id of the one category that ``text`` names, in full or by its last part.

        Raises ``BadInput`` when there is none, or more than one; the hint lists them.
        """
        wanted = _normal(text)
        if wanted in self:
            return wanted
        found = [category.id for category in self.categories if category.last_part == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(f"category {text!r} is ambiguous", "say one of: " + ", ".join(found))
        below = [category.id for category in self.categories if category.first_part == wanted]
        if below:
            raise BadInput(f"{text!r} holds categories", "say one of: " + ", ".join(below))
        raise self._unknown(text)

    def matching(self, text: str) -> tuple[str, ...]:
        """Return every id that equals ``text``, or has it as its last part or its first level.

        Raises ``BadInput`` when there is none.
        """
        wanted = _normal(text)
        found = tuple(
            category.id
            for category in self.categories
            if wanted in (category.id, category.last_part, category.first_part)
        )
        if not found:
            raise self._unknown(text)
        return found

    def with_added(self, added: Iterable[tuple[str, str]]) -> "Taxonomy":
        """Return a taxonomy that also has these ids and titles; one already there is kept."""
        present = {category.id for category in self.categories}
        new = {category_id: title for category_id, title in added if category_id not in present}
        return Taxonomy(self.categories + tuple(Category(*row) for row in new.items()))

    def check_new_id(self, text: str) -> str:
        """Return ``text`` when it may become a category of its own, else raise ``BadInput``."""
        if not _ID.fullmatch(text) or any(len(part) > MAX_PART_CHARS for part in text.split("/")):
            raise BadInput(
                f"{text!r} cannot be a category",
                "use one to three parts of a-z, 0-9 and single '-', joined by '/'",
            )
        if text in self:
            raise BadInput(f"category {text!r} is there already")
        return text

    def _unknown(self, text: str) -> BadInput:
        import difflib  # only a mistyped name needs it, every command's start would pay for it

        by_name = {category.id: category.id for category in self.categories}
        by_name |= {category.last_part: category.id for category in self.categories}
        close = difflib.get_close_matches(_normal(text)[:80], by_name, n=3, cutoff=0.6)
        names = dict.fromkeys(by_name[name] for name in close)
        hint = "did you mean " + " or ".join(names) + "?" if names else "see: modelfs categories"
        return BadInput(f"there is no category {text[:80]!r}", hint)


def _normal(text: str) -> str:
    return text.strip().strip("/").lower()


@cache
def load_taxonomy() -> Taxonomy:
    """Return the shipped categories."""
    rows = load_table("taxonomy")["category"]
    return Taxonomy(tuple(Category(row["id"], row["title"], row["about"]) for row in rows))
