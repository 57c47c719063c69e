"""One run: idle, one direction loaded, idle again, perhaps the other, idle again.

::

    route | watch ......................................................| route
            before     load download   settle after   load upload  settle after
                                              before

What lies after the one load is what lies before the next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import sleep
from typing import Final

from agent.context import ETHERNET_HEADERS, InterfaceCounters, Reading
from agent.failure import MeasurementFailed
from agent.localise.counters import LinkCounters
from agent.localise.evidence import Evidence, HopSeen, LoadSeen, Window
from agent.localise.load import RAMP_SECONDS, Loaded, fill
from agent.localise.route import Route, find_route, limited_engine
from agent.localise.wan_link import WanLink
from agent.localise.watch import LIMITED_LOADED_SECONDS, LIMITED_SECONDS, Watch
from agent.network_card import Card
from agent.path.source import source_of
from agent.probes import Progress, Report, Request
from agent.throughput.connect import Target
from agent.throughput.directions import Test
from agent.throughput.limits import Allowance

IDLE_SECONDS: Final = 2.5
"""Before the first load; the first fifth of a second is left to ARP and neighbour discovery."""
FIRST_SECONDS: Final = 0.2
AFTER_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = 0.5
"""After a load, and twice the queue that TCP saw: what waits must go first."""
MOST_SETTLE_SECONDS: Final = 3.0
_PAYLOAD_BYTES: Final = 16
_STEP_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do."""

    target: Target
    tests: Sequence[Test]
    flows: int
    seconds: float
    """Of load in each direction."""
    rate_bps: float | None
    """Of the load; None: as fast as it goes."""
    interval_seconds: float
    """Between two echoes to a hop."""
    wan: tuple[str, str] | None = None
    """Address of the router and its port towards the internet, read over SNMP meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One direction."""

    evidence: Evidence
    loaded: Loaded
    counters: Sequence[LinkCounters]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A whole run."""

    route: Route
    directions: Mapping[Test, Observed]
    wan_source: str | None = None
    """Where the router's counters were read; None: nowhere."""
    wan_unknown: str | None = None
    """Why they could not be."""


OnLoaded = Callable[[Loaded], None]


def observe(
    plan: Plan,
    request: Request,
    report: Report,
    allowance: Allowance,
    card: Card | None,
    on_loaded: OnLoaded,
) -> Observation:
    """Run. ``on_loaded`` is told of each load as it ends. Raises :class:`MeasurementFailed`."""
    wan = None if plan.wan is None else WanLink(*plan.wan, request.clock)
    if wan is None:
        return _Run(plan, request, report, allowance, card, None).run(on_loaded)
    try:
        wan.begin()
        return _Run(plan, request, wan.ticking(report), allowance, card, wan).run(on_loaded)
    finally:
        wan.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    loaded: Loaded
    before: Window
    after: Window
    counters: Sequence[LinkCounters]


class _Run:
    def __init__(
        self,
        plan: Plan,
        request: Request,
        report: Report,
        allowance: Allowance,
        card: Card | None,
        wan: WanLink | None,
    ) -> None:
        self._wan = wan
        self._plan, self._request, self._report = plan, request, report
        self._allowance, self._card = allowance, card
        self._clock = request.clock
        self._own = (
            InterfaceCounters(card.name, self._clock.monotonic_seconds)
            if card is not None and card.name != "lo"
            else None
        )

    def run(self, on_loaded: OnLoaded) -> Observation:
        address = self._plan.target.address
        ends_at = self._clock.monotonic_seconds() + self._allowance.left_seconds()
        port = self._plan.target.port
        route = find_route(address, port, self._request, self._report, ends_at)
        own = source_of(address)
        _, limited = limited_engine(address, self._request)
        with limited:
            watch = Watch(
                (own, *route.addresses),
                address,
                limited,
                self._clock,
                self._request.random.getrandbits(15),
                self._request.random.randbytes(_PAYLOAD_BYTES),
                self._plan.interval_seconds,
            )
            try:
                watch.start()
                parts = self._phases(watch, route, on_loaded)
            finally:
                watch.stop()
        again = find_route(address, port, self._request, self._report, ends_at)
        changed = route.differs(again)
        seen = watch.seen()
        return Observation(
            route=route,
            directions={
                part.loaded.seen.test: _observed(part, seen, changed=changed) for part in parts
            },
            wan_source=None if self._wan is None else self._wan.source,
            wan_unknown=None if self._wan is None else self._wan.unknown,
        )

    def _phases(self, watch: Watch, route: Route, on_loaded: OnLoaded) -> list[_Part]:
        before = self._idle("idle", IDLE_SECONDS, FIRST_SECONDS)
        parts: list[_Part] = []
        for number, test in enumerate(self._plan.tests):
            watch.rest(RAMP_SECONDS, LIMITED_LOADED_SECONDS)
            limits = self._allowance.share(len(self._plan.tests) - number)
            first = self._reading()
            loaded = fill(
                self._plan.target,
                test,
                flows=self._plan.flows,
                seconds=self._plan.seconds,
                rate_bps=self._plan.rate_bps,
                limits=limits,
                request=self._request,
                report=self._report,
            )
            counters = self._counters(first, self._reading(), loaded)
            behind = None if self._wan is None else self._wan.said(loaded, route.addresses)
            counters += [] if behind is None else [behind]
            self._allowance.spend(loaded.result.total_bytes, self._plan.flows)
            on_loaded(loaded)
            settle_seconds = _settle(loaded.seen)
            watch.rest(settle_seconds, LIMITED_SECONDS)
            sleep(settle_seconds)
            after = self._idle("idle again", AFTER_SECONDS)
            parts.append(_Part(loaded=loaded, before=before, after=after, counters=counters))
            before = after
        return parts

    def _idle(self, phase: str, seconds: float, skip_seconds: float = 0.0) -> Window:
        begin = self._clock.monotonic_seconds()
        while (elapsed := self._clock.monotonic_seconds() - begin) < seconds:
            text = "echoes to every hop"
            self._report(
                Progress(phase=phase, elapsed_seconds=elapsed, total_seconds=seconds, text=text)
            )
            sleep(min(_STEP_SECONDS, seconds - elapsed))
        return Window(begin + skip_seconds, self._clock.monotonic_seconds())

    def _reading(self) -> Reading | None:
        try:
            return None if self._own is None else self._own.read()
        except (OSError, MeasurementFailed):  # the interface has gone: nothing is confirmed by it
            return None

    def _counters(
        self, first: Reading | None, last: Reading | None, loaded: Loaded
    ) -> list[LinkCounters]:
        """What this machine's own interface says of the first link."""
        if first is None or last is None or self._card is None:
            return []
        down = loaded.seen.test == "download"
        carried = (
            last.received_bytes - first.received_bytes
            if down
            else last.sent_bytes - first.sent_bytes
        )
        packets = (
            last.received_packets - first.received_packets
            if down
            else last.sent_packets - first.sent_packets
        )
        if carried < 0 or packets < 0:  # counters were reset: nothing is known
            return []
        payload = max(0, carried - ETHERNET_HEADERS * packets)
        return [
            LinkCounters(
                between=(0, 1),
                carried_bytes=payload,
                load_bytes=loaded.result.total_bytes,
                seconds=last.at_seconds - first.at_seconds,
                speed_bps=self._card.speed_bps,
            )
        ]


def _settle(seen: LoadSeen) -> float:
    queue = seen.tcp_inflation_seconds or 0.0
    return min(MOST_SETTLE_SECONDS, SETTLE_SECONDS + 2 * queue)


def _observed(part: _Part, seen: Sequence[HopSeen], *, changed: bool) -> Observed:
    evidence = Evidence(
        hops=seen,
        before=part.before,
        loaded=part.loaded.window,
        after=part.after,
        load=part.loaded.seen,
        path_changed=changed,
    )
    return Observed(evidence=evidence, loaded=part.loaded, counters=part.counters)
