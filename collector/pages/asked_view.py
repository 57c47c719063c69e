"""Tests asked for by 'measure now': how far each is, what came of it, or why nothing did."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.pages.results import ResultLine, probe_words, result_line
from collector.policy import measure_now
from collector.policy.measure_now import Asked, Stage
from collector.store.interface import Store, StoredResult

SHOWN: Final = 10
FRESH: Final = timedelta(minutes=30)
"""How long the page of a school shows one that has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRow:
    """One command to measure now; all text is ready, nothing is escaped."""

    command_id: str
    what: str
    asked_at: str
    asked_by: str
    stage: str
    state: str
    """How far it is, in words."""
    ended: str
    """Outcome of its result; empty where there is none."""
    follow_url: str
    """Where a script asks how far it is; empty once it has ended."""
    figures: str
    """What was measured; empty where nothing was."""
    why: str
    """Why nothing was measured; empty where something was or still may be."""
    said: str
    """What the agent said of it, in English."""
    result_url: str
    """The page of its result; empty where there is none."""


def asked(words: Words, store: Store, school_code: str, now: datetime, root: str) -> list[AskedRow]:
    """The newest commands of a school, newest first; ``root`` is what each link begins with."""
    found = store.read(lambda sql: measure_now.newest(sql, school_code, SHOWN))
    return [_row(words, store, one, now, root) for one in found]


def fresh(words: Words, store: Store, school_code: str, now: datetime, root: str) -> list[AskedRow]:
    """Those of them that were asked for within :data:`FRESH`."""
    found = store.read(lambda sql: measure_now.newest(sql, school_code, SHOWN))
    return [_row(words, store, one, now, root) for one in found if now - one.asked_at < FRESH]


def _row(words: Words, store: Store, one: Asked, now: datetime, root: str) -> AskedRow:
    one = measure_now.look_for_result(store, one, now)
    result = measure_now.result_of(store, one) if one.finished_at is not None else None
    line = None if result is None else result_line(words, result)
    stage = one.stage(now)
    school_url = f"{root}/schools/{quote(one.school_code, safe='')}"
    api = f"{root}/v1/schools/{quote(one.school_code, safe='')}/commands/{one.command_id}"
    return AskedRow(
        command_id=one.command_id,
        what=f"{probe_words(words, str(one.details['probe']))} → {one.details['target']}",
        asked_at=fmt.moment(words, one.asked_at),
        asked_by=one.asked_by,
        stage=stage.value,
        state=_state(words, stage, line),
        ended="" if line is None else line.outcome,
        follow_url=api if stage in (Stage.WAITING, Stage.GIVEN) else "",
        figures="" if line is None else _figures(words, line),
        why=_why(words, one, stage, result, line),
        said="" if line is None else line.said,
        result_url="" if one.result_id is None else f"{school_url}/results/{one.result_id}",
    )


def _state(words: Words, stage: Stage, line: ResultLine | None) -> str:
    if line is not None and line.outcome != "ok":
        return words(f"now_ended.{line.outcome}")
    return words(f"now_state.{stage.value}")


def _why(
    words: Words, one: Asked, stage: Stage, result: StoredResult | None, line: ResultLine | None
) -> str:
    if stage is Stage.EXPIRED:
        return words("now.why_unheard" if one.delivered_at is None else "now.why_no_result")
    failed = result is not None and result.failure_code is not None
    return line.detail if line is not None and failed else ""


def _figures(words: Words, line: ResultLine) -> str:
    none = words("site.none")
    named = (
        (words("column.download"), line.download),
        (words("column.upload"), line.upload),
        (words("column.latency"), line.latency),
    )
    return words("site.separator").join(f"{name} {value}" for name, value in named if value != none)
