"""Where a model's source is asked again, and asking: each place once, several side by side."""

import re
from collections.abc import Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from modelfs.catalog.records import ModelRecord
from modelfs.errors import Cancelled, ModelfsError
from modelfs.fetch.hub_address import Address
from modelfs.fetch.listing import Listing
from modelfs.fetch.web import Web
from modelfs.library.fetch_plan import ask_source
from modelfs.progress import Progress, Report, silent

_AT_ONCE = 8
_LOOK_S = 0.2
_HASH = re.compile(r"[0-9a-f]{7,40}")
_LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Place:
    """What a model follows."""

    kind: str
    """The word before the colon of its source."""
    address: str
    """Where the newest of it is asked for."""
    folder: str
    """The folder of its repository in which it lies; empty for the top."""
    revision: str
    """What the source says it is now: a commit, a version, a branch."""
    asked: str
    """The branch, tag or version that somebody asked for."""

    @property
    def is_pinned(self) -> bool:
        """Whether exactly one state was asked for, which never changes."""
        if self.kind == "civitai":
            return self.asked != _LATEST
        return self.kind != "ollama" and _HASH.fullmatch(self.asked) is not None


def place_of(model: ModelRecord, told: Mapping[str, Any]) -> Place | None:
    """Return what a model follows; None for a file of this machine or a plain address.

    ``told`` is what its source said of it when it was fetched.
    """
    kind, _, rest = model.source.partition(":")
    name, _, where = rest.partition("@")
    revision, _, folder = where.partition("/")
    asked = str(told.get("asked") or "")
    match kind:
        case "hf":
            asked = asked or "main"
            return Place(kind, str(Address(name, asked)), folder, revision, asked)
        case "ms":
            asked = asked or revision
            return Place(kind, f"ms:{name}@{asked}", folder, revision, asked)
        case "civitai":
            return Place(kind, f"civitai:{name}", "", revision, asked or _LATEST)
        case "ollama":
            digest = str(model.facts.details.get("manifest_digest", ""))
            return Place(kind, model.source, "", digest, asked)
    return None


def revision_of(listing: Listing) -> str:
    """Return what a listing is the state of, as ``Place.revision``."""
    digest = listing.facts.get("manifest_digest")
    return str(digest) if digest else listing.source.partition("@")[2]


def ask(
    addresses: Collection[str], web: Web, report: Report = silent
) -> dict[str, Listing | ModelfsError]:
    """Ask at several addresses what there is; an address that cannot be asked gives its error.

    ``report`` is called a few times a second and may raise to end it.
    """
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="upstream")
    try:
        futures = {address: pool.submit(_ask, address, web) for address in addresses}
        pending = set(futures.values())
        while pending:
            _, pending = wait(pending, _LOOK_S, return_when=FIRST_COMPLETED)
            waiting = (address for address, future in futures.items() if future in pending)
            done = len(futures) - len(pending)
            report(Progress("asking", next(waiting, ""), done, len(futures), "things"))
        return {address: future.result() for address, future in futures.items()}
    except BaseException:
        web.stop()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ask(address: str, web: Web) -> Listing | ModelfsError:
    try:
        return ask_source(address, web).listing
    except Cancelled:
        raise
    except ModelfsError as error:
        return error
