"""What alerts go by: samples of now, and results that arrived at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector import resources
from collector.export import standing
from collector.export.request import Reply
from collector.export.series import LIVE, Sample, samples_of
from collector.export.worker import STANDING_SAMPLES, Exporter
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.policy.change import Author
from collector.policy.model import Scope, ScopeKind
from collector.policy.suppression import suppress
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, a_school
from tests.collector.test_export_samples import MINUTE, NOON, result
from tests.collector.test_export_sending import TARGET, Counts, HandClock, Series, exporter
from wire.heartbeat import Heartbeat, SpoolReport
from wire.heartbeat_codec import encode_request
from wire.ids import uuid4

CONFIGS = resources.configs_folder()
RULES = standing.Rules(
    load_criteria(CONFIGS / "criteria/recommended-2024-04.toml"),
    load_calendars(CONFIGS / "calendar/default.toml"),
)
ROWS = (Path(__file__).parents[2] / "docs/metrics.md").read_text("utf-8").splitlines()
SUNDAY = datetime(2026, 5, 10, 3, tzinfo=UTC)
OURS = ("X1", "Y1", "Z1")
HOLIDAY = datetime(2026, 5, 4, 3, tzinfo=UTC)
"""A Monday."""


def values(samples: list[Sample], name: str) -> dict[str, float]:
    """Of one series name, by school."""
    found = {}
    for sample in samples:
        labels = dict(sample.labels)
        if labels["__name__"] == name and labels["school"] in OURS:
            found[labels["school"]] = sample.point[1]
    return found


def enrol(store: Store, code: str, beat: Heartbeat | None, received_at: datetime) -> None:
    """An agent in a school, perhaps with a heartbeat."""
    sha = f"code of {code}"
    store.add_enrolment_code(code, sha, MONDAY + timedelta(days=1))
    store.enrol(
        code_sha256=sha, agent_id=f"agent-of-{code}", token_sha256=f"token {code}", now=MONDAY
    )
    if beat is not None:
        at = int(received_at.timestamp() * 1e6)
        store.write(
            lambda sql: sql.execute(
                "INSERT INTO agent_beat (agent_id, received_at, first_received_at, life_id, "
                "sent_offset_seconds, hints, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (f"agent-of-{code}", at, at, beat.life_id, 1.5, "", encode_request(beat).decode()),
            )
        )


BEAT = Heartbeat(
    agent_version="0.1.0",
    boot_id=uuid4(1),
    life_id=uuid4(2),
    sent_at=MONDAY,
    uptime_seconds=10,
    life_seconds=10,
    spool=SpoolReport(waiting_count=7, used_bytes=4900, dropped_count=2),
    disk_free_bytes=10**9,
    cpu_utilisation_ratio=0.1,
    memory_bytes=5 * 10**7,
)


@pytest.mark.parametrize(
    ("moment", "school_day", "lesson"),
    [
        (MONDAY + timedelta(minutes=10), 1.0, 1.0),
        (MONDAY + timedelta(hours=3, minutes=40), 1.0, 0.0),
        (SUNDAY, 0.0, 0.0),
        (HOLIDAY, 0.0, 0.0),
    ],
)
def test_the_calendar_is_told(
    store: Store, moment: datetime, school_day: float, lesson: float
) -> None:
    """A lesson at 09:10, noon, a Sunday, a national holiday on a Monday."""
    store.import_schools([a_school("X1")])
    made = standing.now(store, RULES, moment)
    assert values(made, "hakaru_school_day") == {"X1": school_day}
    assert values(made, "hakaru_school_lesson") == {"X1": lesson}
    assert {sample.point[0] for sample in made} == {int(moment.timestamp() * 1000)}


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (Scope(ScopeKind.CITY, ""), {"X1", "Y1", "Z1"}),
        (Scope(ScopeKind.GROUP, "east"), {"X1", "Y1"}),
        (Scope(ScopeKind.LIST, "some"), {"Y1", "Z1"}),
        (Scope(ScopeKind.SCHOOL, "Z1"), {"Z1"}),
    ],
)
def test_maintenance_is_what_is_suppressed(store: Store, scope: Scope, held: set[str]) -> None:
    """For each kind of scope, until its end."""
    store.import_schools(
        [
            a_school("X1", aggregation_group="east"),
            a_school("Y1", aggregation_group="east"),
            a_school("Z1"),
        ]
    )
    for code in ("Y1", "Z1"):
        store.write(
            lambda sql, code=code: sql.execute(  # type: ignore[misc]
                "INSERT INTO school_list (name, school_code) VALUES ('some', ?)", (code,)
            )
        )
    author = Author(actor="someone", now=MONDAY)
    suppress(store, scope, MONDAY + timedelta(hours=2), "work on the line", author)
    for hours, expected in ((1, held), (3, set())):
        made = standing.now(store, RULES, MONDAY + timedelta(hours=hours))
        told = values(made, "hakaru_school_maintenance")
        assert {code for code, value in told.items() if value} == expected
        assert set(told) == {"X1", "Y1", "Z1"}


def test_what_is_known_of_an_agent_is_told_and_nothing_else(store: Store) -> None:
    """One with a heartbeat, one never heard; a revoked one is not in service."""
    store.import_schools([a_school(code) for code in ("X1", "Y1", "Z1")])
    enrol(store, "X1", BEAT, MONDAY)
    enrol(store, "Y1", None, MONDAY)
    enrol(store, "Z1", BEAT, MONDAY)
    store.write(
        lambda sql: sql.execute("UPDATE agent SET revoked_at = 1 WHERE agent_id = 'agent-of-Z1'")
    )
    made = standing.now(store, RULES, MONDAY + timedelta(seconds=90))
    assert values(made, "hakaru_fleet_silence_seconds") == {"X1": 90.0}
    assert values(made, "hakaru_fleet_spool_results") == {"X1": 7.0}
    assert values(made, "hakaru_fleet_spool_dropped_results") == {"X1": 2.0}
    assert values(made, "hakaru_fleet_clock_offset_seconds") == {"X1": 1.5}
    assert set(values(made, "hakaru_fleet_state")) == {"X1", "Y1"}


def test_every_standing_series_is_documented_with_its_labels(store: Store) -> None:
    """docs/metrics.md, both ways; and of the live fields likewise."""
    store.import_schools([a_school("X1", aggregation_group="east")])
    enrol(store, "X1", BEAT, MONDAY)
    store.write(lambda sql: sql.execute("UPDATE agent SET agent_version = '0.1.0'"))
    found: dict[str, set[str]] = {}
    for sample in standing.now(store, RULES, MONDAY):
        labels = dict(sample.labels)
        name = labels.pop("__name__")
        found[name] = set(labels)
    documented = {
        line.split("`")[1]: set(line.split("|")[2].replace("`", "").replace(" ", "").split(","))
        for line in ROWS
        if line.startswith(("| `hakaru_school_", "| `hakaru_fleet_"))
    }
    assert found == documented
    live = {line.split("`")[1] for line in ROWS if line.startswith("| `hakaru_live_")}
    live -= {"hakaru_live_result_ok", "hakaru_live_PROBE_FIELD"}
    assert live == {f"hakaru_live_{probe}_{name}" for probe, name in LIVE}


@pytest.mark.parametrize(
    ("changes", "is_live"),
    [
        ({}, True),
        ({"received_at": NOON + 5 * MINUTE + 12_000_000}, True),
        ({"received_at": NOON + 6 * MINUTE}, False),
        ({"received_at": NOON + 86_400_000_000}, False),
        ({"received_at": NOON - 30_000_000}, True),
    ],
)
def test_only_what_arrives_at_once_is_live(changes: dict[str, Any], is_live: bool) -> None:
    """Late results are written as ever, and never under the names that alerts go by."""
    record = {"probe": "dns", "values": {"first_median_seconds": 0.3, "timeout_count": 1}}
    names = [
        dict(sample.labels)["__name__"]
        for sample in samples_of([result(record=record, **changes)]).samples
    ]
    assert "hakaru_dns_first_median_seconds" in names
    live = {name for name in names if name.startswith("hakaru_live_")}
    both = {"hakaru_live_result_ok", "hakaru_live_dns_first_median_seconds"}
    assert live == (both if is_live else set())


def test_it_is_written_each_minute_in_parts_and_never_later(store: Store) -> None:
    """A store that was away gets no old samples of what was then now."""
    clock, series = HandClock(), Series()
    made = [Sample((("__name__", f"x{n}"),), (0, 1.0)) for n in range(STANDING_SAMPLES + 1)]

    def at(moment: datetime) -> list[Sample]:
        return [Sample(one.labels, (int(moment.timestamp() * 1000), 1.0)) for one in made]

    works = Exporter(store, TARGET, clock, Random(1), Counts(), lambda _: series, standing=at)
    works.once()
    clock.forward(30)
    works.once()
    assert len(series.kept) == len(made)
    series.reply = Reply(503, "")
    clock.forward(60)
    works.once()
    series.reply = Reply(204, "")
    clock.forward(60)
    works.once()
    moments = {at for _, at in series.kept}
    assert len(moments) == 2
    assert series.again == 0
    assert exporter(store, Series(), clock).once()
