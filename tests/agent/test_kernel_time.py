"""Arrival by the kernel's stamp, on the monotonic clock."""

import socket
import struct
from datetime import UTC, datetime, timedelta

import pytest

from agent.kernel_time import SO_TIMESTAMPNS_NEW, age_seconds, arrival

NOW = datetime(2026, 5, 11, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9


class Still:
    """Clocks that stand."""

    def now(self) -> datetime:
        """Fixed."""
        return NOW

    def monotonic_seconds(self) -> float:
        """Fixed."""
        return 50.0

    def boot_id(self) -> str:
        """Fixed."""
        return "boot"


def stamp(age: timedelta) -> bytes:
    """A stamp of some time ago."""
    at = NOW_NS - round(age.total_seconds() * 1e9)
    return struct.pack("=qq", at // 10**9, at % 10**9)


@pytest.mark.parametrize(
    ("age", "believed"),
    [
        (timedelta(milliseconds=3), 0.003),
        (timedelta(), 0.0),
        (timedelta(seconds=-2), 0.0),
        (timedelta(hours=2), 0.0),
    ],
    ids=["waited", "just now", "wall clock went back", "wall clock went on"],
)
def test_a_stamp_is_believed_only_within_a_second(age: timedelta, believed: float) -> None:
    """A step of the wall clock makes no round trip longer or shorter."""
    assert age_seconds(stamp(age), NOW_NS) == pytest.approx(believed, abs=1e-6)


def test_arrival_is_now_and_how_long_ago() -> None:
    """The stamp among other ancillary data is found; without it the age is 0."""
    message = (socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW, stamp(timedelta(milliseconds=3)))
    assert arrival([(0, 2, b"x"), message], Still()) == (50.0, pytest.approx(0.003, abs=1e-6))
    assert arrival([(0, 2, b"x")], Still()) == (50.0, 0.0)
