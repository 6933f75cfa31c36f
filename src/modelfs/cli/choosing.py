"""Which models a command line means: by their names, or by a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelfs.errors import BadInput, NotFound

if TYPE_CHECKING:
    from modelfs.catalog.records import ModelRecord
    from modelfs.library import Library


def chosen(
    library: Library, names: Sequence[str], query: str | None, *, trashed: bool = False
) -> list[ModelRecord]:
    """Return the models that were named, or those that the query means; never none."""
    from modelfs.library import select

    if (query is None) == (not names):
        raise BadInput("say which models", "give their names, or --query with a query as in ls")
    if query is None:
        return select.several(library, names, trashed=trashed)
    if not query.strip():
        raise BadInput("an empty query means every model", "name a field: --query category:lora")
    found = select.matching(library, query, trashed=trashed)
    if not found:
        raise NotFound(f"no model fits {query!r}", "try the query with modelfs ls first")
    return found


def models_and_words(
    library: Library, words: Sequence[str], query: str | None, what: str
) -> tuple[list[ModelRecord], list[str]]:
    """Split ``MODEL WORD...`` or, with a query, ``WORD...`` into its models and its words."""
    names, rest = (words[:1], words[1:]) if query is None else ((), words)
    if not rest:
        raise BadInput(f"no {what} given", f"write the model first, then each {what}")
    return chosen(library, list(names), query), list(rest)
