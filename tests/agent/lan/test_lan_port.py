"""The appliance's own port and its gateway: files of the kernel to figures."""

from collections.abc import Mapping
from pathlib import Path

from agent.lan.gateway import parse_routes6
from agent.lan.port import figures, read_port


def port(root: Path, numbers: Mapping[str, int], **files: str) -> None:
    """Write the files of eth0."""
    folder = root / "eth0"
    (folder / "statistics").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    for name, number in numbers.items():
        (folder / "statistics" / name).write_text(f"{number}\n")


def test_errors_and_discards_are_those_of_the_test(tmp_path: Path) -> None:
    """The totals stand beside them."""
    port(tmp_path, {"rx_errors": 5, "collisions": 1, "rx_dropped": 7}, speed="100", duplex="half")
    before = read_port("eth0", tmp_path)
    port(tmp_path, {"rx_errors": 8, "rx_missed_errors": 2}, carrier="1", carrier_changes="4")
    assert figures(before, read_port("eth0", tmp_path)) == {
        "port_speed_bps": 100e6,
        "port_duplex": "half",
        "port_up": True,
        "port_wireless": False,
        "port_errors_count": 3,
        "port_discards_count": 2,
        "port_errors_total_count": 9,
        "port_discards_total_count": 9,
        "port_carrier_changes_total_count": 4,
    }


def test_counters_that_ran_backwards_give_no_figure(tmp_path: Path) -> None:
    """A driver that was loaded anew; no negative count."""
    port(tmp_path, {"rx_errors": 5, "rx_dropped": 5})
    before = read_port("eth0", tmp_path)
    port(tmp_path, {"rx_errors": 0, "rx_dropped": 6})
    found = figures(before, read_port("eth0", tmp_path))
    assert "port_errors_count" not in found
    assert (found["port_errors_total_count"], found["port_discards_count"]) == (0, 1)


def test_what_the_driver_does_not_say_is_absent(tmp_path: Path) -> None:
    """Not 0."""
    nothing = read_port("eth0", tmp_path)
    assert figures(nothing, nothing) == {"port_wireless": False}


ROUTES6 = """\
fd990000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth1
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd990000000000000000000000000001 00000064 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
"""  # noqa: E501 - lines of the kernel


def test_the_default_route_of_ipv6_has_the_lowest_metric() -> None:
    """The kernel's own unreachable route is none; a link-local gateway needs its interface."""
    assert parse_routes6(ROUTES6) == ("eth0", "fd99::1")
    assert parse_routes6("\n".join(ROUTES6.splitlines()[:2])) == ("eth1", "fe80::1%eth1")
    assert parse_routes6("\n".join(ROUTES6.splitlines()[::3])) is None
