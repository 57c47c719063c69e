"""The table of devices: hashes alone, days of the last thirty, a key of this school."""

from datetime import UTC, datetime
from pathlib import Path

from agent.lan import devices
from agent.lan.devices import (
    KEPT_DAYS,
    KEY_FILE,
    MOST_DEVICES,
    TABLE_FILE,
    add,
    day_of,
    forget,
    hasher,
    load_key,
    load_table,
    save_table,
    tidy,
)
from tests.agent.lan.frames import TABLET

TODAY = 739_000


def test_new_and_returning_devices_are_told_apart() -> None:
    """Seen on an earlier day is returning; seen only this morning is still new today."""
    days, first = add({}, ["a", "b"], TODAY)
    assert (first.today_count, first.new_count, first.returning_count) == (2, 2, 0)
    days, noon = add(days, ["b", "c"], TODAY)
    assert (noon.today_count, noon.new_count, noon.returning_count) == (3, 2, 0)
    days, tomorrow = add(days, ["b", "d"], TODAY + 1)
    assert (tomorrow.today_count, tomorrow.new_count, tomorrow.returning_count) == (2, 1, 1)
    assert days["b"] == (TODAY, TODAY + 1)


def test_days_are_forgotten_after_thirty() -> None:
    """Day by day, and with its last day the device; days to come are of a wrong clock."""
    days = {"a": (TODAY - KEPT_DAYS, TODAY - KEPT_DAYS + 1), "b": (TODAY - KEPT_DAYS,)}
    days["c"] = (TODAY + 1,)
    assert forget(days, TODAY) == {"a": (TODAY - KEPT_DAYS + 1,)}
    assert forget(days, TODAY + 1) == {"c": (TODAY + 1,)}


def test_a_device_that_comes_every_day_is_kept_for_thirty_days_only() -> None:
    """Nothing of it is older, however long it stays."""
    days: dict[str, tuple[int, ...]] = {}
    for day in range(TODAY, TODAY + 100):
        days, _ = add(days, ["a"], day)
    assert days == {"a": tuple(range(TODAY + 70, TODAY + 100))}


def test_the_table_is_bounded() -> None:
    """Devices that make up an address each day push out those seen longest ago."""
    old = {str(number): (TODAY - 1,) for number in range(MOST_DEVICES)}
    days, seen = add(old, ["new"], TODAY)
    assert (len(days), seen.new_count) == (MOST_DEVICES, 1)
    assert "new" in days


def test_the_day_is_the_one_in_japan() -> None:
    """23:30 UTC is the next morning."""
    late = datetime(2026, 5, 10, 23, 30, tzinfo=UTC)
    assert day_of(late) == datetime(2026, 5, 11, tzinfo=UTC).toordinal()


def test_hashes_depend_on_the_key_and_show_nothing(tmp_path: Path) -> None:
    """Made once, 0600, and anew at another school, where the table begins anew too."""
    key = load_key(tmp_path, "E001", lambda count: b"k" * count)
    assert load_key(tmp_path, "E001", lambda count: b"x" * count) == key
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    hashed = hasher(key)(TABLET)
    assert len(hashed) == 32
    assert hashed != hasher(b"x" * 32)(TABLET)
    save_table(tmp_path, {hashed: (TODAY,)})
    assert (tmp_path / TABLE_FILE).stat().st_mode & 0o777 == 0o600
    assert load_table(tmp_path) == {hashed: (TODAY,)}
    assert load_key(tmp_path, "E002", lambda count: b"x" * count) == b"x" * 32
    assert load_table(tmp_path) == {}


def test_damaged_files_begin_anew(tmp_path: Path) -> None:
    """No crash, no half-read entry."""
    for damaged in (b"", b"\xff", b"[]", b'{"days": 1}', b'{"days": {"a": "x", "b": [1]}}'):
        (tmp_path / TABLE_FILE).write_bytes(damaged)
        assert load_table(tmp_path) == {}
    (tmp_path / KEY_FILE).write_text('{"school": "E001", "key": "zz"}')
    assert load_key(tmp_path, "E001", lambda count: b"n" * count) == b"n" * 32


def test_the_table_is_tidied_without_any_check(tmp_path: Path) -> None:
    """After the approval has ended nothing else would strike the old days."""
    now = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)
    tidy(tmp_path, now)
    old = day_of(now) - devices.KEPT_DAYS
    save_table(tmp_path, {"a": (old, old + 1), "b": (old,)})
    tidy(tmp_path, now)
    assert load_table(tmp_path) == {"a": (old + 1,)}
    save_table(tmp_path, {"b": (old,)})
    tidy(tmp_path, now)
    assert not (tmp_path / TABLE_FILE).exists()
