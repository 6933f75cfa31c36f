"""What fetching from an address would do, as a value: which files, what is here, what it needs.

Planning asks the source for its listing and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import xxhash

from modelfs import durable, identify
from modelfs.catalog import blobs
from modelfs.errors import BadInput, NoSpace, NotFound, Refused
from modelfs.fetch.choice import Choice, choose, default_variants, variant_bytes
from modelfs.fetch.download import needed_bytes
from modelfs.fetch.finding import source_of
from modelfs.fetch.listing import Listing, RemoteFile, Wishes
from modelfs.fetch.machine import Fit, Room, fits, this_machine
from modelfs.fetch.partial import PartialFiles
from modelfs.fetch.web import Web
from modelfs.library.addition import AddOptions
from modelfs.library.eviction import evictable_bytes
from modelfs.library.library import Library
from modelfs.library.organise import check_tags
from modelfs.names import legal_path
from modelfs.types import BlobId
from modelfs.units import format_size


@dataclass(frozen=True, slots=True)
class PlannedFetch:
    """One file of a fetch."""

    remote: RemoteFile
    key: str
    """The name of its partial file: the same for everybody who wants the same bytes."""
    held: BlobId | None
    """The blob that has these bytes already."""
    begun_bytes: int
    """What an earlier attempt left of it."""

    @property
    def size_bytes(self) -> int:
        """As promised; 0 where the source does not say."""
        return self.remote.size_bytes or 0


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What would come from one address."""

    text: str
    """The address, as a person gave it."""
    listing: Listing
    choice: Choice
    files: Sequence[PlannedFetch]
    models: Sequence[str]
    """What the models would be called, more or less: their bytes may say better."""
    options: AddOptions = field(default_factory=AddOptions)

    @property
    def size_bytes(self) -> int:
        """Logical size of everything."""
        return sum(file.size_bytes for file in self.files)

    @property
    def here_bytes(self) -> int:
        """What the library has already, by SHA-256: it is not transferred."""
        return sum(file.size_bytes for file in self.files if file.held is not None)

    @property
    def begun_bytes(self) -> int:
        """What earlier attempts left: it is checked, and not transferred."""
        return sum(file.begun_bytes for file in self.files if file.held is None)

    @property
    def new_bytes(self) -> int:
        """What is to be transferred."""
        return self.size_bytes - self.here_bytes - self.begun_bytes


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source has at an address, before anything is chosen."""

    text: str
    listing: Listing
    asked: Wishes
    """What the address itself asks for."""

    @property
    def is_open(self) -> bool:
        """Whether there are several variants, and the address names none."""
        return len(self.listing.variants) > 1 and self.asked == Wishes()


@dataclass(frozen=True, slots=True)
class Choosable:
    """One variant, as a person chooses among them."""

    label: str
    note: str
    size_bytes: int
    here_bytes: int
    """What the library has of it already."""
    fit: Fit
    """Where it can run."""
    is_usual: bool
    """Whether it is taken when nobody says."""


def ask_source(text: str, web: Web) -> Offer:
    """Ask what there is at an address.

    Raises BadInput for an address that cannot be, NotFound, AccessDenied, Unreachable.
    """
    source = source_of(text)
    if source is None:
        raise BadInput(f"{text} is no address that models are fetched from")
    asked = source.wishes(text)
    return Offer(text, source.list(text, web), asked)


def choosable(library: Library, offer: Offer) -> list[Choosable]:
    """Return the variants of an offer, the best first."""
    room, listing = room_of(library), offer.listing
    try:
        usual = {variant.label for variant in default_variants(listing, room)}
    except BadInput:  # a person has to say
        usual = set()
    by_path = listing.by_path()
    here = {f.path: held_blob(library, f.sha256) is not None for f in listing.files}
    found = []
    for variant in listing.variants:
        size_bytes = variant_bytes(variant, listing)
        here_bytes = sum(by_path[path].size_bytes or 0 for path in variant.paths if here[path])
        fit = fits(size_bytes, room)
        is_usual = variant.label in usual
        found.append(Choosable(variant.label, variant.note, size_bytes, here_bytes, fit, is_usual))
    return found


def plan_fetch(
    library: Library,
    offer: Offer,
    wishes: Wishes | None = None,
    options: AddOptions | None = None,
) -> FetchPlan:
    """Say what fetching from an offer would bring.

    Raises BadInput where a person has to choose, NotFound for a choice that matches nothing,
    Refused for a model of which a part is missing.
    """
    options = options or AddOptions()
    check_tags(options.tags)
    if options.category is not None:
        library.taxonomy.resolve(options.category)
    listing = offer.listing
    choice = choose(listing, _joined(offer.asked, wishes or Wishes()), room_of(library))
    files, models = _of_models(listing, choice)
    return FetchPlan(
        text=offer.text,
        listing=listing,
        choice=choice,
        files=tuple(_planned(library, listing, file) for file in files),
        models=models,
        options=options,
    )


def room_of(library: Library) -> Room:
    """Return what this machine can hold, the reserve of the disk left out."""
    room = this_machine(library.paths.root)
    if room.disk_bytes is None:
        return room
    return replace(room, disk_bytes=max(0, room.disk_bytes - library.store.reserve_bytes))


def _joined(asked: Wishes, wishes: Wishes) -> Wishes:
    """Return the wishes of an address and those given beside it; the latter narrow it."""
    return Wishes(
        variants=wishes.variants or asked.variants,
        all_variants=wishes.all_variants,
        include=(*asked.include, *wishes.include),
        exclude=(*asked.exclude, *wishes.exclude),
    )


def _of_models(listing: Listing, choice: Choice) -> tuple[list[RemoteFile], tuple[str, ...]]:
    """Return the chosen files that become part of a model, and what the models are called."""
    by_path = {legal_path(file.path.split("/")): file for file in choice.files}
    if len(by_path) < len(choice.files):
        raise BadInput(
            f"{listing.title} has files whose names differ only where they are not legal"
        )
    root = listing.title.rpartition("/")[2]
    grouping = identify.group(list(by_path), root)
    for group in grouping.models:
        if group.missing:
            raise Refused(
                f"{group.name or root} is not complete at its source: "
                f"{', '.join(group.missing[:3])} is missing",
                "choose another variant",
            )
    # Weights of ONNX may lie in files of any name: only the graph says so, once it is here.
    linked = any(identify.may_need_others(path) for path in by_path)
    left = set() if linked else {skip.path for skip in grouping.skipped}
    kept = [file for path, file in by_path.items() if path not in left]
    if not grouping.models or not kept:
        raise NotFound(f"there is no model among the chosen files of {listing.title}")
    return kept, tuple(group.name or root for group in grouping.models)


def _planned(library: Library, listing: Listing, remote: RemoteFile) -> PlannedFetch:
    held = held_blob(library, remote.sha256)
    key = _key(listing, remote)
    files = PartialFiles(library.paths.staging, key)
    begun = min(remote.size_bytes or 0, files.said_bytes()) if held is None else 0
    return PlannedFetch(remote, key, held, begun)


def held_blob(library: Library, sha256: str | None) -> BlobId | None:
    """Return a whole blob of which we computed this digest."""
    found = blobs.sealed_as(library.catalog, sha256) if sha256 is not None else []
    whole = (blob.id for blob in found if library.store.has(blob.id, blob.size_bytes))
    return next(whole, None)


def _key(listing: Listing, remote: RemoteFile) -> str:
    """Return what names the bytes: their promised digest, else where they are from."""
    if remote.sha256 is not None:
        return remote.sha256[:40]
    if remote.git_sha1 is not None:
        return git_key(remote.git_sha1)
    return "at-" + xxhash.xxh3_128_hexdigest(
        f"{listing.source}\n{remote.path}\n{remote.url}".encode()
    )


def git_key(git_sha1: str) -> str:
    """Return the key of what the source knows by git's name alone."""
    return f"git-{git_sha1}"


def check_space(library: Library, files: Mapping[str, int]) -> None:
    """Raise NoSpace unless these files, by key, fit on the disk and leave the reserve free."""
    staging = library.paths.staging
    needed = sum(needed_bytes(PartialFiles(staging, key), size) for key, size in files.items())
    free, reserve = durable.free_bytes(staging), library.store.reserve_bytes
    if needed == 0 or needed + reserve <= free:
        return
    could = evictable_bytes(library)
    evict = f"modelfs evict --free could give back {format_size(could)}; " if could else ""
    raise NoSpace(
        f"{format_size(needed)} are needed, {format_size(max(0, free - reserve))} are available "
        f"on the disk of {library.paths.root}, with {format_size(reserve)} kept in reserve",
        f"{evict}modelfs trash empty, modelfs gc, or lower the reserve (modelfs config)",
    )
