"""What is known about model files: header bytes and names become facts, groups and a category.

Pure knowledge lives here; nothing that stores, lists, shows or downloads models may. Readers are
bounded, never execute or unpickle what they read, and never raise on bad bytes.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelfs.identify.describe import Identification, identify
    from modelfs.identify.formats import usual_extension
    from modelfs.identify.grouping import Group, Grouping, Skip, companions, group
    from modelfs.identify.names import is_unfinished, quant_from_name, sidecars, telling_name
    from modelfs.identify.rules import Confidence
    from modelfs.identify.taxonomy import Category, Taxonomy, load_taxonomy
    from modelfs.identify.weights import early_data_start, may_need_others, needs

# Every command needs the taxonomy, few need a reader: these are loaded when they are asked for.
_HOMES = {
    **dict.fromkeys(("Identification", "identify"), "describe"),
    "usual_extension": "formats",
    **dict.fromkeys(("Group", "Grouping", "Skip", "companions", "group"), "grouping"),
    **dict.fromkeys(("is_unfinished", "quant_from_name", "sidecars", "telling_name"), "names"),
    "Confidence": "rules",
    **dict.fromkeys(("Category", "Taxonomy", "load_taxonomy"), "taxonomy"),
    **dict.fromkeys(("early_data_start", "may_need_others", "needs"), "weights"),
}

__all__ = [
    "Category",
    "Confidence",
    "Group",
    "Grouping",
    "Identification",
    "Skip",
    "Taxonomy",
    "companions",
    "early_data_start",
    "group",
    "identify",
    "is_unfinished",
    "load_taxonomy",
    "may_need_others",
    "needs",
    "quant_from_name",
    "sidecars",
    "telling_name",
    "usual_extension",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"modelfs.identify.{_HOMES[name]}"), name)
