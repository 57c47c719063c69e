"""Wi-Fi: recorded output of iw to counts. No radio was at hand; names of others are forgotten."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.lan.radio import busy_ratio, channel_of, figures, is_dfs, read_scan, read_survey
from agent.measure import measure
from agent.probes import Request, wifi_scan
from wire.failure import FailureCode
from wire.measurement import Measurement

RECORDED = Path(__file__).with_name("iw")
SCAN = (RECORDED / "scan.txt").read_text(encoding="utf-8")
BEFORE = (RECORDED / "survey-before.txt").read_text(encoding="utf-8")
AFTER = (RECORDED / "survey-after.txt").read_text(encoding="utf-8")


def values(own: str = "school-wifi") -> dict[str, Any]:
    """Figures of the recording."""
    return figures(read_scan(SCAN, [own]), read_survey(BEFORE), read_survey(AFTER))


def test_the_recording_in_figures() -> None:
    """Networks by band, the strongest, and the channel of the school's own strongest."""
    found = values()
    channels = found.pop("channels")
    assert found == {
        "networks_count": 5,
        "own_networks_count": 2,
        "networks_2ghz_count": 2,
        "networks_5ghz_count": 2,
        "networks_6ghz_count": 1,
        "dfs_channels_count": 1,
        "strongest_dbm": -39.0,
        "own_strongest_dbm": -48.0,
        "same_channel_networks_count": 2,
        "dfs": True,
        "busy_ratio": 0.75,
    }
    assert channels[0] == {
        "channel": 6,
        "band": "2.4 GHz",
        "networks_count": 2,
        "own_networks_count": 0,
        "dfs": False,
        "strongest_dbm": -39.0,
        "busy_ratio": pytest.approx(0.8),
    }
    assert [each["channel"] for each in channels] == [6, 52, 5]


def test_without_an_own_name_the_channel_in_use_counts() -> None:
    """And without either nothing is said of a channel."""
    assert values("other")["same_channel_networks_count"] == 2
    assert "own_strongest_dbm" not in values("other")
    nothing = figures(read_scan(SCAN, []), {}, {})
    assert {"busy_ratio", "dfs", "same_channel_networks_count"} & set(nothing) == set()


def test_no_name_and_no_address_of_a_network_is_kept() -> None:
    """Own names neither: they are counted."""
    told = json.dumps(values())
    for word in ("school", "neigh", "5e:00", "BSS", "sixty"):
        assert word not in told


@pytest.mark.parametrize(
    ("megahertz", "place"),
    [
        (2412, (1, "2.4 GHz")),
        (2472, (13, "2.4 GHz")),
        (2484, (14, "2.4 GHz")),
        (5180, (36, "5 GHz")),
        (5825, (165, "5 GHz")),
        (5955, (1, "6 GHz")),
        (7115, (233, "6 GHz")),
        (58_320, None),
        (0, None),
    ],
)
def test_channels_of_frequencies(megahertz: int, place: tuple[int, str] | None) -> None:
    """IEEE 802.11 annex E."""
    assert channel_of(megahertz) == place


def test_radar_channels() -> None:
    """W53 and W56; channel 60 of the 6 GHz band has no radar."""
    assert [number for number in (48, 52, 64, 100, 144, 149) if is_dfs(number, "5 GHz")] == [
        52, 64, 100, 144,
    ]  # fmt: skip
    assert not is_dfs(61, "6 GHz")


def test_counters_that_began_anew_are_taken_as_they_are() -> None:
    """Between two looks the driver may clear them; a channel without counters has no ratio."""
    before, after = read_survey(BEFORE), read_survey(AFTER)
    assert busy_ratio(before[2437], after[2437]) == pytest.approx(0.8)
    assert busy_ratio(None, after[5260]) == pytest.approx(91.5 / 902)
    assert busy_ratio(before[5500], after[5500]) is None


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    """A driver's own words, a terminal's, nothing."""
    figures(
        read_scan(f"BSS {text}\nBSS x\n\tfreq: {text}", []), {}, read_survey(f"Survey data {text}")
    )


def measured(**options: str) -> Measurement:
    """Run the probe."""
    request = Request(
        target="lan", options=options, clock=SystemClock(), random=Random(1), deadline_seconds=60
    )
    return measure("wifi_scan", wifi_scan.probe, request, lambda _: None)


def test_a_wired_box_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not 0 networks: unsupported."""
    monkeypatch.setattr(wifi_scan.radio, "__defaults__", (tmp_path,))
    result = measured()
    assert result.failure is not None
    assert result.failure.code is FailureCode.UNSUPPORTED
    assert "no radio" in result.failure.text
    assert result.values == {}


@pytest.fixture
def radio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box with wlan0, and an ``iw`` of the test's own; gives the folder of its answers."""
    (tmp_path / "net/wlan0/phy80211").mkdir(parents=True)
    monkeypatch.setattr(wifi_scan.radio, "__defaults__", (tmp_path / "net",))
    script = tmp_path / "iw"
    script.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n. {tmp_path}/answer\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_a_scan_is_passive_and_what_comes_is_read(radio: Path) -> None:
    """No name of a network is among the arguments."""
    (radio / "answer").write_text(
        f"case $3 in scan) cat {RECORDED}/scan.txt;; *) cat {RECORDED}/survey-after.txt;; esac\n"
    )
    result = measured(own_names="school-wifi, other")
    assert result.failure is None, result.failure
    assert result.values["networks_count"] == 5
    assert (radio / "asked").read_text().splitlines() == [
        "dev wlan0 survey dump",
        "dev wlan0 scan passive",
        "dev wlan0 survey dump",
    ]


@pytest.mark.parametrize(
    ("answer", "code", "word"),
    [
        ("echo 'command failed: Operation not permitted (-1)' >&2; exit 255",
         FailureCode.PERMISSION_DENIED, "CAP_NET_ADMIN"),
        ("echo 'command failed: Network is down (-100)' >&2; exit 156",
         FailureCode.UNSUPPORTED, "rfkill"),
        ("echo 'command failed: Device or resource busy (-16)' >&2; exit 240",
         FailureCode.RESOURCE_EXHAUSTED, "another scan"),
        ("echo 'command failed: Operation not supported (-95)' >&2; exit 161",
         FailureCode.UNSUPPORTED, "not supported"),
    ],
)  # fmt: skip
def test_what_iw_refuses_has_a_name(radio: Path, answer: str, code: FailureCode, word: str) -> None:
    """Each with what to do; a permission that lacks falls back to the kernel's last scan first."""
    if code is FailureCode.PERMISSION_DENIED:
        answer = f'case "$4" in dump) exit 0;; esac; {answer}'
    (radio / "answer").write_text(answer + "\n")
    result = measured()
    assert result.failure is not None
    assert result.failure.code is code
    assert word in result.failure.text


def test_the_kernels_last_scan_serves_without_permission(radio: Path) -> None:
    """It is said that it was not scanned anew."""
    (radio / "answer").write_text(
        f'case "$3 $4" in "scan dump") cat {RECORDED}/scan.txt;; "scan passive") '
        "echo 'command failed: Operation not permitted (-1)' >&2; exit 255;; esac\n"
    )
    result = measured(own_names="school-wifi")
    assert result.failure is None, result.failure
    assert "kept by the kernel" in str(result.context["method"])
    assert result.values["own_networks_count"] == 2


def test_a_scan_that_hangs_is_ended(radio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time that the deadline leaves it."""
    monkeypatch.setattr(wifi_scan, "SURVEY_SECONDS", 29.9)
    (radio / "answer").write_text('case "$3" in scan) exec sleep 5;; esac\n')
    result = measured()
    assert result.failure is not None
    assert result.failure.code is FailureCode.TIMEOUT
