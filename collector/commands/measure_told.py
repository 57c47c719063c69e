"""What-if, plan and effect as lines and as JSON, for ``hakaru-collector measure``."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from collector.programme.before_after import Comparison
from collector.programme.effects import MeasureEffect
from collector.programme.measures_catalogue import Effect, EffectKind, MeasureCatalogue
from collector.programme.path_draws import DRAWS
from collector.programme.plan import Plan, PlanYear
from collector.programme.plan_model import Option, SharedOption
from collector.programme.subsidies import Subsidy
from collector.programme.what_if import CityExpectation, SchoolExpectation


def what_if_lines(before: CityExpectation, found: CityExpectation, week: str) -> Iterator[str]:
    """Tell what to expect: the city, then each school that is given something."""
    yield f"week {week}: {before.met_now} of {len(before.schools)} schools MET"
    yield f"expected without measures: {_count(before)}"
    yield f"expected with them: {_count(found)}"
    for why, number in sorted(found.cannot_tell.items()):
        yield f"cannot tell ({why.value}): {number} schools"
    yield ""
    for one in found.schools.values():
        if one.measures:
            yield f"{one.code:8} {one.status_now.value:12} -> {_school(one)}"


def plan_lines(plan: Plan, subsidies: Sequence[Subsidy], week: str) -> Iterator[str]:
    """Tell a plan: its years, what is bought, the comparison, who is left out."""
    chosen, greedy = plan.solved.selection, plan.greedy
    yield f"week {week}; expected without a plan: {_count(plan.before)}"
    for one in subsidies:
        rate = "rate not known" if one.rate_ratio is None else f"{one.rate_ratio:.0%}"
        example = " (EXAMPLE, not real)" if one.example else ""
        yield f"subsidy {one.id}: {rate}{example}"
    for year in plan.years:
        yield ""
        yield (
            f"fiscal {year.year}: budget {year.budget_yen:,} yen, once {year.one_off_yen:,}, "
            f"subsidy {year.subsidy_yen:,}, yearly {year.per_year_yen:,}, left {year.left_yen:,}"
        )
        yield f"  expected at its end: {_count(year.after)}"
        for shared in year.shared:
            yield f"  {shared.upstream.group}: {shared.upstream.measure_id} (once for the group)"
        for option in year.options:
            yield (
                f"  {option.code:8} {' '.join(option.measures):40} {option.price.one_off_yen:>11,} "
                f"yen, MET +{option.gain:.0%}"
            )
    yield ""
    for name, one_of in (("plan", chosen), ("greedy", greedy)):
        per_million = plan.per_million_yen(one_of)
        yield (
            f"{name:7} {one_of.reached:6.2f} schools more, {plan.yen(one_of):,} yen, "
            f"{'-' if per_million is None else f'{per_million:.3f}'} schools per million yen, "
            f"value {one_of.value:.2f}"
        )
    gap = "not known" if plan.solved.gap_ratio is None else f"{plan.solved.gap_ratio:.2%}"
    yield f"solver: {plan.solved.method}, {plan.solved.status} at most {gap} from the best"
    for why, number in sorted(Counter(plan.left_out.values()).items()):
        codes = [code for code, one in plan.left_out.items() if one is why]
        yield f"not in it, {why.value}: {number} schools ({' '.join(codes[:12])}{_more(codes)})"


def effect_lines(one: MeasureEffect) -> Iterator[str]:
    """Tell one measure's effect."""
    yield (
        f"{one.assignment.school_code} {one.assignment.measure_id} done {one.assignment.done_on}, "
        f"{one.weeks} weeks on each side"
        + (f"; also done then: {' '.join(one.beside)}" if one.beside else "")
    )
    for each in one.comparisons:
        shift = "no interval"
        if each.shift_bps is not None and each.low_bps is not None and each.high_bps is not None:
            shift = (
                f"{each.shift_bps / 1e6:+.1f} Mbit/s [{each.low_bps / 1e6:+.1f}, "
                f"{each.high_bps / 1e6:+.1f}], p {each.p_value:.2g}"
            )
        yield (
            f"  {each.figure.value:6} {_mbps(each.before_bps)} -> {_mbps(each.after_bps)} Mbit/s, "
            f"{shift}, days {each.days_before} and {each.days_after}: {each.outcome.value} "
            f"({each.why.value})"
        )


def assumption_lines(catalogue: MeasureCatalogue, given: Iterable[str]) -> list[str]:
    """Say what the figures rest on."""
    model = catalogue.model
    lines = [
        f"{one.id}: {_effect(one.effect)} ({one.effect.basis['en']})"
        for one in catalogue.measures.values()
        if one.id in set(given)
    ]
    return [
        *lines,
        (
            f"rest of the path: about {model.rest_bps / 1e6:g} Mbit/s (gigabit parts), "
            f"log spread {model.rest_spread:g}"
        ),
        (
            f"a limit beside the narrowest carries more by a half-normal log spread of "
            f"{model.other_limit_spread:g}"
        ),
        (
            f"{DRAWS} draws; intervals hold 90 % of them; table {catalogue.version}; costs are "
            "assumptions unless the catalogue names a published price"
        ),
    ]


def expectation_row(found: CityExpectation, *, schools: bool) -> dict[str, Any]:
    """Give an expectation as JSON; speeds in bit/s."""
    row: dict[str, Any] = {
        "schools": len(found.schools),
        "met_now": found.met_now,
        "met_expected": round(found.met_expected, 2),
        "met_low": found.met_low,
        "met_high": found.met_high,
        "told": found.told,
        "cannot_tell": {why.value: number for why, number in sorted(found.cannot_tell.items())},
    }
    if schools:
        row["by_school"] = [_school_row(one) for one in found.schools.values()]
    return row


def plan_row(plan: Plan) -> dict[str, Any]:
    """Give a plan as JSON; money in yen."""
    chosen, greedy = plan.solved.selection, plan.greedy
    return {
        "by": plan.wishes.by.value,
        "costs": plan.wishes.costs.value,
        "before": expectation_row(plan.before, schools=False),
        "years": [_year_row(year) for year in plan.years],
        "solver": {
            "method": plan.solved.method,
            "status": plan.solved.status,
            "gap_ratio": plan.solved.gap_ratio,
        },
        **{
            name: {
                "schools_more": round(one.reached, 3),
                "value": round(one.value, 3),
                "yen": plan.yen(one),
                "schools_per_million_yen": plan.per_million_yen(one),
            }
            for name, one in (("plan", chosen), ("greedy", greedy))
        },
        "left_out": {code: why.value for code, why in sorted(plan.left_out.items())},
        "cannot_tell": {code: why.value for code, why in sorted(plan.silent.items())},
    }


def effect_row(one: MeasureEffect) -> dict[str, Any]:
    """Give a measure's effect as JSON; speeds in bit/s."""
    return {
        "assignment_id": one.assignment.assignment_id,
        "school": one.assignment.school_code,
        "measure": one.assignment.measure_id,
        "done_on": str(one.assignment.done_on),
        "weeks": one.weeks,
        "beside": list(one.beside),
        "figures": [_comparison_row(each) for each in one.comparisons],
    }


def _comparison_row(each: Comparison) -> dict[str, Any]:
    names = (
        *("days_before", "days_after", "runs_before", "runs_after", "capacity", "before_bps"),
        *("after_bps", "shift_bps", "low_bps", "high_bps", "p_value"),
    )
    return {
        "figure": each.figure.value,
        "outcome": each.outcome.value,
        "why": each.why.value,
        **{name: getattr(each, name) for name in names},
    }


def _school_row(one: SchoolExpectation) -> dict[str, Any]:
    return {
        "school": one.code,
        "measures": list(one.measures),
        "status_now": one.status_now.value,
        "cannot_tell": None if one.cannot_tell is None else one.cannot_tell.value,
        "met_ratio": one.met_ratio,
        "not_met_ratio": one.not_met_ratio,
        "undetermined_ratio": one.undetermined_ratio,
        "low_bps": one.low_bps,
        "median_bps": one.median_bps,
        "high_bps": one.high_bps,
        "limits": dict(one.limits),
    }


def _year_row(year: PlanYear) -> dict[str, Any]:
    return {
        "year": year.year,
        "budget_yen": year.budget_yen,
        "one_off_yen": year.one_off_yen,
        "subsidy_yen": year.subsidy_yen,
        "per_year_yen": year.per_year_yen,
        "left_yen": year.left_yen,
        "after": expectation_row(year.after, schools=False),
        "bought": [*map(_bought, year.shared), *map(_bought, year.options)],
    }


def _bought(one: Option | SharedOption) -> dict[str, Any]:
    price = {
        "one_off_yen": one.price.one_off_yen,
        "subsidy_yen": one.price.subsidy_yen,
        "per_year_yen": one.price.per_year_yen,
    }
    if isinstance(one, SharedOption):
        return {"group": one.upstream.group, "measures": [one.upstream.measure_id], **price}
    return {"school": one.code, "measures": list(one.measures), "gain": one.gain, **price}


def _count(found: CityExpectation) -> str:
    silent = len(found.schools) - found.told
    return (
        f"{found.met_expected:.1f} ({found.met_low}-{found.met_high}) of {found.told} schools MET"
        + (f", {silent} cannot be told" if silent else "")
    )


def _school(one: SchoolExpectation) -> str:
    if one.cannot_tell is not None:
        return f"cannot tell ({one.cannot_tell.value})  {' '.join(one.measures)}"
    limit = one.limits[0][0] if one.limits else "-"
    return (
        f"MET {one.met_ratio:4.0%} NOT MET {one.not_met_ratio:4.0%}  "
        f"{_mbps(one.median_bps)} ({_mbps(one.low_bps)}-{_mbps(one.high_bps)}) Mbit/s, "
        f"then limited by {limit}  {' '.join(one.measures)}"
    )


def _effect(effect: Effect) -> str:
    if effect.kind is EffectKind.NONE:
        return "leaves the quiet capacity"
    works = f"works at {effect.works_ratio:.0%}"
    spread = f"log spread {effect.spread_city:g} city, {effect.spread_school:g} school"
    if effect.ceiling_bps is not None:
        return f"about {effect.ceiling_bps / 1e6:g} Mbit/s, {spread}, {works}"
    if effect.factor is not None:
        return f"times {effect.factor:g}, {spread}, {works}"
    return f"clears its limit, {works}"


def _mbps(bps: float | None) -> str:
    return "-" if bps is None else f"{bps / 1e6:.1f}"


def _more(codes: Sequence[str]) -> str:
    return " ..." if len(codes) > 12 else ""
