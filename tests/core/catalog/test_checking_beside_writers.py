"""Checking the catalogue while another process changes it finds nothing that is not so."""

from pathlib import Path

from core.conftest import bring, content, write
from modelfs.catalog import edit
from modelfs.library import Library, open_library


def test_a_catalogue_that_others_write_to_is_not_called_damaged(
    library: Library, tmp_path: Path
) -> None:
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a")))
    assert library.catalog.problems() == []
    with open_library(library.paths.root) as other:
        for number in range(20):
            with other.catalog.write():
                edit.tag(other.catalog, added.model, [f"tag-{number}"])
            assert library.catalog.problems() == []
