"""What the tensors of a file amount to: parameters, the heaviest dtype, the histogram."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from modelfs.identify.reading import MAX_NUMBER
from modelfs.types import Facts, FactValue

_SHOWN_TYPES = 8


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor by what it weighs."""

    dtype: str
    elements: int
    size_bytes: int


def weighed(facts: Facts, weights: Iterable[Weight], tensor_count: int | None = None) -> Facts:
    """Return the facts with parameters, quantisation and the details that follow from the tensors.

    The label is the dtype with the most bytes; a method of packing is for others to find.
    ``tensor_count`` is their number where a weight stands for several.
    """
    bytes_by_dtype: Counter[str] = Counter()
    count, parameters = 0, 0
    for weight in weights:
        bytes_by_dtype[weight.dtype] += weight.size_bytes
        parameters += weight.elements
        count += 1
    details: dict[str, FactValue] = {**facts.details, "tensor_count": tensor_count or count}
    total = bytes_by_dtype.total()
    if total:
        details["tensor_types"] = histogram(bytes_by_dtype)
        if parameters:
            details["bits_per_weight"] = round(total * 8 / parameters, 2)
    common = bytes_by_dtype.most_common(1)
    return replace(
        facts,
        quant=facts.quant or (common[0][0] if common else None),
        parameters=parameters if 0 < parameters <= MAX_NUMBER else None,
        details=details,
    )


def histogram(bytes_by_dtype: Counter[str]) -> tuple[str, ...]:
    """Return the share of each type in the bytes, the largest first: ``Q4_K 81%``."""
    total = bytes_by_dtype.total()
    common = bytes_by_dtype.most_common(_SHOWN_TYPES)
    return tuple(f"{label} {100 * part / total:.0f}%" for label, part in common)
