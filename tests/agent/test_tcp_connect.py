"""The tcp_connect probe over loopback: figures, and a name for each way of not connecting."""

import itertools
import socket
import threading

import pytest

from agent.clock import SystemClock
from agent.probes import tcp_connect
from agent.web import dial as dial_module
from tests.agent.scripted import free_port, measured, reset, server, silent
from wire.failure import FailureCode, Operation, Outcome

FAST = {"count": 4, "interval_seconds": 0.1, "timeout_seconds": 2.0}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_listens_gives_figures_in_order(host: str) -> None:
    """All attempts connect; min, median, p95 and max are in order; nothing failed."""
    with server(silent, host=host) as port:
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        result = measured("tcp_connect", target, FAST)
    values = result.values
    assert result.outcome is Outcome.OK, result.failure
    assert (values["attempt_count"], values["connected_count"]) == (4, 4)
    ordered = [values[f"connect_{name}_seconds"] for name in ("min", "median", "p95", "max")]
    assert ordered == sorted(ordered)  # type: ignore[type-var] # numbers
    assert (values["failed_count"], values["failure_ratio"]) == (0, 0)
    assert values["syn_retransmitted_count"] == 0
    assert result.context["address_family"] == ("ipv6" if ":" in host else "ipv4")


def test_refused_by_all_is_a_named_failure_with_its_counts() -> None:
    """No figure, no 100 %: the failure CONNECTION_REFUSED, and how often, as partial."""
    result = measured("tcp_connect", f"127.0.0.1:{free_port()}", FAST)
    assert result.failure is not None
    assert result.failure.code is FailureCode.CONNECTION_REFUSED
    assert result.failure.operation is Operation.CONNECT
    assert "4 of 4 attempts" in result.failure.text
    assert result.values == {
        "attempt_count": 4,
        "connected_count": 0,
        "failed_count": 4,
        "connection_refused_count": 4,
    }


def test_a_far_end_that_resets_at_once_still_connected() -> None:
    """The probe sends nothing and measures the handshake: what comes after is not its matter."""
    with server(reset) as port:
        assert measured("tcp_connect", f"127.0.0.1:{port}", FAST).outcome is Outcome.OK


def test_a_far_end_that_dies_in_the_middle_is_counted_apart() -> None:
    """Attempts before and after the death are both in the result, the failures by their code."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    port = listener.getsockname()[1]
    accepted = itertools.count(1)

    def die_after_two() -> None:
        while next(accepted) <= 2:
            listener.accept()[0].close()
        listener.close()

    thread = threading.Thread(target=die_after_two)
    thread.start()
    result = measured("tcp_connect", f"127.0.0.1:{port}", {**FAST, "count": 6})
    thread.join()
    assert result.outcome is Outcome.OK
    assert result.values["connected_count"] == 2
    # one may have been in the backlog when the listener closed: that one is refused or reset
    assert result.values["failed_count"] == 4
    assert result.values["failure_ratio"] == pytest.approx(4 / 6)


def test_a_black_hole_ends_in_bounded_time() -> None:
    """A listener whose queue is full drops SYNs silently: CONNECT_TIMEOUT after the time-out."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with socket.socket() as first, socket.socket() as second:
            for filler in (first, second):
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            options = {"count": 2, "interval_seconds": 0.1, "timeout_seconds": 0.3}
            result = measured("tcp_connect", f"127.0.0.1:{listener.getsockname()[1]}", options)
    assert result.failure is not None
    assert result.failure.code is FailureCode.CONNECT_TIMEOUT
    assert result.values["connect_timeout_count"] == 2


def test_attempts_stop_where_the_deadline_would_cut_them() -> None:
    """Nothing is attempted that could not be waited for; what was measured stands."""
    with server(silent) as port:
        options = {"count": 100, "interval_seconds": 0.2, "timeout_seconds": 0.5}
        result = measured("tcp_connect", f"127.0.0.1:{port}", options, deadline_seconds=1.2)
        none = measured("tcp_connect", f"127.0.0.1:{port}", options, deadline_seconds=0.2)
    assert result.outcome is Outcome.OK
    assert 1 <= result.values["attempt_count"] <= 5  # type: ignore[operator] # a number
    assert none.failure is not None
    assert none.failure.code is FailureCode.TIMEOUT


def test_a_lost_syn_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel says of retransmitted SYNs is in the result, absent where it says nothing."""
    for said, expected in ((True, 4), (False, 0), (None, None)):
        monkeypatch.setattr(dial_module, "_retransmitted", lambda _sock, said=said: said)
        with server(silent) as port:
            values = measured("tcp_connect", f"127.0.0.1:{port}", FAST).values
        assert values.get("syn_retransmitted_count") == expected


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("127.0.0.1", FailureCode.TARGET_INVALID),
        ("-f:80", FailureCode.TARGET_INVALID),
        ("0x7f000001:80", FailureCode.TARGET_INVALID),
        ("name.invalid:80", FailureCode.DNS_FAILED),
    ],
)
def test_targets_that_are_none_are_named(target: str, code: FailureCode) -> None:
    """Odd targets and dead names each give their own failure."""
    result = measured("tcp_connect", target, FAST)
    assert result.failure is not None
    assert result.failure.code is code


def test_waiting_does_not_run_ahead_of_the_clock() -> None:
    """A moment that has passed is not waited for; one to come is."""
    clock = SystemClock()
    before = clock.monotonic_seconds()
    tcp_connect.wait_until(clock, before - 5)
    tcp_connect.wait_until(clock, before + 0.05)
    assert clock.monotonic_seconds() >= before + 0.05
