"""The causes of a school in words: each with evidence, results, what would confirm, measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.causes.model import Cause, Causes, Certainty, Observed
from collector.causes.of_school import WEEKS
from collector.causes.rules_file import default_rules
from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.pages.measure_words import finding_names, measure_name
from collector.programme.findings_catalogue import FindingDefinition
from collector.programme.measures_catalogue import MeasureCatalogue

SMALL_RATIO: Final = 0.01
_OWN_PORT: Final = "appliance"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLine:
    """One sentence, and the results it rests on."""

    text: str
    result_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCard:
    """One cause; all text is ready, nothing is escaped."""

    finding_id: str
    name: str
    explanation: str
    certainty: str
    segment: str
    place: str
    owner: str
    sure: str
    last_seen: str
    """Day, and that it is past; empty where it rests on no result."""
    evidence: Sequence[EvidenceLine]
    confirm: Sequence[str]
    measures: Sequence[str]
    explains: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CausesPart:
    """The part of the school page."""

    note: str
    results_url: str
    cards: Sequence[CauseCard]
    not_told: str
    """Findings that cannot be told; empty where all can."""


def causes_part(
    words: Words,
    findings: Mapping[str, FindingDefinition],
    measures: MeasureCatalogue,
    causes: Causes,
    results_url: str = "",
) -> CausesPart:
    """Put the causes into words; ``results_url`` is what links to results begin with."""
    unknown = [key for key, looked in causes.looked_at.items() if not looked]
    return CausesPart(
        note=words("causes.note", weeks=WEEKS),
        results_url=results_url,
        cards=[_card(words, findings, measures, one) for one in causes.causes],
        not_told=words("causes.not_told", names=finding_names(words, unknown)) if unknown else "",
    )


def _card(
    words: Words,
    findings: Mapping[str, FindingDefinition],
    measures: MeasureCatalogue,
    of: Cause,
) -> CauseCard:
    definition = findings.get(of.finding_id)
    return CauseCard(
        finding_id=of.finding_id,
        name=finding_names(words, [of.finding_id]),
        explanation="" if definition is None else definition.explanation[words.language],
        certainty=of.certainty.value,
        segment=words(f"segment.{of.segment}"),
        place=words("causes.appliance") if of.place == _OWN_PORT else plain(of.place or ""),
        owner=words(f"segment_owner.{of.owner}"),
        sure=how_sure(words, of),
        last_seen=_last_seen(words, of),
        evidence=[evidence_line(words, one) for one in of.observed],
        confirm=[words(f"cause_confirm.{key}") for key in of.confirm],
        measures=[measure_name(words, measures, key) for key in of.measures],
        explains=finding_names(words, of.explains),
    )


def _last_seen(words: Words, of: Cause) -> str:
    day = "" if of.last_seen is None else fmt.day(words, of.last_seen)
    if of.certainty is not Certainty.PAST:
        return day
    over = words("causes.not_seen_lately", days=default_rules().number.recent_days)
    return words("site.separator").join([part for part in (day, over) if part])


def how_sure(words: Words, of: Cause) -> str:
    """What kind of evidence it is, and how many of such answers were right."""
    share = words("path.confidence_assumed")
    if of.confidence_count:
        percent = f"{of.confidence * 100:.0f}"
        share = words("path.confidence", percent=percent, count=of.confidence_count)
    return words("site.separator").join([words(f"causes.strength_{of.strength}"), share])


def evidence_line(words: Words, of: Observed) -> EvidenceLine:
    """The sentence of one piece of evidence, its figures with their units."""
    told = {name: _figure(words, name, value) for name, value in of.figures.items()}
    return EvidenceLine(text=words(f"cause_evidence.{of.what}", **told), result_ids=of.result_ids)


def plain(text: str) -> str:
    """A name that a device gave itself, without signs that steer a terminal or turn a line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _figure(words: Words, name: str, value: float | bool | str) -> str:
    """A figure by the unit in its name; names of devices as they are."""
    if isinstance(value, str | bool):
        return plain(str(value))
    if name.endswith("_bps"):
        return fmt.mbps(words, value)
    if name.endswith("_seconds"):
        return fmt.milliseconds(words, value)
    if name.endswith("_ratio"):
        share = 100 * value
        return f"{share:.2g} %" if 0 < value < SMALL_RATIO else f"{share:.0f} %"
    return f"{value:,.0f}"
