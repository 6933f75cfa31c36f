"""Which files of a listing to fetch, given what a person wishes and what the machine holds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from modelfs.errors import BadInput, NotFound
from modelfs.fetch.listing import Listing, RemoteFile, Variant, Wishes
from modelfs.fetch.machine import Room, fits
from modelfs.fetch.quants import is_quant_label
from modelfs.identify.names import is_junk, shard_of
from modelfs.identify.reading import plain_text
from modelfs.units import format_count, format_size

ALL_TOGETHER_BYTES = 2 * 10**9
"""Several models of one repository are fetched together up to here: three LoRAs, not 30 voices."""
_NAMED = 6
_RUNS = {"gpu", "memory"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files that are not fetched for one reason."""

    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What to fetch."""

    files: Sequence[RemoteFile]
    variants: Sequence[Variant]
    """Those that were chosen; empty where files were chosen by their paths."""
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    """By the reason, in a few words: ``another variant``."""

    @property
    def size_bytes(self) -> int:
        """All of it; files of unknown size count as nothing."""
        return sum(file.size_bytes or 0 for file in self.files)


def choose(listing: Listing, wishes: Wishes, room: Room | None = None) -> Choice:
    """Choose files.

    Without wishes: the best variant; of several quantisations the first in the order of
    ``choice.toml`` that runs in this machine's memory, or the first of all when none does. Of
    several models of their own: all when they are small together, otherwise none is guessed.
    ``include`` takes exactly what matches, with the other shards of a set; ``exclude`` removes.

    Raises NotFound for a wish that nothing matches, BadInput where a person has to say which.
    """
    variants = _wished(listing, wishes, room)
    paths = {path for variant in variants for path in variant.paths}
    if wishes.include:
        # Shards belong together, however the pattern was meant.
        included = _with_shards(_included(listing, wishes.include), listing)
        paths = included & paths if wishes.variants else included
    elif not listing.variants or wishes.all_variants:
        paths = {file.path for file in listing.files if not is_junk(file.path)}
    kept = {path for path in paths if not _matches_any(path, wishes.exclude)}
    if not kept:
        raise NotFound(f"{listing.title} has nothing that fits all that is wished", _there(listing))
    return Choice(
        files=tuple(file for file in listing.files if file.path in kept),
        variants=tuple(variants),
        left_out=_left_out(listing, kept, wishes),
    )


def default_variants(listing: Listing, room: Room | None = None) -> Sequence[Variant]:
    """Return what is taken when nobody says; as ``choose``, and raises as it does."""
    variants = listing.variants
    if not variants:
        return ()
    if variants[0].separate:
        return _together([each for each in variants if each.separate], listing)
    if not is_quant_label(variants[0].label):
        return variants[:1]
    sizes = _sizes(listing)
    alike = [each for each in variants if is_quant_label(each.label)]
    return (_first_that_fits(alike, sizes, room),)


def variant_bytes(variant: Variant, listing: Listing) -> int:
    """Return the size of all files of a variant; those of unknown size count as nothing."""
    sizes = _sizes(listing)
    return sum(sizes.get(path, 0) for path in variant.paths)


def _wished(listing: Listing, wishes: Wishes, room: Room | None) -> Sequence[Variant]:
    if wishes.all_variants:
        return listing.variants
    if wishes.variants:
        found = [_named(wish, listing, room) for wish in wishes.variants]
        return list({variant.label: variant for variant in found}.values())
    return () if wishes.include else default_variants(listing, room)


def _named(wish: str, listing: Listing, room: Room | None) -> Variant:
    """Return the variant a word stands for: its label, words of it, or any part of it."""
    word = wish.strip().casefold()
    labels = {variant.label.casefold(): variant for variant in listing.variants}
    if word in labels:
        return labels[word]
    for fitting in (_ends_with, _has_words, _has_part):
        found = [variant for label, variant in labels.items() if word and fitting(label, word)]
        if found:
            return _first_that_fits(found, _sizes(listing), room)
    raise NotFound(f"{listing.title} has no variant {plain_text(wish, 60)}", _there(listing))


def _ends_with(label: str, word: str) -> bool:
    """Say whether a label ends with whole words: of whisper.cpp's ``base`` is not ``base-q5_1``."""
    return label.endswith(word) and not label[: -len(word)][-1:].isalnum()


def _has_words(label: str, word: str) -> bool:
    """Say whether a label has words, with a delimiter on both sides."""
    at = label.find(word)
    while at >= 0:
        before, after = label[:at][-1:], label[at + len(word) :][:1]
        if not before.isalnum() and not after.isalnum():
            return True
        at = label.find(word, at + 1)
    return False


def _has_part(label: str, word: str) -> bool:
    return word in label


def _first_that_fits(
    variants: Sequence[Variant], sizes: Mapping[str, int], room: Room | None
) -> Variant:
    """Return the first that runs here, or else the first that can be kept, or the first of all."""
    if room is None:
        return variants[0]
    fit = [fits(sum(sizes.get(path, 0) for path in each.paths), room) for each in variants]
    for wanted in (_RUNS, {"disk"}):
        for variant, where in zip(variants, fit, strict=True):
            if where in wanted:
                return variant
    return variants[0]


def _together(separate: Sequence[Variant], listing: Listing) -> Sequence[Variant]:
    sizes = _sizes(listing)
    total_bytes = sum(sizes[path] for path in {path for each in separate for path in each.paths})
    if len(separate) == 1 or total_bytes <= ALL_TOGETHER_BYTES:
        return separate
    raise BadInput(
        f"{listing.title} has {format_count(len(separate), 'separate model')},"
        f" {format_size(total_bytes)} together: say which",
        _there(listing, [each.label for each in separate]),
    )


def _included(listing: Listing, patterns: Iterable[str]) -> set[str]:
    found = set[str]()
    for pattern in patterns:
        fitting = {
            file.path
            for file in listing.files
            if matches_pattern(file.path, pattern)
            and (file.path == pattern or not is_junk(file.path))
        }
        if not fitting:
            raise NotFound(
                f"{listing.title} has no file {plain_text(pattern, 120)}", _there(listing)
            )
        found |= fitting
    return found


def matches_pattern(path: str, pattern: str) -> bool:
    """Match as the hub's own tools do: ``*`` crosses ``/``; a folder stands for all below it."""
    pattern = pattern.rstrip("/")
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}/*")


def _matches_any(path: str, patterns: Iterable[str]) -> bool:
    return any(matches_pattern(path, pattern) for pattern in patterns)


def _with_shards(paths: set[str], listing: Listing) -> set[str]:
    there = {file.path for file in listing.files}
    sets = {shard.names for path in paths if (shard := shard_of(path)) is not None}
    return paths | (there & {name for names in sets for name in names})


def _left_out(listing: Listing, kept: set[str], wishes: Wishes) -> dict[str, LeftOut]:
    elsewhere = {path for variant in listing.variants for path in variant.paths}
    files: dict[str, list[int]] = defaultdict(list)
    for file in listing.files:
        if file.path in kept:
            continue
        if is_junk(file.path):
            reason = "not part of a model"
        elif _matches_any(file.path, wishes.exclude):
            reason = "excluded"
        elif wishes.include:
            reason = "not asked for"
        elif file.path in elsewhere:
            reason = "another variant"
        else:
            reason = "not needed to run it"
        files[reason].append(file.size_bytes or 0)
    return {reason: LeftOut(len(sizes), sum(sizes)) for reason, sizes in files.items()}


def _sizes(listing: Listing) -> dict[str, int]:
    return {file.path: file.size_bytes or 0 for file in listing.files}


def _there(listing: Listing, labels: Sequence[str] = ()) -> str:
    """Say what there is, for the hint."""
    names = labels or [each.label for each in listing.variants]
    names = names or [file.path for file in listing.files]
    told = [plain_text(name, 80) for name in names[:_NAMED]]
    if len(names) > _NAMED:
        told.append(f"and {len(names) - _NAMED} more")
    return "there is " + (", ".join(told) or "nothing")
