"""speedtest-cli in a process of its own: a request on standard input, a verified result out.

Started by :mod:`agent.probes.ookla` as ``python -m agent.engines.ookla_child``. The library
prints, swallows errors and leaves threads behind, so it lives and dies here. Lines of JSON come
out: what was measured so far, and at last the result. Ends when standard input does.
"""

# ruff: noqa: ANN401 - the library has no types

import http.client
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

from agent import guard
from agent.clock import Clock, SystemClock
from agent.engines.ookla_ledger import Kind, Ledger, first_fault
from agent.engines.ookla_watch import Sockets, install, note_acked
from agent.failure import MeasurementFailed
from agent.throughput.estimator import Sample, TooLittle, estimate, warmup_seconds
from wire.failure import FailureCode, Operation
from wire.measurement import Json

TICK_SECONDS: Final = 0.025
WORDS_SECONDS: Final = 0.5
STALL_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 5
"""Of each connection and each silence, in the library."""
MOST_THREADS: Final = 16
MOST_REQUESTS: Final = 200
AGREEMENT_RATIO: Final = 0.02
"""The library's count of downloaded bytes may differ this much from what was seen."""
_FEWEST_BYTES: Final = 20 * 1448


@dataclass(slots=True)
class _Run:
    """What the parts of a run share."""

    given: Mapping[str, Any]
    library: Any
    clock: Clock
    out: TextIO
    ledger: Ledger = field(default_factory=Ledger)
    sockets: Sockets = field(default_factory=dict)
    values: dict[str, Json] = field(default_factory=dict)
    context: dict[str, Json] = field(default_factory=dict)
    confidence: dict[str, Json] = field(default_factory=dict)

    def say(self, **more: object) -> None:
        """Write one line."""
        self.out.write(json.dumps(more) + "\n")
        self.out.flush()


def main() -> int:
    """Measure what standard input asks for."""
    given = json.loads(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints is not our result
    guard.inherit()
    threading.Thread(target=_end_with_parent, args=(0,), daemon=True).start()
    run = _Run(given, importlib.import_module("speedtest"), SystemClock(), out)
    install(run.library, run.ledger, run.sockets)
    _rebase(run.library, str(given["base"]))
    try:
        _measure(run)
    except MeasurementFailed as error:
        _fail(run, error)
    run.say(
        final=True, values=run.values, context=run.context, confidence=run.confidence, failure=None
    )
    return 0


def _measure(run: _Run) -> None:
    library, secure = run.library, str(run.given["base"]).startswith("https:")
    tested = _guarded(
        run, "config", lambda: library.Speedtest(timeout=TIMEOUT_SECONDS, secure=secure)
    )
    _bound(tested.config, float(run.given["seconds"]))
    _guarded(run, "servers", tested.get_servers)
    if not tested.servers:
        text = "the list of servers is empty"
        raise MeasurementFailed(FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE, text)
    best = _best(run, tested)
    run.context |= {
        "server": str(best.get("name", ""))[:80],
        "server_sponsor": str(best.get("sponsor", ""))[:80],
        "server_id": str(best.get("id", ""))[:20],
    }
    for test in ("download", "upload"):
        if run.given["direction"] in (test, "both"):
            _direction(run, test, tested)


def _guarded(run: _Run, kind: Kind, work: Callable[[], Any]) -> Any:
    """Do one step of the library; what was seen decides, then what it raised."""
    try:
        done = work()
    except (
        run.library.SpeedtestException,
        # what the library falls over when an answer is not what it expects
        *(OSError, http.client.HTTPException, AttributeError, NameError),
        *(LookupError, ValueError, TypeError, SyntaxError, EOFError),
    ) as error:
        raise _seen(run, kind) or MeasurementFailed(
            FailureCode.PROTOCOL_ERROR,
            Operation.HANDSHAKE,
            f"{kind}: {type(error).__name__}: {str(error)[:150]}",
        ) from error
    if (found := _seen(run, kind)) is not None:
        raise found
    return done


def _seen(run: _Run, kind: Kind) -> MeasurementFailed | None:
    records = run.ledger.of(kind)
    if kind == "servers":  # several addresses are tried; the last answer is the one that counts
        records = records[-1:]
    return first_fault(records)


def _best(run: _Run, tested: Any) -> Mapping[str, Any]:
    """Choose a server by latency; it must have answered its latency test."""
    try:
        best: Mapping[str, Any] = tested.get_best_server()
    except (run.library.SpeedtestException, OSError, http.client.HTTPException) as error:
        text = f"latency: {str(error)[:150]}"
        raise first_fault(run.ledger.of("latency")) or MeasurementFailed(
            FailureCode.NO_REPLY, Operation.HANDSHAKE, text
        ) from error
    host = str(best.get("url", "")).partition("://")[2].partition("/")[0].rpartition(":")[0]
    asked = [record for record in run.ledger.of("latency") if record.host == host]
    if not any(
        record.status == 200 and record.beginning.startswith(b"test=test") for record in asked
    ):
        raise first_fault(asked) or MeasurementFailed(
            FailureCode.PROTOCOL_ERROR,
            Operation.HANDSHAKE,
            "no server answered its latency test as a server of this service does",
        )
    return best


def _bound(config: dict[str, Any], seconds: float) -> None:
    """Keep what the service asks for within reason, and within the time given."""
    for test in ("download", "upload"):
        config["length"][test] = min(config["length"][test], seconds)
        config["threads"][test] = max(1, min(config["threads"][test], MOST_THREADS))
    config["counts"]["download"] = max(1, min(config["counts"]["download"], 20))
    config["counts"]["upload"] = max(1, min(config["counts"]["upload"], 50))
    config["upload_max"] = max(1, min(config["upload_max"], MOST_REQUESTS))


def _direction(run: _Run, test: Kind, tested: Any) -> None:
    watch = _Watch(run, test)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        if test == "download":
            library_bps = tested.download()
            library_bytes = int(tested.results.bytes_received)
        else:
            library_bps = tested.upload(pre_allocate=False)
            library_bytes = int(tested.results.bytes_sent)
    finally:
        watch.over.set()
        thread.join()
    watch.check(library_bytes)
    run.values |= watch.values()
    run.values[f"{test}_library_bps"] = float(library_bps)
    run.confidence |= watch.confidence


class _Watch:
    """Samples the ledger while the library works; ends everything at the first fault."""

    def __init__(self, run: _Run, test: Kind) -> None:
        self.over = threading.Event()
        self.samples: list[Sample] = []
        self.confidence: dict[str, Json] = {}
        self._run, self._test = run, test
        self._operation = Operation(test)
        self._full = 0
        """Number of samples while as many requests ran at once as ever did."""
        self._most_active = 0

    def run(self) -> None:
        """Sample until told; a fault or a stall ends this process."""
        clock, moved_at, said_at = self._run.clock, self._run.clock.monotonic_seconds(), 0.0
        while True:
            done = self.over.wait(TICK_SECONDS)
            now = clock.monotonic_seconds()
            moved = self._sample(now)
            moved_at = now if moved else moved_at
            try:
                self._look(now - moved_at)
            except MeasurementFailed as error:
                _fail(self._run, error)
            if done:
                return
            if now - said_at >= WORDS_SECONDS:
                said_at = now
                self._run.say(partial=self.partial() | self._run.values)

    def partial(self) -> dict[str, Json]:
        """Give what came so far; no rate."""
        took = self.samples[-1].at_seconds - self.samples[0].at_seconds
        return {
            f"{self._test}_bytes": self.samples[-1].total_bytes,
            f"{self._test}_elapsed_seconds": took,
        }

    def check(self, library_bytes: int) -> None:
        """Hold what the library says against what was seen. Raises :class:`MeasurementFailed`."""
        self._look(0.0)
        records = self._run.ledger.of(self._test)
        seen = sum(record.good_bytes for record in records)
        if self._test == "upload":
            if not any(record.confirmed for record in records):
                text = "no upload was confirmed by the server in the time given"
                raise self._failed(FailureCode.TOO_SLOW, text)
        elif abs(library_bytes - seen) > AGREEMENT_RATIO * seen:
            text = f"speedtest-cli counted {library_bytes} bytes where {seen} were seen"
            raise self._failed(FailureCode.PROTOCOL_ERROR, text)

    def values(self) -> dict[str, Json]:
        """Estimate the rate. Raises :class:`MeasurementFailed`."""
        samples: Sequence[Sample] = self.samples[: self._full]
        try:
            took = samples[-1].at_seconds - samples[0].at_seconds if samples else 0.0
            found = estimate(samples, warmup_seconds(took))
        except TooLittle as error:
            raise self._failed(FailureCode.TOO_SLOW, str(error)) from error
        if found.window_bytes < _FEWEST_BYTES:
            text = f"{found.window_bytes} bytes in {found.window_seconds:.1f} s are too few"
            raise self._failed(FailureCode.TOO_SLOW, text)
        self.confidence = {
            f"{self._test}_windows_count": found.windows_count,
            f"{self._test}_relative_half_width_ratio": found.relative_half_width_ratio,
        }
        return {
            f"{self._test}_bps": found.rate_bps,
            f"{self._test}_bytes": self.samples[-1].total_bytes,
            f"{self._test}_window_seconds": found.window_seconds,
            f"{self._test}_warmup_seconds": found.warmup_seconds,
        }

    def _sample(self, now: float) -> bool:
        records = self._run.ledger.of(self._test)
        if self._test == "upload":
            for record, sock in list(self._run.sockets.values()):
                if not record.ended:
                    note_acked(record, sock)
        total = sum(record.good_bytes for record in records)
        before = self.samples[-1].total_bytes if self.samples else 0
        self.samples.append(Sample(now, max(total, before)))
        active = sum(not record.ended for record in records)
        self._most_active = max(self._most_active, active)
        if active >= self._most_active:
            self._full = len(self.samples)
        return total > before

    def _look(self, silent_seconds: float) -> None:
        found = first_fault(self._run.ledger.of(self._test))
        if found is None and silent_seconds >= STALL_SECONDS:
            text = f"no byte moved for {STALL_SECONDS:g} s"
            found = MeasurementFailed(FailureCode.STALLED, self._operation, text)
        if found is not None:
            found.partial = self.partial()
            raise found

    def _failed(self, code: FailureCode, text: str) -> MeasurementFailed:
        return MeasurementFailed(code, self._operation, text, self.partial())


def _rebase(library: Any, base: str) -> None:
    """Send what the library asks speedtest.net to ``base``: the same, or a private stand-in."""
    asked: Any = library.build_request

    def build(url: str, *words: Any, **more: Any) -> Any:
        for theirs in ("://www.speedtest.net", "http://c.speedtest.net"):
            if url.startswith(theirs):
                url = base + url[len(theirs) :]
        return asked(url, *words, **more)

    library.build_request = build


def _fail(run: _Run, error: MeasurementFailed) -> None:
    """Say the failure and end at once: the library's threads cannot be stopped."""
    failure = error.failure
    run.say(
        final=True,
        values={**run.values, **error.partial},
        context=run.context,
        confidence=None,
        failure=[failure.code.value, failure.operation.value, failure.text],
    )
    os._exit(0)


def _end_with_parent(stdin: int) -> None:
    while os.read(stdin, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # not sys.exit: the library's threads must not keep the process
