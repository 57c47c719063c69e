"""A report says of nothing more than is known of it: not measured, not surveyed, not compared."""

import io
import zipfile
from dataclasses import replace

from collector.judge.model import Status
from collector.report.document import Report
from collector.report.formats import Format, Manner, write
from collector.report.present import present


def unmeasured(report: Report) -> Report:
    """The same city in its first week, without any result."""
    lines = tuple(
        replace(
            line,
            quiet=replace(line.quiet, status=Status.UNDETERMINED, runs=0, median_bps=None),
            lesson=replace(line.lesson, status=Status.UNDETERMINED, runs=0),
            quiet_before=None,
        )
        for line in report.schools
    )
    city = replace(report.city, met=0, not_met=0, undetermined=len(lines), lesson_met=0)
    return replace(report, schools=lines, city=city, before=None, evidence=())


def test_the_foot_counts_the_schools_that_were_measured(report: Report) -> None:
    """Not those that are on the list."""
    kept = [line.code for line in report.schools if line.quiet.runs][:3]
    pairs = zip(report.schools, unmeasured(report).schools, strict=True)
    lines = tuple(line if line.code in kept else none for line, none in pairs)
    some = replace(report, schools=lines)
    assert some.measured_schools == 3
    assert "に 3 校で測った" in present(some, "ja").footer
    assert ", 3 schools, " in present(some, "en").footer


def test_what_nobody_judged_is_not_called_sufficient_or_unchanged(report: Report) -> None:
    """No school is NOT MET where none could be judged, and nothing changed since no week."""
    body = str(present(unmeasured(report), "en").body)
    assert "No school was judged not met." in body
    assert "is below the required speed" not in body
    assert "No verdict changed." not in body


def test_a_survey_of_some_schools_is_compared_with_these(report: Report) -> None:
    """5 of 10 that were surveyed are not 5 of 84, and others' verdicts are no change since."""
    assert report.baseline is not None
    met = [line.code for line in report.schools if line.baseline_met]
    rest = [line.code for line in report.schools if line.baseline_met is False]
    asked = {*met, *rest[: 10 - len(met)]}
    lines = tuple(
        line if line.code in asked else replace(line, baseline_met=None) for line in report.schools
    )
    some = replace(report, schools=lines, baseline=replace(report.baseline, surveyed=10))
    body = str(present(some, "en").body)
    assert "5 of 10 schools then" in body
    assert "In the survey 5 of 10 schools (50.0 %)" in body


def test_without_a_survey_the_workbook_shows_no_zero(report: Report) -> None:
    """What was not imported is no count."""
    groups = [
        tuple(replace(group, baseline_met=None) for group in some)
        for some in (report.bands, report.regions)
    ]
    none = replace(report, baseline=None, bands=groups[0], regions=groups[1])
    with zipfile.ZipFile(io.BytesIO(write(none, Format.XLSX, Manner(language="ja")))) as book:
        assert "未取込" in book.read("xl/sharedStrings.xml").decode()


def test_a_margin_has_both_ends_where_the_required_speed_has(report: Report) -> None:
    """360 Mbit/s is 3 % over the one and 6 % under the other."""
    line = replace(
        report.schools[0],
        required_bps=351_050_000,
        upper_bps=381_200_000,
        quiet=replace(report.schools[0].quiet, median_bps=360_000_000),
    )
    body = str(present(replace(report, schools=(line, *report.schools[1:])), "ja").body)
    assert "\N{MINUS SIGN}6〜+3 %" in body
