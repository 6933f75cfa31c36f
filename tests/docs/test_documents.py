"""The documents name tests, files and commands that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", ["semantics.md", "reliability.md"])
def test_every_test_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    named = re.findall(r"`((?:[a-z]+/)*test_[a-z_]+\.py)::(test_[a-z0-9_]+)`", text)
    assert len(named) > 20
    for file, test in named:
        path = ROOT / "tests" / file if "/" in file else ROOT / "tests" / "mount" / file
        assert f"def {test}(" in path.read_text(), f"{file}::{test}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (document.parent / target).exists(), target


def test_every_module_has_a_docstring_that_says_what_it_is_for() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert path.read_text().startswith('"""'), path
