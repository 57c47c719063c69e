"""Heavy tests and the line: put off while it is busy, read by the counters of its router."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent import busy
from agent.config import LineSettings, Planned
from agent.context import Reading
from agent.line_counters import with_line_counters
from tests.agent.heavy_lab import HEAVY, Lab, Line, live, settings
from wire.failure import FailureCode, Outcome


@pytest.mark.parametrize("when_busy", ["measure", "defer"])
def test_on_a_busy_line_a_test_is_put_off_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when_busy: str
) -> None:
    """At most two retries in its window, then measured with what was seen, or deferred."""
    one = replace(HEAVY.windows[0], runs=1)
    planned = replace(HEAVY, windows=(one,), when_busy=when_busy)
    lab = Lab()
    line = Line(lab.clock, bps=50e6)
    config = settings([planned], line=LineSettings(busy_retries=2))
    live(tmp_path, monkeypatch, config, lab, line=line)
    (result,) = lab.kept
    assert 1 <= int(str(result.context["put_off_count"])) <= 2
    assert result.context["line_before_bps"] == pytest.approx(50e6)
    if when_busy == "defer":
        assert result.outcome is Outcome.DEFERRED
        assert result.failure is not None
        assert result.failure.code is FailureCode.LINE_BUSY
        assert lab.measured == []
    else:
        assert result.outcome is Outcome.OK
        assert len(lab.measured) == 1


def test_on_a_line_that_becomes_free_the_retry_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put off once, then run within the same window."""
    planned = replace(HEAVY, windows=(replace(HEAVY.windows[0], runs=1),))
    lab = Lab()
    line = Line(lab.clock, bps=50e6)
    seen: list[datetime] = []

    def quiet_after_first_look(_minute: int) -> None:
        if line.total and not seen:
            seen.append(lab.clock.now())
            line.bps = 0.0

    live(
        tmp_path,
        monkeypatch,
        settings([planned]),
        lab,
        line=line,
        at_minute=quiet_after_first_look,
    )
    (result,) = lab.kept
    assert result.outcome is Outcome.OK
    assert result.context["put_off_count"] == 1
    assert lab.measured[0][1] >= seen[0] + timedelta(seconds=20)


ROUTER = LineSettings(wan_device="192.0.2.1", wan_port="ge0")
CARD = LineSettings(wan_interface="eth1", wan_device="192.0.2.1", wan_port="ge0")
AT_ROUTER = {"wan_device": "192.0.2.1", "wan_port": "ge0"}


@pytest.mark.parametrize(
    ("probe", "line", "given", "added"),
    [
        ("throughput", ROUTER, {}, AT_ROUTER),
        ("throughput", CARD, {}, {"wan_interface": "eth1"}),
        ("bottleneck", ROUTER, {}, AT_ROUTER),
        ("bottleneck", CARD, {}, AT_ROUTER),  # it knows no interface of this machine
        ("throughput", ROUTER, {"wan_interface": "eth7"}, {}),
        ("throughput", ROUTER, {"wan_device": "192.0.2.9", "wan_port": "1"}, {}),
        ("throughput", LineSettings(), {}, {}),
        ("ookla", ROUTER, {}, {}),
    ],
)
def test_a_test_of_the_policy_gets_the_counters_of_this_line(
    probe: str, line: LineSettings, given: dict[str, str], added: dict[str, str]
) -> None:
    """The centre does not know the routers of schools; what a test names itself it keeps."""
    planned = Planned(probe=probe, target="192.0.2.1:4443", options={"seconds": 3, **given})
    found = with_line_counters(planned, line)
    assert found == replace(planned, options={"seconds": 3, **given, **added})


def test_heavy_tests_run_with_the_counters_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is measured has them; the ledger knows the test under the options of its plan."""
    lab = Lab()
    live(tmp_path, monkeypatch, settings([HEAVY], line=ROUTER), lab)
    options = [each.context["options"] for each in lab.kept]
    assert options
    assert all(each == {**HEAVY.options, **AT_ROUTER} for each in options)


@pytest.mark.parametrize(
    ("before", "after", "bps"),
    [
        ((0, 0, 0), (2, 5_000_000, 0), 20e6),
        ((0, 0, 0), (2, 0, 10_000_000), 40e6),
        ((0, 9, 0), (2, 5, 0), None),
        ((2, 0, 0), (2, 5, 0), None),
    ],
)
def test_busy_is_the_larger_direction(
    before: tuple[int, int, int], after: tuple[int, int, int], bps: float | None
) -> None:
    """Counters that ran backwards or stood still say nothing."""
    first, second = (Reading(at, received, 0, sent, 0) for at, received, sent in (before, after))
    assert busy.busy_bps(first, second) == bps
