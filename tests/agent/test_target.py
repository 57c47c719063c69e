"""Targets are data: one spelling each is taken, everything else is refused with its reason."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.failure import MeasurementFailed
from agent.target import parse_host, parse_host_port
from wire.failure import FailureCode, Operation

NAME = "a host name"
QUAD = "four decimal numbers"
ONE = "the address of one machine"
OWN_FORM = "an IPv4 address in its own form"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Responder.Example", "responder.example"),
        ("responder.example.", "responder.example."),
        ("localhost", "localhost"),
        ("xn--eckwd4c7c.example", "xn--eckwd4c7c.example"),
        ("0x7f000001.example", "0x7f000001.example"),
        ("1and1.example", "1and1.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_names_and_addresses_come_back_in_their_usual_form(text: str, host: str) -> None:
    """Names in lower case, addresses as RFC 5952 writes them."""
    assert parse_host(text) == host


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", NAME),
        (".", NAME),
        ("a..b", NAME),
        (".a", NAME),
        ("-f", NAME),
        ("a-.b", NAME),
        (";id", NAME),
        ("$(id)", NAME),
        ("`id`", NAME),
        ("a b", NAME),
        (" a", NAME),
        ("a\n", NAME),
        ("a\x00", NAME),
        ("a_b.example", NAME),
        ("学校.example", NAME),
        ("\u212a.example", NAME),  # the kelvin sign, whose lower case is a plain k
        ("a/b", NAME),
        ("user@host", NAME),
        ("a" * 64, NAME),
        (".".join(["a" * 63] * 4), "at most 253 characters"),
        ("0x7f000001", QUAD),
        ("0X7F000001", QUAD),
        ("2130706433", QUAD),
        ("017700000001", QUAD),
        ("127.1", QUAD),
        ("127.0.0.0x1", QUAD),
        ("127.0.0.01", QUAD),
        ("127.0.0.1.", QUAD),
        ("1.2.3.4.5", QUAD),
        ("256.1.1.1", QUAD),
        ("0.0.0.0", ONE),
        ("255.255.255.255", ONE),
        ("224.0.0.1", ONE),
        ("::", ONE),
        ("ff02::1", ONE),
        ("::ffff:127.0.0.1", OWN_FORM),
        ("::ffff:7f00:1", OWN_FORM),
        ("::127.0.0.1", OWN_FORM),
        ("[::1]", "an IPv6 address without brackets where no port follows: 2001:db8::1"),
        ("[fd77::2]:80", "an IPv6 address without brackets"),
        ("http://a", "an IPv6 address"),
        ("a:80", "HOST alone: this takes no port"),
        ("192.0.2.1:80", "HOST alone: this takes no port"),
        ("1::2::3", "an IPv6 address"),
        ("2001:db8::1%eth0", "a zone"),
        ("fe80::1%", "an IPv6 address"),
        ("fe80::1%;id", "a zone"),
        ("fe80::1%-f", "a zone"),
    ],
)
def test_everything_else_is_refused_with_its_reason(text: str, why: str) -> None:
    """Shell words, other spellings of an address and addresses of nobody never reach a socket."""
    with pytest.raises(MeasurementFailed) as refusal:
        parse_host(text)
    failure = refusal.value.failure
    assert (failure.code, failure.operation) == (FailureCode.TARGET_INVALID, Operation.PREPARE)
    assert why in failure.text
    assert failure.text.isprintable()


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-fx.:%\[\]-]{0,30}", fullmatch=True)))
def test_what_is_taken_is_a_name_or_the_very_address(text: str) -> None:
    """Whatever is taken, the C library reads as the address that it shows, or as a name."""
    try:
        host = parse_host(text)
    except MeasurementFailed:
        return
    try:
        packed = socket.inet_aton(host)  # takes every spelling that the C library takes
    except OSError:
        return
    assert str(ipaddress.IPv4Address(packed)) == host


@pytest.mark.parametrize(
    ("text", "default", "expected"),
    [
        ("responder.example:4443", None, ("responder.example", 4443)),
        ("responder.example", 443, ("responder.example", 443)),
        ("192.0.2.1:1", None, ("192.0.2.1", 1)),
        ("[2001:db8::1]:65535", None, ("2001:db8::1", 65535)),
        ("[::1]", 80, ("::1", 80)),
        ("responder.example:4443", 443, ("responder.example", 4443)),
    ],
)
def test_host_and_port_are_told_apart(
    text: str, default: int | None, expected: tuple[str, int]
) -> None:
    """A port that is given wins over the default; brackets hold an IPv6 address."""
    assert parse_host_port(text, default) == expected


@pytest.mark.parametrize(
    ("text", "default", "why"),
    [
        ("responder.example", None, "the port is missing"),
        ("[::1]", None, "the port is missing"),
        ("a:", 443, "a port from 1 to 65535"),
        ("a:0", None, "a port from 1 to 65535"),
        ("a:65536", None, "a port from 1 to 65535"),
        ("a:080", None, "a port from 1 to 65535"),
        ("a:+80", None, "a port from 1 to 65535"),
        ("a:８０", None, "a port from 1 to 65535"),
        ("a:80\n", None, "a port from 1 to 65535"),
        ("::1", 443, "goes in brackets"),
        ("2001:db8::1:443", None, "goes in brackets"),
        ("[::1", 443, "[IPv6 address]:PORT"),
        ("[::1]443", 443, "[IPv6 address]:PORT"),
        ("[a]:443", 443, "[IPv6 address]:PORT"),
        ("[::ffff:127.0.0.1]:443", None, OWN_FORM),
        (";id:443", None, NAME),
        ("http://a:443", None, "goes in brackets"),
    ],
)
def test_a_wrong_host_and_port_is_refused_with_its_reason(
    text: str, default: int | None, why: str
) -> None:
    """An IPv6 address without brackets could be read two ways, so it is not read at all."""
    with pytest.raises(MeasurementFailed) as refusal:
        parse_host_port(text, default)
    assert refusal.value.failure.code is FailureCode.TARGET_INVALID
    assert why in refusal.value.failure.text
