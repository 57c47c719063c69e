"""Bad configuration is refused with file, key, what was found and what is allowed."""

import contextlib
import os
import sys
import zoneinfo
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import Config, ConfigRefused, LineSettings, load, parse
from agent.probes import REGISTRY
from agent.push import PushSettings
from agent.spool import DEFAULT_CAP_BYTES
from wire.planning.cost import Budget
from wire.planning.schedule import Window

GOOD = """
[[tests]]
probe = "latency"
target = "192.0.2.1"
windows = [{ days = "mon-fri", from = "06:00", to = "08:00", runs = 2 }]
"""
WINDOW = 'windows = [{ days = "mon-fri", from = "06:00", to = "08:00", runs = 2 }]'
PROBES = "one of " + " ".join(sorted(REGISTRY))
DAYS = "days such as mon-fri, or mon,wed,sat"
TIME = 'a local time "HH:MM" from "00:00" to "24:00", in quotes'
ADDRESS = "an IPv4 address as four decimal numbers, 192.0.2.1"


def changed(old: str, new: str) -> str:
    """The good file with one thing changed."""
    assert old in GOOD
    return GOOD.replace(old, new)


BAD = [
    (
        "",
        (
            "tests: found nothing, allowed is at least one [[tests]], or [policy] source = "
            '"central" to wait for those of the centre'
        ),
    ),
    (
        '[policy]\nsource = "centre"' + GOOD,
        "policy.source: found centre, allowed is one of central local",
    ),
    (
        '[allow]\ntargets = ["192.0.2.0/33"]' + GOOD,
        (
            "allow.targets: found ['192.0.2.0/33'], allowed is a list of names (centre.example, "
            "*.example), addresses and ranges (192.0.2.0/24)"
        ),
    ),
    ("x = [", "not TOML: Invalid value (at end of document)"),
    (
        "spol = {}" + GOOD,
        (
            "spol: found an unknown key, allowed is one of allow blackouts budget clock closed "
            "lan line policy push slots snmp spool state_dir tests zone; did you mean spool?"
        ),
    ),
    (
        '[lan]\nchecks = ["dchp"]' + GOOD,
        (
            "lan.checks: found ['dchp'], allowed is a list of lan_devices dhcp lan_listen, or [] "
            "for none"
        ),
    ),
    (
        '[lan]\nnetworks = ["192.0.2.1/24"]' + GOOD,
        ("lan.networks: found ['192.0.2.1/24'], allowed is a list of ranges such as 192.0.2.0/24"),
    ),
    (
        "[lan]\npackets_per_second = 101" + GOOD,
        "lan.packets_per_second: found 101, allowed is a whole number from 1 to 100",
    ),
    ("state_dir = 7" + GOOD, "state_dir: found 7, allowed is text that is not empty"),
    (
        'zone = "Asia/Tokio"' + GOOD,
        (
            "zone: found Asia/Tokio, allowed is a name of the time zone database such as "
            "Asia/Tokyo; did you mean Asia/Tokyo?"
        ),
    ),
    (
        "[spool]\ncap_bytes = 1000" + GOOD,
        "spool.cap_bytes: found 1000, allowed is a whole number from 4194304 to 1099511627776",
    ),
    (
        "[spool]\ncap_bytes = true" + GOOD,
        "spool.cap_bytes: found True, allowed is a whole number from 4194304 to 1099511627776",
    ),
    ("spool = 3" + GOOD, "spool: found 3, allowed is a table [spool]"),
    (
        "[push]\ninterval = 5" + GOOD,
        (
            "push.interval: found an unknown key, allowed is one of batch_records ca_file "
            "interval_seconds proxy_url; did you mean interval_seconds?"
        ),
    ),
    (
        "[push]\ninterval_seconds = 0" + GOOD,
        "push.interval_seconds: found 0, allowed is seconds from 1 to 86400",
    ),
    (
        "[push]\ninterval_seconds = nan" + GOOD,
        "push.interval_seconds: found nan, allowed is seconds from 1 to 86400",
    ),
    (
        "[push]\nbatch_records = 5000" + GOOD,
        "push.batch_records: found 5000, allowed is a whole number from 1 to 1000",
    ),
    (
        '[push]\nca_file = "/nonexistent/ca.pem"' + GOOD,
        "push.ca_file: found /nonexistent/ca.pem, allowed is the path of an existing file",
    ),
    ("tests = 1", "tests: found 1, allowed is a list of tables"),
    (
        changed('"latency"', '"latancy"'),
        f"tests[0].probe: found latancy, allowed is {PROBES}; did you mean latency?",
    ),
    (changed('probe = "latency"', ""), "tests[0].probe: found nothing, allowed is to be present"),
    (
        changed("192.0.2.1", "0x7f000001"),
        f"tests[0].target: found 0x7f000001, allowed is {ADDRESS}",
    ),
    (
        changed('target = "192.0.2.1"', "target = 5"),
        "tests[0].target: found 5, allowed is text",
    ),
    (
        changed("[[tests]]", "[[tests]]\noptions = { cuont = 5 }"),
        (
            "tests[0].options.cuont: found an unknown name, allowed is one of count family "
            "interval_seconds payload_bytes timeout_seconds; did you mean count?"
        ),
    ),
    (
        changed("[[tests]]", '[[tests]]\nsegment = "Line 1"'),
        (
            "tests[0].segment: found Line 1, allowed is a name of a-z, 0-9 and _, such as loopback "
            "lan line centre internet"
        ),
    ),
    (
        changed("[[tests]]", "[[tests]]\ndeadline_seconds = 6000"),
        "tests[0].deadline_seconds: found 6000, allowed is seconds from 1 to 600",
    ),
    (
        changed("mon-fri", "monday"),
        f"tests[0].windows[0].days: found monday, allowed is {DAYS}",
    ),
    (changed("06:00", "6:00"), f"tests[0].windows[0].from: found 6:00, allowed is {TIME}"),
    (changed("06:00", "24:01"), f"tests[0].windows[0].from: found 24:01, allowed is {TIME}"),
    (
        changed('"06:00"', "06:00:00"),
        f"tests[0].windows[0].from: found datetime.time(6, 0), allowed is {TIME}",
    ),
    (
        changed("08:00", "05:00"),
        "tests[0].windows[0].to: found 05:00, allowed is a time after from (06:00)",
    ),
    (
        changed("runs = 2", "runs = 2000"),
        "tests[0].windows[0].runs: found 2000, allowed is at most 720 (10 s for each run)",
    ),
    (
        "[budget]\nday_bytes = 5" + GOOD,
        "budget.day_bytes: found 5, allowed is a whole number from 1000000 to 1125899906842624",
    ),
    (
        "[budget]\nmonth_bytes = 5_000_000\n"
        + changed("latency", "throughput").replace("192.0.2.1", "192.0.2.1:1"),
        (
            "budget.month_bytes: found 5000000, allowed is at least 2650000000, one run of "
            "tests[0] at fastest_bps 1e+09: raise it, shorten options.seconds, or set "
            "fastest_bps to what the line can carry at most"
        ),
    ),
    (
        "[line]\nbusy_retries = 21" + GOOD,
        "line.busy_retries: found 21, allowed is a whole number from 0 to 20",
    ),
    (
        '[clock]\nntp_server = "0x1"' + GOOD,
        f"clock.ntp_server: found 0x1, allowed is {ADDRESS}",
    ),
    (
        "[[closed]]\nfirst = 2026-02-30" + GOOD,
        "not TOML: Invalid date or datetime (at line 2, column 9)",
    ),
    (
        '[[closed]]\nfirst = "2026-02-30"' + GOOD,
        "closed[0].first: found 2026-02-30, allowed is a day such as 2026-07-21",
    ),
    (
        "[[closed]]\nfirst = 2026-07-21\nlast = 2026-07-20" + GOOD,
        "closed[0].last: found 2026-07-20, allowed is 2026-07-21 or later",
    ),
    (
        '[[blackouts]]\nfirst = 2026-07-21\nfrom = "12:00"\nto = "09:00"' + GOOD,
        "blackouts[0].to: found 09:00, allowed is a time after from (12:00)",
    ),
    (
        changed("[[tests]]", '[[tests]]\ncalibrate = "weekly"'),
        "tests[0].calibrate: found weekly, allowed is never: only throughput has a length",
    ),
    (
        changed("[[tests]]", '[[tests]]\nwhen_busy = "wait"'),
        "tests[0].when_busy: found wait, allowed is one of measure defer",
    ),
    (
        changed("latency", "throughput")
        .replace("192.0.2.1", "192.0.2.1:1")
        .replace('"08:00", runs = 2', '"06:02", runs = 2'),
        "tests[0].windows[0].runs: found 2, allowed is at most 1 (70 s for each run)",
    ),
    (
        changed(", runs = 2", ""),
        "tests[0].windows[0].runs: found nothing, allowed is to be present",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_each_mistake_has_its_exact_message(tmp_path: Path, text: str, message: str) -> None:
    """One mistake, one line: file, key, found, allowed, nearest name."""
    path = tmp_path / "agent.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigRefused) as caught:
        load(path)
    assert str(caught.value) == f"{path}: {message}"


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody has to start ten times to find ten mistakes."""
    with pytest.raises(ConfigRefused) as caught:
        parse({"zone": 1, "x": 2, "spool": {"cap_bytes": 3}, "tests": []}, "f")
    assert len(str(caught.value).splitlines()) == 3


def test_missing_file_and_wrong_bytes_are_told(tmp_path: Path) -> None:
    """No traceback for a missing, binary or deeply nested file."""
    with pytest.raises(ConfigRefused, match=r"No such file.*configs/examples/agent.toml"):
        load(tmp_path / "none.toml")
    path = tmp_path / "agent.toml"
    path.write_bytes(b"x = '\xff'")
    with pytest.raises(ConfigRefused, match="byte 5 is not UTF-8"):
        load(path)
    path.write_text("x = " + "[" * 20_000)
    with pytest.raises(ConfigRefused):
        load(path)


@given(st.binary(max_size=300))
def test_any_bytes_are_either_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    """No input ends in another exception."""
    path = tmp_path_factory.mktemp("config") / "agent.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigRefused):
        load(path)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["probe", "target", "windows", "days", "options", "x"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries({"tests": JSON_LIKE}, optional={"spool": JSON_LIKE, "push": JSON_LIKE})
)
def test_any_values_are_either_taken_or_refused(given_values: dict[str, object]) -> None:
    """Wrong types in any place are refusals, never crashes."""
    with contextlib.suppress(ConfigRefused):
        assert isinstance(parse(given_values, "f"), Config)


def test_example_is_read_and_shows_the_defaults() -> None:
    """configs/examples/agent.toml works, and the values it calls defaults are the defaults."""
    example = load(Path(__file__).parents[2] / "configs" / "examples" / "agent.toml")
    assert example.zone.key == "Asia/Tokyo"
    assert example.cap_bytes == DEFAULT_CAP_BYTES
    assert example.push == PushSettings()
    assert example.budget == Budget()
    assert example.line == LineSettings()
    assert (example.tests[0].calibrate, example.tests[0].when_busy) == (True, "measure")
    assert [planned.probe for planned in example.tests] == ["throughput", "throughput", "latency"]
    assert example.tests[0].windows[0] == Window(
        days=frozenset(range(5)), from_seconds=6 * 3600, to_seconds=8 * 3600, runs=2
    )


def test_days_may_be_ranges_and_lists(tmp_path: Path) -> None:
    """sat-mon goes over the end of the week."""
    path = tmp_path / "agent.toml"
    path.write_text(changed("mon-fri", "wed, sat-mon"))
    assert load(path).tests[0].windows[0].days == frozenset({2, 5, 6, 0})


def test_machine_without_time_zones_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minimal Debian has no tzdata: the message names the package."""
    path = tmp_path / "agent.toml"
    path.write_text(GOOD)
    old = zoneinfo.TZPATH
    zoneinfo.ZoneInfo.clear_cache()
    zoneinfo.reset_tzpath([os.fspath(tmp_path)])
    for name in {"tzdata", "tzdata.zoneinfo", *(n for n in sys.modules if n.startswith("tzdata"))}:
        monkeypatch.setitem(sys.modules, name, None)
    try:
        with pytest.raises(ConfigRefused, match="install tzdata"):
            load(path)
    finally:
        zoneinfo.reset_tzpath(old)
        zoneinfo.ZoneInfo.clear_cache()
