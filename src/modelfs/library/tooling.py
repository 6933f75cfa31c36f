"""The tools that have a folder in the mount, and how many models each sees there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelfs.catalog import models
from modelfs.catalog.filters import Filter
from modelfs.connect import FoundTool, Machine, found_tools
from modelfs.errors import BadInput, NotFound
from modelfs.identify import Taxonomy, load_taxonomy
from modelfs.layouts import Layout, locate, parse_layout, read_layout_file
from modelfs.library.library import Library, open_library
from modelfs.types import ModelId
from modelfs.views import BY_TOOL, NO_MODEL, Tree


@dataclass(frozen=True, slots=True)
class ToolFolder:
    """A tool, its folder in the mount, how many models it sees there, and whether it is here."""

    layout: Layout
    folder: Path
    models: int
    found: FoundTool | None
    """None when it is not on this machine, as far as its usual places tell."""


def tool_folders(library: Library, machine: Machine) -> Sequence[ToolFolder]:
    """Return all tools by name. Costs the library: every model is placed."""
    tree = Tree.build(library.placer, models.find(library.catalog, Filter()), 0)
    seen: dict[str, set[ModelId]] = {layout.tool: set() for layout in library.layouts}
    for path, view in tree.views.items():
        if len(path) > 1 and path[0] == BY_TOOL:
            seen[path[1]].update(view.claims.keys() - {NO_MODEL})
    here = {each.name: each for each in found_tools(machine, library.mountpoint)}
    top = library.mountpoint / BY_TOOL
    return [
        ToolFolder(each, top / each.tool, len(seen[each.tool]), here.get(each.tool))
        for each in library.layouts
    ]


def check_layout(file: Path, taxonomy: Taxonomy) -> Layout:
    """Return the layout in a file; raise BadInput that names the line of what is wrong with it."""
    text = read_layout_file(file)
    layout = parse_layout(file.stem, str(file), text)
    for number, rule in enumerate(layout.rules, 1):
        for category in (*rule.categories, *rule.companions):
            if category not in taxonomy:
                raise BadInput(
                    f"{file}, {locate(text, number, 'categories')}: "
                    f"there is no category {category!r}",
                    "modelfs categories --all lists them",
                )
    return layout


def known_categories() -> Taxonomy:
    """Return the shipped categories, with the user's own where there is a library."""
    try:
        with open_library(read_only=True) as library:
            return library.taxonomy
    except NotFound:
        return load_taxonomy()
