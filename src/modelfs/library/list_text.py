"""Lists of models to add, as text: a plain form for hands, and a TOML form that says everything.

Pure, but for making paths absolute. What ``write_list`` writes, ``read_list`` reads as the same:
without that a second machine would be another library.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from glob import escape
from pathlib import Path

from modelfs import paths
from modelfs.errors import BadInput
from modelfs.fetch.finding import is_address
from modelfs.fetch.listing import Wishes
from modelfs.library.addition import AddOptions
from modelfs.names import check_tag, legal_name

_HEADER = "# Models to fetch again: modelfs add --from FILE\n"
_NEWLINE = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_LOST_DIGEST = re.compile(r"\s#sha256=", re.IGNORECASE)
_MODEL_HEADER = re.compile(r"\s*\[\[\s*model\s*\]\]\s*(?:#.*)?")
_TABLE_HEADER = re.compile(r"\[{1,2}\s*[\w.\"'-]+\s*\]{1,2}\s*(?:#.*)?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What steers a terminal: no raw one is written, so that a list may be printed as it is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One entry of a list: where a model is to come from, and what it is to be here.

    Its fields but ``source`` are the keys of the TOML form too.
    """

    source: str
    """An address, or the absolute path of a file or folder of this machine."""
    name: str | None = None
    """As folders show it, with its extension or without."""
    category: str | None = None
    category_title: str | None = None
    """Given for a category of somebody's own, which may have to be made first."""
    tags: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Exact paths at the source: these and no others."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follows: str | None = None
    """The branch or tag that ``update`` looks at; the source itself may be pinned."""
    notes: str = ""
    pinned: bool = False

    def wishes(self, given: Wishes | None = None) -> Wishes:
        """Return what to fetch; what the list says goes before what was ``given`` for all."""
        given = given or Wishes()
        include = (*map(escape, self.files), *self.include)
        return Wishes(
            variants=self.variants or given.variants,
            all_variants=given.all_variants and not (self.variants or include),
            include=include or given.include,
            exclude=(*self.exclude, *given.exclude),
        )

    def options(self, given: AddOptions | None = None) -> AddOptions:
        """Return how to add it; the list goes first, the tags are those of both."""
        given = given or AddOptions()
        return replace(
            given,
            name=self.name or given.name,
            category=self.category or given.category,
            tags=tuple(dict.fromkeys((*self.tags, *given.tags))),
            notes=self.notes,
            pinned=self.pinned,
        )


_DEFAULTS = {field.name: field.default for field in fields(Wanted)}


@dataclass(frozen=True, slots=True)
class NotListed:
    """A model that no list can bring back."""

    name: str
    source: str
    reason: str


def read_list(text: str, where: Path) -> list[Wanted]:
    """Read a list in either form, each entry once; ``where`` is its file.

    Paths in it are relative to the file's folder. Raises BadInput that names file and line.
    """
    text = text.removeprefix("\ufeff")
    lines = _NEWLINE.split(text)
    found = _from_toml(text, lines, where) if _is_toml(lines, where) else _from_lines(lines, where)
    return list(dict.fromkeys(found))


def write_list(wanted: Sequence[Wanted], not_listed: Sequence[NotListed] = ()) -> str:
    """Write the TOML form; what is left out becomes comments."""
    parts = [_HEADER, *map(_entry_text, wanted)]
    if not_listed:
        told = (f"# {_escaped(each.name)}: {_escaped(each.reason)}\n" for each in not_listed)
        parts.append("".join(("# These cannot be fetched again:\n", *told)))
    return "\n".join(parts)


def as_values(wanted: Wanted) -> dict[str, object]:
    """Return what an entry says, without what it leaves open: the keys of the TOML form."""
    values = ((key, getattr(wanted, key)) for key in _DEFAULTS)
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values
        if value != _DEFAULTS[key]
    }


def _is_toml(lines: Sequence[str], where: Path) -> bool:
    if where.suffix.lower() == ".toml" or any(map(_MODEL_HEADER.fullmatch, lines)):
        return True
    said = (line.strip() for line in lines)
    first = next((line for line in said if line and not line.startswith("#")), "")
    return _TABLE_HEADER.fullmatch(first) is not None


def _from_lines(lines: Sequence[str], where: Path) -> Iterator[Wanted]:
    for number, line in enumerate(lines, start=1):
        place = f"{where}, line {number}"
        if _LOST_DIGEST.search(line):
            raise BadInput(
                f"{place}: '#sha256=' behind a blank would be a comment", "remove the blank"
            )
        source = _COMMENT.sub("", line).strip()
        if source:
            yield Wanted(_source(source, where, place))


def _source(text: str, where: Path, place: str) -> str:
    text = text.strip()
    if not text or _CONTROL.search(text):
        raise BadInput(f"{place}: {text[:80]!r} is no source", "give an address or a path")
    if is_address(text):
        return text
    return str(paths.absolute(where.parent / os.path.expanduser(text)))


def _from_toml(text: str, lines: Sequence[str], where: Path) -> Iterator[Wanted]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{where}: {error}", "mend that line, or write one source a line") from error
    _check_keys(document, ("model",), str(where))
    entries = document.get("model", [])
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise BadInput(f"{where}: a model is a table of its own", "write [[model]] above each")
    starts = [number for number, line in enumerate(lines, 1) if _MODEL_HEADER.fullmatch(line)]
    for index, entry in enumerate(entries):
        line = f" (line {starts[index]})" if len(starts) == len(entries) else ""
        yield _entry(entry, where, f"{where}, model {index + 1}{line}")


def _entry(entry: Mapping[str, object], where: Path, place: str) -> Wanted:
    _check_keys(entry, tuple(_DEFAULTS), place)
    for key, value in entry.items():
        _check_kind(key, value, place)
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}
    if "source" not in values:
        raise BadInput(f"{place}: it has no source", 'write source = "hf:org/repo"')
    values["source"] = _source(str(values["source"]), where, place)
    wanted = Wanted(**values)  # type: ignore[arg-type]  # each was checked above
    _check(wanted, place)
    return wanted


def _check_keys(table: Mapping[str, object], known: Sequence[str], place: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise BadInput(f"{place}: there is no key {key[:80]!r}", hint)


def _check_kind(key: str, value: object, place: str) -> None:
    default = _DEFAULTS[key]
    if isinstance(default, bool):
        kind, fits = "true or false", isinstance(value, bool)
    elif isinstance(default, tuple):
        kind = 'a list of texts, as in ["a", "b"]'
        fits = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
    else:
        kind, fits = "a text", isinstance(value, str) and bool(value or key == "notes")
    if not fits:
        raise BadInput(f"{place}: {key} is {kind}")


def _check(wanted: Wanted, place: str) -> None:
    """Raise BadInput for what would only fail once everything has been fetched."""
    for tag in wanted.tags:
        if problem := check_tag(tag):
            raise BadInput(f"{place}: {tag!r} cannot be a tag: {problem}")
    if wanted.name is not None and legal_name(wanted.name) != wanted.name:
        raise BadInput(
            f"{place}: {wanted.name!r} cannot be a name",
            f"legal would be {legal_name(wanted.name)[:100]!r}",
        )
    choices = (wanted.variants, wanted.files, wanted.include, wanted.exclude)
    if any(choices) and not is_address(wanted.source):
        raise BadInput(f"{place}: files are only chosen at an address", "give their paths instead")


def _entry_text(wanted: Wanted) -> str:
    lines = (f"{key} = {_value_text(value)}\n" for key, value in as_values(wanted).items())
    return "".join(("[[model]]\n", *lines))


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A JSON string is also one of TOML (toml.io, v1.0), but for DEL, which is escaped here.
        return _escaped(json.dumps(value, ensure_ascii=False))
    assert isinstance(value, list)
    texts = [_value_text(each) for each in value]
    if len(texts) <= 1 or sum(map(len, texts)) <= 80:
        return f"[{', '.join(texts)}]"
    return "".join(("[\n", *(f"    {each},\n" for each in texts), "]"))


def _escaped(text: str) -> str:
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
