"""The one message that is sent, as protobuf bytes: Prometheus' ``WriteRequest``, by hand.

From ``prompb/remote.proto`` and ``types.proto`` of Prometheus: WriteRequest{1: TimeSeries*},
TimeSeries{1: Label*, 2: Sample*}, Label{1: name, 2: value}, Sample{1: double value, 2: int64
milliseconds}. Wire format: protobuf.dev/programming-guides/encoding. A library would be larger
than what it replaces.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Labels = tuple[tuple[str, str], ...]
"""(name, value), sorted by name."""
Point = tuple[int, float]
"""Milliseconds since 1970 UTC, value."""

_FIRST: Final = b"\x0a"
"""Field 1, length-delimited."""
_SECOND: Final = b"\x12"
"""Field 2, length-delimited."""
_VALUE: Final = struct.Struct("<Bd")
_VALUE_TAG: Final = 0x09
"""Field 1, 64 bits."""
_TIME_TAG: Final = b"\x10"
"""Field 2, varint."""


def write_request(series: Mapping[Labels, Sequence[Point]]) -> bytes:
    """Encode samples by series; the points of a series in ascending order of time."""
    return b"".join(
        _FIRST + _delimited(_time_series(labels, points)) for labels, points in series.items()
    )


def _time_series(labels: Labels, points: Iterable[Point]) -> bytes:
    parts = [_FIRST + _delimited(_label(name, value)) for name, value in labels]
    parts += [_SECOND + _delimited(_sample(point)) for point in points]
    return b"".join(parts)


def _label(name: str, value: str) -> bytes:
    return (
        _FIRST
        + _delimited(name.encode("utf-8", "replace"))
        + _SECOND
        + _delimited(value.encode("utf-8", "replace"))
    )


def _sample(point: Point) -> bytes:
    milliseconds, value = point
    return _VALUE.pack(_VALUE_TAG, value) + _TIME_TAG + varint(milliseconds)


def _delimited(content: bytes) -> bytes:
    return varint(len(content)) + content


def varint(number: int) -> bytes:
    """Base 128, least significant first; negative numbers as their 64-bit two's complement."""
    number &= (1 << 64) - 1
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
