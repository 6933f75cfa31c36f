"""The room's TOML tables: shipped beside the code, read once, editable without reading code."""

from functools import cache
from typing import Any


@cache
def load_table(name: str) -> dict[str, Any]:
    """Return the table ``<name>.toml``; callers share one object and must not change it."""
    # Only a command that identifies something pays for these.
    import tomllib
    from importlib import resources

    text = resources.files("modelfs.identify").joinpath(f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)
