"""hakaru-agent schedule, as a person and as a program call it."""

import json
from pathlib import Path

import pytest

from agent import cli
from wire.policy import canonical, sha256_of

CONFIG = """
[budget]
day_bytes = 2_000_000_000
month_bytes = 3_000_000_000

[[closed]]
first = 2026-07-20
reason = "海の日"

[[blackouts]]
first = "2026-07-02"
from = "08:30"
to = "12:00"
reason = "学力調査"

[[tests]]
probe = "throughput"
target = "192.0.2.1:4443"
options = { seconds = 5 }
calibrate = "weekly"
deadline_seconds = 40
windows = [
    { days = "mon-fri", from = "06:00", to = "08:00", runs = 1 },
    { days = "mon-fri", from = "09:50", to = "10:20", runs = 1 },
]
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration file."""
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.replace("day_bytes = 2_000", "fastest_bps = 5e8\nday_bytes = 2_000"))
    return str(path)


def preview(config: str, *words: str) -> int:
    """Run the command."""
    state = str(Path(config).parent / "state")
    return cli.main(["schedule", "--config", config, "--state", state, *words])


def test_preview_shows_windows_times_blackouts_and_bytes(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each day: what when, what not and why, against the budgets."""
    assert preview(config, "--preview", "2d", "--from", "2026-07-01") == 0
    source, first, second = capsys.readouterr().out.strip().split("\n\n")
    assert source == "in force: agent.toml, no policy"
    assert "2026-07-01 wed" in first
    assert "06:00-08:00  throughput to 192.0.2.1:4443: 1 tests at 0" in first
    assert "bytes: 1.32 GB expected of 2.00 GB" in first
    assert "08:30-12:00  blackout: 学力調査" in second
    assert "09:50-10:20  throughput: 1 without a slot (blackout)" in second
    assert "month: 1.99 GB expected of 3.00 GB" in second


def test_preview_as_json_names_the_same_slots_again(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same agent, same day, same moments; one calibration in the week; closed days empty."""
    assert preview(config, "--json", "--from", "2026-07-20") == 0
    text = capsys.readouterr().out
    assert preview(config, "--json", "--from", "2026-07-20") == 0
    assert capsys.readouterr().out == text
    days = json.loads(text)["days"]
    assert len(days) == 7
    assert days[0]["closed"] == "海の日"
    assert days[0]["slots"] == []
    slots = [slot for day in days for slot in day["slots"]]
    assert len(slots) == 8
    assert sum(slot["calibration"] for slot in slots) == 1
    assert days[-1]["month_expected_bytes"] > days[-1]["month_budget_bytes"]


def test_preview_shows_the_policy_in_force_and_suppression(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the centre laid down is planned, not what agent.toml has; who reads it is told so."""
    state = Path(config).parent / "state"
    state.mkdir()
    text = canonical(
        {
            "format": 1,
            "timetable": {"day": [{"days": "mon-sun", "from": "06:00", "to": "20:00"}]},
            "tests": [{"probe": "latency", "target": "centre.example", "runs": {"day": 3}}],
        }
    )
    kept = {"version": "7-0a1b2c3d", "sha256": sha256_of(text), "document": text}
    (state / "policy.json").write_text(json.dumps(kept))
    until = {"until": "2199-01-01T00:00:00.000000Z", "reason": "試験"}
    (state / "suppress.json").write_text(json.dumps(until))
    assert preview(config, "--preview", "1d", "--from", "2026-07-01") == 0
    shown = capsys.readouterr().out
    assert "in force: policy 7-0a1b2c3d" in shown
    assert "suppressed until 2199-01-01T00:00:00+00:00: 試験" in shown
    assert "06:00-20:00  latency to centre.example: 3 tests at" in shown
    assert "throughput" not in shown


@pytest.mark.parametrize("words", [("--preview", "0d"), ("--preview", "900d"), ("--from", "x")])
def test_wrong_words_are_refused(
    config: str, words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and what is allowed."""
    with pytest.raises(SystemExit) as ended:
        preview(config, *words)
    assert ended.value.code == 2
    assert "allowed is" in capsys.readouterr().err
