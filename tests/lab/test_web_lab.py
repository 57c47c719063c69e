"""Names, connections and pages across real hosts that are filtered, cut off or half reachable."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from tests.lab.netns import Host, Link, chain
from tests.lab.probing import code_of, measured, need, running, without_filters

pytestmark = [pytest.mark.lab, pytest.mark.beside, pytest.mark.timeout(180)]

NAME = "service.lab"
URL = f"https://{NAME}/"
TIME = ("--timeout-seconds", "1.5")
DNS_TIME = ("--timeout-seconds", "1", "--count", "1")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Host], Path]]:
    """Client, router and server in a row; the server has a name with two addresses."""
    need("iptables", "iptables")
    folder = tmp_path_factory.mktemp("web")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(
        str(folder / "server.pem")
    )
    with chain([Link(), Link()]) as hosts:
        client, _, server = hosts
        # ip-netns(8): these files stand in the place of those in /etc for this host
        files = Path("/etc/netns") / client.name
        files.mkdir(parents=True)
        (files / "hosts").write_text(
            f"127.0.0.1 localhost\n{server.address} {NAME}\n{server.address6} {NAME}\n"
        )
        try:
            with (
                running(server, "serving", "-m", "tests.lab.webserver", str(folder / "server.pem"),
                        server.address, server.address6),
                running(server, "answering", "-m", "tests.agent.nameserver", server.address, "53"),
                running(server, "answering", "-m", "tests.agent.nameserver", server.address6, "53"),
                running(server, "answering", "-m", "tests.agent.nameserver", server.address, "54",
                        "cut"),
            ):  # fmt: skip
                yield list(hosts), folder / "ca.pem"
        finally:
            shutil.rmtree(files)


@pytest.fixture
def hosts(built: tuple[list[Host], Path]) -> list[Host]:
    """Give the hosts without the filters of the test before."""
    without_filters(*built[0])
    return built[0]


@pytest.fixture
def trusting(built: tuple[list[Host], Path]) -> Mapping[str, str]:
    """Environment in which the server's authority is trusted."""
    return {"SSL_CERT_FILE": str(built[1])}


def forward(router: Host, tool: str, *words: str) -> None:
    """Add a rule for what the router passes on."""
    router.run(tool, "-A", "FORWARD", *words)


def test_a_page_over_both_versions(hosts: list[Host], trusting: Mapping[str, str]) -> None:
    """Name, connect, TLS, first byte and total for IPv4 and IPv6 each; the whole page came."""
    result = measured(hosts[0], "https", URL, *TIME, environment=trusting)
    assert result["outcome"] == "ok", result
    for version in ("v4", "v6"):
        for phase in ("dns", "connect", "tls", "first_byte", "total"):
            assert result["values"][f"{version}_{phase}_seconds"] > 0
        assert result["values"][f"{version}_body_bytes"] > 200_000
    assert result["context"]["v6_address"] == hosts[2].address6


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (("-j", "DROP"), "connect_timeout"),
        (("-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"), "connection_refused"),
        (("-j", "REJECT", "--reject-with", "icmp6-addr-unreachable"), "host_unreachable"),
    ],
)
def test_half_broken_ipv6_is_named_and_ipv4_is_kept(
    hosts: list[Host], trusting: Mapping[str, str], rule: tuple[str, ...], code: str
) -> None:
    """AAAA is there and leads nowhere: the way of failing by name, IPv4's figures as partial."""
    client, router, _ = hosts
    forward(router, "ip6tables", *rule)
    result = measured(client, "https", URL, *TIME, environment=trusting)
    assert code_of(result) == code
    assert "IPv6" in result["failure"]["text"]
    assert "IPv4 works" in result["failure"]["text"]
    assert result["values"]["v6_failure"] == code
    assert result["values"]["v4_body_bytes"] > 200_000


def test_a_service_or_a_host_without_ipv6_is_not_broken(
    hosts: list[Host], trusting: Mapping[str, str]
) -> None:
    """No AAAA, or no route for IPv6 here: said as absent, and no failure of the service."""
    client = hosts[0]
    client.run("ip", "-6", "route", "flush", "default")
    saved = client.run("ip", "-6", "route", "show").stdout
    route = next(line for line in saved.splitlines() if "fd99:0:0:1::" in line)
    client.run("ip", "-6", "route", "delete", *route.split()[:3])
    try:
        without_route = measured(client, "https", URL, *TIME, environment=trusting)
    finally:
        client.run("ip", "-6", "route", "add", *route.split()[:5])
    assert without_route["outcome"] == "ok", without_route
    assert "no route" in without_route["values"]["v6_absent"]
    assert without_route["values"]["v4_body_bytes"] > 200_000


def test_an_mtu_black_hole_ends_in_a_named_time_out(
    hosts: list[Host], trusting: Mapping[str, str]
) -> None:
    """Large packets towards the client vanish: TCP connects, then the handshake starves."""
    client, router, _ = hosts
    forward(router, "iptables", "-d", client.address, "-m", "length", "--length", "600:65535",
            "-j", "DROP")  # fmt: skip
    result = measured(client, "https", URL, *TIME, "--family", "4", environment=trusting)
    assert code_of(result) == "handshake_timeout"
    assert result["values"]["v4_connect_seconds"] > 0
    assert result["duration_seconds"] < 20


def test_black_holes_and_refusals_of_tcp(hosts: list[Host]) -> None:
    """DROP, an ICMP refusal by the router and a closed port: three names for tcp_connect."""
    client, router, server = hosts
    options = ("--count", "2", "--interval-seconds", "0.1", "--timeout-seconds", "0.5")
    closed = measured(client, "tcp_connect", f"{server.address}:9", *options)
    forward(router, "iptables", "-d", server.address, "-j", "DROP")
    hole = measured(client, "tcp_connect", f"{server.address}:443", *options)
    router.run("iptables", "-F")
    forward(router, "iptables", "-d", server.address, "-j", "REJECT",
            "--reject-with", "icmp-net-unreachable")  # fmt: skip
    refusal = measured(client, "tcp_connect", f"{server.address}:443", *options)
    router.run("iptables", "-F")
    good = measured(client, "tcp_connect", f"[{server.address6}]:443", *options)
    assert [code_of(item) for item in (closed, hole, refusal)] == [
        "connection_refused",
        "connect_timeout",
        "network_unreachable",
    ]
    assert good["outcome"] == "ok"


def test_a_lost_syn_is_told_from_a_slow_line(hosts: list[Host]) -> None:
    """The first SYN is dropped: the connection takes a second, and the count says why."""
    client, router, server = hosts
    forward(router, "iptables", "-p", "tcp", "--syn", "-m", "statistic", "--mode", "nth",
            "--every", "2", "--packet", "0", "-j", "DROP")  # fmt: skip
    options = ("--count", "2", "--interval-seconds", "0.1", "--timeout-seconds", "5")
    values = measured(client, "tcp_connect", f"{server.address}:443", *options)["values"]
    assert values["syn_retransmitted_count"] == 2
    assert values["connect_min_seconds"] >= 0.9


def test_a_resolver_over_both_versions(hosts: list[Host]) -> None:
    """The same resolver answers over IPv4 and over IPv6."""
    client, _, server = hosts
    for target in (server.address, f"[{server.address6}]:53"):
        result = measured(client, "dns", target, "--names", "www.example.com")
        assert result["outcome"] == "ok", result
        assert result["values"]["ok_count"] == 9
        assert result["values"]["nxdomain_rewritten"] is False


def test_dead_resolvers_are_told_apart(hosts: list[Host]) -> None:
    """Swallowed: NO_REPLY. Refused by ICMP or closed: by name. Each within its time."""
    client, router, server = hosts
    closed = measured(client, "dns", f"{server.address}:5353", *DNS_TIME)
    forward(router, "iptables", "-p", "udp", "--dport", "53", "-j", "DROP")
    dead = measured(client, "dns", server.address, *DNS_TIME)
    router.run("iptables", "-F")
    forward(router, "iptables", "-d", server.address, "-j", "REJECT",
            "--reject-with", "icmp-host-unreachable")  # fmt: skip
    refusal = measured(client, "dns", server.address, *DNS_TIME)
    assert [code_of(item) for item in (closed, dead, refusal)] == [
        "connection_refused",
        "no_reply",
        "host_unreachable",
    ]
    assert dead["values"]["timeout_count"] == 3


def test_a_resolver_whose_tcp_is_filtered_fails_on_cut_answers(hosts: list[Host]) -> None:
    """Cut answers come whole over TCP; where a filter swallows TCP, they do not come at all."""
    client, router, server = hosts
    target = f"{server.address}:54"
    whole = measured(client, "dns", target, *DNS_TIME)
    forward(router, "iptables", "-p", "tcp", "--dport", "54", "-j", "DROP")
    cut = measured(client, "dns", target, *DNS_TIME)
    assert whole["outcome"] == "ok", whole
    assert whole["values"]["truncated_count"] == whole["values"]["query_count"] == 4
    assert code_of(cut) == "connect_timeout"
    assert cut["values"]["timeout_count"] == 3
