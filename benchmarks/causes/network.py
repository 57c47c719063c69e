"""Faults planted in the network of a school in the laboratory, measured by the real agent. As root.

Each case is a school of its own in network namespaces. What is measured is real; the days and
hours are assigned (docs/causes-network.md).

Examples: python -m benchmarks.causes.network --quick
          python -m benchmarks.causes.network --seed 7 --record runs
          python -m benchmarks.causes.network --case "DNS slow" --runs 5
          python -m benchmarks.causes.network --replay runs
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.causes.counting import counts_table
from benchmarks.causes.lab.cases import Case, cases, quick
from benchmarks.causes.lab.rounds import Ran
from benchmarks.causes.lab.run import SIDE_BY_SIDE, run_all
from benchmarks.causes.scenario import Group, Scenario, load, save
from benchmarks.causes.score import Scored, Worth, missed, show_matrix, show_worth, summary
from benchmarks.throughput.table import machine
from collector import resources
from collector.causes.calibration import Group as Planted
from collector.causes.find import find_causes
from collector.causes.model import SchoolRecord
from collector.judge.calendar_file import load_calendars

GROUP: Final[Group] = "network"


def main() -> int:
    """Run or replay, show, and say whether the aims were reached (exit code 1: not)."""
    options = _parse()
    print(" ".join(f"{name}={value}" for name, value in machine().items()), flush=True)
    if options.replay:
        found = [load(path) for path in sorted(options.replay.glob(f"{GROUP}-*.json.gz"))]
    else:
        wanted = quick(options.seed) if options.quick else cases(options.seed, options.runs)
        if options.case:
            wanted = [case for case in wanted if case.name in options.case]
        found = measured(wanted, options.side_by_side, options.record)
    scored = judged(found)
    for one in scored:
        if one.worth is not Worth.RIGHT:
            said = ", ".join(f"{cause.finding_id} {cause.certainty}" for cause in one.causes.causes)
            print(f"{one.worth}: {one.scenario.name}, seed {one.scenario.seed}: {said or '-'}")
    if options.calibrate:
        options.calibrate.write_text(counts_table(scored, Planted.NETWORK))
    show_worth(scored)
    show_matrix(scored)
    print(summary(scored))
    lacking = missed(scored)
    print("\n".join(lacking) if lacking else "every aim was reached", flush=True)
    return 1 if lacking else 0


def measured(
    wanted: Sequence[Case], side_by_side: int = SIDE_BY_SIDE, record: Path | None = None
) -> list[Scenario]:
    """Plant and measure every case; with ``record`` each is kept there as a file as it ends."""
    if record is not None:
        record.mkdir(parents=True, exist_ok=True)

    def keep(ran: Ran) -> None:
        if record is not None:
            save(record / file_name(ran.case), scenario(ran))

    return [scenario(ran) for ran in run_all(wanted, side_by_side, keep)]


def judged(found: Sequence[Scenario]) -> list[Scored]:
    """Give the evidence of each to cause finding, with the usual timetable."""
    calendar = load_calendars(resources.default_calendar()).for_school("laboratory")
    return [Scored(one, find_causes(one.evidence, calendar)) for one in found]


def scenario(ran: Ran) -> Scenario:
    """What cause finding gets to see of a case, and what was planted."""
    case = ran.case
    return Scenario(
        name=case.name,
        group=GROUP,
        planted=frozenset(names[0] for names in case.accepted),
        accepted={names[0]: frozenset(names[1:]) for names in case.accepted if len(names) > 1},
        seed=case.seed,
        school=SchoolRecord(
            code="laboratory",
            required_bps=case.required_bps,
            contract_bps=case.contract_bps,
            line_kind=case.line_kind,
            facts=case.facts,
        ),
        measurements=ran.measurements,
    )


def file_name(case: Case) -> str:
    """Of the recording of a case."""
    words = "".join(letter if letter.isalnum() else "-" for letter in case.name.lower())
    return f"{GROUP}-{words}-{case.seed}.json.gz"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.causes.network",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a sample of 3 cases within a minute")
    parser.add_argument("--runs", type=int, default=1, help="of each case (default 1)")
    parser.add_argument("--seed", type=int, default=6, help="of everything drawn (default 6)")
    parser.add_argument(
        "--side-by-side", type=int, default=SIDE_BY_SIDE,
        help=f"schools at a time (default {SIDE_BY_SIDE})",
    )  # fmt: skip
    parser.add_argument("--case", action="append", help="only this one; may be repeated")
    parser.add_argument("--record", type=Path, help="keep the evidence in this folder")
    parser.add_argument("--calibrate", type=Path, metavar="FILE", help="write the counts there")
    parser.add_argument("--replay", type=Path, help="judge the evidence in this folder again")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
