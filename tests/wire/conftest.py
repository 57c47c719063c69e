"""One good record that the tests of the wire format spoil in one place each."""

import json
from collections.abc import Callable, Mapping
from types import EllipsisType
from typing import Final

import pytest

from wire.measurement import Json

GOOD: Final[Mapping[str, Json]] = {
    "schema_version": 1,
    "result_id": "019684ee-8f80-7000-8000-000000000001",
    "agent_id": "5b0c2c3e-6a0f-4c8e-9a51-1d2f3a4b5c6d",
    "stream": "0f9d7a3b-2c41-4e7d-8b60-9e8d7c6b5a40",
    "seq": 7,
    "probe": "throughput",
    "target": "responder.example:4443",
    "started_at": "2026-05-11T00:30:00.000000Z",
    "boot_id": "3d0ad5f4-9d1c-4d7e-8c1b-6c5e4f3a2b10",
    "monotonic_start_seconds": 12.5,
    "duration_seconds": 10.0,
    "outcome": "ok",
    "values": {"download_bps": 412_000_000.0},
    "context": {"agent_version": "0.1.0"},
}


@pytest.fixture(scope="session")
def record() -> Callable[..., dict[str, Json]]:
    """Give the good record with changes; a change to ``...`` leaves the field out."""

    def changed(**changes: Json | EllipsisType) -> dict[str, Json]:
        together = {**GOOD, **changes}
        return {
            name: value for name, value in together.items() if not isinstance(value, EllipsisType)
        }

    return changed


@pytest.fixture(scope="session")
def written(record: Callable[..., dict[str, Json]]) -> Callable[..., bytes]:
    """Give the good record with changes, as JSON text."""

    def changed(**changes: Json | EllipsisType) -> bytes:
        return json.dumps(record(**changes)).encode()

    return changed
