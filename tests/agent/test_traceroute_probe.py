"""Traceroute over loopback and against an engine that is told what to do; what is refused."""

import errno
import subprocess
import sys
from collections.abc import Mapping
from random import Random
from types import TracebackType
from typing import Self

import pytest

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.measure import measure
from agent.path import packet_engine
from agent.path.replies import Event, NotSent, Reply, Sent
from agent.path.trace import Plan, Probe, Trace
from agent.probes import REGISTRY, Request, load
from agent.probes.traceroute import probe, run_trace
from wire.codec import MAX_RECORD_BYTES, decode, encode
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Json
from wire.options import OptionRefused

NO_OPTIONS: Mapping[str, Json] = {}


def request(
    target: str, options: Mapping[str, Json] = NO_OPTIONS, deadline_seconds: float = 60.0
) -> Request:
    """A request with the clocks of this machine."""
    return Request(
        target=target,
        options=options,
        clock=SystemClock(),
        random=Random(7),
        deadline_seconds=deadline_seconds,
    )


def test_scapy_stays_in_its_own_process() -> None:
    """No probe and no command loads it: neither its time, its memory nor its licence gets in."""
    modules = ", ".join(REGISTRY.values())
    code = f"import sys, agent.cli, {modules}; sys.exit('scapy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("method", ["auto", "sockets"])
def test_loopback_is_one_hop_away(method: str) -> None:
    """A real trace: one hop, the host itself, storable and told how."""
    asked = request("127.0.0.1", {"protocol": "udp", "method": method})
    result = measure("traceroute", load("traceroute"), asked, lambda _: None)
    assert result.outcome is Outcome.OK, result.failure
    assert result.values["hop_count"] == 1
    assert result.values["destination_reached"] is True
    assert "Paris" in str(result.context["method"])
    assert decode(encode(result)) == result


def test_without_scapy_the_sockets_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python-only path always works, and the result says why it was taken."""
    loads = "import sys; sys.modules['scapy'] = None; from agent.path.child import main; main()"
    monkeypatch.setattr(packet_engine, "COMMAND", (sys.executable, "-c", loads))
    findings = probe(request("127.0.0.1", {"protocol": "udp"}), lambda _: None)
    assert findings.values["destination_reached"] is True
    assert "scapy cannot be loaded" in str(findings.context["fallback"])
    with pytest.raises(MeasurementFailed) as caught:
        probe(request("127.0.0.1", {"protocol": "udp", "method": "packets"}), lambda _: None)
    assert caught.value.failure.code is FailureCode.PERMISSION_DENIED


def test_a_child_that_dies_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its last words, in bounded time."""
    monkeypatch.setattr(packet_engine, "COMMAND", (sys.executable, "-c", "raise SystemExit('oh')"))
    with pytest.raises(MeasurementFailed) as caught:
        probe(request("127.0.0.1"), lambda _: None)
    assert caught.value.failure.code is FailureCode.PROBE_CRASHED
    assert "oh" in caught.value.failure.text


def test_a_child_that_dies_in_the_middle_leaves_what_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One hop answered, then the process is gone: a named failure with that hop as partial."""
    script = """if True:
        import json, sys
        sys.stdin.readline()
        print(json.dumps({"ready": True}), flush=True)
        tag = json.loads(sys.stdin.readline())["tag"]
        hop = {"at_seconds": 1e9, "address": "10.0.0.1", "kind": "time_exceeded"}
        print(json.dumps({"sent": tag, "at_seconds": 1e9}), flush=True)
        print(json.dumps({"reply": tag, **hop, "icmp": [11, 0], "mpls": []}), flush=True)
        sys.exit("killed")
    """
    monkeypatch.setattr(packet_engine, "COMMAND", (sys.executable, "-c", script))
    with pytest.raises(MeasurementFailed) as caught:
        probe(request("127.0.0.1"), lambda _: None)
    assert caught.value.failure.code is FailureCode.PROBE_CRASHED
    assert caught.value.partial["responding_hop_count"] == 1


def test_a_child_that_hangs_is_left_for_the_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not ready in time is a reason like any other, and the child does not stay."""
    hangs = (sys.executable, "-c", "import time; time.sleep(100)")
    monkeypatch.setattr(packet_engine, "COMMAND", hangs)
    monkeypatch.setattr("agent.probes.traceroute.START_SECONDS", 0.3)
    findings = probe(request("127.0.0.1", {"protocol": "udp"}), lambda _: None)
    assert "not ready" in str(findings.context["fallback"])


@pytest.mark.parametrize(
    "target", ["", "-f", ";id", "$(id)", "a\nb", "0x7f000001", "::ffff:127.0.0.1", "a:80"]
)
def test_a_target_that_is_none_is_refused_before_anything_is_started(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TARGET_INVALID, storable; no name looked up, no process started."""
    monkeypatch.setattr(packet_engine, "COMMAND", None)
    monkeypatch.setattr("socket.getaddrinfo", None)
    result = measure("traceroute", probe, request(target), lambda _: None)
    assert result.failure is not None
    assert result.failure.code is FailureCode.TARGET_INVALID
    assert decode(encode(result)) == result


@pytest.mark.parametrize(
    "options", [{"protocol": "sctp"}, {"max_hops": 65}, {"flows": 0}, {"port": 0}, {"hops": 3}]
)
def test_options_have_bounds(options: Mapping[str, Json]) -> None:
    """Anything else is refused with what is allowed."""
    with pytest.raises(OptionRefused):
        probe(request("127.0.0.1", options), lambda _: None)


class Told:
    """An engine that answers every probe from one router, or fails to send."""

    at_once = 4
    words = "a table"

    def __init__(self, clock: SystemClock, errno_: int = 0) -> None:
        self._clock = clock
        self._errno = errno_
        self._events: list[Event] = []
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing to close."""

    def send(self, probe: Probe) -> None:
        """Answer at once, with a long address at many hops; or say that it was not sent."""
        self.sent += 1
        if self._errno:
            self._events.append(NotSent(tag=probe.tag, number=self._errno))
            return
        now = self._clock.monotonic_seconds()
        address = f"2001:db8:ffff:ffff:ffff:ffff:{probe.hops:04x}:{probe.flow:04x}"
        self._events.append(Sent(tag=probe.tag, at_seconds=now))
        self._events.append(
            Reply(
                tag=probe.tag,
                at_seconds=now,
                address=address,
                kind="time_exceeded",
                icmp=(3, 0),
                mpls=("label=1048575 exp=7 ttl=255",) * 8,
            )
        )

    def poll(self, timeout_seconds: float) -> list[Event]:
        """Give what happened."""
        _ = timeout_seconds
        events, self._events = self._events, []
        return events


def widest_trace(flows: int) -> Trace:
    """A trace of the longest and widest path that options allow."""
    plan = Plan(
        destination="2001:db8::9",
        max_hops=64,
        queries=1,
        flows=flows,
        silent_hops=5,
        timeout_seconds=0.05,
    )
    return Trace(plan, first_tag=1)


def test_the_widest_path_fits_a_record() -> None:
    """64 hops, 64 flows, each another router with eight labels: below the limit of the wire."""
    asked = request("2001:db8::9")
    trace = widest_trace(64)
    engine = Told(SystemClock())
    assert run_trace(trace, engine, asked, lambda _: None, 0.0, 1e12)
    assert engine.sent == 64 * 64
    from agent.path.hops import figures  # noqa: PLC0415 - only here

    result = measure("traceroute", probe, request("-"), lambda _: None)
    values = figures(trace, 6)
    object.__setattr__(result, "values", values)
    assert values["branching_hop_count"] == 64
    assert len(encode(result)) < MAX_RECORD_BYTES
    assert decode(encode(result)) == result


def test_the_deadline_is_kept() -> None:
    """Nothing is sent that could not be waited for; the trace says that it is not complete."""
    clock = SystemClock()
    ends_at = clock.monotonic_seconds() + 0.5
    engine = Told(clock)
    assert not run_trace(widest_trace(64), engine, request("a"), lambda _: None, 0.05, ends_at)
    assert engine.sent <= 10


def test_what_this_machine_does_not_send_is_its_own_failure() -> None:
    """A local filter or a missing route is named at once, by its errno."""
    for number, code in (
        (errno.EPERM, FailureCode.PERMISSION_DENIED),
        (errno.ENETUNREACH, FailureCode.NETWORK_UNREACHABLE),
    ):
        engine = Told(SystemClock(), number)
        with pytest.raises(MeasurementFailed) as caught:
            run_trace(widest_trace(1), engine, request("a"), lambda _: None, 0.01, 1e12)
        assert (caught.value.failure.code, caught.value.failure.operation) == (code, Operation.SEND)
        assert "by this machine" in caught.value.failure.text
        assert caught.value.partial == {}
