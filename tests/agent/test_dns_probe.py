"""The dns probe against a real socket that answers as each test says."""

import dataclasses
import struct
from collections.abc import Mapping
from pathlib import Path
from random import Random

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.dns_probe import plan
from agent.dns_probe.judge import Status
from agent.failure import MeasurementFailed, _code, translate
from tests.agent.nameserver import Behaviour, healthy, kind_of, name_of, nameserver, reply
from tests.agent.scripted import free_port, has_ipv6_loopback, measured
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Json, Measurement

NAME = "www.school.example"
OPTIONS: Mapping[str, Json] = {"names": NAME, "count": 2, "timeout_seconds": 3.0}
QUICK: Mapping[str, Json] = {"names": NAME, "count": 1, "timeout_seconds": 0.2}


def asked(
    behaviour: Behaviour, options: Mapping[str, Json] = OPTIONS, host: str = "127.0.0.1"
) -> Measurement:
    """Measure a resolver that behaves so."""
    with nameserver(behaviour, host) as port:
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return measured("dns", target, options)


def by_name(result: Measurement) -> dict[tuple[str, str], dict[str, Json]]:
    """The list of questions by name and type."""
    listed = result.values["by_name"]
    assert isinstance(listed, list)
    entries = [entry for entry in listed if isinstance(entry, dict)]
    return {(str(entry["name"]), str(entry["type"])): entry for entry in entries}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_healthy_resolver_has_times_and_no_fault(host: str, transport: str) -> None:
    """Every type is answered over either transport and IP version; nothing is rewritten."""
    if host == "::1" and not has_ipv6_loopback():
        pytest.skip("this machine has no IPv6 loopback")
    options = {**OPTIONS, "transport": transport, "uncached_zone": "zone.example"}
    result = asked(healthy, options, host)
    values = result.values
    assert result.outcome is Outcome.OK, result.failure
    # 3 types twice, 2 uncached, 1 that cannot exist
    assert (values["query_count"], values["answered_count"], values["ok_count"]) == (9, 9, 6)
    for figure in ("first_median", "cached_median", "cached_p95", "uncached_median"):
        assert values[f"{figure}_seconds"] > 0  # type: ignore[operator] # a number
    assert values["nxdomain_rewritten"] is False
    assert values["aaaa_filtered_count"] == 0
    assert {entry["transport"] for entry in by_name(result).values()} == {transport}


RCODES = {
    dns.rcode.SERVFAIL: "servfail_count",
    dns.rcode.REFUSED: "refused_count",
    dns.rcode.NOTIMP: "other_rcode_count",
}


@pytest.mark.parametrize(("rcode", "counted"), RCODES.items())
def test_a_resolver_that_only_says_no_is_a_named_failure(
    rcode: dns.rcode.Rcode, counted: str
) -> None:
    """SERVFAIL and REFUSED for everything: DNS_FAILED with the word, the counts as partial."""
    result = asked(lambda query, _transport: reply(query, rcode))
    assert result.failure is not None
    assert result.failure.code is FailureCode.DNS_FAILED
    assert dns.rcode.to_text(rcode) in result.failure.text
    assert result.values[counted] == 6
    assert "first_median_seconds" not in result.values


def test_one_name_that_fails_does_not_hide_the_others() -> None:
    """SERVFAIL for one name beside answers for another: ok, with the fault counted and placed."""

    def behaviour(query: dns.message.Message, transport: str) -> dns.message.Message:
        bad = name_of(query) == "bad.example"
        return reply(query, dns.rcode.SERVFAIL) if bad else healthy(query, transport)

    result = asked(behaviour, {**OPTIONS, "names": f"bad.example,{NAME}", "types": "A"})
    assert result.outcome is Outcome.OK
    assert (result.values["ok_count"], result.values["servfail_count"]) == (2, 2)
    assert by_name(result)[("bad.example", "A")]["status"] == "servfail"
    assert by_name(result)[(NAME, "A")]["status"] == "ok"


def test_silence_is_no_reply_in_bounded_time() -> None:
    """A resolver that swallows everything: NO_REPLY, every question counted as timed out."""
    result = asked(lambda _query, _transport: None, QUICK)
    assert result.failure is not None
    assert result.failure.code is FailureCode.NO_REPLY
    assert result.values["timeout_count"] == 3
    assert result.duration_seconds < 10


def test_a_port_without_resolver_is_refused() -> None:
    """ICMP says that nobody listens: CONNECTION_REFUSED at once, over UDP and over TCP."""
    for transport in ("udp", "tcp"):
        options = {**OPTIONS, "transport": transport}
        result = measured("dns", f"127.0.0.1:{free_port()}", options)
        assert result.failure is not None
        assert result.failure.code is FailureCode.CONNECTION_REFUSED
        assert result.values["unreachable_count"] == 6


def test_a_cut_answer_is_asked_for_again_over_tcp() -> None:
    """TC leads to TCP; the answer counts, marked as truncated before."""

    def behaviour(query: dns.message.Message, transport: str) -> dns.message.Message:
        answer = healthy(query, transport)
        if transport == "udp" and kind_of(query) == "A":
            answer.answer.clear()
            answer.flags |= dns.flags.TC
        return answer

    result = asked(behaviour, {**OPTIONS, "types": "A", "nonexistent_zone": "example"})
    assert result.outcome is Outcome.OK, result.failure
    assert result.values["truncated_count"] == 3
    assert by_name(result)[(NAME, "A")]["transport"] == "tcp"


TCP_FAULTS: Mapping[str, tuple[bytes, FailureCode]] = {
    "dies in the middle": (struct.pack(">H", 100) + b"x" * 10, FailureCode.EARLY_CLOSE),
    "no DNS": (b"\x00\x03abc", FailureCode.PROTOCOL_ERROR),
    "closes": (b"", FailureCode.EARLY_CLOSE),
}


@pytest.mark.parametrize("case", TCP_FAULTS)
def test_faults_over_tcp_are_named(case: str) -> None:
    """An answer that ends early or is no DNS message is malformed, with its own code."""
    data, code = TCP_FAULTS[case]
    result = asked(lambda _query, _transport: data, {**QUICK, "transport": "tcp"})
    assert result.failure is not None
    assert result.failure.code is code
    assert result.values["malformed_count"] == 3


def test_noise_and_answers_to_others_are_not_taken() -> None:
    """Garbage, a wrong id and a wrong name never count as answers; only garbage: PROTOCOL_ERROR."""

    def other_name(query: dns.message.Message, transport: str) -> dns.message.Message:
        answer = healthy(query, transport)
        answer.question[0].name = dns.name.from_text("other.example")
        return answer

    def other_id(query: dns.message.Message, transport: str) -> dns.message.Message:
        answer = healthy(query, transport)
        answer.id ^= 1
        return answer

    for behaviour in (other_name, other_id):
        result = asked(behaviour, QUICK)
        assert result.failure is not None
        assert result.failure.code is FailureCode.NO_REPLY
    garbage = asked(lambda _query, _transport: b"\xff" * 40, QUICK)
    assert garbage.failure is not None
    assert garbage.failure.code is FailureCode.PROTOCOL_ERROR


def test_addresses_outside_the_expected_networks_are_wrong() -> None:
    """Where the right networks were given, any other address is a wrong answer, with evidence."""
    right = asked(healthy, {**OPTIONS, "expected": f"{NAME}=192.0.2.0/24,{NAME}=2001:db8::/32"})
    assert right.outcome is Outcome.OK
    assert right.values["wrong_answer_count"] == 0
    wrong = asked(healthy, {**OPTIONS, "expected": f"{NAME}=198.51.100.0/24"})
    assert wrong.outcome is Outcome.OK, "AAAA was still right"
    assert wrong.values["wrong_answer_count"] == 2
    assert by_name(wrong)[(NAME, "A")]["addresses"] == ["192.0.2.10"]
    only = asked(healthy, {**OPTIONS, "expected": f"{NAME}=198.51.100.0/24", "types": "A"})
    assert only.failure is not None
    assert only.failure.code is FailureCode.INTERCEPTED


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
def test_a_sinkhole_is_a_wrong_answer_without_being_told(address: str) -> None:
    """No service lives at the unspecified or the loopback address."""
    result = asked(
        lambda query, _transport: reply(query, dns.rcode.NOERROR, address),
        {**OPTIONS, "types": "A"},
    )
    assert result.failure is not None
    assert result.failure.code is FailureCode.INTERCEPTED
    assert address in result.failure.text


def test_rewriting_of_names_that_do_not_exist_is_seen() -> None:
    """An address for a random name below .invalid is the resolver's invention."""

    def helpful(query: dns.message.Message, _transport: str) -> dns.message.Message:
        return reply(query, dns.rcode.NOERROR, "198.51.100.7")

    result = asked(helpful, {**OPTIONS, "types": "A"})
    assert result.outcome is Outcome.OK
    assert result.values["nxdomain_rewritten"] is True
    assert result.values["rewritten_to"] == ["198.51.100.7"]


def _without_aaaa(query: dns.message.Message, transport: str) -> dns.message.Message | None:
    return reply(query) if kind_of(query) == "AAAA" else healthy(query, transport)


def _silent_aaaa(query: dns.message.Message, transport: str) -> dns.message.Message | None:
    return None if kind_of(query) == "AAAA" else healthy(query, transport)


def test_filtering_of_ipv6_addresses_is_told_from_their_absence() -> None:
    """Empty AAAA is filtering only where a control or an expectation knows of addresses."""
    assert asked(_without_aaaa).values["aaaa_filtered_count"] == 0
    expecting = asked(_without_aaaa, {**OPTIONS, "expected": f"{NAME}=2001:db8::/32"})
    assert expecting.values["aaaa_filtered_count"] == 1
    assert expecting.values["aaaa_filtered_names"] == [NAME]
    for control, filtered in ((healthy, 1), (_without_aaaa, 0)):
        with nameserver(control) as port:
            controlled = asked(_without_aaaa, {**OPTIONS, "control": f"127.0.0.1:{port}"})
        assert controlled.values["aaaa_filtered_count"] == filtered
    unanswered = asked(_silent_aaaa, QUICK)
    assert unanswered.outcome is Outcome.OK
    assert unanswered.values["aaaa_filtered_count"] == 1
    assert unanswered.values["timeout_count"] == 1


def test_uncached_names_are_new_each_time() -> None:
    """Every uncached question has a new random label; NXDOMAIN counts as an answer."""
    seen: list[str] = []

    def behaviour(query: dns.message.Message, transport: str) -> dns.message.Message:
        if name_of(query).endswith(".zone.example"):
            seen.append(name_of(query))
            return reply(query, dns.rcode.NXDOMAIN)
        return healthy(query, transport)

    result = asked(behaviour, {**OPTIONS, "count": 5, "uncached_zone": "zone.example"})
    assert len(set(seen)) == len(seen) == result.values["uncached_count"] == 5
    assert result.values["uncached_unusable_count"] == 0
    assert result.values["nxdomain_count"] == 0, "statuses count the names that were asked about"


def test_the_deadline_leaves_out_what_could_not_be_waited_for() -> None:
    """Questions stop before the deadline; with none asked at all the failure is TIMEOUT."""
    with nameserver(lambda _query, _transport: None) as port:
        options = {**QUICK, "count": 20, "timeout_seconds": 0.3}
        some = measured("dns", f"127.0.0.1:{port}", options, deadline_seconds=1.0)
        none = measured("dns", f"127.0.0.1:{port}", options, deadline_seconds=0.1)
    assert some.failure is not None
    assert 1 <= some.values["query_count"] <= 3  # type: ignore[operator] # a number
    assert none.failure is not None
    assert none.failure.code is FailureCode.TIMEOUT


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("names", ""),
        ("names", ",".join(f"n{number}.example" for number in range(21))),
        ("names", "192.0.2.1"),
        ("names", "-f"),
        ("names", "a b.example"),
        ("types", "MX"),
        ("types", ""),
        ("expected", "www.example"),
        ("expected", "www.example=nowhere"),
        ("expected", "www.example=192.0.2.1/24"),
        ("uncached_zone", "$(id)"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(option: str, value: str) -> None:
    """A wrong name, type or network never becomes a question."""
    result = measured("dns", "127.0.0.1:1", {**OPTIONS, option: value})
    assert result.failure is not None
    assert result.failure.code is FailureCode.TARGET_INVALID
    assert result.failure.operation is Operation.PREPARE


def test_the_resolvers_of_this_machine_are_read(tmp_path: Path) -> None:
    """resolv.conf(5): order kept, IP version chosen, nonsense left out; none is said in words."""
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# comment\nsearch example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n"
        "nameserver nonsense\nnameserver\noptions edns0\n"
    )
    assert plan.system_resolvers("auto", path) == ["192.0.2.53", "2001:db8::53"]
    assert plan.system_resolvers("6", path) == ["2001:db8::53"]
    path.write_text("")
    for missing in (path, tmp_path / "none"):
        with pytest.raises(MeasurementFailed) as caught:
            plan.system_resolvers("4", missing)
        assert caught.value.failure.code is FailureCode.ADDRESS_UNAVAILABLE


def test_system_asks_the_first_resolver_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target ``system`` is the address that resolv.conf names first."""
    monkeypatch.setattr("agent.probes.dns.system_resolvers", lambda _family: ["127.0.0.1"])
    with nameserver(healthy) as port:
        monkeypatch.setattr("agent.probes.dns._PORT", port)
        result = measured("dns", "system", OPTIONS)
    assert result.outcome is Outcome.OK, result.failure
    assert result.context["address"] == f"127.0.0.1:{port}"


def _subclasses(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in _subclasses(below))]


def test_every_exception_of_dnspython_is_named_in_the_seam() -> None:
    """No class below DNSException can come out as a crash of the probe."""
    kinds = _subclasses(dns.exception.DNSException)
    assert len(kinds) > 20
    for kind in kinds:
        # made without arguments, since each class wants its own; the code goes by class alone
        assert _code(kind.__new__(kind), Operation.RECEIVE) is FailureCode.PROTOCOL_ERROR, kind


WIRE = reply(dns.message.make_query(NAME, "HTTPS"), dns.rcode.NOERROR, "1 . alpn=h2").to_wire()


@given(st.randoms(use_true_random=False))
def test_damaged_messages_raise_only_what_the_seam_knows(random: Random) -> None:
    """A message with bytes changed and cut anywhere is read or refused by a DNSException."""
    wire = bytearray(WIRE)
    for _ in range(random.randrange(6)):
        wire[random.randrange(len(wire))] = random.randrange(256)
    try:
        dns.message.from_wire(bytes(wire[: random.randrange(len(wire) + 1)]), ignore_trailing=True)
    except dns.exception.DNSException as error:
        assert dataclasses.is_dataclass(translate(error, Operation.RECEIVE))  # noqa: PT017 - either way is allowed


def test_every_status_is_counted_by_name() -> None:
    """The table of statuses and the counts in a result are the same words."""
    values = asked(healthy).values
    assert {f"{status}_count" for status in Status} <= set(values)
