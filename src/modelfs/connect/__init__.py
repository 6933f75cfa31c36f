"""Pointing tools at their folders in the mount, and taking that back. Knows files, no models.

A tool is data (``tools/*.toml``), an edit is a pure function over a file's bytes (``edits/``),
a plan is a value that is shown and then applied; a record kept beforehand undoes it.
"""

from modelfs.connect.applying import apply
from modelfs.connect.containers import Shown
from modelfs.connect.finding import FoundTool, found_tools
from modelfs.connect.machine import Machine
from modelfs.connect.plan import Change, Plan
from modelfs.connect.planning import plan_connect, plan_disconnect
from modelfs.connect.records import user_state_folder
from modelfs.connect.showing import diff, docker_lines, hand_lines
from modelfs.connect.tool import Tool, load_tools, tool_named

__all__ = [
    "Change",
    "FoundTool",
    "Machine",
    "Plan",
    "Shown",
    "Tool",
    "apply",
    "diff",
    "docker_lines",
    "found_tools",
    "hand_lines",
    "load_tools",
    "plan_connect",
    "plan_disconnect",
    "tool_named",
    "user_state_folder",
]
