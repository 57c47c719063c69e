"""The search for the path MTU against paths as data, and what is refused before a packet."""

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from random import Random

import pytest

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.measure import measure
from agent.path import mss
from agent.path.hints import mtu_hint
from agent.path.mss import Transfer, examine, request
from agent.path.mtu_search import Lost, Passed, Search, TooBig, Verdict
from agent.path.mtu_trial import LEAST_STRIKES, OutOfTime, Trials
from agent.probes import Request
from agent.probes.path_mtu import figures, partial, probe
from agent.throughput.handshake import ServerHandshake
from wire.codec import decode, encode
from wire.failure import FailureCode, Outcome
from wire.measurement import Json
from wire.options import OptionRefused
from wire.units import unit_of

NO_OPTIONS: Mapping[str, Json] = {}


def searched(path: Callable[[int], Verdict], high: int = 1500) -> tuple[Search, int]:
    """Run a search against a path; its books and how many sizes it tried."""
    search = Search(low_bytes=128, high_bytes=high)
    tries = 0
    while (size := search.next_size()) is not None:
        search.note(size, path(size))
        tries += 1
        assert tries < 40, "the search does not end"
    return search, tries


def silent(mtu: int) -> Callable[[int], Verdict]:
    """A path that drops what is too big."""
    return lambda size: Passed(0.01) if size <= mtu else Lost()


@pytest.mark.parametrize("high", [1500, 9000])
def test_every_mtu_is_found_to_the_byte(high: int) -> None:
    """All sizes from the lowest on, over a silent path, in few tries."""
    for mtu in [*range(128, 1501), *range(1501, high + 1, 97)]:
        search, tries = searched(silent(mtu), high)
        assert search.passed_bytes == min(mtu, high)
        assert search.failed_bytes == (mtu + 1 if mtu < high else 0)
        assert tries <= 20
        assert search.is_done


@pytest.mark.parametrize("mtu", [1454, 1460, 1480, 1492])
def test_usual_sizes_are_found_sooner(mtu: int) -> None:
    """Six tries or seven instead of twelve, each of which may cost three time-outs."""
    assert searched(silent(mtu))[1] <= 8


def test_a_router_that_speaks_saves_the_search() -> None:
    """Small, largest, what it said, one byte more: four packets."""
    search, tries = searched(
        lambda size: Passed(0.01) if size <= 1331 else TooBig(1331, "192.0.2.1")
    )
    assert (search.passed_bytes, search.failed_bytes, tries) == (1331, 1332, 4)
    assert not search.is_black_hole


def test_two_narrow_links_are_followed_one_after_the_other() -> None:
    """Each router names its own link; the last word counts."""

    def path(size: int) -> Verdict:
        if size > 1454:
            return TooBig(1454, "192.0.2.1")
        return TooBig(1400, "192.0.2.2") if size > 1400 else Passed(0.01)

    search, _ = searched(path)
    assert search.passed_bytes == 1400
    assert search.said[-1].reporter == "192.0.2.2"


@pytest.mark.parametrize("said", [0, 68, 1300, 1499, 1500, 9000])
def test_a_router_that_lies_is_not_believed(said: int) -> None:
    """Whatever it names, the figure is what passed."""
    search, _ = searched(lambda size: Passed(0.01) if size <= 1431 else TooBig(said, "192.0.2.1"))
    assert (search.passed_bytes, search.failed_bytes) == (1431, 1432)


def test_silence_is_a_black_hole_and_the_own_interface_is_not() -> None:
    """No router said anything although packets vanished; or this machine itself refused."""
    assert searched(silent(1454))[0].is_black_hole
    spoke = searched(lambda size: silent(1454)(size) if size < 1500 else TooBig(0, "192.0.2.1"))
    assert spoke[0].lost_count
    assert not spoke[0].is_black_hole
    search, _ = searched(lambda size: Passed(0.01) if size <= 1400 else TooBig(1400, ""))
    assert not search.is_black_hole
    assert figures(search)["interface_mtu_bytes"] == 1400


def test_a_search_that_was_broken_off_has_bounds_and_no_figure() -> None:
    """They are named for what they are."""
    search = Search(low_bytes=128, high_bytes=1500)
    search.note(128, Passed(0.01))
    search.note(1500, Lost())
    assert not search.is_done
    assert partial(search) == {"largest_passed_bytes": 128, "smallest_failed_bytes": 1500}
    assert partial(Search(low_bytes=128, high_bytes=1500)) == {}


class Line:
    """Stands in for the socket: a path with an MTU that loses packets by chance."""

    protocol = "icmp"
    version = 4

    def __init__(self, mtu: int, loss_ratio: float, seed: int) -> None:
        self._mtu = mtu
        self._loss = loss_ratio
        self._random = Random(seed)

    def trial(self, size_bytes: int, timeout_seconds: float) -> Passed | None:
        """Answer, unless it is too big or lost."""
        _ = timeout_seconds
        if size_bytes > self._mtu or self._random.random() < self._loss:
            return None
        return Passed(0.001)

    def rest(self, seconds: float) -> None:
        """No time passes."""


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2, 0.4])
def test_ordinary_loss_is_rarely_taken_for_size(loss: float) -> None:
    """At most one in twenty searches is wrong even where two in five packets are lost."""
    wrong = 0
    for seed in range(100):
        line = Line(1454, loss, seed)
        trials = Trials(line, 128, 1.0, SystemClock(), 1e12)  # type: ignore[arg-type] # a stand-in
        search = Search(low_bytes=128, high_bytes=1500)
        try:
            trials.baseline(search)
            while (size := search.next_size()) is not None:
                search.note(size, trials.judge(size))
        except MeasurementFailed:  # it says that it cannot tell: not wrong
            continue
        wrong += search.passed_bytes != 1454
    print(f"loss {loss:.0%}: {wrong} of 100 wrong")
    assert wrong <= 5


def test_a_loss_is_believed_after_three_strikes_on_a_clean_line() -> None:
    """Three of the size, three small ones and the first: no more than that."""
    trials = Trials(Line(1454, 0, 1), 128, 1.0, SystemClock(), 1e12)  # type: ignore[arg-type] # a stand-in
    trials.baseline(Search(low_bytes=128, high_bytes=1500))
    assert trials.judge(1500) == Lost()
    assert trials.sent_count == 1 + 2 * LEAST_STRIKES


def test_no_packet_is_sent_that_could_not_be_waited_for() -> None:
    """The deadline is kept before the packet, not after it."""
    clock = SystemClock()
    line = Line(1454, 0, 1)
    trials = Trials(line, 128, 1.0, clock, clock.monotonic_seconds() + 0.5)  # type: ignore[arg-type] # a stand-in
    with pytest.raises(OutOfTime):
        trials.judge(1500)
    assert trials.sent_count == 0


def far_end(up_limit: int, down_limit: int, answer_bytes: int) -> Callable[..., Transfer]:
    """A server behind a path that swallows segments over a limit, without a word."""

    def transfer(_address: object, _host: str, clamp: int | None, *_: object) -> Transfer:
        mss_bytes = min(clamp or 1460, 1460)
        passes = mss_bytes <= up_limit
        received = answer_bytes if mss_bytes <= down_limit else min(200, answer_bytes)
        return Transfer(
            mss_bytes=mss_bytes,
            offered_bytes=mss_bytes,
            unacknowledged_bytes=0 if passes else 3_400,
            received_bytes=received if passes else 0,
            ended=False,
        )

    return transfer


CASES = {
    "no fault": (9999, 9999, 16_384, False, False, None),
    "short answers tell nothing of the download": (9999, 9999, 300, False, None, None),
    "nor do short ones over a segment of the least size": (9999, 9999, 700, False, None, None),
    "upload": (1414, 9999, 16_384, True, None, 1414),
    "download": (9999, 1399, 16_384, False, True, 1380),
    "nothing passes but the least": (600, 9999, 16_384, True, None, 536),
    "dead whatever the size": (0, 9999, 16_384, None, None, None),
}


@pytest.mark.parametrize(
    ("up", "down", "answer", "upload", "download", "working"), CASES.values(), ids=CASES.keys()
)
def test_what_standing_still_means(
    monkeypatch: pytest.MonkeyPatch,
    up: int,
    down: int,
    answer: int,
    upload: bool | None,
    download: bool | None,
    working: int | None,
) -> None:
    """Only what a smaller segment cures is a fault of size; None is 'could not be told'."""
    monkeypatch.setattr(mss, "transfer", far_end(up, down, answer))
    monkeypatch.setattr(mss, "interface_mtu", lambda _: 1500)
    found = examine(("192.0.2.1", 80), "host", SystemClock(), 1e12)
    assert (found.upload_black_hole, found.download_black_hole) == (upload, download)
    assert found.working_mss_bytes == working


def test_the_request_fills_segments_and_a_responder_takes_it() -> None:
    """More than two full segments, a valid upgrade for a download, below every usual limit."""
    sent = request("centre.example")
    assert 2 * 1460 < len(sent) < 8_000
    upgrade = ServerHandshake().receive(sent)
    assert upgrade is not None
    assert upgrade.test == "download"
    assert b"Host: [2001:db8::1]\r\n" in request("2001:db8::1")


def asked(target: str, options: Mapping[str, Json] = NO_OPTIONS) -> Request:
    """A request with the clocks of this machine."""
    return Request(target=target, options=options, clock=SystemClock(), random=Random(7))


def test_loopback_for_real() -> None:
    """UDP to a closed port of this machine: all of 9000 bytes pass, every number has its unit."""
    options: Mapping[str, Json] = {"protocol": "udp", "max_bytes": 9000}
    result = measure("path_mtu", probe, asked("127.0.0.1", options), lambda _: None)
    assert result.outcome is Outcome.OK, result.failure
    assert result.values["path_mtu_bytes"] == 9000
    assert result.values["black_hole"] is False
    for name, value in {**result.values, **result.context}.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert unit_of(name) is not None, name
    assert decode(encode(result)) == result


def test_a_server_that_resets_at_once_tells_nothing_wrong() -> None:
    """A far end that hangs up is no black hole."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with contextlib.suppress(OSError):  # the end of the listener
                while True:
                    listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        port = listener.getsockname()[1]
        options: Mapping[str, Json] = {"protocol": "udp", "tcp_port": port}
        result = measure("path_mtu", probe, asked("127.0.0.1", options), lambda _: None)
        listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        thread.join()
    assert result.outcome is Outcome.OK, result.failure
    assert result.values.get("mss_upload_black_hole") is not True
    assert "mss_download_black_hole" not in result.values


@pytest.mark.parametrize("target", ["", "-f", ";id", "$(id)", "a\nb", "0x7f000001", "a:80"])
def test_a_target_that_is_none_is_refused_first(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TARGET_INVALID before any name is looked up or socket opened, and storable."""
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    result = measure("path_mtu", probe, asked(target), lambda _: None)
    assert result.failure is not None
    assert result.failure.code is FailureCode.TARGET_INVALID
    assert decode(encode(result)) == result


@pytest.mark.parametrize(
    "options", [{"max_bytes": 1279}, {"protocol": "tcp"}, {"tcp_port": 0}, {"mtu": 1}]
)
def test_options_have_bounds(options: Mapping[str, Json]) -> None:
    """Anything else is refused with what is allowed."""
    with pytest.raises(OptionRefused):
        probe(asked("127.0.0.1", options), lambda _: None)


def test_hints_have_evidence_and_unknown_sizes_have_none() -> None:
    """1454 points at PPPoE of フレッツ, 1460 at IPv4 in IPv6; 1331 at nothing."""
    assert "PPPoE" in str(mtu_hint(1454))
    assert "DS-Lite" in str(mtu_hint(1460))
    assert "1454 bytes" in str(mtu_hint(1454))
    assert mtu_hint(1331) == []
