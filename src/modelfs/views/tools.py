"""What a tool's folder shows of one model, by the rules of its layout."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Protocol

from modelfs.catalog.records import ModelRecord
from modelfs.names import legal_path, shorten, split_extension
from modelfs.types import FileId, ModelId
from modelfs.views.forms import Form, form_of
from modelfs.views.ollama import is_layer
from modelfs.views.placement import BY_TOOL, NO_MODEL, Claim, Part, Placement, general_places, whole


class MadeUp(Protocol):
    """A small file that is made up."""

    @property
    def name(self) -> str:
        """A path below its folder."""

    @property
    def text(self) -> str:
        """What is in it, with fields in braces."""


class ToolRule(Protocol):
    """Which models appear in one folder of a tool, and how."""

    @property
    def folder(self) -> tuple[str, ...]:
        """The folder, relative to the tool's; its parts may have fields."""

    @property
    def name(self) -> str:
        """What a model is called there, with fields."""

    @property
    def drop_prefix(self) -> str:
        """What the model's name loses where it begins with it."""

    @property
    def show(self) -> str:
        """``model`` for one entry, ``files`` for one of each file."""

    @property
    def only(self) -> Sequence[str]:
        """Patterns of the files that are shown."""

    @property
    def needs(self) -> Sequence[str]:
        """Patterns of files without which a model is of no use to it."""

    @property
    def known(self) -> Mapping[str, str]:
        """Names by SHA-256, where a tool knows its files by them."""

    @property
    def companions(self) -> frozenset[str]:
        """Categories whose models are shown beside one of the same family."""

    @property
    def companion_name(self) -> str:
        """What the one companion that is shown is called; empty: all are, as they are."""

    @property
    def texts(self) -> Sequence[MadeUp]:
        """What is made up for each model."""

    def is_about(self, category: str) -> bool:
        """Say whether models of a category may belong into it."""

    def takes(
        self,
        category: str,
        extension: str,
        *,
        is_single: bool,
        facts: Mapping[str, object] | None = None,
    ) -> bool:
        """Say whether a model belongs into it."""


class ToolLayout(Protocol):
    """What the views need of the description of a tool."""

    @property
    def tool(self) -> str:
        """The name of the tool's folder."""

    @property
    def folders(self) -> Sequence[tuple[str, ...]]:
        """Folders that exist even when empty."""

    @property
    def rules(self) -> Sequence[ToolRule]:
        """What appears where."""

    @property
    def texts(self) -> Sequence[MadeUp]:
        """What is made up for the tool."""

    @property
    def store(self) -> str:
        """The name of a store with rules of its own, or an empty text."""


Fill = Callable[[str, Mapping[str, object]], str]
"""Puts values into a text with fields."""


@dataclass(frozen=True, slots=True)
class ToolStore:
    """A store with rules of its own. Both ask for a model and those that may go with it."""

    places: Callable[[ModelRecord, Sequence[ModelRecord]], Iterator[Placement]]
    """Gives the model's places below the tool's folder."""
    waits_for: Callable[[ModelRecord, Sequence[ModelRecord]], tuple[FileId, ...]]
    """Gives the files whose SHA-256 must be known before all of it appears."""
    absent_because: Callable[[ModelRecord], str | None] = lambda _: None
    """Says why a model that one would look for there is not, in words."""


class Placer:
    """Finds the places of models; knows which rules are about which category."""

    def __init__(
        self,
        layouts: Sequence[ToolLayout],
        fill: Fill,
        stores: Mapping[str, ToolStore],
        mountpoint: str = "",
    ) -> None:
        self.layouts = layouts
        self._fill = fill
        self._stores = stores
        self._mountpoint = mountpoint
        self._rules: dict[str, list[tuple[ToolLayout, ToolRule]]] = {}
        self._shops = [layout for layout in layouts if layout.store]
        self.companions = frozenset[str]().union(
            *(rule.companions for layout in layouts for rule in layout.rules)
        )
        """Categories of models that are also shown where others of their family are."""
        if self._shops:
            self.companions |= _STORE_COMPANIONS

    def fixed_texts(self) -> list[tuple[tuple[str, ...], Claim]]:
        """Return what is made up for tools whatever models there are, by folder."""
        return [
            self._made_up(NO_MODEL, text, (BY_TOOL, layout.tool), {"mount": self._mountpoint})
            for layout in self.layouts
            for text in layout.texts
        ]

    def places(self, model: ModelRecord, kin: Sequence[ModelRecord] = ()) -> list[Placement]:
        """Return every listed place of a living model; nothing for one in the trash.

        ``kin`` are the living models of its family that may go with it.
        """
        if model.trashed_at is not None:
            return []
        found = dict.fromkeys(general_places(model))
        form = form_of(model)
        known = self._values(model, form)
        for layout, rule in self._taking(model, form):
            top = (BY_TOOL, layout.tool)
            found |= dict.fromkeys(self._by_rule(top, rule, model, form, kin, known))
        for layout in self._shops:
            for place in self._stores[layout.store].places(model, kin):
                found[Placement((BY_TOOL, layout.tool, *place.folder), place.claim)] = None
        return list(found)

    def waits_for(self, model: ModelRecord, kin: Sequence[ModelRecord]) -> dict[FileId, list[str]]:
        """Return the files whose SHA-256 tools wait for, with the names of the tools."""
        found: dict[FileId, list[str]] = {}
        for layout in self._shops:
            for file in self._stores[layout.store].waits_for(model, kin):
                found.setdefault(file, []).append(layout.tool)
        for layout, rule in self._taking(model, form_of(model)):
            if rule.known:
                for each in model.files:
                    if each.sha256 is None:
                        found.setdefault(each.id, []).append(layout.tool)
        return found

    def absences(self, model: ModelRecord) -> dict[str, str]:
        """Return why tools' stores do not have a model that one would look for there, by tool."""
        found = {s.tool: self._stores[s.store].absent_because(model) for s in self._shops}
        return {tool: reason for tool, reason in found.items() if reason}

    def _taking(self, model: ModelRecord, form: Form) -> Iterator[tuple[ToolLayout, ToolRule]]:
        """Give the rules that take a model."""
        facts = form.facts(model)
        for layout, rule in self._about(model.category):
            is_taken = rule.takes(
                model.category, form.extension, is_single=form.is_one_file, facts=facts
            )
            if is_taken and all(_has(model, pattern) for pattern in rule.needs):
                yield layout, rule

    def _about(self, category: str) -> list[tuple[ToolLayout, ToolRule]]:
        if category not in self._rules:
            self._rules[category] = [
                (layout, rule)
                for layout in self.layouts
                for rule in layout.rules
                if rule.is_about(category)
            ]
        return self._rules[category]

    def _by_rule(
        self,
        top: tuple[str, ...],
        rule: ToolRule,
        model: ModelRecord,
        form: Form,
        kin: Sequence[ModelRecord],
        known: Mapping[str, object],
    ) -> Iterator[Placement]:
        is_plain = rule.show == "model" and rule.name == "{name}"
        is_plain = is_plain and not (rule.known or rule.drop_prefix or rule.texts)
        if is_plain and "{" not in "".join(rule.folder):
            yield Placement((*top, *rule.folder), whole(model, model.name))
            return
        values = dict(known)
        if rule.drop_prefix:
            values["name"] = model.name.removeprefix(rule.drop_prefix) or model.name
        folder = (*top, *self._legal(rule.folder, values))
        if rule.known:
            for file in model.files:
                if name := rule.known.get(file.sha256 or ""):
                    yield Placement(folder, _shared(model, name, file.id))
            return
        name = self._fitting(rule.name, values, form.spare_bytes(model))
        if model.is_single:
            values["file"] = name + model.extension
        if rule.show == "model":
            yield Placement(folder, whole(model, name))
        else:
            own = list(_files(folder, model, form, name, rule.only))
            yield from own
            values["file"] = _shown(model, form, name)
            beside, companion = self._beside(rule, model, kin, folder, values)
            if _keys(own).isdisjoint(_keys(beside)):
                yield from beside
                values["companion"] = companion
        where = "/".join((self._mountpoint, *folder))
        values |= {"folder": where, "file_path": f"{where}/{values['file']}"}
        if rule.show == "model" and not model.is_single:
            values["file_path"] = f"{where}/{name}/{values['file']}"
        if values["companion"]:
            values["companion_path"] = f"{where}/{values['companion']}"
        for text in rule.texts:
            yield Placement(*self._made_up(model.id, text, folder, values))

    def _beside(
        self,
        rule: ToolRule,
        model: ModelRecord,
        kin: Sequence[ModelRecord],
        folder: tuple[str, ...],
        values: Mapping[str, object],
    ) -> tuple[list[Placement], str]:
        """Return the places of what goes with a model, one file each, and the first one's name."""
        beside = [each for each in kin if each.category in rule.companions]
        forms = [(each, form) for each in beside if (form := form_of(each)).is_one_file]
        if rule.companion_name:
            del forms[1:]
        places: list[Placement] = []
        first = ""
        for each, form in forms:
            name = each.name
            if rule.companion_name:
                name = self._fitting(rule.companion_name, values, form.spare_bytes(each))
            places += _files(folder, each, form, name, (), of=model)
            first = first or _shown(each, form, name)
        return places, first

    def _values(self, model: ModelRecord, form: Form) -> dict[str, object]:
        facts = model.facts
        path = form.main.path if form.main else ""
        source, _, rest = model.source.partition(":")
        repository = rest.partition("@")[0] if source == "hf" else ""
        return {
            "name": model.name,
            "extension": model.extension,
            "stem": split_extension(path.rpartition("/")[2])[0],
            "publisher": model.publisher or "local",
            "repository": repository.rpartition("/")[2] or model.name,
            "quant": facts.quant,
            "architecture": facts.architecture,
            "family": (model.family or "").partition(" ")[2],
            "format": facts.format,
            "category": model.category,
            "id": model.short_id,
            "file": model.entry_name if model.is_single else path,
            "size_bytes": model.size_bytes,
            "companion": "",
            "mount": self._mountpoint,
        }

    def _legal(self, parts: Sequence[str], values: Mapping[str, object]) -> tuple[str, ...]:
        return tuple(self._fitting(part, values) if "{" in part else part for part in parts)

    def _fitting(self, template: str, values: Mapping[str, object], spare_bytes: int = 0) -> str:
        """Fill a name and leave room for an extension; what is empty gets a name all the same."""
        return shorten(legal_path([self._fill(template, values)]), spare_bytes) or "unknown"

    def _made_up(
        self,
        model: ModelId,
        text: MadeUp,
        folder: tuple[str, ...],
        values: Mapping[str, object],
    ) -> tuple[tuple[str, ...], Claim]:
        *inner, last = text.name.split("/")
        stem, extension = split_extension(last)
        if "{" in extension:
            stem, extension = last, ""
        stem = self._fitting(stem, values, len(extension.encode()))
        content = self._fill(text.text, values).encode()
        claim = Claim(model, stem, extension, None, f"{model:06x}", content)
        return (*folder, *self._legal(inner, values)), claim


_STORE_COMPANIONS = frozenset({"language/projector"})


def _has(model: ModelRecord, pattern: str) -> bool:
    return any(fnmatch(file.path, pattern) for file in model.files)


def _shared(model: ModelRecord, name: str, part: Part) -> Claim:
    return Claim(model.id, name, "", None, model.short_id, part, "oldest")


def _files(
    folder: tuple[str, ...],
    model: ModelRecord,
    form: Form,
    name: str,
    only: Sequence[str],
    of: ModelRecord | None = None,
) -> Iterator[Placement]:
    """Give each file of a model, below the folder where it lies in the model."""
    for file in model.files:
        if is_layer(file.path) and file is not form.main:
            continue
        if only and not any(fnmatch(file.path, pattern) for pattern in only):
            continue
        *inner, last = file.path.split("/")
        stem, extension = _name_of(model, form, name, last)
        of_id = (of or model).id
        claim = Claim(of_id, stem, extension, model.publisher, model.short_id, file.id)
        yield Placement((*folder, *inner), claim)


def _name_of(model: ModelRecord, form: Form, name: str, last: str) -> tuple[str, str]:
    """A single file is called as its model is; of several, those that begin with their stem."""
    if model.is_single:
        return name, model.extension
    if form.stem and last.startswith(form.stem):
        return name, last[len(form.stem) :]
    return split_extension(last)


def _keys(places: Sequence[Placement]) -> set[tuple[tuple[str, ...], str]]:
    return {(place.folder, place.claim.key) for place in places if place.claim}


def _shown(model: ModelRecord, form: Form, name: str) -> str:
    """Return the path at which a model's main file is shown, below the rule's folder."""
    if form.main is None:
        return ""
    *inner, last = form.main.path.split("/")
    return "/".join((*inner, "".join(_name_of(model, form, name, last))))
