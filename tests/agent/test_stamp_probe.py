"""The stamp probe against our reflector and against strangers, over loopback."""

import contextlib
import errno
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from random import Random

import pytest

from agent.clock import SystemClock
from agent.responder import stamp as reflector_module
from agent.responder.admission import Admission
from agent.stamp import control
from agent.stamp.packet import BASE_BYTES, ErrorEstimate, Sent, build_sent
from tests.agent.reflecting import reflector, relay, without_every
from tests.agent.scripted import (
    Script,
    free_port,
    has_ipv6_loopback,
    measured,
    reset,
    server,
    silent,
)
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Json, Measurement

FAST: Mapping[str, Json] = {"count": 20, "interval_seconds": 0.01, "timeout_seconds": 1.0}
QUICK: Mapping[str, Json] = {"count": 5, "interval_seconds": 0.01, "timeout_seconds": 0.3}
GOOD = ErrorEstimate(synchronised=True, error_seconds=0.0)


def code_of(result: Measurement) -> FailureCode:
    """The failure's code."""
    assert result.failure is not None, result.values
    return result.failure.code


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_clean_line_loses_nothing(host: str) -> None:
    """Both IP versions: everything comes back, each direction is exact, no order is broken."""
    if host == "::1" and not has_ipv6_loopback():
        pytest.skip("this machine has no IPv6 loopback")
    with reflector(host) as (port, _):
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        result = measured("stamp", target, {**FAST, "packet_bytes": 500})
    values = result.values
    assert result.outcome is Outcome.OK, result.failure
    assert (values["sent_count"], values["received_count"]) == (20, 20)
    for direction in ("upload", "download"):
        assert values[f"{direction}_loss_ratio"] == 0.0
        assert values[f"{direction}_offered_count"] == 20
        assert values[f"{direction}_duplicate_count"] == 0
        assert values[f"{direction}_reordered_count"] == 0
        assert f"{direction}_pdv_p95_seconds" in values
    ordered = [values[f"rtt_{name}_seconds"] for name in ("min", "median", "p95", "max")]
    assert ordered == sorted(ordered)  # type: ignore[type-var] # numbers
    assert result.context["loss_source"] == "the reflector's counts"


@pytest.mark.parametrize(
    ("up", "down", "lost_up", "lost_down"),
    [(5, 10**6, 4, 0), (10**6, 4, 0, 5), (5, 4, 4, 4), (20, 10**6, 1, 0), (10**6, 20, 0, 1)],
)
def test_planted_loss_is_found_exactly_in_its_direction(
    up: int, down: int, lost_up: int, lost_down: int
) -> None:
    """Every nth packet is lost up, every nth answer down, the very last ones included: exact."""
    with (
        reflector() as (port, _),
        relay(port, without_every(up), without_every(down)) as through,
    ):
        result = measured("stamp", f"127.0.0.1:{through}", FAST)
    values = result.values
    assert result.outcome is Outcome.OK, result.failure
    assert (values["upload_lost_count"], values["download_lost_count"]) == (lost_up, lost_down)
    assert (values["upload_offered_count"], values["download_offered_count"]) == (20, 20 - lost_up)
    assert values["received_count"] == 20 - lost_up - lost_down


def test_copies_are_placed_in_their_direction() -> None:
    """Packets doubled on the way up are not those doubled on the way down."""
    with reflector() as (port, _):
        with relay(port, up=lambda number: 2 if number == 3 else 1) as through:
            up = measured("stamp", f"127.0.0.1:{through}", FAST).values
        with relay(port, down=lambda number: 2 if number in (3, 4) else 1) as through:
            down = measured("stamp", f"127.0.0.1:{through}", FAST).values
    assert (up["upload_duplicate_count"], up["download_duplicate_count"]) == (1, 0)
    assert (down["upload_duplicate_count"], down["download_duplicate_count"]) == (0, 2)
    assert up["loss_ratio"] == down["loss_ratio"] == 0.0


def test_one_way_delay_follows_the_word_of_both_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent, with the reason, unless both ends call their clocks good; then with an error."""
    with reflector(quality=GOOD) as (port, _):
        monkeypatch.setattr("agent.probes.stamp.clock_quality", lambda: GOOD)
        good = measured("stamp", f"127.0.0.1:{port}", FAST)
        unknown = ErrorEstimate(synchronised=False, error_seconds=None)
        monkeypatch.setattr("agent.probes.stamp.clock_quality", lambda: unknown)
        bad = measured("stamp", f"127.0.0.1:{port}", FAST)
    assert "one_way_absent" in bad.context
    assert "one_way_error_seconds" not in bad.values
    # both clocks are this machine's; two looks at it may still differ by more than the error
    assert ("upload_delay_min_seconds" in good.values) != ("one_way_absent" in good.context)


def test_a_traffic_class_that_arrives_is_said_to_be_kept() -> None:
    """DSCP 46 both ways over a line that leaves it alone; without a DSCP nothing is said."""
    with reflector() as (port, _):
        marked = measured("stamp", f"127.0.0.1:{port}", {**FAST, "dscp": 46}).values
        plain = measured("stamp", f"127.0.0.1:{port}", FAST).values
        with relay(port) as through:  # a relay forgets the mark
            bleached = measured("stamp", f"127.0.0.1:{through}", {**FAST, "dscp": 46}).values
    assert marked["upload_dscp_kept"] is True
    assert marked["download_dscp_kept"] is True
    assert "upload_dscp_kept" not in plain
    assert bleached["upload_dscp_kept"] is False


def test_nobody_is_admitted_without_a_token_or_open_doors() -> None:
    """A reflector that admits nobody: NOT_ADMITTED with its reason, and no packet is sent."""
    with reflector(open_to_all=False) as (port, _):
        result = measured("stamp", f"127.0.0.1:{port}", FAST)
    assert code_of(result) is FailureCode.NOT_ADMITTED
    assert result.failure is not None
    assert "token" in result.failure.text
    assert result.values == {}


def test_a_stranger_gets_not_one_byte() -> None:
    """Packets without a session, of any size, are never answered (no amplification)."""
    with reflector() as (port, _), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        for size in (0, 1, 43, BASE_BYTES, 1400):
            sock.send(build_sent(Sent(0, 0, GOOD, 4711), BASE_BYTES)[:size].ljust(size, b"\0"))
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(2048)


def test_admitted_bytes_out_never_exceed_bytes_in() -> None:
    """Counted at the relay: what a session's reflector sends is at most what it was sent."""
    counted = {"up": 0, "down": 0}

    def count(direction: str) -> Callable[[int], int]:
        def fate(_number: int) -> int:
            counted[direction] += 1
            return 1

        return fate

    with reflector() as (port, _), relay(port, count("up"), count("down")) as through:
        measured("stamp", f"127.0.0.1:{through}", FAST)
    assert 0 < counted["down"] <= counted["up"] == 20


CONTROL_FAULTS: Mapping[str, tuple[Script, FailureCode]] = {
    "silent": (silent, FailureCode.HANDSHAKE_TIMEOUT),
    "resets": (reset, FailureCode.CONNECTION_RESET),
    "closes": (lambda _sock: None, FailureCode.EARLY_CLOSE),
    "web server": (
        lambda sock: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        FailureCode.PROTOCOL_ERROR,
    ),
    "endless line": (lambda sock: sock.sendall(b"x" * 100_000), FailureCode.PROTOCOL_ERROR),
    "other JSON": (lambda sock: sock.sendall(b'{"ssid": "x"}\n'), FailureCode.PROTOCOL_ERROR),
}


@pytest.mark.parametrize("case", CONTROL_FAULTS)
def test_what_is_no_reflector_of_ours_is_named(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, reset, a web server, noise on the control port: each its name, in bounded time."""
    monkeypatch.setattr("agent.probes.stamp._CONTROL_SECONDS", 0.5)
    script, code = CONTROL_FAULTS[case]

    def after_the_first_line(sock: socket.socket) -> None:
        if script not in (silent, reset):
            sock.recv(4096)
        script(sock)

    with server(after_the_first_line) as port:
        result = measured("stamp", f"127.0.0.1:{port}", QUICK)
    assert code_of(result) is code
    assert result.failure is not None
    assert result.failure.operation is Operation.HANDSHAKE


def test_refused_and_unknown_far_ends_are_named() -> None:
    """Nobody on the port, and no such name."""
    refused = measured("stamp", f"127.0.0.1:{free_port()}", QUICK)
    assert code_of(refused) is FailureCode.CONNECTION_REFUSED
    assert code_of(measured("stamp", "name.invalid", QUICK)) is FailureCode.DNS_FAILED
    assert code_of(measured("stamp", "a b:862", QUICK)) is FailureCode.TARGET_INVALID
    long = {"count": 5000, "interval_seconds": 10}
    assert code_of(measured("stamp", "127.0.0.1:862", long)) is FailureCode.TARGET_INVALID


def test_udp_that_is_swallowed_is_no_reply() -> None:
    """Admitted over TCP, but a firewall drops UDP: NO_REPLY with the exact direction as partial."""
    with reflector() as (port, _):
        with relay(port, up=lambda _number: 0) as through:
            up = measured("stamp", f"127.0.0.1:{through}", QUICK)
        with relay(port, down=lambda _number: 0) as through:
            down = measured("stamp", f"127.0.0.1:{through}", QUICK)
    for result in (up, down):
        assert code_of(result) is FailureCode.NO_REPLY
        assert "loss_ratio" not in result.values
    assert (up.values["upload_lost_count"], down.values["upload_lost_count"]) == (5, 0)
    assert down.values["download_lost_count"] == 5


def test_a_reflector_that_dies_in_the_middle_leaves_partial_figures() -> None:
    """The control connection ends: EARLY_CLOSE at once, with what had been measured."""
    options = {"count": 500, "interval_seconds": 0.01, "timeout_seconds": 1.0}
    with reflector() as (port, running):
        killer = threading.Timer(0.6, running.stop)
        killer.start()
        result = measured("stamp", f"127.0.0.1:{port}", options)
        killer.join()
    assert code_of(result) in (FailureCode.EARLY_CLOSE, FailureCode.CONNECTION_RESET)
    assert result.duration_seconds < 4.9, "it does not go on to the end of the plan"
    assert result.values["received_count"] > 5  # type: ignore[operator] # a number
    assert "rtt_median_seconds" in result.values


@contextlib.contextmanager
def stranger(*, stateful: bool, lose: int = 10**6, packets: int = 10**6) -> Iterator[int]:
    """A reflector of RFC 8762 by another hand: 44 octets, no SSID, an unsynchronised clock."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    stop, stopped = socket.socketpair()

    def serve() -> None:
        taken = answered = 0
        while taken < packets:
            if stopped in select.select([sock, stopped], [], [])[0]:
                return
            data, peer = sock.recvfrom(2048)
            taken += 1
            if taken % lose == 0:
                continue
            number = answered.to_bytes(4, "big") if stateful else data[:4]
            answered += 1
            stamp = struct.pack(">II", 3_900_000_000, 0)
            rest = b"\x00\x01\x00\x00" + stamp + data[:14] + bytes(2) + b"\x40" + bytes(3)
            sock.sendto(number + stamp + rest, peer)
        sock.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(sock.getsockname()[1])
    finally:
        stop.close()
        thread.join()
        sock.close()
        stopped.close()


def test_a_foreign_reflector_works_without_admission() -> None:
    """A stateful one tells directions by its numbering, a stateless one only the round trip."""
    options = {**FAST, "session": "none"}
    with stranger(stateful=True, lose=7) as port:
        stateful = measured("stamp", f"127.0.0.1:{port}", options)
    with stranger(stateful=False, lose=7) as port:
        stateless = measured("stamp", f"127.0.0.1:{port}", options)
    assert stateful.outcome is stateless.outcome is Outcome.OK
    assert stateful.values["upload_lost_count"] == 2
    assert stateful.values["download_lost_count"] == 0
    assert stateful.context["loss_source"] == "the reflector's numbering"
    assert "upload_lost_count" not in stateless.values
    assert stateless.values["loss_ratio"] == pytest.approx(0.1)
    assert stateless.context["loss_source"] == "round trip only"


def test_a_foreign_reflector_that_goes_away_is_named() -> None:
    """ICMP says that nobody is there any more: CONNECTION_REFUSED, partial figures kept."""
    with stranger(stateful=True, packets=8) as port:
        result = measured("stamp", f"127.0.0.1:{port}", {**FAST, "session": "none"})
    assert code_of(result) is FailureCode.CONNECTION_REFUSED
    assert result.failure is not None
    assert "in the middle" in result.failure.text
    assert result.values["received_count"] == 8
    never = measured("stamp", f"127.0.0.1:{free_port()}", {**QUICK, "session": "none"})
    assert code_of(never) is FailureCode.CONNECTION_REFUSED


def test_the_deadline_bounds_a_session() -> None:
    """Packets that could not be waited for are not sent; none at all is TIMEOUT."""
    options = {"count": 1000, "interval_seconds": 0.02, "timeout_seconds": 0.3}
    with reflector() as (port, _):
        some = measured("stamp", f"127.0.0.1:{port}", options, deadline_seconds=2.0)
        none = measured("stamp", f"127.0.0.1:{port}", options, deadline_seconds=1.0)
    assert some.outcome is Outcome.OK, some.failure
    assert 1 <= some.values["sent_count"] < 60  # type: ignore[operator] # a number
    assert some.values["upload_offered_count"] == some.values["sent_count"]
    assert code_of(none) is FailureCode.TIMEOUT


def test_a_control_connection_that_says_nothing_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Slow and silent peers cannot keep a connection: closed after the opening time."""
    monkeypatch.setattr(reflector_module, "OPENING_SECONDS", 0.2)
    with reflector() as (port, _), socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b'{"stamp": 1')
        sock.settimeout(10)
        assert sock.recv(100) == b""


def test_noise_on_the_control_port_gets_less_than_a_kilobyte() -> None:
    """Before admission at most a short refusal is sent, and the reflector goes on."""
    with reflector() as (port, _):
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 5000, b"{}\n", b"[" * 900 + b"\n"):
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.settimeout(10)
                with contextlib.suppress(OSError):  # cut off in the middle of the noise
                    sock.sendall(noise)
                    sock.shutdown(socket.SHUT_WR)
                    got = b""
                    while data := sock.recv(4096):
                        got += data
                    assert len(got) < 300
        assert measured("stamp", f"127.0.0.1:{port}", FAST).outcome is Outcome.OK


def test_the_plain_answer_to_a_web_client() -> None:
    """Whoever opens the control port with a browser gets a refusal that names what is wanted."""
    with reflector() as (port, _), socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(10)
        sock.sendall(b"GET /\n")
        assert b"refused" in sock.recv(1000)


def test_the_responder_command_reflects() -> None:
    """``hakaru-agent responder --stamp-listen`` says where, and answers from there."""
    command = [sys.executable, "-m", "agent.cli", "responder", "--open"]
    command += ["--listen", "127.0.0.1:0", "--stamp-listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "STAMP" in line)
            port = int(said.split("port")[1])
            result = measured("stamp", f"127.0.0.1:{port}", FAST)
        finally:
            process.terminate()
    assert result.outcome is Outcome.OK, result.failure
    assert result.values["loss_ratio"] == 0.0


def test_the_responder_command_refuses_a_bad_address() -> None:
    """A wrong or taken address ends the command with words, not with half a responder."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for address, words in (
            ("nonsense", "--stamp-listen"),
            (f"127.0.0.1:{taken.getsockname()[1]}", "Choose another port"),
        ):
            command = [sys.executable, "-m", "agent.cli", "responder", "--open"]
            command += ["--listen", "127.0.0.1:0", "--stamp-listen", address]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode != 0
            assert words in done.stderr


class Exhausted(socket.socket):
    """A listener whose process is out of descriptors, until a test says otherwise."""

    tries = 0
    is_over = False

    def accept(self) -> tuple[socket.socket, object]:
        """Refuse, and count."""
        self.tries += 1
        if not self.is_over:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_a_reflector_out_of_descriptors_waits_for_some() -> None:
    """Somebody at the door is no reason to turn in a loop; packets are answered all the same."""
    udp, plain = reflector_module.bind("127.0.0.1", 0)
    listener = Exhausted(fileno=plain.detach())
    made = reflector_module.Reflector(
        udp, listener, Admission(open_to_all=True), SystemClock(), Random(3)
    )
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        with socket.create_connection(listener.getsockname()) as sock:
            sock.settimeout(10.0)
            began = time.monotonic()
            opening = control.Opening(packet_count=9, interval_seconds=0.1)
            sock.sendall(control.write_opening(opening))
            time.sleep(1.2)
            tries, listener.is_over = listener.tries, True
            most = 2 + (time.monotonic() - began) / reflector_module.ACCEPT_AGAIN_SECONDS
            assert isinstance(control.read_admission(sock.recv(4096)), int)
    finally:
        made.stop()
        thread.join()
    assert 1 <= tries <= most
