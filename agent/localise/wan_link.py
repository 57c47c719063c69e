"""The router's WAN port beside a load: what the link behind it carried, by the router's counters.

The port is read over SNMP by a process of its own (:mod:`agent.snmp.wan`). The router is the hop
that has its address; its WAN link leads from there to the next hop. Where the router is no hop by
that address, where its counters came too seldom or with too large an error, nothing is said.
"""

from collections.abc import Sequence
from typing import Final

from agent.clock import Clock
from agent.context import Watch, stepped_bps
from agent.failure import MeasurementFailed
from agent.localise.counters import LinkCounters
from agent.localise.load import Loaded
from agent.probes import Progress, Report
from agent.snmp.wan import SnmpCounters

MOST_ERROR_RATIO: Final = 0.3
"""Of a rate: below half of the load is said to be none of it, so a third wrong decides nothing."""


class WanLink:
    """Reads the port while the path is watched. Made for one run."""

    def __init__(self, address: str, port: str, clock: Clock) -> None:
        self._address = address
        self._counters = SnmpCounters(address, port, clock)
        self._clock = clock
        self._watch: Watch | None = None
        self.source = self._counters.source
        self.unknown: str | None = None
        """Why the port is not read; None: it is."""

    def begin(self) -> None:
        """Wait for the first reading. A router that does not answer spoils no test."""
        try:
            self._watch = Watch(self._counters)
        except MeasurementFailed as error:
            self.unknown = str(error.failure)

    def ticking(self, report: Report) -> Report:
        """Give a report that reads the counters whenever something is told."""

        def told(progress: Progress) -> None:
            if self._watch is not None:
                self._watch.tick(self._clock.monotonic_seconds())
            report(progress)

        return told

    def said(self, loaded: Loaded, route: Sequence[str | None]) -> LinkCounters | None:
        """What crossed the port in the time of a load. ``route``: addresses from hop 1 on."""
        if self._watch is None or self._address not in route[:-1]:
            return None
        return link_of(
            self._watch,
            loaded,
            self._counters.header_bytes,
            self._counters.speed_bps,
            route.index(self._address) + 1,
        )

    def close(self) -> None:
        """End the process."""
        self._counters.close()


def link_of(
    watch: Watch, loaded: Loaded, header_bytes: int, speed_bps: float | None, hop: int
) -> LinkCounters | None:
    """Put rate of the port and rate of the load beside each other, over the load's window."""
    window = loaded.window
    seconds = window.end - window.begin
    rate = stepped_bps(watch.readings, loaded.seen.test, header_bytes, (window.begin, window.end))
    if rate is None or rate.error_ratio > MOST_ERROR_RATIO or seconds <= 0:
        return None
    return LinkCounters(
        between=(hop, hop + 1),
        carried_bytes=round(rate.bps * seconds / 8),
        load_bytes=loaded.moved_bytes,
        seconds=seconds,
        speed_bps=speed_bps,
    )
