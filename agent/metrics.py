"""``/metrics`` of one appliance: what it last measured and how it is, for a Prometheus beside it.

A scrape measures nothing and asks no disk: it gets what the runner said last. Each result has its
age; values older than :data:`STALE_SECONDS` are dropped, so that nobody takes last night's speed
for today's, while age and outcome stay. docs/metrics.md describes every series.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Protocol, Self

from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from agent import __version__
from agent.clock import Clock, SystemClock
from agent.delivery import DeliveryState
from agent.state import StateTrouble
from wire.failure import Outcome
from wire.measurement import Json, Measurement

STALE_SECONDS: Final = 7200.0
"""A value older than this is no longer shown; a lesson and the break after it are shorter."""
MAX_TESTS: Final = 200
"""Probe and target pairs; a policy that changes targets often makes no endless list."""
_LABELS: Final = ("probe", "target", "segment")
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):([0-9]{1,5})")


class AddressRefused(ValueError):
    """An address to serve metrics on that cannot be used; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class _Seen:
    result: Measurement
    monotonic_seconds: float


Place = tuple[str, str, str]
"""probe, target, segment (empty: none)."""


def parse_address(text: str, *, is_open: bool = False) -> tuple[str, int]:
    """Read ADDRESS:PORT. Raises :class:`AddressRefused`; others' addresses need ``is_open``."""
    match = _ADDRESS.fullmatch(text)
    port = 0 if match is None else int(match[2])
    try:
        address = ipaddress.ip_address("" if match is None else match[1].strip("[]"))
    except ValueError:
        port = 0
    if not 0 < port < 65_536:
        raise AddressRefused(
            f"--metrics: found {text!r}, allowed is ADDRESS:PORT such as 127.0.0.1:9273"
        )
    if not address.is_loopback and not is_open:
        raise AddressRefused(
            f"--metrics: {address} is reached by others: give 127.0.0.1:{port}, or add "
            "--metrics-open where the school's network may read them"
        )
    return str(address), port


class AgentMetrics(Collector):
    """Keeps what the runner says; gives it to a scrape."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[Place, _Seen] = {}
        self._status: Mapping[str, Any] = {}

    def take_result(self, result: Measurement) -> None:
        """Keep the newest result of each test."""
        place = (result.probe, result.target, result.segment or "")
        self._seen.pop(place, None)
        self._seen[place] = _Seen(result, self._clock.monotonic_seconds())
        while len(self._seen) > MAX_TESTS:
            self._seen.pop(next(iter(self._seen)))

    def take_status(self, status: Mapping[str, Json]) -> None:
        """Keep what ``hakaru-agent status`` shows."""
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Give everything, as prometheus-client wants it."""
        yield InfoMetricFamily("hakaru_agent", "The program.", {"version": __version__})
        yield from self._state()
        yield from self._tests()

    def _tests(self) -> Iterator[Metric]:
        ok = _gauge("hakaru_agent_result_ok", "1: the newest result is good; 0: it is not.")
        age = _gauge("hakaru_agent_result_age_seconds", "Since the newest result was kept.")
        outcome = GaugeMetricFamily(
            "hakaru_agent_result_outcome",
            "1 for the outcome of the newest result.",
            labels=(*_LABELS, "outcome", "failure"),
        )
        values: dict[str, GaugeMetricFamily] = {}
        now_seconds = self._clock.monotonic_seconds()
        for place, seen in list(self._seen.items()):
            result, age_seconds = seen.result, now_seconds - seen.monotonic_seconds
            ok.add_metric(place, float(result.outcome is Outcome.OK))
            age.add_metric(place, age_seconds)
            failure = "" if result.failure is None else result.failure.code.value
            outcome.add_metric((*place, result.outcome.value, failure), 1.0)
            if age_seconds > STALE_SECONDS or result.outcome is not Outcome.OK:
                continue
            for name, number in _numbers(result).items():
                family = f"hakaru_{result.probe}_{name}"
                if family not in values:
                    values[family] = _gauge(family, f"{name} of the newest good result.")
                values[family].add_metric(place, number)
        yield from (ok, age, outcome)
        yield from values.values()

    def _state(self) -> Iterator[Metric]:
        spool = self._status.get("spool")
        delivery = self._status.get("delivery")
        if not isinstance(spool, Mapping) or not isinstance(delivery, Mapping):
            return  # nothing was said yet
        yield from (
            GaugeMetricFamily(name, documentation, value=spool[key])
            for name, documentation, key in (
                ("hakaru_agent_spool_results", "Results that wait.", "waiting_count"),
                ("hakaru_agent_spool_refused_results", "Results refused, kept.", "refused_count"),
                ("hakaru_agent_spool_used_bytes", "Room that the queue takes.", "used_bytes"),
                ("hakaru_agent_spool_cap_bytes", "Room that the queue may take.", "cap_bytes"),
            )
        )
        yield GaugeMetricFamily(
            "hakaru_agent_delivered_results",
            "Results delivered since this process started.",
            value=delivery["delivered_count"],
        )
        state = GaugeMetricFamily(
            "hakaru_agent_delivery_state", "1 for the state of delivery.", labels=("state",)
        )
        for one in DeliveryState:
            state.add_metric((one.value,), float(delivery["state"] == one.value))
        yield state
        if (last := delivery["last_delivery_at"]) is not None:
            at = datetime.fromisoformat(last)
            yield GaugeMetricFamily(
                "hakaru_agent_last_delivery_age_seconds",
                "Since results were last delivered, by the appliance's clock.",
                value=max(0.0, (self._clock.now() - at).total_seconds()),
            )


class Told(Protocol):
    """What tells of results and of its state."""

    on_result: Callable[[Measurement], None]
    on_status: Callable[[Mapping[str, Json]], None]


class Watched:
    """Answers scrapes in a thread, from entering to leaving. Entering raises StateTrouble."""

    def __init__(self, address: tuple[str, int], clock: Clock | None = None) -> None:
        self._address = address
        self._metrics = AgentMetrics(clock or SystemClock())
        self._stop: Callable[[], None] = lambda: None

    def watch(self, told: Told) -> None:
        """Be told by the runner."""
        told.on_result, told.on_status = self._metrics.take_result, self._metrics.take_status

    def __enter__(self) -> Self:
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types here
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._metrics)
        host, port = self._address
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise StateTrouble(
                f"--metrics: cannot listen on {host} port {port} ({error.strerror}): name another"
            ) from error

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._stop = stop
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop()


def _gauge(name: str, documentation: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, labels=_LABELS)


def _numbers(result: Measurement) -> dict[str, float]:
    """The numbers among the values: words and flags are no samples."""
    return {
        name: float(value)
        for name, value in result.values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
