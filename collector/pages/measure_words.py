"""What the pages of measures share: money, names, one measure at a school as a line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.programme import assignment_rows
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.measures_catalogue import MeasureCatalogue, load_measures
from collector.programme.model import Assignment
from collector.programme.path_draws import DRAWS
from collector.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureLine:
    """A measure at a school, in words."""

    assignment_id: str
    school_code: str
    school: str
    name: str
    state: str
    when: str
    cost: str
    findings: str
    note: str


def yen(words: Words, amount: int | None) -> str:
    """Money with its unit, or a dash for what is not known."""
    return words("site.none") if amount is None else words("measure.yen", n=f"{amount:,}")


def yen_range(words: Words, low_high: tuple[int, int]) -> str:
    """A range of money."""
    low, high = low_high
    if low == high:
        return yen(words, low)
    return words("measure.yen", n=words("value.range", low=f"{low:,}", high=f"{high:,}"))


def measure_name(words: Words, catalogue: MeasureCatalogue, measure_id: str) -> str:
    """Name of a measure; its id where the catalogue has it no longer."""
    found = catalogue.measures.get(measure_id)
    return measure_id if found is None else found.names[words.language]


def finding_names(words: Words, ids: Sequence[str]) -> str:
    """Names of findings (or facts); ids that the catalogues have not stay ids."""
    known = _names()
    return words("site.separator").join(
        known[one][words.language] if one in known else one for one in ids
    )


@cache
def _names() -> Mapping[str, Mapping[str, str]]:
    """Read the packaged findings and facts once: a page asks for a name in every line."""
    facts = load_facts()
    findings = load_findings(None, facts)
    return {key: one.names for key, one in facts.items()} | {
        key: one.names for key, one in findings.items()
    }


def measure_line(
    words: Words, catalogue: MeasureCatalogue, one: Assignment, school: str
) -> MeasureLine:
    """Put a measure at a school into words."""
    day = one.done_on or one.planned_on
    cost = yen(words, one.cost_yen)
    if one.subsidy_yen:
        cost = words("measure.cost_less", cost=cost, subsidy=yen(words, one.subsidy_yen))
    return MeasureLine(
        assignment_id=one.assignment_id,
        school_code=one.school_code,
        school=school,
        name=measure_name(words, catalogue, one.measure_id),
        state=one.state.value,
        when=words("site.none") if day is None else fmt.day(words, day),
        cost=cost,
        findings=finding_names(words, one.findings),
        note=one.note,
    )


def measures_of_school(words: Words, store: Store, code: str) -> list[MeasureLine]:
    """Measures of one school, for its page."""
    found = store.read(lambda sql: assignment_rows.assignments(sql, code))
    if not found:
        return []
    catalogue = load_measures()
    return [measure_line(words, catalogue, one, "") for one in found]


def assumptions(words: Words, catalogue: MeasureCatalogue, given: set[str]) -> list[str]:
    """Say what expected figures rest on."""
    model = catalogue.model
    lines = []
    for one in catalogue.measures.values():
        if one.id not in given:
            continue
        name, effect = one.names[words.language], one.effect
        basis = effect.basis[words.language]
        if effect.ceiling_bps is not None:
            speed = fmt.mbps(words, effect.ceiling_bps)
            works = f"{effect.works_ratio:.0%}"
            basis = words("what_if.ceiling", speed=speed, works=works, basis=basis)
        lines.append(words("what_if.assumed", name=name, basis=basis))
    lines.append(words("what_if.rest", speed=fmt.mbps(words, model.rest_bps)))
    lines.append(words("what_if.draws", n=f"{DRAWS:,}", version=catalogue.version))
    return lines
