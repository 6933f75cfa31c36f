"""The library as a cache of what the network has: what is here of an address, and what may go.

Asks nobody: an address is compared with the sources that models have.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from re import fullmatch

from modelfs.catalog import models
from modelfs.catalog.filters import Condition, Filter
from modelfs.catalog.records import ModelRecord
from modelfs.errors import BadInput
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.finding import is_address
from modelfs.fetch.hub_address import Address, is_hub_address, parse_address
from modelfs.library.library import Library


def cached_models(library: Library) -> list[ModelRecord]:
    """Return the living models that came from the network, oldest first."""
    return [model for model in models.find(library.catalog, Filter([])) if _is_fetched(model)]


def _is_fetched(model: ModelRecord) -> bool:
    return is_address(model.source)


def cached(library: Library, address: str) -> list[ModelRecord]:
    """Return the living models, whole and here, that an address would bring or a part of it.

    Raises BadInput for what is no address.
    """
    if not is_address(address):
        raise BadInput(f"{address} is no address that models are fetched from")
    endpoint = Endpoints.configured().hub
    if is_hub_address(address, endpoint):
        wanted = parse_address(address, endpoint)
        kind = Condition("source", (f"hf:{wanted.repository}@*",))
        found = models.find(library.catalog, Filter([kind]))
        fitting = [model for model in found if _fits(model, wanted)]
    else:
        kind = Condition("source", (_plain(address) + "*",))
        found = models.find(library.catalog, Filter([kind]))
        fitting = [model for model in found if _same(model.source, address)]
    return [model for model in fitting if model.state == "ok"]


def _plain(address: str) -> str:
    return address.partition("#")[0].removesuffix(":latest")


def _same(source: str, address: str) -> bool:
    plain = _plain(address)
    return source.removesuffix(":latest") == plain or source.startswith(f"{plain}@")


def _fits(model: ModelRecord, wanted: Address) -> bool:
    """Say whether a model is from this place of the hub."""
    kind, _, rest = model.source.partition(":")
    repository, _, place = rest.partition("@")
    commit, _, folder = place.partition("/")
    if kind != "hf" or repository.casefold() != wanted.repository.casefold():
        return False
    is_pinned = wanted.revision is not None and fullmatch("[0-9a-f]{40}", wanted.revision)
    if is_pinned and commit != wanted.revision:
        return False
    paths = [f"{folder}/{file.path}" if folder else file.path for file in model.files]
    if wanted.quant and not _has(model, paths, wanted.quant.casefold()):
        return False
    pattern = wanted.path
    return pattern is None or any(
        fnmatchcase(path, pattern) or path.startswith(f"{pattern}/") for path in paths
    )


def _has(model: ModelRecord, paths: Sequence[str], quant: str) -> bool:
    known = (model.facts.quant or "").casefold()
    return known == quant or any(quant in path.casefold() for path in paths)
