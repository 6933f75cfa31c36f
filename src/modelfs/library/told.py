"""What a source says of a model beside its bytes: kept with it, and below what the bytes say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelfs.names import check_tag
from modelfs.types import Facts


def with_told(facts: Facts, told: Mapping[str, Any]) -> Facts:
    """Return facts with what the source adds to them; what was read from the bytes stands."""
    said = told.get("facts")
    if not isinstance(said, dict):
        return facts
    details = {name: value for name, value in said.items() if name != "base_model"}
    base_model = said.get("base_model")
    return replace(
        facts,
        base_model=facts.base_model or (base_model if isinstance(base_model, str) else None),
        details={**details, **facts.details},
    )


def told_tags(told: Mapping[str, Any]) -> Sequence[str]:
    """Return the automatic tags that the source adds."""
    tags = told.get("tags")
    tags = tags if isinstance(tags, list | tuple) else ()
    return [tag for tag in tags if isinstance(tag, str) and check_tag(tag) is None]
