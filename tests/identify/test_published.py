"""What the headers of published models are taken for is what their makers say they are."""

from functools import cache
from pathlib import Path

import pytest

from modelfs.library.identifying import Identified, identify_paths

from .published.expected import ALL, Published
from .published.headers import Tensors, load


@cache
def _headers() -> dict[str, Tensors]:
    return load()


def look(published: Published, folder: Path) -> Identified:
    """Return what identification makes of a published model."""
    (found,) = (
        each
        for each in identify_paths([str(published.write(folder / published.name, _headers()))])
        if isinstance(each, Identified)
    )
    return found


@pytest.mark.parametrize("published", ALL, ids=lambda published: published.name)
def test_a_published_header_is_identified(published: Published, tmp_path: Path) -> None:
    found = look(published, tmp_path).verdict
    facts = found.facts
    assert (facts.format, found.category) == (published.format, published.category), facts.reasons
    assert facts.quant == published.quant
    assert facts.architecture == published.architecture
    assert published.tags <= set(found.auto_tags)
    if published.parameters is not None:
        assert facts.parameters == published.parameters
    if published.base_model is not None:
        assert facts.base_model == published.base_model
    assert facts.warnings == ()
    assert found.confidence == "guess" if published.only_named else found.confidence != "guess"


def test_names_are_told_apart() -> None:
    assert len({published.name for published in ALL}) == len(ALL)
