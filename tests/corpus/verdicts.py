"""What identification makes of files, held against what they are; counted and drawn as tables."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from corpus.expected import EXPECTED, Expected
from modelfs.library.identifying import Identified, identify_paths
from real.packages import ModelCache


@dataclass(frozen=True)
class Verdict:
    """One model: what it should be and what it was taken for."""

    name: str
    category: str
    given: str
    confidence: str
    wrong: tuple[str, ...]
    """Which of format, architecture, quant and parameters are not as they should be."""

    @property
    def is_right(self) -> bool:
        return self.category == self.given


def look(expected: Expected, cache: ModelCache) -> list[Verdict]:
    """Identify the files of one row; each package is looked at as a whole, as a person would."""
    folder = cache.folder(expected.package)
    rows = [each for each in EXPECTED if each.package == expected.package]
    found = [
        each
        for each in identify_paths([str(folder)])
        if isinstance(each, Identified) and _row(each, folder, rows) is expected
    ]
    assert found, f"{expected.package} has nothing like {expected.path}"
    return [_verdict(each, folder, expected) for each in found]


def _row(each: Identified, folder: Path, rows: Iterable[Expected]) -> Expected | None:
    path = str(Path(each.path).relative_to(folder))
    return next((row for row in rows if fnmatchcase(path, row.path)), None)


def _verdict(each: Identified, folder: Path, expected: Expected) -> Verdict:
    facts = each.verdict.facts
    pairs = {
        "format": (expected.format, facts.format),
        "architecture": (expected.architecture, facts.architecture),
        "quant": (expected.quant, facts.quant),
        "parameters": (expected.parameters, facts.parameters),
    }
    wrong = (
        f"{k}: {given!r}" for k, (wanted, given) in pairs.items() if wanted and given != wanted
    )
    name = f"{expected.package}/{Path(each.path).relative_to(folder)}"
    return Verdict(
        name, expected.category, each.verdict.category, each.verdict.confidence, tuple(wrong)
    )


def confusion(verdicts: Sequence[Verdict]) -> str:
    """Draw what was taken for what: a row for each category that there is."""
    lines = [
        "| category | models | right | taken for something else |",
        "| --- | --- | --- | --- |",
    ]
    for category in sorted({verdict.category for verdict in verdicts}):
        those = [verdict for verdict in verdicts if verdict.category == category]
        others = Counter(f"{v.given} ({v.confidence})" for v in those if not v.is_right)
        told = ", ".join(f"{count} {given}" for given, count in others.most_common())
        lines.append(f"| {category} | {len(those)} | {sum(v.is_right for v in those)} | {told} |")
    return "\n".join(lines)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Say how many are right, by how sure the verdicts were."""
    lines = ["| verdict | models | category right |", "| --- | --- | --- |"]
    for confidence in ("sure", "likely", "guess"):
        those = [verdict for verdict in verdicts if verdict.confidence == confidence]
        lines.append(f"| {confidence} | {len(those)} | {sum(v.is_right for v in those)} |")
    right = sum(verdict.is_right for verdict in verdicts)
    lines.append(f"| all | {len(verdicts)} | {right} ({100 * right / len(verdicts):.1f} %) |")
    return "\n".join(lines)
