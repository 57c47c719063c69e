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
from collector.report.document import Effect, Field, Report, canonical, content_sha256, read
from collector.report.gather import Material
from tests.collector.report.conftest import STATED


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
    (finding,) = made.findings
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


@pytest.mark.parametrize(
    ("scale", "effect"), [(3.0, Effect.IMPROVED), (0.2, Effect.WORSE), (1.0, Effect.CANNOT_TELL)]
)
def test_the_effect_of_a_measure_is_told_where_the_intervals_part(
    material: Material, scale: float, effect: Effect
) -> None:
    """Before and after are whole weeks on either side of the week in which it was done."""
    code, done_in = "E003", material.week.plus(-1)
    verdicts = {
        key: replace(
            one,
            median_bps=(one.median_bps or 0) * scale,
            low_bps=(one.low_bps or 0) * scale,
            high_bps=(one.high_bps or 0) * scale,
        )
        if key[0] == code
        else one
        for key, one in material.verdicts.items()
    }
    assignment = Assignment(
        assignment_id="m1",
        school_code=code,
        measure_id="line_10g",
        state=MeasureState.DONE,
        planned_on=None,
        done_on=done_in.days[3],
        cost_yen=None,
        subsidy_yen=None,
        findings=("line_saturated",),
        note="",
    )
    made = build(replace(material, verdicts=verdicts, assignments=[assignment]), stated_at=STATED)
    (line,) = made.measures
    assert line.effect is effect
    assert line.before is not None
    assert line.after is not None
    assert (line.before.week, line.after.week) == (str(done_in.plus(-1)), str(material.week))
    assert made.programme.improved_schools == 1


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
