"""Changing what a library's owner may choose."""

from collections.abc import Mapping

from modelfs import config
from modelfs.library.library import Library, check_apart


def change(library: Library, values: Mapping[str, str]) -> None:
    """Change settings, all or, when one is wrong, none; the mount follows when it is made anew."""
    settings = library.settings
    for key, value in values.items():
        settings = settings.with_value(key, value)
    check_apart(library.paths.root, settings.mountpoint)
    config.save_settings(library.paths.settings, settings)
    library.settings = settings
