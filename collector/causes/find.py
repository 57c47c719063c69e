"""From all evidence of one school to its causes. Pure.

Every rule looks by itself and answers: found, not found, or nothing to judge by. Then one cause
explains its symptoms (configs/causes/rules.toml), and what is left gets its confidence from the
calibration.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from collector.causes import (
    device_rules,
    failure_rules,
    lan_rules,
    line_rules,
    service_rules,
    speed_rules,
    upstream_rules,
)
from collector.causes.calibration import Calibration, default_calibration
from collector.causes.candidate import Answer, Candidate
from collector.causes.devices import Inventory
from collector.causes.figures import figures_of
from collector.causes.lately import both, dated, latest, lenient
from collector.causes.model import Cause, Causes, Certainty, Evidence, Strength
from collector.causes.port_rules import half_duplex, port_100m, port_errors
from collector.causes.rules_file import Rules, Scope, default_rules
from collector.causes.seen import ALL_HOURS, Seen
from collector.judge.calendar import Calendar
from collector.programme.findings_catalogue import FindingDefinition, load_findings

_ORDER: Final = tuple(Strength)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Everything that is known beside the school's own evidence."""

    findings: Mapping[str, FindingDefinition]
    rules: Rules
    calibration: Calibration


@cache
def default_knowledge() -> Knowledge:
    """Give the packaged one. Raises ConfigRefused where a file of it is broken."""
    return Knowledge(
        findings=load_findings(), rules=default_rules(), calibration=default_calibration()
    )


def find_causes(
    evidence: Evidence, calendar: Calendar, knowledge: Knowledge | None = None
) -> Causes:
    """Name the causes at one school, the surest first.

    ``calendar`` is the school's: it says which results are of lessons and which of quiet hours.
    """
    known = knowledge or default_knowledge()
    again = lenient(known.rules)

    def ask(of: Evidence) -> list[Answer]:
        return list(_answers(of, calendar, again))

    days = known.rules.number.recent_days
    answers = list(_answers(evidence, calendar, known.rules))
    recent = list(_answers(latest(evidence, days), calendar, known.rules))
    candidates = dated(both(answers, recent), evidence, ask, days)
    kept, explained = suppress(candidates, known.rules)
    causes = [_cause(one, explained[id(one)], known) for one in kept]
    causes.sort(
        key=lambda one: (
            one.certainty is Certainty.PAST,
            _ORDER.index(one.strength),
            -one.confidence,
        )
    )
    looked = {one.finding_id: one.looked_at for one in answers}
    return Causes(
        causes=causes,
        looked_at={finding_id: looked.get(finding_id, False) for finding_id in known.findings},
    )


def _answers(evidence: Evidence, calendar: Calendar, rules: Rules) -> Iterable[Answer]:
    seen = Seen(evidence, calendar, rules)
    line, inventory = figures_of(seen), Inventory(seen)
    yield line_rules.line_saturated(seen, inventory, line)
    yield line_rules.line_below_contract(seen, line)
    yield from upstream_rules.carrier(seen, inventory, line)
    yield upstream_rules.aggregation_thin(seen, line)
    yield device_rules.router_limit(seen, inventory, line)
    yield device_rules.nat_sessions(seen, inventory, line)
    yield speed_rules.filter_slow(seen, inventory)
    yield failure_rules.interception(seen)
    yield port_100m(seen, inventory, line)
    yield half_duplex(seen, inventory)
    yield port_errors(seen, inventory)
    yield device_rules.ap_overload(seen, inventory)
    yield lan_rules.channel_interference(seen)
    yield lan_rules.radar_channel(seen)
    yield lan_rules.mtu_black_hole(seen)
    yield service_rules.dns_slow(seen, inventory, line)
    yield speed_rules.update_day(seen, line)
    yield device_rules.loop(seen, inventory)
    yield lan_rules.address_pool(seen)
    yield speed_rules.appliance_limit(seen)
    yield service_rules.cloud_side(seen, line)


def suppress(
    candidates: Sequence[Candidate], rules: Rules
) -> tuple[list[Candidate], Mapping[int, tuple[str, ...]]]:
    """Leave out what another explains; give what stays and, by id(), what each explains.

    A cause explains only where it is itself more than a suspicion, and a past one nothing that is
    still seen. What is explained explains in turn: the one that is left stands for the whole chain.
    """
    explained: dict[int, list[str]] = {id(one): [] for one in candidates}
    gone: set[int] = set()
    for cause in candidates:
        if cause.strength is Strength.POINTED:
            continue
        for symptom in candidates:
            if symptom is not cause and _explains(cause, symptom, rules):
                gone.add(id(symptom))
                explained[id(cause)].append(symptom.finding_id)
    kept = [one for one in candidates if id(one) not in gone]
    return kept, {key: tuple(dict.fromkeys(names)) for key, names in explained.items()}


def _explains(cause: Candidate, symptom: Candidate, rules: Rules) -> bool:
    scope = rules.explains.get(cause.finding_id, {}).get(symptom.finding_id)
    if scope is None or (cause.past and not symptom.past):
        return False
    if scope is Scope.SAME_PORT:
        return bool(cause.ports & symptom.ports)
    if scope is Scope.SAME_HOURS:
        return cause.hours == ALL_HOURS or symptom.hours <= cause.hours
    return True


def _cause(of: Candidate, explains: tuple[str, ...], known: Knowledge) -> Cause:
    finding = known.findings[of.finding_id]
    confidence = known.calibration.confidence(of.finding_id, of.strength)
    sure = of.strength is not Strength.POINTED and confidence >= known.calibration.named_from
    return Cause(
        finding_id=of.finding_id,
        segment=of.segment or finding.segment,
        place=of.place,
        owner=finding.owner,
        certainty=(Certainty.PAST if of.past else Certainty.NAMED if sure else Certainty.SUSPECTED),
        strength=of.strength,
        confidence=confidence,
        confidence_count=known.calibration.count(of.finding_id, of.strength),
        observed=of.observed,
        confirm=of.confirm,
        measures=finding.measures,
        last_seen=of.last_seen,
        explains=explains,
    )
