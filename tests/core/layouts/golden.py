"""What each tool's folder shows of the catalogue, as text.

``golden/TOOL.txt`` holds what it should show. Whoever changes a layout on purpose renews them, and
reads the difference before committing it::

    cd tests && python -m core.layouts.golden
"""

from collections.abc import Iterator
from pathlib import Path

from core.layouts.catalogue import CATALOGUE
from modelfs.layouts import fill, load_layouts
from modelfs.views import STORES, FileNode, FolderNode, Placer, TextNode, Tree

FOLDER = Path(__file__).with_name("golden")
LAYOUTS = {layout.tool: layout for layout in load_layouts() if not layout.store}
"""What a store of its own shows is tested beside its code."""


def trees() -> dict[str, str]:
    """Return the tree of each tool as text."""
    placer = Placer(tuple(LAYOUTS.values()), fill, STORES, "/models")
    tree = Tree.build(placer, CATALOGUE, 0)
    return {
        tool: "".join(f"{line}\n" for line in _lines(tree, ("by-tool", tool), ""))
        for tool in LAYOUTS
    }


def _lines(tree: Tree, path: tuple[str, ...], indent: str) -> Iterator[str]:
    folder = tree.node(path)
    assert isinstance(folder, FolderNode)
    for name, node in tree.children(folder):
        match node:
            case FolderNode():
                yield f"{indent}{name}/"
                yield from _lines(tree, (*path, name), indent + "    ")
            case FileNode():
                origin = f"{node.model.name}: {node.file.path}"
                own = (
                    f"{node.model.entry_name}: {node.file.path}" if node.model.is_single else origin
                )
                yield f"{indent}{name}    <- {own}"
            case TextNode():
                yield f"{indent}{name}"
                yield from (f"{indent}    | {line}" for line in node.text.decode().splitlines())


if __name__ == "__main__":
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for tool, text in trees().items():
        (FOLDER / f"{tool}.txt").write_text(text)
