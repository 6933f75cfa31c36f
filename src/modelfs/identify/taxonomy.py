"""The categories a model can have: a tree of two levels, shipped as data, to which users may add.

An id is a path in the mount that workflows save, so the shipped ids never change.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
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
    hidden: bool = False
    """Left out of listings of the mount; it is found when named."""
    own: bool = False
    """The user's, not shipped."""

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

    def at_or_below(self, text: str) -> tuple[str, ...]:
        """Return the one category that ``text`` names, or all of a first level that it names.

        Raises ``BadInput`` when there is none.
        """
        wanted = _normal(text)
        below = tuple(c.id for c in self.categories if c.id.startswith(wanted + "/"))
        if "/" in wanted or not below:
            return (self.resolve(text),)
        return below

    def with_changes(self, changes: Iterable[tuple[str, str, bool]]) -> "Taxonomy":
        """Return a taxonomy with what the user changed: id, title (empty: as it is), hidden."""
        changed = {row[0]: row for row in changes}
        found = []
        for category in self.categories:
            _, title, hidden = changed.pop(category.id, (category.id, "", category.hidden))
            found.append(replace(category, title=title or category.title, hidden=hidden))
        own = (Category(*row[:2], hidden=row[2], own=True) for row in changed.values())
        return Taxonomy((*found, *own))

    @property
    def unlisted(self) -> frozenset[str]:
        """The folders to leave out: hidden categories, and levels of which all is hidden."""
        shown = [category.id for category in self.categories if not category.hidden]
        hidden = [category.id for category in self.categories if category.hidden]
        levels = {parent for each in hidden for parent in _with_parents(each)}
        kept = {parent for each in shown for parent in _with_parents(each)}
        return frozenset(levels - kept) | frozenset(hidden)

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


def _with_parents(category_id: str) -> Iterator[str]:
    parts = category_id.split("/")
    for depth in range(1, len(parts) + 1):
        yield "/".join(parts[:depth])


def _normal(text: str) -> str:
    return text.strip().strip("/").lower()


@cache
def load_taxonomy() -> Taxonomy:
    """Return the shipped categories."""
    rows = load_table("taxonomy")["category"]
    return Taxonomy(tuple(Category(row["id"], row["title"], row["about"]) for row in rows))
