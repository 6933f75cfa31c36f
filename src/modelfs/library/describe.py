"""Models and the library as plain data: the JSON of the contract, and what the tables show."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from modelfs import durable
from modelfs.catalog import models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.errors import NotFound
from modelfs.library import watching
from modelfs.library.kinship import Family, Relative, relatives
from modelfs.library.library import Library
from modelfs.units import format_time
from modelfs.views import Tree


def listed(model: ModelRecord) -> dict[str, object]:
    """Return what ``ls --json`` says of a model."""
    files = [_file(file) for file in model.files]
    state = "trashed" if model.trashed_at is not None else model.state
    return _listed(model, files, model.size_bytes, model.local_bytes, state)


def listed_as_json(library: Library, chosen: Filter) -> list[str]:
    """Return the JSON of what ``listed`` says of each model, for libraries of any size."""
    with library.catalog.read():
        return [
            _JSON.encode(listed(found))
            if isinstance(found, ModelRecord)
            else _whole_as_json(*found)
            for found in models.list_whole(library.catalog, chosen)
        ]


_JSON = json.JSONEncoder(ensure_ascii=False)


def _whole_as_json(model: ModelRecord, size_bytes: int, files: str) -> str:
    state = "trashed" if model.trashed_at is not None else "ok"
    text = _JSON.encode(_listed(model, None, size_bytes, size_bytes, state))
    # In a value, the quotes would have a backslash before them: this is the key.
    return text.replace('"files": null', f'"files": {files}', 1)


def _listed(
    model: ModelRecord,
    files: Sequence[dict[str, object]] | None,
    size_bytes: int,
    local_bytes: int,
    state: str,
) -> dict[str, object]:
    return {
        "id": model.id,
        "name": model.name,
        "entry_name": model.entry_name,
        "category": model.category,
        "tags": list(model.tags),
        "format": model.facts.format,
        "quant": model.facts.quant,
        "architecture": model.facts.architecture,
        "parameters": model.facts.parameters,
        "size_bytes": size_bytes,
        "local_bytes": local_bytes,
        "files": files,
        "source": model.source,
        "added_at": format_time(model.added_at),
        "last_used_at": format_time(model.last_used_at),
        "pinned": model.pinned,
        "state": state,
        "pickle_verdict": model.facts.details.get("pickle_verdict"),
    }


def _file(file: FileRecord) -> dict[str, object]:
    return {
        "path": file.path,
        "size_bytes": file.size_bytes,
        "blob": file.blob,
        "sha256": file.sha256,
        "state": file.state,
    }


def shown(library: Library, model: ModelRecord) -> dict[str, object]:
    """Return what ``show --json`` says: everything about one model."""
    facts, kin = model.facts, relatives(library, model)
    tree = _family_tree(library, model)
    return {
        **listed(model),
        "category_by": model.category_by,
        "auto_tags": list(model.auto_tags),
        "notes": model.notes,
        "facts": {
            "format": facts.format,
            "architecture": facts.architecture,
            "quant": facts.quant,
            "parameters": facts.parameters,
            "base_model": facts.base_model,
            **facts.details,
            "reasons": list(facts.reasons),
            "warnings": list(facts.warnings),
        },
        "family": model.family,
        "siblings": [relative.model.entry_name for relative in kin],
        "relatives": [_relative(relative) for relative in kin],
        "appears_at": [str(path) for path in _places(library, model, tree)],
        "waits_for": _waiting(library, model, tree),
        "trashed_at": format_time(model.trashed_at),
    }


def _relative(relative: Relative) -> dict[str, object]:
    model = relative.model
    return {
        "id": model.id,
        "entry_name": model.entry_name,
        "relation": relative.relation,
        "format": model.facts.format,
        "quant": model.facts.quant,
        "size_bytes": model.size_bytes,
    }


def appearances(library: Library, model: ModelRecord) -> list[Path]:
    """Return the absolute paths in the mount where a model is listed.

    Costs the model's family, not the library: where names of strangers could clash, they are made
    of what is unique over all models.
    """
    return _places(library, model, _family_tree(library, model))


def _places(library: Library, model: ModelRecord, tree: Tree) -> list[Path]:
    found = tree.appearances(model.id) if model.trashed_at is None else []
    return [library.mountpoint.joinpath(*path) for path in found]


def waits_for(library: Library, model: ModelRecord) -> list[dict[str, str]]:
    """Return the tools that do not see all of a model yet, and what each waits for."""
    return _waiting(library, model, _family_tree(library, model))


def _waiting(library: Library, model: ModelRecord, tree: Tree) -> list[dict[str, str]]:
    if model.trashed_at is not None:
        return []
    waiting: dict[str, list[str]] = {}
    for file, tools in tree.waits_for(model).items():
        for tool in tools:
            waiting.setdefault(tool, []).append(f"the SHA-256 of {tree.files[file].file.path}")
    for tool, reason in library.placer.absences(model).items():
        waiting.setdefault(tool, []).append(reason)
    return [{"tool": tool, "for": ", ".join(what)} for tool, what in waiting.items()]


def _family_tree(library: Library, model: ModelRecord) -> Tree:
    kin = models.of_families(library.catalog, [model.family]) if model.family else []
    known = {each.id: each for each in (*kin, model)}
    categories = [category.id for category in library.taxonomy.categories]
    return Tree.build(library.placer, known.values(), 0, categories)


def grouped(found: Sequence[Family]) -> list[dict[str, object]]:
    """Return what ``ls --group --json`` says: models by family."""
    return [
        {"family": family.name, "models": [listed(model) for model in family.models]}
        for family in found
    ]


def path_for(library: Library, model: ModelRecord, tool: str | None) -> Path:
    """Return the path to give to a tool: in its folder, or by category.

    Of a model whose files are shown one by one that is their folder, or the weights of a pair.
    Raises NotFound for a tool without a layout or a model that the tool does not see.
    """
    places = appearances(library, model)
    if tool is None:
        return places[0]
    if tool not in {layout.tool for layout in library.layouts}:
        known = ", ".join(layout.tool for layout in library.layouts)
        raise NotFound(f"there is no layout for a tool {tool!r}", f"known tools: {known}")
    folder = library.mountpoint / "by-tool" / tool
    found = [path for path in places if folder in path.parents]
    if not found:
        raise NotFound(
            f"{tool} has no folder for {model.category}, where {model.entry_name} is",
            f"modelfs set {model.entry_name} category=… puts it elsewhere",
        )
    if len(found) > _A_PAIR and len(model.files) > _A_PAIR:
        return Path(os.path.commonpath(found))  # a folder of files that belong together
    return found[0]


_A_PAIR = 2
"""Of weights with one side file a tool is given the weights."""


def library_numbers(library: Library) -> dict[str, object]:
    """Return the part of ``status --json`` that the store and the catalogue know."""
    counts = models.summary(library.catalog)
    return {
        "models": counts.models,
        "damaged_models": counts.damaged,
        "remote_models": counts.remote,
        "logical_bytes": counts.logical_bytes,
        "physical_bytes": counts.physical_bytes,
        "trash_bytes": counts.trash_bytes,
        "store": str(library.paths.root),
        "free_bytes": durable.free_bytes(library.paths.root),
        "reserve_bytes": library.store.reserve_bytes,
        "jobs": [watching.document(each) for each in watching.active(library)],
    }
