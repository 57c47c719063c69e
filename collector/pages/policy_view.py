"""What the pages of policies show, as words and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.judge.week import local
from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.pages.results import probe_words
from collector.policy import approval, suppression
from collector.policy.describe import pretty, preview
from collector.policy.model import Effective, Layer
from collector.policy.reported import reported
from collector.schools.model import School
from collector.store.interface import Store
from wire.checks import clock
from wire.planning.forecast import Forecast
from wire.planning.timetable import Window
from wire.policy import parse

PREVIEW_DAYS: Final = 7
APPROVALS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One day of the preview."""

    day: str
    remarks: Sequence[str]
    lines: Sequence[str]
    most_bytes: str
    month_bytes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """One suppression."""

    scope: str
    text: str
    set_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRow:
    """One approval of checks of the LAN."""

    number: int
    state: str
    checks: str
    networks: str
    valid: str
    approved_by: str
    role: str
    granted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One version of a layer."""

    revision: int
    scope: str
    sections: str
    set_at: str
    set_by: str
    note: str


def days(words: Words, effective: Effective, seed: str, now: datetime) -> list[DayRow]:
    """The next days of a policy."""
    found = preview(effective, seed, local(now).date(), PREVIEW_DAYS)
    return [_day(words, effective, day) for day in found]


def sources(effective: Effective) -> list[tuple[str, str]]:
    """Each section with where it comes from."""
    return [
        (section, ", ".join(str(scope) for scope in scopes))
        for section, scopes in sorted(effective.sources.items())
    ]


def document(effective: Effective) -> str:
    """The whole policy, to read."""
    return pretty(parse(effective.text))


def choices(words: Words, effective: Effective | None) -> list[tuple[int, str]]:
    """Tests of the policy that can be asked for now."""
    tests = () if effective is None else effective.policy.tests
    return [
        (number, f"{probe_words(words, test.probe)} → {test.target}")
        for number, test in enumerate(tests)
    ]


def held(words: Words, found: Sequence[suppression.Suppressed]) -> list[HeldRow]:
    """Suppressions in force."""
    return [
        HeldRow(
            scope=str(one.scope),
            text=words("suppress.active", until=fmt.moment(words, one.until), reason=one.reason),
            set_by=one.set_by,
        )
        for one in found
    ]


def on_school(words: Words, store: Store, school: School | None, now: datetime) -> list[HeldRow]:
    """Suppressions that hold for a school."""
    if school is None:
        return []
    return held(words, store.read(lambda sql: suppression.on_school(sql, school, now)))


def approvals(words: Words, store: Store, school: School, now: datetime) -> list[ApprovalRow]:
    """Who approved checks of the school's network, newest first."""
    found = store.read(lambda sql: approval.newest(sql, school.code, APPROVALS_SHOWN))
    return [
        ApprovalRow(
            number=one.approval.number,
            state=one.state(now).value,
            checks=words("approval.join").join(
                probe_words(words, check) for check in one.approval.checks
            ),
            networks=" ".join(one.approval.networks),
            valid=words(
                "approval.from_until",
                begins=fmt.moment(words, one.approval.valid_from),
                ends=fmt.moment(words, one.approval.valid_until),
            ),
            approved_by=one.approved_by,
            role=one.role,
            granted_by=one.granted_by,
        )
        for one in found
    ]


def agents(words: Words, store: Store, school: School) -> list[str]:
    """What each agent says of its policy."""
    lines = []
    for one in store.read(lambda sql: reported(sql, school.code)):
        report = one.report
        if report is None:
            said = words("policy.not_heard")
        else:
            said = words(f"policy_state.{report.state.value}", version=report.version or "-")
            said += f" {report.text}" if report.text else ""
        lines.append(f"{one.agent_id[:8]}: {said}")
    return lines


def layers(words: Words, found: Sequence[Layer]) -> list[LayerRow]:
    """Versions, as a table has them."""
    return [
        LayerRow(
            revision=one.revision,
            scope=str(one.scope),
            sections=" ".join(sorted(set(one.document) - {"format"})) or words("policy.removed"),
            set_at=fmt.moment(words, one.set_at),
            set_by=one.set_by,
            note=one.note,
        )
        for one in found
    ]


def _day(words: Words, effective: Effective, day: Forecast) -> DayRow:
    policy = effective.policy
    remarks = [words("policy.closed", reason=day.closed)] if day.closed else []
    remarks += [
        words(
            "policy.dark",
            hours=f"{clock(dark.from_seconds)}-{clock(dark.to_seconds)}",
            reason=dark.reason or "-",
        )
        for dark in policy.timetable.blackouts_on(day.day)
    ]
    lines = []
    for one in day.windows:
        test = policy.tests[one.test]
        left = words("policy.left_out", count=one.left_out_count) if one.left_out_count else ""
        lines.append(
            f"{_hours(test.windows[one.window])} "
            f"{policy.window_names[one.test][one.window]}: {probe_words(words, test.probe)} × "
            f"{one.planned_count}" + (f" ({left})" if left else "")
        )
    return DayRow(
        day=fmt.day(words, day.day),
        remarks=remarks,
        lines=lines or [words("policy.nothing")],
        most_bytes=_gigabytes(words, day.most_bytes),
        month_bytes=_gigabytes(words, day.month_most_bytes),
    )


def _hours(window: Window) -> str:
    return f"{clock(window.from_seconds)}-{clock(window.to_seconds)}"


def _gigabytes(words: Words, count: int) -> str:
    return words("policy.gigabytes", value=f"{count / 1e9:,.1f}")
