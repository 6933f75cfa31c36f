"""The short id of a licence, told from how its text begins; ids as on the hub."""

import re

_HEAD_CHARS = 1000
"""Titles stand at the top; further down one licence may speak of another."""
_BEGINNINGS = [
    (re.compile(pattern), id_)
    for pattern, id_ in (
        (r"apache license,? version 2\.0", "apache-2.0"),
        (r"mit license|permission is hereby granted, free of charge", "mit"),
        (r"\bllama 4 (?:version release|community license)", "llama4"),
        (r"\bllama (?P<number>3\.[1-9]) (?:version release|community license)", "llama{number}"),
        (r"\bllama 3 (?:version release|community license)", "llama3"),
        (r"\bllama 2 (?:version release|community license)", "llama2"),
        (r"gemma terms of use", "gemma"),
        (r"attribution-noncommercial 4\.0 international", "cc-by-nc-4.0"),
        (r"attribution-sharealike 4\.0 international", "cc-by-sa-4.0"),
        (r"attribution 4\.0 international", "cc-by-4.0"),
        (r"bsd 3-clause", "bsd-3-clause"),
    )
]
_BARE_ID = re.compile(r"[a-z][a-z0-9]*(?:[.-][a-z0-9]+){0,6}")


def licence_id(text: str) -> str | None:
    """Return the id of a licence by its text, or None for one that is not known here.

    A text that is an id itself (``MIT``, ``apache-2.0``) is taken as it is.
    """
    plain = re.sub(r"[\s*#_]+", " ", text[:_HEAD_CHARS]).strip().lower()
    if len(plain) <= 30 and _BARE_ID.fullmatch(plain):
        return plain
    for pattern, id_ in _BEGINNINGS:
        if found := pattern.search(plain):
            return id_.format(**found.groupdict())
    return None
