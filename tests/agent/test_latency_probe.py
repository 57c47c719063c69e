"""Latency over real loopback sockets, and what is refused before a socket is opened."""

import errno
import socket
import threading
from collections.abc import Mapping
from random import Random

import pytest

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.latency.sockets import EchoSocket
from agent.measure import measure
from agent.probes import Progress, Request, load
from agent.probes.latency import OPTIONS, probe
from wire.codec import decode, encode
from wire.failure import FailureCode, Outcome
from wire.measurement import Json, Measurement
from wire.options import OptionRefused
from wire.units import unit_of

FAST: Mapping[str, Json] = {"count": 4, "interval_seconds": 0.1, "timeout_seconds": 5}
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


def measured(target: str, options: Mapping[str, Json]) -> Measurement:
    """Measure for real; skip where this machine permits no ICMP socket."""
    result = measure("latency", load("latency"), request(target, options), lambda _: None)
    if result.failure is not None and result.failure.code is FailureCode.PERMISSION_DENIED:
        pytest.skip(f"this machine permits no ICMP echo: {result.failure.text}")
    return result


def has_ipv6_loopback() -> bool:
    """Tell whether ::1 can be used here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(("target", "family"), [("127.0.0.1", "ipv4"), ("::1", "ipv6")])
def test_loopback_answers_every_echo(target: str, family: str) -> None:
    """A real measurement of both families: all came back, figures in order, how it was done."""
    if family == "ipv6" and not has_ipv6_loopback():
        pytest.skip("this machine has no IPv6 loopback")
    result = measured(target, FAST)
    assert result.outcome is Outcome.OK, result.failure
    values, context = result.values, result.context
    assert (values["sent_count"], values["received_count"], values["loss_ratio"]) == (4, 4, 0.0)
    rtts = [values[f"rtt_{name}_seconds"] for name in ("min", "median", "p95", "max")]
    assert rtts == sorted(rtts, key=lambda rtt: float(str(rtt)))
    assert 0 < float(str(rtts[0])) < float(str(rtts[-1])) < result.duration_seconds
    assert (context["address"], context["address_family"]) == (target, family)
    assert context["socket_kind"] in {"datagram", "raw"}
    assert context["receive_clock"] in {"kernel", "process"}
    assert str(context["method"]).startswith(f"ICMP echo over {context['socket_kind']} IPv")


def test_every_number_says_its_unit_and_survives_the_wire() -> None:
    """No value or context figure without a unit in its name; the record reads back equal."""
    result = measured("127.0.0.1", FAST)
    numbers = [
        name
        for name, value in {**result.values, **result.context}.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    assert [name for name in numbers if unit_of(name) is None] == []
    assert decode(encode(result)) == result


def test_a_name_is_resolved_in_the_family_that_is_asked_for() -> None:
    """The name localhost with family 4 is 127.0.0.1, whatever the resolver prefers."""
    assert measured("localhost", {**FAST, "family": "4"}).context["address"] == "127.0.0.1"


def test_progress_is_shown_while_it_runs() -> None:
    """A person who watches a train of a second or more sees it move."""
    seen: list[Progress] = []
    try:
        probe(request("127.0.0.1", {"count": 8, "interval_seconds": 0.2}), seen.append)
    except MeasurementFailed as failed:
        pytest.skip(failed.failure.text)
    assert seen
    assert seen[0].phase == "echo"


@pytest.mark.parametrize(
    "target",
    ["", "-f", ";id", "$(id)", "a\nb", "0x7f000001", "a..b", "::ffff:127.0.0.1", "a:80"],
)
def test_a_target_that_is_none_is_a_result_that_says_so(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes TARGET_INVALID before any name is looked up or socket opened, and is storable."""
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    result = measure("latency", probe, request(target), lambda _: None)
    assert result.failure is not None
    assert result.failure.code is FailureCode.TARGET_INVALID
    assert decode(encode(result)) == result


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cuont": 3}, "did you mean count?"),
        ({"count": 0}, "option count: found 0, allowed is a whole number from 1 to 1000"),
        ({"interval_seconds": 0.01}, "found 0.01, allowed is a number from 0.1 to 60"),
        ({"timeout_seconds": 0}, "found 0, allowed is a number from 0.05 to 30"),
        ({"payload_bytes": 7}, "found 7, allowed is a whole number from 8 to 1452"),
        ({"family": "ipv6"}, "found ipv6, allowed is one of auto 4 6"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_sent(
    options: dict[str, Json], message: str
) -> None:
    """Bad configuration is an error of whoever wrote it, with what is allowed."""
    with pytest.raises(OptionRefused) as refusal:
        probe(request("127.0.0.1", options), lambda _: None)
    assert message in str(refusal.value)


def test_every_option_explains_itself() -> None:
    """Help texts are there, and say the unit where the name has one."""
    for name, option in OPTIONS.items():
        unit = unit_of(name)
        assert option.help
        assert unit is None or unit.suffix.removeprefix("_") in option.help


def test_an_address_of_the_other_family_is_named() -> None:
    """An IPv6 address with family 4 is ADDRESS_UNAVAILABLE, with the advice."""
    result = measure("latency", probe, request("::1", {"family": "4"}), lambda _: None)
    assert result.failure is not None
    assert result.failure.code is FailureCode.ADDRESS_UNAVAILABLE
    assert "choose another family" in result.failure.text


def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver of the C library knows no deadline; the probe keeps its own."""
    released = threading.Event()

    def hang(*_: object) -> list[object]:
        released.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    slow = request("slow.example", deadline_seconds=0.2)
    result = measure("latency", probe, slow, lambda _: None)
    released.set()
    assert result.failure is not None
    assert result.failure.code is FailureCode.DNS_FAILED
    assert "within 0.2 s" in result.failure.text


def test_an_error_about_an_earlier_packet_does_not_stop_the_next() -> None:
    """The kernel reports a pending ICMP error on the next send, once; that packet still leaves."""
    try:
        echoes = EchoSocket(("127.0.0.1", 0), SystemClock(), 1, b"12345678")
    except MeasurementFailed as failed:
        pytest.skip(failed.failure.text)

    class Pending:
        def __init__(self) -> None:
            self.sends: list[bytes] = []

        def send(self, message: bytes) -> int:
            self.sends.append(message)
            if len(self.sends) == 1:
                raise OSError(errno.EHOSTUNREACH, "about the packet before")
            return len(message)

    with echoes:
        pending = Pending()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(echoes, "_socket", pending)
            echoes.send(5)
    assert len(pending.sends) == 2
    assert pending.sends[0] == pending.sends[1]


def test_without_any_socket_the_failure_says_what_to_permit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both kinds refused is PERMISSION_DENIED with the sysctl and the capability by name."""
    opened: list[int] = []

    def refuse(_family: int, kind: int, _protocol: int) -> socket.socket:
        opened.append(kind)
        raise PermissionError(1, "no")

    monkeypatch.setattr("agent.latency.sockets.socket.socket", refuse)
    result = measure("latency", probe, request("127.0.0.1"), lambda _: None)
    assert opened == [socket.SOCK_DGRAM, socket.SOCK_RAW]
    assert result.failure is not None
    assert result.failure.code is FailureCode.PERMISSION_DENIED
    assert "net.ipv4.ping_group_range" in result.failure.text
    assert "CAP_NET_RAW" in result.failure.text
