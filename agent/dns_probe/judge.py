"""What the answers of a resolver mean: pure, from what was heard to figures or a failure.

Each answer has one status:

============== =================================================================================
ok             records of the type that was asked for
no_data        NOERROR without such records (RFC 2308 section 2.2)
nxdomain       no such name
servfail       the resolver could not find out (or DNSSEC did not validate)
refused        the resolver does not serve us
other_rcode    any other response code
wrong_answer   an address outside the expected networks; without an expectation, 0.0.0.0, ::
               or loopback, which is what sinkholes answer
timeout        nothing came in time
unreachable    the network or the resolver's machine said no
malformed      what came was no DNS message, or was cut off
============== =================================================================================
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import dns.message
import dns.rcode
import dns.rdatatype

from agent.dns_probe.ask import Heard
from agent.dns_probe.plan import Expected, IpAddress
from wire.failure import FailureCode


class Status(StrEnum):
    """See the module; ordered from harmless to grave."""

    OK = "ok"
    NO_DATA = "no_data"
    NXDOMAIN = "nxdomain"
    OTHER_RCODE = "other_rcode"
    REFUSED = "refused"
    SERVFAIL = "servfail"
    MALFORMED = "malformed"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    WRONG_ANSWER = "wrong_answer"


UNANSWERED: Final = frozenset({Status.MALFORMED, Status.UNREACHABLE, Status.TIMEOUT})
USABLE: Final = frozenset({Status.OK, Status.NO_DATA, Status.NXDOMAIN})
_BY_RCODE: Final = {
    dns.rcode.NXDOMAIN: Status.NXDOMAIN,
    dns.rcode.SERVFAIL: Status.SERVFAIL,
    dns.rcode.REFUSED: Status.REFUSED,
}
_BY_CODE: Final = {
    FailureCode.NO_REPLY: Status.TIMEOUT,
    FailureCode.CONNECT_TIMEOUT: Status.TIMEOUT,
    FailureCode.PROTOCOL_ERROR: Status.MALFORMED,
    FailureCode.EARLY_CLOSE: Status.MALFORMED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what became of it."""

    status: Status
    heard: Heard
    rcode: str | None = None
    addresses: Sequence[IpAddress] = ()
    records: int = 0


@dataclass(slots=True)
class Question:
    """One name and type, with its answers in the order in which they were asked for."""

    name: str
    kind: str
    answers: list[Answer] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """The gravest status among the answers."""
        order = list(Status)
        return max((answer.status for answer in self.answers), key=order.index)

    @property
    def addresses(self) -> Sequence[IpAddress]:
        """Addresses of the first answer that holds some."""
        return next((answer.addresses for answer in self.answers if answer.addresses), ())


def judge(name: str, kind: str, heard: Heard, expected: Expected) -> Answer:
    """Give what was heard its status."""
    if heard.message is None:
        assert heard.failure is not None
        return Answer(_BY_CODE.get(heard.failure.code, Status.UNREACHABLE), heard)
    rcode = heard.message.rcode()
    words = dns.rcode.to_text(rcode)
    if rcode != dns.rcode.NOERROR:
        return Answer(_BY_RCODE.get(rcode, Status.OTHER_RCODE), heard, words)
    records, addresses = _records(heard.message, kind)
    if not records:
        return Answer(Status.NO_DATA, heard, words)
    wrong = any(_is_wrong(address, name, expected) for address in addresses)
    status = Status.WRONG_ANSWER if wrong else Status.OK
    return Answer(status, heard, words, addresses, records)


def aaaa_filtered(a: Question, aaaa: Question, control: Answer | None, expected: Expected) -> bool:
    """Tell whether IPv6 addresses that exist are kept from us (RFC 4074 names the ways).

    They exist where the control resolver gave some or an IPv6 network is expected; or A is
    answered while AAAA runs into the time-out every time, which no healthy resolver does.
    """
    if a.status is not Status.OK or any(answer.addresses for answer in aaaa.answers):
        return False
    known = control is not None and bool(control.addresses)
    known = known or any(network.version == 6 for network in expected.get(aaaa.name, ()))
    return known or all(answer.status is Status.TIMEOUT for answer in aaaa.answers)


def failure_code(answers: Iterable[Answer]) -> tuple[FailureCode, str] | None:
    """Name the failure of a measurement without a usable answer; None where there is one."""
    every = list(answers)
    if any(answer.status in USABLE for answer in every):
        return None
    status, often = Counter(answer.status for answer in every).most_common(1)[0]
    example = next(answer for answer in every if answer.status is status)
    times = f"{often} of {len(every)} questions"
    if status is Status.WRONG_ANSWER:
        shown = ", ".join(str(address) for address in example.addresses[:3])
        return FailureCode.INTERCEPTED, f"wrong addresses, such as {shown} ({times})"
    if example.heard.failure is not None:
        return example.heard.failure.code, f"{example.heard.failure.text} ({times})"
    return FailureCode.DNS_FAILED, f"the resolver answers {example.rcode} ({times})"


def _records(message: dns.message.Message, kind: str) -> tuple[int, list[IpAddress]]:
    wanted = dns.rdatatype.from_text(kind)
    found = [item for rrset in message.answer if rrset.rdtype == wanted for item in rrset]
    if kind not in ("A", "AAAA"):
        return len(found), []
    return len(found), [ipaddress.ip_address(item.to_text()) for item in found]


def _is_wrong(address: IpAddress, name: str, expected: Expected) -> bool:
    networks = [item for item in expected.get(name, ()) if item.version == address.version]
    if networks:
        return not any(address in network for network in networks)
    return address.is_unspecified or address.is_loopback
