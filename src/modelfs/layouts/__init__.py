"""Descriptions of tools' folders, as data: one TOML file a tool. Knows no model and no path."""

from modelfs.layouts.layout import Layout, Rule, load_layouts, parse_layout

__all__ = ["Layout", "Rule", "load_layouts", "parse_layout"]
