"""One module per format of configuration file; pure functions from bytes to bytes, no disk.

Every edit keeps the bytes of everything that is not its own: comments, order, blanks, newlines.
"""

from modelfs.connect.edits.edit import Edit, from_record, to_record
from modelfs.connect.edits.fds import FdsList
from modelfs.connect.edits.json_keys import JsonKeys
from modelfs.connect.edits.marked import MarkedLines
from modelfs.connect.edits.own_file import OwnFile, environment_file, systemd_drop_in
from modelfs.connect.edits.sections import SectionKeys
from modelfs.connect.edits.yaml_section import YamlSection

__all__ = [
    "Edit",
    "FdsList",
    "JsonKeys",
    "MarkedLines",
    "OwnFile",
    "SectionKeys",
    "YamlSection",
    "environment_file",
    "from_record",
    "systemd_drop_in",
    "to_record",
]
