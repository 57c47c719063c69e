"""Schools reached per yen, the solver against greed, on planted cities: ``make bench-plan``.

Each city: 84 fictional schools with planted faults, papers and measurements, surveyed as in
``make bench-findings``. What a school measured (agents' median and spread over 20 quiet days) and
what the survey says of it are all that what-if and plan see. Money is that of the packaged
catalogue, at the middle of its ranges. Printed is what the model expects of a plan, not what
would happen in those cities.
"""

import argparse
import sys
import time
from collections import defaultdict
from datetime import date
from importlib import import_module
from math import exp, sqrt

from collector import resources
from collector.demo.city import schools as fictional_schools
from collector.judge.criteria import Criteria
from collector.judge.criteria_file import load_criteria
from collector.judge.model import Requirement, Status
from collector.programme.findings_catalogue import load_findings
from collector.programme.measures_catalogue import MeasureCatalogue, load_measures
from collector.programme.model import Fact
from collector.programme.path_state import Capacity, PathState, chances_that_limit, nominal_speeds
from collector.programme.plan import make_plan
from collector.programme.plan_model import By
from collector.programme.plan_options import Wishes
from collector.programme.planted.city import NOTED_ON, planted_city
from collector.programme.record_facts import with_records
from collector.programme.survey import judge_city
from collector.programme.what_if import City

MEDIANS_OF_DAYS = 20
LIMIT_SECONDS = 10.0


def main() -> int:
    """Run; exit code 0 where the solver is never below greed and every answer took under 10 s."""
    parser = argparse.ArgumentParser(prog="benchmarks.plan", description=__doc__)
    parser.add_argument("--cities", type=int, default=10, help="number of cities (default 10)")
    parser.add_argument("--from", dest="first", type=int, default=301, help="first seed")
    parser.add_argument(
        "--budget", type=int, default=10_000_000, help="yen a year, three years (10000000)"
    )
    parser.add_argument("--by", choices=[one.value for one in By], default="schools")
    options = parser.parse_args()
    criteria, catalogue = load_criteria(resources.default_criteria()), load_measures()
    budgets = dict.fromkeys((2027, 2028, 2029), options.budget)
    wishes = Wishes(budgets=budgets, today=date(2027, 4, 1), by=By(options.by), committed={})
    print(f"budget {options.budget:,} yen in each of three years, by {options.by}")
    print(
        f"{'seed':>5} {'told':>5} {'met':>6} | {'plan':>6} {'per Myen':>8} {'value':>8} {'gap':>6} "
        f"| {'greedy':>6} {'per Myen':>8} {'value':>8} | {'what-if s':>9} {'plan s':>7}"
    )
    import_module("scipy.optimize")  # loaded once, outside of what is timed
    fine, gains = True, []
    for seed in range(options.first, options.first + options.cities):
        began = time.perf_counter()
        city = City(states(criteria, catalogue, seed), catalogue)
        city.expect({code: frozenset({"line_10g"}) for code in city.states})
        asked = time.perf_counter() - began
        plan = make_plan(city, [], wishes)
        planned = time.perf_counter() - began - asked
        ours, greedy = plan.solved.selection, plan.greedy
        gap = plan.solved.gap_ratio
        print(
            f"{seed:>5} {plan.before.told:>5} {plan.before.met_expected:>6.1f} "
            f"| {ours.reached:>6.2f} {plan.per_million_yen(ours) or 0:>8.4f} {ours.value:>8.2f} "
            f"{'-' if gap is None else f'{gap:.2%}':>6} "
            f"| {greedy.reached:>6.2f} {plan.per_million_yen(greedy) or 0:>8.4f} "
            f"{greedy.value:>8.2f} | {asked:>9.2f} {planned:>7.2f}"
        )
        fine = fine and ours.value >= greedy.value and max(asked, planned) < LIMIT_SECONDS
        gains.append(ours.value / greedy.value - 1 if greedy.value else 0.0)
    print(
        f"more than greed: {min(gains):.2%} to {max(gains):.2%}, mean {sum(gains) / len(gains):.2%}"
    )
    return 0 if fine else 1


def states(criteria: Criteria, catalogue: MeasureCatalogue, seed: int) -> list[PathState]:
    """Survey a planted city and give what is known of its schools' paths."""
    findings = load_findings()
    city = planted_city(fictional_schools(seed), criteria, list(findings), seed)
    facts = with_records(city.facts, city.schools, criteria, NOTED_ON)
    judged = judge_city(city.schools, facts, city.decisions, city.samples, findings)
    of_school: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        of_school[fact.school_code].append(fact)
    made = []
    for school in city.schools:
        chances = {one: said.probability for one, said in judged[school.code].items()}
        requirement = criteria.requirement(school.pupils)
        capacity = measured_capacity(of_school[school.code])
        made.append(
            PathState(
                code=school.code,
                pupils=school.pupils,
                group=school.aggregation_group,
                required_bps=requirement.required_bps,
                upper_bps=requirement.upper_bps,
                status=status_of(capacity, requirement),
                capacity=capacity,
                hidden=any(chances[one] >= 0.5 for one in catalogue.model.hide_capacity),
                chances=chances_that_limit(chances, catalogue.model),
                nominal_bps=nominal_speeds(school, of_school[school.code]),
            )
        )
    return made


def measured_capacity(facts: list[Fact]) -> Capacity | None:
    """Median and interval from what an agent measured: its spread over the root of the days."""
    values = {fact.key: fact.value for fact in facts}
    median, spread = values.get("line.quiet_median_bps"), values.get("line.spread_ratio")
    if not isinstance(median, float) or not isinstance(spread, float):
        return None
    half = 1.96 * 1.25 * spread / sqrt(MEDIANS_OF_DAYS)
    return Capacity(median_bps=median, low_bps=median * exp(-half), high_bps=median * exp(half))


def status_of(capacity: Capacity | None, requirement: Requirement) -> Status:
    """Judge as the collector does."""
    if capacity is None:
        return Status.UNDETERMINED
    if capacity.low_bps >= requirement.upper_bps:
        return Status.MET
    below = capacity.high_bps < requirement.required_bps
    return Status.NOT_MET if below else Status.UNDETERMINED


if __name__ == "__main__":
    sys.exit(main())
