"""The client: connect N flows, run one direction, say what was found."""

import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from agent import __version__
from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.throughput.engine import Engine, FlowEnded, OnTick, Stalled
from agent.throughput.estimator import Estimate, Sample, TooLittle, estimate, warmup_seconds
from agent.throughput.flow import Flow, Test
from agent.throughput.handshake import ClientHandshake
from agent.throughput.payload import FrameStore
from agent.throughput.tcp_info import TcpInfo
from wire.failure import FailureCode, Operation

CONNECT_SECONDS: Final = 5.0
HANDSHAKE_SECONDS: Final = 5.0
_LATE_ENOUGH_RATIO: Final = 0.8
"""A polite close of the far end after this share of the test ends it; before, it is a failure."""
_FEWEST_BYTES: Final = 20 * 1448
"""Twenty full segments: fewer cannot name a rate."""
_ENDED: Final = {
    "closed": FailureCode.EARLY_CLOSE,
    "eof": FailureCode.EARLY_CLOSE,
    "reset": FailureCode.CONNECTION_RESET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect: the name as given and the address it was resolved to."""

    host: str
    port: int
    family: socket.AddressFamily
    address: str

    @property
    def authority(self) -> str:
        """HOST:PORT for the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionResult:
    """One direction of a test: the rate and what the flows knew at its end.

    Sums and means are over flows; None where neither kernel nor peer said.
    """

    test: Test
    estimate: Estimate
    total_bytes: int
    peer_bytes: int | None
    """Bytes that the far end counted on its side."""
    min_rtt_seconds: float | None
    rtt_seconds: float | None
    retransmit_ratio: float | None
    rwnd_limited_ratio: float | None
    sndbuf_limited_ratio: float | None


def resolve(host: str, port: int) -> Sequence[Target]:
    """Resolve a name to all its addresses. Raises :class:`MeasurementFailed`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _failed(error, Operation.RESOLVE) from error
    return [
        Target(host=host, port=port, family=family, address=str(address[0]))
        for family, _, _, _, address in found
    ]


def measure_direction(
    targets: Sequence[Target],
    test: Test,
    *,
    flows: int,
    seconds: float,
    clock: Clock,
    on_tick: OnTick,
) -> DirectionResult:
    """Run one direction for ``seconds``. Raises :class:`MeasurementFailed`, with partials."""
    store = FrameStore(masked=True) if test == "upload" else None
    try:
        opened = _open_flows(targets, test, flows, store)
        engine = Engine(opened, clock)
        try:
            samples = _run(engine, seconds, on_tick, Operation(test))
            found = _estimate(test, samples, seconds)
            own = [flow.tcp_info() for flow in opened]
            engine.finish()  # brings the far end's last word on what it counted
            return _result(test, found, samples, own, opened)
        finally:
            engine.close()
    finally:
        if store is not None:
            store.close()


def _run(engine: Engine, seconds: float, on_tick: OnTick, operation: Operation) -> Sequence[Sample]:
    try:
        return engine.run(seconds, on_tick)
    except FlowEnded as error:
        elapsed = error.samples[-1].at_seconds - error.samples[0].at_seconds
        if error.how == "closed" and elapsed >= _LATE_ENOUGH_RATIO * seconds:
            return error.samples
        text = f"after {elapsed:.1f} of {seconds:g} s: {error}"
        raise _ended(_ENDED[error.how], operation, text, error.samples) from error
    except Stalled as error:
        raise _ended(FailureCode.STALLED, operation, str(error), error.samples) from error
    except OSError as error:
        raise _failed(error, operation) from error


def _estimate(test: Test, samples: Sequence[Sample], seconds: float) -> Estimate:
    operation = Operation(test)
    try:
        found = estimate(samples, warmup_seconds(seconds))
    except TooLittle as error:
        moved = samples[-1].total_bytes - samples[0].total_bytes
        code = FailureCode.TOO_SLOW if moved else FailureCode.STALLED
        raise _ended(code, operation, str(error), samples) from error
    if found.window_bytes < _FEWEST_BYTES:
        text = f"{found.window_bytes} bytes in {found.window_seconds:.1f} s are too few for a rate"
        raise _ended(FailureCode.TOO_SLOW, operation, text, samples)
    return found


def _result(
    test: Test,
    found: Estimate,
    samples: Sequence[Sample],
    own: Sequence[TcpInfo | None],
    flows: Sequence[Flow],
) -> DirectionResult:
    reports = [flow.peer_report for flow in flows if flow.peer_report is not None]
    senders = own if test == "upload" else [report.tcp for report in reports]
    infos = [info for info in senders if info is not None]
    counted = [report.app_bytes for report in reports if report.app_bytes is not None]

    def column(name: str) -> list[int]:
        values = (getattr(info, name) for info in infos)
        return [value for value in values if value is not None]

    min_rtts, rtts, busy = (
        column("min_rtt_microseconds"),
        column("rtt_microseconds"),
        column("busy_microseconds"),
    )
    return DirectionResult(
        test=test,
        estimate=found,
        total_bytes=samples[-1].total_bytes,
        peer_bytes=sum(counted) if len(counted) == len(flows) else None,
        min_rtt_seconds=min(min_rtts) / 1e6 if min_rtts else None,
        rtt_seconds=sum(rtts) / len(rtts) / 1e6 if rtts else None,
        retransmit_ratio=_ratio(column("bytes_retrans"), column("bytes_sent")),
        rwnd_limited_ratio=_ratio(column("rwnd_limited_microseconds"), busy),
        sndbuf_limited_ratio=_ratio(column("sndbuf_limited_microseconds"), busy),
    )


def _ratio(parts: Sequence[int], wholes: Sequence[int]) -> float | None:
    if not parts or not sum(wholes):
        return None
    return min(1.0, sum(parts) / sum(wholes))


def _open_flows(
    targets: Sequence[Target], test: Test, count: int, store: FrameStore | None
) -> list[Flow]:
    """Open all flows at once to the first address that answers."""
    first, target = _connect_any(targets)
    try:
        with ThreadPoolExecutor(count) as pool:
            others = [pool.submit(_connect, target) for _ in range(count - 1)]
            sockets = [first, *_all_or_none([future.result for future in others])]
            upgrades = [pool.submit(_upgrade, sock, target, test) for sock in sockets]
            try:
                early = [future.result() for future in upgrades]
            except MeasurementFailed:
                for sock in sockets[1:]:
                    sock.close()
                raise
    except MeasurementFailed:
        first.close()
        raise
    return [
        Flow(sock, side="client", test=test, store=store, early=data)
        for sock, data in zip(sockets, early, strict=True)
    ]


def _all_or_none(results: Sequence[Callable[[], socket.socket]]) -> list[socket.socket]:
    got: list[socket.socket] = []
    failure: MeasurementFailed | None = None
    for result in results:
        try:
            got.append(result())
        except MeasurementFailed as error:
            failure = error
    if failure is not None:
        for sock in got:
            sock.close()
        raise failure
    return got


def _connect_any(targets: Sequence[Target]) -> tuple[socket.socket, Target]:
    failure: MeasurementFailed | None = None
    for target in targets:
        try:
            return _connect(target), target
        except MeasurementFailed as error:
            failure = error
    assert failure is not None
    raise failure


def _connect(target: Target) -> socket.socket:
    sock = socket.socket(target.family, socket.SOCK_STREAM)
    sock.settimeout(CONNECT_SECONDS)
    try:
        sock.connect((target.address, target.port))
    except OSError as error:
        sock.close()
        raise _failed(error, Operation.CONNECT) from error
    return sock


def _upgrade(sock: socket.socket, target: Target, test: Test) -> bytes:
    handshake = ClientHandshake(
        target.authority, f"/ndt/v7/{test}", os.urandom(16), f"hakaru-agent/{__version__}"
    )
    sock.settimeout(HANDSHAKE_SECONDS)
    try:
        sock.sendall(handshake.request())
        while True:
            upgraded = handshake.receive(sock.recv(4096))
            if upgraded is not None:
                return upgraded.early
    except OSError as error:
        raise _failed(error, Operation.HANDSHAKE) from error


def _failed(error: OSError, operation: Operation) -> MeasurementFailed:
    failure = translate(error, operation)
    return MeasurementFailed(failure.code, failure.operation, failure.text)


def _ended(
    code: FailureCode, operation: Operation, text: str, samples: Sequence[Sample]
) -> MeasurementFailed:
    partial = {
        f"{operation.value}_bytes": samples[-1].total_bytes,
        f"{operation.value}_elapsed_seconds": samples[-1].at_seconds - samples[0].at_seconds,
    }
    return MeasurementFailed(code, operation, text, partial)
