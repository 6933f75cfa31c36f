"""Descriptions of tools' folders, as data: one TOML file a tool. Knows no model and no path."""

from modelfs.layouts.layout import (
    Layout,
    Rule,
    load_layouts,
    locate,
    parse_layout,
    read_layout_file,
)
from modelfs.layouts.templates import fill

__all__ = ["Layout", "Rule", "fill", "load_layouts", "locate", "parse_layout", "read_layout_file"]
