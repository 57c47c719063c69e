"""One device watched for as long as the agent runs: when it is read, and when it is reported.

A whole reading begins each report; between, counters are read by known OIDs. A device that
restarted or was replaced is read whole again. A device that is silent is tried at every turn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.failure import MeasurementFailed
from agent.snmp.client import Client
from agent.snmp.counters import NoDifference
from agent.snmp.place import NOWHERE, Here
from agent.snmp.profiles import Profile
from agent.snmp.reading import Reading, read_all, read_counters
from agent.snmp.report import values
from agent.snmp.tally import Tally
from wire.failure import Failure
from wire.measurement import Json

_ANEW: Final = (NoDifference.RESTARTED, NoDifference.OTHER_DEVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A report of one device."""

    values: dict[str, Json]
    context: dict[str, Json]
    failure: Failure | None
    """Why there is nothing; None where there is something."""
    seconds: float
    """It is about this long until now."""


class Watched:
    """A device, its last whole reading and what was gathered since."""

    def __init__(
        self,
        known: Sequence[Profile],
        new_client: Callable[[], Client],
        look: Callable[[], Here] = lambda: NOWHERE,
    ) -> None:
        self._known = known
        self._new_client = new_client
        self._look = look
        self._reading: Reading | None = None
        self._before: Reading | None = None
        self._fresh = False
        """The last whole reading is of this report, and still of this device."""
        self._tally = Tally()
        self._failures: list[Failure] = []
        self._troubles: set[str] = set()
        self._questions_count = 0
        self._began_seconds: float | None = None

    async def turn(self) -> None:
        """Read once. Never raises for what a device does."""
        client, between = self._new_client(), False
        if self._began_seconds is None:
            self._began_seconds = client.moment_seconds
        try:
            between = self._fresh and self._reading is not None
            if between and self._reading is not None:
                sample = await read_counters(client, self._reading)
            else:
                self._reading = await read_all(client, self._known, self._look())
                self._fresh = True
                sample = self._reading.sample
        except MeasurementFailed as error:
            self._failures.append(error.failure)
            self._fresh = False
        else:
            if self._tally.take(sample) in _ANEW and between:
                self._fresh = False
        self._troubles |= {trouble.value for trouble in client.troubles}
        self._questions_count += client.questions_count

    def report(self, now_seconds: float) -> Told:
        """Give what was gathered, and begin anew."""
        context: dict[str, Json] = {"questions_count": self._questions_count}
        if self._failures:
            context["failed_readings_count"] = len(self._failures)
            context["last_failure"] = str(self._failures[-1])
        found: dict[str, Json] = {}
        reading, failure = self._reading, None
        if reading is not None and self._tally.samples_count:
            found = values(reading, self._tally, self._before)
            troubles = self._troubles | {trouble.value for trouble in reading.troubles}
            if troubles:
                context["troubles"] = " ".join(sorted(troubles))
        elif self._failures:
            failure = self._failures[-1]
        began = now_seconds if self._began_seconds is None else self._began_seconds
        told = Told(
            values=found,
            context=context,
            failure=failure,
            seconds=max(0.0, now_seconds - began),
        )
        self._before, self._fresh = reading, False
        self._tally.clear()
        self._failures, self._troubles, self._questions_count = [], set(), 0
        self._began_seconds = now_seconds
        return told
