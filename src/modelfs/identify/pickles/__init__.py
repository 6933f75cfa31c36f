"""What a pickle holds and what loading it would do, found without loading anything.

The opcodes are followed by a machine that knows only records of what they name; it runs in a
process of its own that can open nothing, so that a hostile pickle costs at most that process.
"""

from modelfs.identify.pickles.process import inspect
from modelfs.identify.pickles.report import PickleReport

__all__ = ["PickleReport", "inspect"]
