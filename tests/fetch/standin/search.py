"""The stand-in hub's ``/api/models``: words, filters, order, chosen fields and pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from fetch.standin.repository import Repository

_USUAL = [
    *("_id", "id", "modelId", "likes", "private", "downloads"),
    *("tags", "pipeline_tag", "library_name", "createdAt"),
]
_FULL = [*_USUAL, "author", "sha", "lastModified", "gated", "disabled", "siblings"]

Query = Mapping[str, list[str]]


def search(repositories: Sequence[Repository], query: Query) -> list[dict[str, Any]]:
    """Return what is told of the repositories that a query finds, all pages together."""
    found = [
        repository.describe(repository.commits[repository.commit])
        for repository in repositories
        if _is_found(repository, query)
    ]
    order = first(query, "sort") or "trendingScore"
    found.sort(key=lambda told: told.get(order) or 0, reverse=first(query, "direction") != "1")
    return [fields(told, query) for told in found]


def fields(told: dict[str, Any], query: Query) -> dict[str, Any]:
    """Return those fields that a list's query asks for."""
    if expanded := expand(query):
        return chosen(told, expanded)
    wanted = set(_FULL if first(query, "full") else _USUAL)
    wanted |= {"cardData"} if first(query, "cardData") else set()
    return {name: value for name, value in told.items() if name in wanted}


def chosen(told: dict[str, Any], expanded: Sequence[str]) -> dict[str, Any]:
    """Return what ``expand`` asks for."""
    wanted = {"_id", "id", "modelId", *expanded}
    return {name: value for name, value in told.items() if name in wanted}


def expand(query: Query) -> list[str]:
    """Return the fields a query names; both spellings are in use."""
    return [*query.get("expand", []), *query.get("expand[]", [])]


def first(query: Query, name: str) -> str:
    """Return a parameter, or nothing."""
    return query.get(name, [""])[0]


def _is_found(repository: Repository, query: Query) -> bool:
    about = repository.about
    words = first(query, "search").lower().split()
    wanted = [tag for value in query.get("filter", []) for tag in value.split(",")]
    tags = {*about.get("tags", ()), about.get("pipeline_tag"), about.get("library_name")}
    gated = {"": None, "true": True, "false": False}[first(query, "gated").lower()]
    pipeline = first(query, "pipeline_tag")
    author = first(query, "author")
    return (
        all(word in repository.id.lower() for word in words)
        and all(tag in tags for tag in wanted)
        and (gated is None or bool(repository.gated) == gated)
        and (not pipeline or about.get("pipeline_tag") == pipeline)
        and (not author or repository.id.startswith(f"{author}/"))
        and not repository.private
    )
