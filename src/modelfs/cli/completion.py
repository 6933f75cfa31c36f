"""What Tab offers. Runs the program at each Tab: quick, read-only, and never an error.

The shells differ in what they give and take: bash inserts what it gets as it stands, so names are
quoted for it here; it also takes ``:`` and ``=`` for the end of a word.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from modelfs.config import configured_store
from modelfs.paths import StorePaths

if TYPE_CHECKING:
    from modelfs.catalog.database import Catalog

LIMIT = 200
QUERY_FIELDS = (
    "category:",
    "tag:",
    "format:",
    "arch:",
    "quant:",
    "name:",
    "source:",
    "state:",
    "pinned:",
    "size>",
    "size<",
    "parameters>",
    "used<",
    "used>",
    "added<",
)
_FIXED = {"state:": ("ok", "remote", "damaged", "missing"), "pinned:": ("yes", "no")}
_SETTINGS = (
    "mount",
    "reserve",
    "grace",
    "download_limit",
    "stall",
    "xet",
    "read_path",
    "scrub",
    "quota",
    "allow_other",
)
_SERVICES = ("hub", "civitai", "modelscope")
_BASH_BREAKS = (":", "=")
_BASH_SPECIAL = re.compile(r"([^A-Za-z0-9_./+@%:=,#\u0080-\U0010ffff-])")

Offer = tuple[str, str]


class _Insertion(str):
    """A word as the shell wants it inserted, chosen already.

    Typer would drop it for not beginning like the word at the cursor, which has no quotes there.
    """

    def startswith(self, *_: object) -> bool:
        return True


def model_names(incomplete: str) -> list[Offer]:
    """Offer the names of living models, with their category."""
    return _offer(incomplete, _model_names)


def returning_names(incomplete: str) -> list[Offer]:
    """Offer the names of models that can be restored: in the trash, or evicted."""
    return _offer(incomplete, _returning_names)


def trashed_names(incomplete: str) -> list[Offer]:
    """Offer the names of models in the trash."""
    return _offer(incomplete, _trashed_names)


def tag_names(incomplete: str) -> list[Offer]:
    """Offer tags, the last one of a comma-separated list."""
    return _offer(incomplete, lambda word: list(_after_comma(word)))


def category_names(incomplete: str) -> list[Offer]:
    """Offer categories with their titles."""
    return _offer(incomplete, _categories)


def query_words(incomplete: str) -> list[Offer]:
    """Offer the fields of a query, and the values of those that are known."""
    return _offer(incomplete, _query)


def tool_names(incomplete: str) -> list[Offer]:
    """Offer the tools that have a layout."""
    return _offer(incomplete, _tools)


def connectable_names(incomplete: str) -> list[Offer]:
    """Offer the tools that can be connected."""
    return _offer(incomplete, _connectable)


def job_ids(incomplete: str) -> list[Offer]:
    """Offer the numbers of jobs that are not over, with what they are."""
    return _offer(incomplete, _job_ids)


def model_then_tags(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer a model first, tags behind it; tags at once when a query names the models."""
    return tag_names(incomplete) if _has_model(ctx) else model_names(incomplete)


def model_then_values(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer a model first, then ``category=…`` and the other things that can be set."""
    return _offer(incomplete, _values) if _has_model(ctx) else model_names(incomplete)


def service_names(incomplete: str) -> list[Offer]:
    """Offer the services that one logs in to."""
    return _offer(incomplete, lambda _: [(name, "") for name in _SERVICES])


def setting_words(incomplete: str) -> list[Offer]:
    """Offer the names of settings."""
    return _offer(incomplete, lambda _: [(f"{key}=", "") for key in _SETTINGS])


def _has_model(ctx: typer.Context) -> bool:
    return bool(ctx.params.get("words") or ctx.params.get("query"))


def _model_names(word: str) -> list[Offer]:
    from modelfs.catalog.models import names_like

    with _catalog() as catalog:
        return names_like(catalog, word, LIMIT)


def _trashed_names(_: str) -> list[Offer]:
    return _names_of(trashed=True)


def _returning_names(_: str) -> list[Offer]:
    return _names_of(trashed=True) + _names_of(trashed=False, state="remote")


def _names_of(*, trashed: bool, state: str = "") -> list[Offer]:
    from modelfs.catalog.filters import Condition, Filter
    from modelfs.catalog.models import find

    conditions = [Condition("state", state)] if state else []
    with _catalog() as catalog:
        found = find(catalog, Filter(conditions, trashed=trashed))
    return [(model.entry_name, model.category) for model in found]


def _job_ids(_: str) -> list[Offer]:
    from modelfs.catalog.jobs import all_jobs

    with _catalog() as catalog:
        return [(str(job.id), job.title) for job in all_jobs(catalog) if job.state != "done"]


def _tag_names() -> list[str]:
    from modelfs.catalog.models import tag_counts

    with _catalog() as catalog:
        return list(tag_counts(catalog))


def _after_comma(word: str) -> Iterator[Offer]:
    before, comma, _ = word.rpartition(",")
    for name in _tag_names():
        yield before + comma + name, ""


def _categories(_: str) -> list[Offer]:
    from modelfs.catalog.categories import rows
    from modelfs.identify.taxonomy import load_taxonomy

    shipped = [(category.id, category.title) for category in load_taxonomy().categories]
    with _catalog() as catalog:
        known = dict(shipped) | {row.id: row.title for row in rows(catalog) if row.title}
    return list(known.items())


def _query(word: str) -> list[Offer]:
    minus = "-" if word.startswith("-") else ""
    fields = [minus + name for name in QUERY_FIELDS if (minus + name).startswith(word)]
    # One field left: its values, so that no shell puts a blank behind the colon.
    field = fields[0] if len(fields) == 1 else word.partition(":")[0] + ":"
    values = _field_values(field.removeprefix("-"))
    return [(field + value, about) for value, about in values] or [(name, "") for name in fields]


def _field_values(field: str) -> list[Offer]:
    if field == "category:":
        return _categories("")
    if field == "tag:":
        return [(name, "") for name in _tag_names()]
    return [(value, "") for value in _FIXED.get(field, ())]


def _values(word: str) -> list[Offer]:
    if word and "category=".startswith(word.partition("=")[0]):
        return [(f"category={name}", title) for name, title in _categories("")]
    return [("category=", ""), ("name=", ""), ("notes=", "")]


def _tools(_: str) -> list[Offer]:
    from modelfs.layouts import load_layouts
    from modelfs.paths import user_layouts_folder

    return [(layout.tool, layout.title) for layout in load_layouts(user_layouts_folder())]


def _connectable(_: str) -> list[Offer]:
    from modelfs.connect import load_tools

    return [(tool.name, tool.title) for tool in load_tools().values()]


@contextmanager
def _catalog() -> "Iterator[Catalog]":
    from modelfs.catalog.database import Catalog

    catalog = Catalog.open(StorePaths(configured_store()).catalog, read_only=True)
    try:
        yield catalog
    finally:
        catalog.close()


def _offer(incomplete: str, find: Callable[[str], Iterable[Offer]]) -> list[Offer]:
    """Find what begins like the word at the cursor, written as the shell takes it."""
    head, rest = _cut_by_bash(incomplete)
    word = head + rest
    found: list[Offer] = []
    # Whatever is wrong, a Tab key is not the place to say it.
    with suppress(Exception):
        found = [offer for offer in find(word) if offer[0].startswith(word)][:LIMIT]
    return [(_insertion(name[len(head) :]), about) for name, about in found]


def _bash_words() -> list[str]:
    """Return the words up to the cursor as bash cut them; none in another shell."""
    if os.environ.get("_MODELFS_COMPLETE") != "complete_bash":
        return []
    words = os.environ.get("COMP_WORDS", "").split("\n")
    return words[: int(os.environ.get("COMP_CWORD", "0")) + 1]


def _cut_by_bash(incomplete: str) -> tuple[str, str]:
    """Return the word at the cursor in two: up to a ``:`` or ``=``, which stays, and the rest."""
    words = _bash_words()
    if len(words) > 2 and words[-1] in _BASH_BREAKS:
        return words[-2] + words[-1], ""
    if len(words) > 3 and words[-2] in _BASH_BREAKS:
        return words[-3] + words[-2], incomplete
    return "", incomplete


def _insertion(name: str) -> str:
    words = _bash_words()
    if not words:
        return _Insertion(name)
    if words[-1][:1] in ("'", '"'):
        return _Insertion(name)  # bash keeps the quote that was typed and closes it
    return _Insertion(_BASH_SPECIAL.sub(r"\\\1", name))
