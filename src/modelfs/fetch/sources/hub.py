"""Hugging Face's hub: what a model's repository offers, pinned to one commit."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from modelfs.errors import Unreachable
from modelfs.fetch.endpoints import Endpoints
from modelfs.fetch.hub_address import Address, is_hub_address, parse_address
from modelfs.fetch.hub_client import HubFile, HubModel, hub
from modelfs.fetch.listing import Listing, RemoteFile, Wishes
from modelfs.fetch.variants import variants_of
from modelfs.fetch.web import Web
from modelfs.identify.beside.card import card_says
from modelfs.identify.beside.values import number, text, texts
from modelfs.types import FactValue

_COMMIT = re.compile(r"[0-9a-f]{40}")
_TAG = re.compile(r"[a-z0-9][a-z0-9._-]*")
MAIN = "main"


class HubSource:
    """``hf:org/repo[@rev][:QUANT][/path-or-glob]``, and the site's own addresses."""

    def claims(self, text: str) -> bool:
        """Claim ``hf:…`` and every page of the site, also those that are no model."""
        return is_hub_address(text, Endpoints.configured().hub)

    def wishes(self, text: str) -> Wishes:
        """Return the quantisation and the path that the address has."""
        address = parse_address(text, Endpoints.configured().hub)
        return Wishes(
            variants=(address.quant,) if address.quant else (),
            include=(address.path,) if address.path else (),
        )

    def list(self, text: str, web: Web) -> Listing:
        """List the whole repository, whatever part the address asks for; as the protocol says."""
        return self.listing(parse_address(text, web.endpoints.hub), web)

    def listing(self, address: Address, web: Web) -> Listing:
        """List a repository; raises NotFound, AccessDenied or Unreachable."""
        model = hub().model(web, address.repository, address.revision)
        if not _COMMIT.fullmatch(model.commit):
            raise Unreachable(f"the hub does not say which commit of {model.repository} that is")
        files = remote_files(model, web.endpoints.hub)
        return Listing(
            source=f"hf:{model.repository}@{model.commit}",
            title=model.repository,
            files=files,
            variants=variants_of(files),
            facts=facts_of(model),
            tags=tuple(tag for tag in (model.task, model.library) if tag and _TAG.fullmatch(tag)),
            asked=address.revision or MAIN,
        )


def remote_files(model: HubModel, endpoint: str) -> tuple[RemoteFile, ...]:
    """Return the files with the addresses of exactly this commit."""
    start = f"{endpoint}/{model.repository}/resolve/{model.commit}/"
    return tuple(_remote_file(file, start) for file in model.files)


def _remote_file(file: HubFile, start: str) -> RemoteFile:
    return RemoteFile(
        path=file.path,
        size_bytes=file.size_bytes,
        url=start + quote(file.path),
        sha256=file.sha256,
        git_sha1=file.git_sha1,
        access="hub",
        xet_hash=file.xet_hash,
    )


def facts_of(model: HubModel) -> dict[str, FactValue]:
    """Return what the hub says of a model, by the names of ``docs/identification.md``."""
    said = card_says(model.card)
    bases = texts(model.card.get("base_model")) or tuple(_tagged(model, "base_model"))
    found: dict[str, FactValue | None] = {
        **said.details,
        "base_model": bases[0].rpartition(":")[2] if bases else None,
        "relation": said.relation,
        "license": license_of(model),
        "languages": texts(model.card.get("language")),
        "task": model.task or said.task,
        "library": model.library or said.library,
        "gated": model.gated,
        "private": model.private,
        "architecture": text(model.gguf, "architecture"),
        "parameters": model.parameters or number(model.gguf, "total"),
        "context_length": number(model.gguf, "context_length"),
    }
    return {name: value for name, value in found.items() if value}


def license_of(model: HubModel) -> str | None:
    """Return the licence of the card, or the one that the hub made a tag of."""
    said = card_says(model.card).details.get("license")
    return str(said) if said else next(_tagged(model, "license"), None)


def _tagged(model: HubModel, name: str) -> Iterator[str]:
    """Yield the values of tags like ``license:mit``."""
    return (tag.partition(":")[2] for tag in model.tags if tag.startswith(f"{name}:"))
