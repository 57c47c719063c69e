"""The document of a report: it counts every school once and is the same for the same data."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from collector.judge.model import Status
from collector.programme.model import (
    Assignment,
    Decided,
    DecidedEvent,
    Decision,
    Grade,
    MeasureState,
    Progress,
    ProgressEvent,
    State,
)
from collector.report.build import build
from collector.report.clean import clean
from collector.report.differences import differences
from collector.report.document import Field, Report, canonical, content_sha256, read
from collector.report.document_programme import Effect
from collector.report.gather import Inputs, Material, _compared
from collector.store import create_store
from tests.collector.report.conftest import CALENDARS, CRITERIA, STATED


def test_the_counts_add_up_whichever_way_they_are_made(report: Report) -> None:
    """City, size bands, regions and the list of schools say the same."""
    city = report.city
    assert city.met + city.not_met + city.undetermined == city.schools == len(report.schools) == 84
    for groups in (report.bands, report.regions):
        assert sum(group.schools for group in groups) == 84
        assert sum(group.met for group in groups) == city.met
        assert sum(group.baseline_met or 0 for group in groups) == 5
    assert report.weeks[-1].met == city.met
    assert report.before is not None
    assert report.before.week == "2026-W22"
    assert {one.school_code for one in report.evidence} == {
        line.code for line in report.schools if line.quiet.status is Status.NOT_MET
    }


def test_the_same_data_give_the_same_document_and_it_can_be_read_back(
    material: Material, report: Report
) -> None:
    """Canonical text, hash and round trip."""
    again = build(material, stated_at=STATED)
    assert canonical(again) == canonical(report)
    assert read(canonical(report)) == report
    with pytest.raises(ValueError, match="not a report of this release"):
        read('{"week": "2026-W23"}')


def test_what_is_of_the_moment_makes_no_new_revision(material: Material, report: Report) -> None:
    """The stated time and how agents are then; a verdict does make one."""
    later = replace(material, now=material.now + timedelta(days=9))
    same = build(later, stated_at=STATED + timedelta(days=9))
    assert same.agents != report.agents
    assert content_sha256(same) == content_sha256(report)
    changed = {
        key: replace(one, runs=one.runs + 1) if key[0] == "E001" else one
        for key, one in material.verdicts.items()
    }
    other = build(replace(material, verdicts=changed), stated_at=STATED)
    assert content_sha256(other) != content_sha256(report)
    assert [(one.school_code, one.field) for one in differences(report, other)] == [
        ("E001", Field.QUIET_RUNS),
        ("E001", Field.LESSON_RUNS),
    ]


def decided(code: str, finding: str, decision: Decision, day: date, version: int) -> DecidedEvent:
    """A decision of a person."""
    return DecidedEvent(
        decided=Decided(
            school_code=code,
            finding_id=finding,
            decision=decision,
            grade=Grade.ON_SITE,
            evidence="seen",
            decided_on=day,
            decided_by="operator:someone",
            version=version,
        ),
        changed_at=STATED,
    )


def test_findings_and_progress_stand_as_they_did_at_the_end_of_the_week(
    material: Material,
) -> None:
    """Later decisions belong to later reports; those of the week are its events."""
    week = material.week
    real = replace(
        material,
        simulated=False,
        decisions=[
            decided("E001", "port_100m", Decision.CONFIRMED, week.monday - timedelta(days=9), 1),
            decided("E002", "port_100m", Decision.CONFIRMED, week.monday, 1),
            decided("E001", "port_100m", Decision.RESOLVED, week.days[-1], 2),
            decided("E002", "port_100m", Decision.REJECTED, week.days[-1] + timedelta(days=1), 2),
        ],
        progress=[
            ProgressEvent(
                progress=Progress(
                    school_code="E002",
                    state=state,
                    since_on=day,
                    planned_on=None,
                    assessor="",
                    note="",
                    version=version,
                ),
                changed_at=STATED,
                changed_by="operator:someone",
            )
            for version, (state, day) in enumerate(
                [
                    (State.IDENTIFIED, week.days[2]),
                    (State.COMPLETE, week.days[-1] + timedelta(days=1)),
                ],
                start=1,
            )
        ],
    )
    made = build(real, stated_at=STATED)
    (finding,) = (one for one in made.findings if one.confirmed)
    assert finding.confirmed == ("E002",)
    assert [(one.school_code, one.decision) for one in made.events] == [
        ("E002", Decision.CONFIRMED),
        ("E001", Decision.RESOLVED),
    ]
    line = made.school("E002")
    assert line is not None
    assert line.state is State.IDENTIFIED
    identified = made.programme.sample_identified + made.programme.desk_identified
    assert identified == 1


def test_what_was_ruled_out_is_counted_and_a_finding_taken_back_is_named(
    material: Material,
) -> None:
    """Twenty findings that a school has not are no news; one that it had after all is."""
    week = material.week
    made = build(
        replace(
            material,
            decisions=[
                decided("E001", "half_duplex", Decision.REJECTED, week.monday, 1),
                decided("E002", "half_duplex", Decision.REJECTED, week.monday, 1),
                decided("E002", "dns_slow", Decision.REJECTED, week.monday, 1),
                decided("E001", "port_100m", Decision.CONFIRMED, week.monday, 1),
                decided("E001", "port_100m", Decision.REJECTED, week.days[-1], 2),
            ],
        ),
        stated_at=STATED,
    )
    assert [(one.school_code, one.finding_id, one.decision) for one in made.events] == [
        ("E001", "port_100m", Decision.CONFIRMED),
        ("E001", "port_100m", Decision.REJECTED),
    ]
    assert all(one.names["ja"] for one in made.events)
    assert (made.ruled_out.findings, made.ruled_out.schools) == (3, 2)


def assigned(code: str, done_on: date | None) -> Assignment:
    """A measure at a school."""
    return Assignment(
        assignment_id=f"m-{code}",
        school_code=code,
        measure_id="line_10g",
        state=MeasureState.DONE if done_on else MeasureState.PLANNED,
        planned_on=None if done_on else date(2026, 9, 1),
        done_on=done_on,
        cost_yen=None,
        subsidy_yen=None,
        findings=("line_saturated",),
        note="",
    )


def test_a_measure_stands_beside_what_was_measured_before_and_after(
    material: Material, city_database: str
) -> None:
    """The comparison is the programme's own, up to the report's week and never beyond it."""
    done_on = material.week.plus(-2).days[5]
    store = create_store(city_database)
    inputs = Inputs(store=store, criteria=CRITERIA, calendars=CALENDARS)
    early, late = assigned("E003", done_on), assigned("E004", done_on + timedelta(weeks=2))
    planned = assigned("E005", None)
    troubles: list[str] = []
    found = _compared(inputs, material.week, [early, late, planned], troubles, simulated=True)
    before = _compared(inputs, material.week.plus(-1), [early], troubles, simulated=True)
    store.close()
    assert troubles == []
    assert (found["m-E003"].days_before, found["m-E003"].days_after) == (10, 10)
    assert before["m-E003"].days_after == 5, "the report of an earlier week has less"
    made = build(
        replace(material, assignments=[early, late, planned], compared=found), stated_at=STATED
    )
    lines = {one.school_code: one for one in made.measures}
    assert lines["E003"].effect is Effect(found["m-E003"].outcome.value)
    assert lines["E003"].compared is not None
    assert lines["E003"].compared.before_bps == round(found["m-E003"].before_bps or 0)
    assert lines["E004"].effect is Effect.WAITING, "done on the last day of the week"
    assert (lines["E005"].effect, lines["E005"].compared) == (Effect.WAITING, None)
    assert made.programme.improved_schools == 2
    assert [(one.month, one.count) for one in made.programme.improvement] == [("2026-09", 1)]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("髙﨑小学校", "髙﨑小学校"),
        ("渡邊・渡邉・\u845b\U000e0100城", "渡邊・渡邉・\u845b\U000e0100城"),
        ("\ufa19田", "\ufa19田"),
        ("赤\x1b[31m字\x1b[0m", "赤字"),
        ("\x1b]0;title\x07校", "校"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("二\n行\t目", "二 行 目"),
        ("\ud800x\x00y", "xy"),
        ("あ" * 100, "あ" * 59 + "…"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_names_are_made_fit_to_print_and_letters_stay_as_they_are(given: str, kept: str) -> None:
    """Nothing hidden stays, nobody's name is spelt otherwise."""
    assert clean(given) == kept
