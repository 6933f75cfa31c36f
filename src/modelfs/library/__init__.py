"""The use cases: the one place that orders store and catalogue. Faces call these and hold no rule.

``library`` is the opened object; every other module is one noun or one verb of the product, and
what destroys or brings in much is first a plan: a value that is shown, then applied.
"""

from modelfs.library.library import Library, create_library, open_library

__all__ = ["Library", "create_library", "open_library"]
