"""What is said of a sample, in words and numbers: for the page and for the command."""

from dataclasses import dataclass

from collector.pages.i18n import Words
from collector.programme.sample.judge import Choice, Judged, StratumLine
from collector.programme.sample.strata import Margin

_NAMED = ("band", "region", "line", "kind", "aggregation_group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One line of what a swap changes: how many schools of a stratum, and what is missed."""

    value: str
    chosen_before: int
    chosen_after: int
    missed_before: str
    missed_after: str


def of_city(words: Words, judged: Judged) -> str:
    """Say how much of the city it is."""
    return words(
        "sample.of_city",
        size=judged.size,
        schools=judged.schools,
        pupils=f"{judged.pupils:,}",
    )


def distance(words: Words, judged: Judged) -> str:
    """Say how far from proportion it is."""
    found = {margin.value: f"{judged.distances[margin]:.1f}" for margin in Margin}
    return words("sample.distance", **found)


def why(words: Words, choice: Choice) -> str:
    """Say why a school is in the sample."""
    return words(
        "sample.why",
        band=choice.cell.band,
        region=choice.cell.region,
        line=words.either(f"line.{choice.cell.line}", "line.other"),
        cell_schools=choice.cell_schools,
        cell_pupils=f"{choice.cell_pupils:,}",
        nearest_schools=choice.nearest_schools,
        nearest_pupils=f"{choice.nearest_pupils:,}",
    )


def misses(words: Words, judged: Judged) -> list[str]:
    """Say in plain words what such a sample can miss."""
    lines = [
        words(
            "sample.miss_line",
            faulty=faulty,
            schools=judged.schools,
            size=judged.size,
            percent=f"{chance * 100:.0f}" if chance >= 0.01 else f"{chance * 100:.1f}",
        )
        for faulty, chance in judged.missed
    ]
    if judged.fewest_found is not None:
        lines.append(words("sample.fewest", fewest=judged.fewest_found))
    return lines


def unseen(words: Words, judged: Judged) -> list[str]:
    """Name what has no school in it."""
    return [
        words(
            "sample.unseen_line",
            margin=margin_name(words, line.margin),
            value=value_name(words, line),
            schools=line.schools,
            pupils=f"{line.pupils:,}",
        )
        for line in judged.unseen
    ]


def margin_name(words: Words, margin: str) -> str:
    """Name a margin; equipment is named by the key of its fact."""
    if margin in _NAMED:
        return words(f"sample_margin.{margin}")
    return f"{words('sample_margin.equipment')} {margin}"


def value_name(words: Words, line: StratumLine) -> str:
    """Name a value of a margin as people know it."""
    if line.margin in ("line", "kind"):
        return words.either(f"{line.margin}.{line.value}", "line.other")
    return line.value


def missed_percent(line: StratumLine) -> str:
    """Chance to miss a fault at a quarter of its schools, in per cent."""
    return f"{line.missed * 100:.0f}"


def effects(words: Words, before: Judged, after: Judged) -> list[Effect]:
    """Give the strata that a change of schools makes seen more or less."""
    earlier = {(line.margin, line.value): line for line in before.strata}
    return [
        Effect(
            value=f"{margin_name(words, line.margin)} {value_name(words, line)}",
            chosen_before=old.chosen,
            chosen_after=line.chosen,
            missed_before=missed_percent(old),
            missed_after=missed_percent(line),
        )
        for line in after.strata
        if (old := earlier[line.margin, line.value]).chosen != line.chosen
    ]


def effect_distance(words: Words, before: Judged, after: Judged) -> str:
    """Say how the distance from proportion changes."""
    return words(
        "sample.effect_distance",
        before=f"{sum(before.distances.values()):.1f}",
        after=f"{sum(after.distances.values()):.1f}",
    )


def lines(words: Words, judged: Judged) -> list[str]:
    """Say all of it as lines of text."""
    told = [of_city(words, judged), distance(words, judged), "", words("sample.choices")]
    told += [f"  {one.school.code}  {one.school.name}: {why(words, one)}" for one in judged.choices]
    told += ["", words("sample.misses"), *(f"  {line}" for line in misses(words, judged))]
    told += ["", words("sample.unseen")]
    told += [f"  {line}" for line in unseen(words, judged) or [words("sample.unseen_none")]]
    return told


def change_lines(words: Words, before: Judged, after: Judged) -> list[str]:
    """Say the effect of a swap as lines of text."""
    changed = [
        f"  {one.value}: {one.chosen_before} → {one.chosen_after}"
        f"  {words('sample.missed')} {one.missed_before} % → {one.missed_after} %"
        for one in effects(words, before, after)
    ]
    nothing = [f"  {words('sample.effect_none')}"]
    return [effect_distance(words, before, after), *(changed or nothing)]
