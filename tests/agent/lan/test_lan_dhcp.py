"""DHCP: what is asked, what counts as an answer, why there is none."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lan import dhcp_messages
from agent.lan.dhcp_messages import Kind, discover, inform, read
from agent.lan.dhcp_round import AGAIN_SECONDS, Round, ask, ask_for_settings
from tests.agent.lan.frames import APPLIANCE, TABLET, dhcp_answer
from tests.agent.spooling import FakeClock

MADE_UP = bytes.fromhex("02a1b2c3d4e5")
RIGHT, ROGUE = "192.0.2.1", "192.0.2.66"


@dataclass
class Servers:
    """Stands in for a packet socket: answers come at moments after the first question."""

    clock: FakeClock
    answers: list[tuple[float, bytes]]
    sent: list[bytes] = field(default_factory=list)
    began: float | None = None

    def send(self, frame: bytes) -> None:
        """Take a question."""
        self.began = self.clock.seconds if self.began is None else self.began
        self.sent.append(frame)

    def poll(self, timeout_seconds: float) -> list[bytes]:
        """Give what has come until then."""
        assert self.began is not None
        until = self.clock.seconds + timeout_seconds
        due = sorted(moment for moment, _ in self.answers)
        if due and self.began + due[0] <= until:
            until = max(self.clock.seconds, self.began + due[0])
        self.clock.forward(max(until - self.clock.seconds, 1e-6))
        found = [frame for at, frame in self.answers if self.began + at <= self.clock.seconds]
        self.answers = [each for each in self.answers if each[1] not in found]
        return found


def asked(*answers: tuple[float, bytes], seconds: float = 6.0) -> tuple[Round, Servers]:
    """One round."""
    servers = Servers(FakeClock(), list(answers))
    return ask(servers, MADE_UP, 7, seconds, servers.clock), servers


def offer(server: str) -> bytes:
    """An offer for us."""
    return dhcp_answer(Kind.OFFER, 7, MADE_UP, server)


def test_a_slow_first_server_does_not_hide_the_second() -> None:
    """A rogue is often faster, as it does not ping: both are heard, once is enough asked."""
    found, servers = asked((3.05, offer(RIGHT)), (0.01, offer(ROGUE)))
    assert found.servers == {IPv4Address(RIGHT), IPv4Address(ROGUE)}
    assert found.offers[0][0] == pytest.approx(0.01, abs=1e-3)
    assert len(servers.sent) == 1


def test_the_second_question_comes_after_four_seconds() -> None:
    """And the time of the offer counts from the first."""
    found, servers = asked((5.0, offer(RIGHT)))
    assert len(servers.sent) == 2
    assert found.offers[0][0] == pytest.approx(5.0, abs=1e-3)
    assert AGAIN_SECONDS == 4.0


def test_answers_to_others_are_not_ours() -> None:
    """Another transaction, another client, another kind; a NAK is counted."""
    found, _ = asked(
        (0.1, dhcp_answer(Kind.OFFER, 8, MADE_UP, RIGHT)),
        (0.2, dhcp_answer(Kind.OFFER, 7, TABLET, RIGHT)),
        (0.3, dhcp_answer(Kind.ACK, 7, MADE_UP, RIGHT)),
        (0.4, dhcp_answer(Kind.NAK, 7, MADE_UP, RIGHT)),
    )
    assert (found.offers, found.naks_count) == ([], 1)


def test_why_there_is_no_offer() -> None:
    """A server that answers INFORM has nothing to give; else it is gone, or never was."""
    servers = Servers(FakeClock(), [(0.1, dhcp_answer(Kind.ACK, 9, APPLIANCE, RIGHT))])
    found = Round()
    assert found.why_no_offer(known=False) == "no_server"
    assert found.why_no_offer(known=True) == "server_gone"
    ask_for_settings(servers, APPLIANCE, IPv4Address("192.0.2.5"), 9, found, servers.clock)
    assert found.why_no_offer(known=True) == "pool_exhausted"


def test_only_questions_that_take_no_lease_are_ever_sent() -> None:
    """By the type in the message: DISCOVER and INFORM. There is nothing to build a REQUEST with."""
    _, servers = asked()
    ask_for_settings(servers, APPLIANCE, IPv4Address("192.0.2.5"), 9, Round(), servers.clock)
    kinds = {frame[frame.index(b"\x63\x82\x53\x63") + 6] for frame in servers.sent}
    assert kinds == {Kind.DISCOVER, Kind.INFORM}
    assert "REQUEST" not in Kind.__members__


def test_the_frames_are_what_servers_take() -> None:
    """Lengths and checksums (RFC 1071: the sum over a whole header with its own is 0)."""
    for frame in (discover(MADE_UP, 7), inform(APPLIANCE, IPv4Address("192.0.2.5"), 7)):
        ip, udp = frame[14:34], frame[34:]
        assert dhcp_messages._sum(ip) == 0
        assert int.from_bytes(ip[2:4]) == len(frame) - 14
        pseudo = ip[12:20] + b"\0\x11" + udp[4:6]
        assert dhcp_messages._sum(pseudo + udp) == 0
        assert len(udp) - 8 >= 300
    assert discover(MADE_UP, 7)[6:12] == MADE_UP
    assert discover(MADE_UP, 7)[26:30] == b"\0" * 4


def test_the_server_is_as_it_calls_itself() -> None:
    """Behind a relay the packet comes from the relay; without identifier the sender counts."""
    answer = read(dhcp_answer(2, 7, MADE_UP, RIGHT))
    assert answer is not None
    assert (answer.kind, answer.server) == (Kind.OFFER, IPv4Address(RIGHT))
    bare = dhcp_answer(2, 7, MADE_UP, ROGUE, options=b"\0\x35\x01\x02\xff")
    found = read(bare)
    assert found is not None
    assert found.server == IPv4Address(ROGUE)


@pytest.mark.parametrize(
    "options", [b"", b"\xff", b"\x35", b"\x35\xff\x02", b"\x35\x02\x02\x02", b"\0" * 500]
)
def test_broken_options_are_no_answer(options: bytes) -> None:
    """Cut short, endless padding, a type of two bytes."""
    assert read(dhcp_answer(2, 7, MADE_UP, RIGHT, options=options)) is None


@given(st.binary(max_size=600), st.integers(0, 330))
def test_any_bytes_are_read_without_an_error(data: bytes, place: int) -> None:
    """Noise, and a good answer with noise inside."""
    read(data)
    good = dhcp_answer(2, 7, MADE_UP, RIGHT)
    read(good[:place] + data + good[place + len(data) :])
    read(good[:place])
