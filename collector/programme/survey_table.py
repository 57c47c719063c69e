"""The survey as a table for spreadsheets: one line a school and finding, in keys and values."""

from collector.programme.cells import Cell, Sheet
from collector.programme.survey_change import summary
from collector.programme.survey_state import CitySurvey

HEADER = (
    *("school", "name", "sample", "finding", "finding_name", "likelihood", "probability", "grade"),
    *("contradiction", "decision", "decided_on", "decided_by", "evidence", "missing"),
)


def survey_sheet(survey: CitySurvey, language: str) -> Sheet:
    """Make the table."""
    rows: list[list[Cell]] = []
    for one in survey.schools:
        for finding_id, judged in one.judgements.items():
            decided = judged.decided
            rows.append(
                [
                    one.school.code,
                    one.school.name,
                    "yes" if one.school.sample else "no",
                    finding_id,
                    survey.catalogues.findings[finding_id].names[language],
                    judged.likelihood.value,
                    round(judged.probability, 3),
                    judged.grade.value,
                    "yes" if judged.contradiction else "no",
                    None if decided is None else decided.decision.value,
                    None if decided is None else decided.decided_on,
                    None if decided is None else decided.decided_by,
                    summary(judged),
                    " ".join(judged.missing),
                ]
            )
    return Sheet(name="survey", header=HEADER, rows=rows)
