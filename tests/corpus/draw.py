"""Print the tables of ``docs/identification-results.md``: ``python -m corpus.draw``."""

import sys
import tempfile
from pathlib import Path

from corpus.expected import EXPECTED
from corpus.verdicts import Verdict, confusion, look, summary
from identify.published.expected import ALL
from identify.published.headers import load
from modelfs.library.identifying import Identified, identify_paths
from real.packages import ModelCache, VanishedError, default_cache


def real() -> list[Verdict]:
    """Return the verdicts on all real models that can be had."""
    cache, found = ModelCache(default_cache()), []
    for expected in EXPECTED:
        try:
            found += look(expected, cache)
        except VanishedError as error:
            sys.stderr.write(f"{error}\n")
    return found


def published() -> list[Verdict]:
    """Return the verdicts on the headers of published models."""
    headers, found = load(), []
    with tempfile.TemporaryDirectory() as folder:
        for each in ALL:
            path = each.write(Path(folder) / each.name, headers)
            (looked,) = (i for i in identify_paths([str(path)]) if isinstance(i, Identified))
            verdict = looked.verdict
            found.append(
                Verdict(each.name, each.category, verdict.category, verdict.confidence, ())
            )
    return found


if __name__ == "__main__":
    for title, verdicts in (("Real files", real()), ("Headers", published())):
        sys.stdout.write(f"## {title}\n\n{summary(verdicts)}\n\n{confusion(verdicts)}\n\n")
        for verdict in verdicts:
            if verdict.wrong or not verdict.is_right:
                sys.stdout.write(f"- {verdict}\n")
