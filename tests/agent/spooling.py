"""Helpers for tests of the spool: a clock that stands still, measurements, an opened spool."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from agent.spool import Spool
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.ids import NO_AGENT, uuid4
from wire.measurement import Measurement

AGENT = "6f1d3c52-90ab-4c6e-8a51-2f0f5b0c7d11"


@dataclass
class FakeClock:
    """A clock that a test moves."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 5, 11, 0, 30, tzinfo=UTC))
    seconds: float = 1000.0

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.moment

    def monotonic_seconds(self) -> float:
        """Seconds, moved by :meth:`forward`."""
        return self.seconds

    def boot_id(self) -> str:
        """A fixed boot."""
        return "b0075e1f-0000-4000-8000-000000000001"

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


def measurement(
    probe: str = "latency", outcome: Outcome = Outcome.OK, padding: int = 0, mark: int = 0
) -> Measurement:
    """A result as a probe run gives it, before it is accepted."""
    context: dict[str, Any] = {"padding": ["x" * 1000] * (padding // 1000), "mark": str(mark)}
    return Measurement(
        result_id=uuid4(1),
        agent_id=NO_AGENT,
        stream=uuid4(2),
        seq=1,
        probe=probe,
        target="192.0.2.1",
        started_at=datetime(2026, 5, 11, 0, 30, tzinfo=UTC),
        boot_id="b0075e1f-0000-4000-8000-000000000001",
        monotonic_start_seconds=1.0,
        duration_seconds=2.0,
        outcome=outcome,
        failure=None
        if outcome is Outcome.OK
        else Failure(FailureCode.NO_REPLY, Operation.RECEIVE, "nothing came back"),
        values={"rtt_median_seconds": 0.01} if outcome is Outcome.OK else {},
        context=context,
    )


def open_spool(directory: Path, seed: int = 1, **options: Any) -> Spool:
    """Open the spool of ``directory`` with fixed time and chance."""
    options = {"agent_id": AGENT, "clock": FakeClock(), "random": Random(seed), **options}
    return Spool(directory / "spool.db", **options)
