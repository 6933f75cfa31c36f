"""``doctor --speed``: what reading through the mount costs, measured now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelfs.cli.output import next_step, note, print_json
from modelfs.cli.tables import Cell, print_card
from modelfs.units import format_size

if TYPE_CHECKING:
    from modelfs.fs.advice import Advice
    from modelfs.fs.measuring import Costs, Measurement


def measure_speed(*, as_json: bool) -> None:
    """Measure and show."""
    from modelfs.fs.advice import faster, look
    from modelfs.fs.measuring import measure
    from modelfs.library import open_library

    with open_library(read_only=True) as library:
        if not as_json:
            note("measuring for about two seconds")
        found = measure(library)
        advice = faster(look(library, found.state))
    if as_json:
        print_json(_document(found, advice))
        return
    print_card(_card(found))
    if advice:
        next_step(f"{advice.command} ({advice.gain})")


def _card(found: Measurement) -> list[tuple[str, str | Cell]]:
    sample = f"the first {format_size(found.sample_bytes)} of {format_size(found.size_bytes)}"
    whole = found.sample_bytes == found.size_bytes
    reason = found.state.read_path_reason
    native, mount = found.native, found.mount
    return [
        ("file", f"{found.path}"),
        ("read", format_size(found.size_bytes) if whole else sample),
        ("read path", f"{found.state.read_path}" + (f" ({reason})" if reason else "")),
        ("native", f"{_per_second(native.bytes_per_s)}, from the disk's cache"),
        ("first read", _compared(found.first_bytes_per_s, found.first_share)),
        ("read again", _compared(mount.bytes_per_s, found.again_share)),
        ("stat", f"{_short(mount.stat_s)}, native {_short(native.stat_s)}"),
        ("open", f"{_opens(mount)}, native {_opens(native)}"),
    ]


def _compared(bytes_per_s: float, share: float) -> Cell:
    style = "green" if share >= _GOOD else "yellow"
    return Cell(f"{_per_second(bytes_per_s)}, {share:.0%} of native", style)


_GOOD = 0.8


def _per_second(bytes_per_s: float) -> str:
    return f"{format_size(int(bytes_per_s))}/s"


def _short(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs"


def _opens(costs: Costs) -> str:
    return f"{1 / costs.open_s:,.0f}/s"


def _document(found: Measurement, advice: Advice | None) -> dict[str, Any]:
    return {
        "model": found.model,
        "path": str(found.path),
        "size_bytes": found.size_bytes,
        "sample_bytes": found.sample_bytes,
        "read_path": found.state.read_path,
        "read_path_reason": found.state.read_path_reason,
        "native_bytes_per_s": int(found.native.bytes_per_s),
        "first_bytes_per_s": int(found.first_bytes_per_s),
        "again_bytes_per_s": int(found.mount.bytes_per_s),
        "first_share": round(found.first_share, 3),
        "again_share": round(found.again_share, 3),
        "native_stat_s": found.native.stat_s,
        "stat_s": found.mount.stat_s,
        "native_opens_per_s": round(1 / found.native.open_s),
        "opens_per_s": round(1 / found.mount.open_s),
        "faster": advice.command if advice else None,
    }
