"""What the collector says of itself in Prometheus' format: its own health and city totals.

Values are counted as things happen or set by the judging thread; a scrape asks no database.
"""

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from collector.judge.model import Figure, Status

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """All metrics of one collector, in a registry of their own."""

    def __init__(self, queue_depth: Callable[[], int]) -> None:
        # a series more for each counter, which nobody reads
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types here
        self._registry = CollectorRegistry()
        self.committed = self._counter(
            "hakaru_ingest_committed", "Results acknowledged as stored, resent ones included."
        )
        self.quarantined = self._counter(
            "hakaru_ingest_quarantined", "Results refused, kept apart and acknowledged as such."
        )
        self.refused = Counter(
            "hakaru_ingest_refused",
            "Batches refused as a whole, by reason.",
            ["reason"],
            registry=self._registry,
        )
        self.request_seconds = self._histogram(
            "hakaru_ingest_request_seconds", "Time from the headers of a batch to its reply."
        )
        self.commit_seconds = self._histogram(
            "hakaru_ingest_commit_seconds", "Time a batch waited until it was durable."
        )
        self._gauge("hakaru_store_queue_batches", "Batches waiting for the writer.").set_function(
            queue_depth
        )
        self.judge_seconds = self._histogram(
            "hakaru_judge_seconds", "Time of one judging pass that had something to judge."
        )
        self.judge_failures = self._counter(
            "hakaru_judge_failures", "Judging passes that failed; the next pass tries again."
        )
        self._export_samples = Counter(
            "hakaru_export_samples",
            "Samples written to a time-series store.",
            ["store"],
            registry=self._registry,
        )
        self._export_skipped = Counter(
            "hakaru_export_skipped",
            "Results and samples that were not written to a time-series store, by reason.",
            ["store", "reason"],
            registry=self._registry,
        )
        self._export_failures = Counter(
            "hakaru_export_failures",
            "Writes to a time-series store that have to be tried again.",
            ["store"],
            registry=self._registry,
        )
        self._export_behind = Gauge(
            "hakaru_export_behind_seconds",
            "Time since the arrival of the oldest result that waits to be written; 0: none waits.",
            ["store"],
            registry=self._registry,
        )
        self.schools = self._gauge("hakaru_schools", "Schools of the city.")
        self.agents_seen = self._gauge(
            "hakaru_agents_seen_24h", "Agents heard within the last 24 hours."
        )
        self._verdicts = Gauge(
            "hakaru_city_schools",
            "Schools by verdict in the week shown.",
            ["figure", "status"],
            registry=self._registry,
        )

    def set_city(self, figure: Figure, status: Status, schools: int) -> None:
        """Set how many schools have one verdict."""
        self._verdicts.labels(figure.value, status.value).set(schools)

    def export_wrote(self, store: str, samples: int) -> None:
        """Count samples that a time-series store has taken."""
        self._export_samples.labels(store).inc(samples)

    def export_skipped(self, store: str, reason: str, count: int) -> None:
        """Count what was not written, by reason."""
        self._export_skipped.labels(store, reason).inc(count)

    def export_failed(self, store: str) -> None:
        """Count a write that has to be tried again."""
        self._export_failures.labels(store).inc()

    def export_behind(self, store: str, seconds: float) -> None:
        """Set how far writing lags behind arriving."""
        self._export_behind.labels(store).set(seconds)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _counter(self, name: str, documentation: str) -> Counter:
        return Counter(name, documentation, registry=self._registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, registry=self._registry)

    def _histogram(self, name: str, documentation: str) -> Histogram:
        return Histogram(name, documentation, registry=self._registry, buckets=_SECONDS)
