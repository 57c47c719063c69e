"""What the page of an on-site assessment shows: each fact with its field and what was measured."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from collector.judge.model import Figure
from collector.operators.forms import Form
from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme import attachment_rows, decision_rows, fact_rows
from collector.programme.fact_change import text_of_value
from collector.programme.facts_catalogue import FactDefinition, Section, Unit
from collector.programme.findings_catalogue import FindingDefinition
from collector.programme.model import Decided, Decision, Fact, Grade, Value
from collector.schools.model import School

Catalogues = tuple[Mapping[str, FactDefinition], Mapping[str, FindingDefinition]]


def assessment(
    sources: PageSources,
    words: Words,
    school: School,
    catalogues: Catalogues,
    today: date,
    kept: Form | None,
) -> dict[str, Any]:
    """Gather the page. ``kept``: a form that was refused; what it says is shown again."""
    definitions, findings = catalogues
    facts, decisions, files = sources.store.read(
        lambda sql: (
            fact_rows.facts(sql, school.code),
            decision_rows.decisions(sql, school.code),
            attachment_rows.attachments(sql, school.code),
        )
    )
    held = {(one.key, one.grade): one for one in facts}
    decided = {one.finding_id: one for one in decisions}
    return {
        "today": today.isoformat(),
        "sections": [
            {
                "name": section.value,
                "fields": [
                    field(words, one, held, kept)
                    for one in definitions.values()
                    if one.section is section
                ],
                "files": sum(one.item == section.value for one in files),
            }
            for section in Section
            if section.is_asked
        ],
        "source": _kept(kept, "source", words("assessment.source_default")),
        "measured": [
            (one.names[words.language], value_words(words, one, found.value), found.source)
            for one in definitions.values()
            if (found := held.get((one.key, Grade.AGENT))) is not None
        ],
        "verdicts": _verdicts(sources, words, school),
        "findings": [
            _finding(words, one, decided.get(one.finding_id), kept, today)
            for one in findings.values()
        ],
        "decided": len(decisions),
        "filled": len({one.key for one in facts if one.grade is Grade.ON_SITE}),
        "asked": sum(one.section.is_asked for one in definitions.values()),
        "attachments": [
            {
                "about": one,
                "when": fmt.moment(words, one.added_at),
                "section": one.item if one.item in set(Section) else "",
                "kilobytes": max(1, round(one.size_bytes / 1000)),
            }
            for one in files
        ],
        "decisions": [one.value for one in Decision],
        "grades": [one.value for one in Grade],
    }


def field(
    words: Words,
    definition: FactDefinition,
    held: Mapping[tuple[str, Grade], Fact],
    kept: Form | None,
) -> Mapping[str, Any]:
    """Give one field of the checklist with what other grades say of it."""
    mine = held.get((definition.key, Grade.ON_SITE))
    stored = "" if mine is None else text_of_value(mine.value)
    others = [
        (grade.value, value_words(words, definition, other.value))
        for grade in (Grade.AGENT, Grade.DESK)
        if (other := held.get((definition.key, grade))) is not None
    ]
    typed = _kept(kept, f"fact:{definition.key}", stored)
    return {
        "key": definition.key,
        "kind": definition.kind.value,
        "name": definition.names[words.language],
        "unit": "" if definition.unit is None else definition.unit.value,
        "speed": definition.unit is Unit.BPS,
        "choices": [(one, names[words.language]) for one, names in definition.choices.items()],
        "value": typed,
        "stored": value_words(words, definition, mine.value) if mine and typed != stored else "",
        "version": 0 if mine is None else mine.version,
        "noted": "" if mine is None else f"{mine.noted_on} {mine.noted_by}",
        "others": others,
    }


def value_words(words: Words, definition: FactDefinition, value: Value) -> str:
    """Say a value as people read it, with its unit."""
    if isinstance(value, bool):
        return words("assessment.yes" if value else "assessment.no")
    if isinstance(value, str):
        return definition.choices.get(value, {}).get(words.language, value)
    if definition.unit is Unit.BPS:
        return fmt.mbps(words, value)
    if definition.unit is Unit.RATIO:
        return f"{value * 100:.1f} %"
    unit = "" if definition.unit is None else f" {words(f'unit.{definition.unit.value}')}"
    return f"{value:,.6g}{unit}"


def _kept(kept: Form | None, name: str, otherwise: str) -> str:
    return otherwise if kept is None else kept.get(name, otherwise)


def _verdicts(
    sources: PageSources, words: Words, school: School
) -> list[tuple[str, str, str, str]]:
    """The newest verdict of each figure: figure, status, week, median."""
    found = []
    history = sources.store.verdict_history(school.code, simulated=sources.shown.simulated())
    for figure in Figure:
        one = next((verdict for verdict in history if verdict.figure is figure), None)
        if one is not None:
            week = fmt.week_name(words, str(one.week))
            median = fmt.mbps(words, one.median_bps)
            found.append((figure.value, one.status.value, week, median))
    return found


def _finding(
    words: Words,
    one: FindingDefinition,
    decided: Decided | None,
    kept: Form | None,
    today: date,
) -> Mapping[str, Any]:
    typed = kept if kept is not None and kept.get("finding") == one.finding_id else None
    return {
        "id": one.finding_id,
        "name": one.names[words.language],
        "explanation": one.explanation[words.language],
        "version": 0 if decided is None else decided.version,
        "stands": decided,
        "when": "" if decided is None else fmt.day(words, decided.decided_on),
        "decision": _kept(typed, "decision", decided.decision.value if decided else ""),
        "grade": _kept(typed, "grade", decided.grade.value if decided else Grade.ON_SITE.value),
        "evidence": _kept(typed, "evidence", decided.evidence if decided else ""),
        "decided_on": _kept(typed, "decided_on", today.isoformat()),
        "open": typed is not None,
    }
