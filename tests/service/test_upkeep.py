"""Checking in slices and holding a quota: the rules, without a mount."""

import hashlib
import time

import pytest

from modelfs import locks
from modelfs.catalog import blobs
from modelfs.catalog.records import BlobRecord
from modelfs.errors import BadInput
from modelfs.library import check, select, settings, upkeep
from modelfs.library.checked import CheckSummary
from mount.conftest import Home

DAY_S = 86400
HUB = f"hf:org/repo@{'0123456789' * 4}"


def age(home: Home, **days: float) -> None:
    """Say that models' bytes were checked so many days ago, or, without a number, never."""
    for name, ago in days.items():
        (file,) = select.one(home.library, f"{name}.bin").files
        when = time.time() - ago * DAY_S
        home.library.catalog.rows(
            "UPDATE copy SET checked_at = ? WHERE blob = ?", [when, file.blob]
        )


def fill(home: Home, *names: str, size: int = 5000) -> None:
    for name in names:
        home.add(f"{name}.bin", name.encode() * size, "other/unsorted")


def from_the_hub(home: Home, *names: str) -> None:
    """Make models ones that can be fetched again; each used a day after the one before."""
    catalog = home.library.catalog
    for number, name in enumerate(names):
        model = select.one(home.library, f"{name}.bin")
        with catalog.write():
            digest = hashlib.sha256(name.encode()).hexdigest()
            catalog.rows("UPDATE blob SET sha256 = ? WHERE id = ?", [digest, model.files[0].blob])
            at = time.time() - (100 - number) * DAY_S
            catalog.rows(
                "UPDATE model SET source = ?, added_at = ? WHERE id = ?", [HUB, at, model.id]
            )


def scrubbed(home: Home, max_time_s: float = 60) -> CheckSummary:
    summary = CheckSummary()
    list(upkeep.scrub(home.library, summary, max_time_s))
    return summary


def record(home: Home, name: str) -> BlobRecord:
    (file,) = select.one(home.library, name).files
    found = blobs.get(home.library.catalog, file.blob)
    assert found is not None
    return found


def test_only_what_is_due_is_read(home: Home) -> None:
    fill(home, "old", "new", "never")
    age(home, old=31, new=29)
    assert scrubbed(home).looked_at == 2
    assert (record(home, "old.bin").checked_at or 0) > time.time() - DAY_S
    assert (record(home, "new.bin").checked_at or 0) < time.time() - 28 * DAY_S
    assert scrubbed(home) == CheckSummary(), "and then nothing is due"


def test_how_often_is_a_setting(home: Home) -> None:
    fill(home, "one")
    age(home, one=10)
    settings.change(home.library, {"scrub": "1w"})
    assert scrubbed(home).looked_at == 1
    age(home, one=10)
    settings.change(home.library, {"scrub": "never"})
    assert scrubbed(home).looked_at == 0
    with pytest.raises(BadInput, match="scrub: not a duration"):
        settings.change(home.library, {"scrub": "often"})


def test_a_slice_ends_in_time_and_the_next_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home, "one", "two", "three")
    clock = iter(range(1000))
    monkeypatch.setattr("modelfs.library.check.time.monotonic", lambda: next(clock))
    first = scrubbed(home, max_time_s=2)  # the clock ticks once at the start and once a blob
    assert (first.looked_at, first.unread) == (1, 2)
    assert scrubbed(home).looked_at == 2


def test_two_do_not_read_at_once(home: Home) -> None:
    fill(home, "one")
    home.library.paths.jobs.mkdir(exist_ok=True)
    with locks.hold(home.library.paths.jobs / "scrub.lock", exclusive=True, timeout_s=1):
        assert scrubbed(home).looked_at == 0
    assert scrubbed(home).looked_at == 1


def test_damage_is_found_once_and_recorded(home: Home) -> None:
    fill(home, "one")
    path = home.blob_path("one.bin")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    path.chmod(0o444)
    (checked,) = upkeep.scrub(home.library, CheckSummary(), 60)
    assert checked.finding.kind == "data" and checked.models == ["one.bin"]
    assert record(home, "one.bin").state == "damaged"
    assert list(upkeep.scrub(home.library, CheckSummary(), 60)) == []


def test_verify_can_be_told_an_age_too(home: Home) -> None:
    fill(home, "old", "new")
    age(home, old=3, new=1)
    summary = CheckSummary()
    list(check.read(home.library, summary, seal=False, older_than_s=2 * DAY_S))
    assert summary.looked_at == 1


def test_what_was_used_longest_ago_goes_until_the_quota_is_held(home: Home) -> None:
    fill(home, "one", "two", "three", size=100_000)  # 300, 300 and 500 kB
    from_the_hub(home, "two", "one", "three")
    settings.change(home.library, {"quota": "800kB"})
    assert upkeep.over_quota_bytes(home.library) == 300_000
    (line,) = upkeep.keep_quota(home.library)
    assert line.startswith("over its quota, let go of two.bin: ") and line.endswith(" freed")
    assert record(home, "two.bin").state == "remote" and record(home, "one.bin").state == "ok"
    assert upkeep.keep_quota(home.library) == [], "it is held now"


def test_what_cannot_be_had_again_stays_whatever_the_quota_says(home: Home) -> None:
    fill(home, "mine", "one", size=100_000)  # 400 and 300 kB
    from_the_hub(home, "one")
    settings.change(home.library, {"quota": "100kB"})
    gone, rest = upkeep.keep_quota(home.library)
    assert "one.bin" in gone
    assert rest.startswith("300.0 kB over its quota of 100kB, and nothing more can be let go")
    assert record(home, "mine.bin").state == "ok"


def test_without_a_quota_nothing_goes(home: Home) -> None:
    fill(home, "one")
    from_the_hub(home, "one")
    assert upkeep.over_quota_bytes(home.library) == 0
    assert upkeep.keep_quota(home.library) == []
    with pytest.raises(BadInput, match="quota: not a size"):
        settings.change(home.library, {"quota": "much"})
