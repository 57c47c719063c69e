"""How often cause finding names what was planted: ``make bench-causes``.

Group 'device data': devices and probes say something is wrong, and many healthy schools beside.
Group 'network': faults in network namespaces, measured by the agent (as root; see
``python -m benchmarks.causes.network --help``).
Rules were set on the seeds 1 to 6 and 201 to 230 of device data; the figures kept in docs/causes.md
are of the seeds 601 to 612, the calibration is of 401 to 430: neither was looked at while rules
were made.

Examples: python -m benchmarks.causes --group device
          python -m benchmarks.causes --from 101 --seeds 12
          python -m benchmarks.causes --group device --from 401 --seeds 30 --calibrate counts.toml
"""

import argparse
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks.causes.counting import counts_table
from benchmarks.causes.device_data import scenarios
from benchmarks.causes.score import Scored, Worth, missed, show_matrix, show_worth, summary
from collector import resources
from collector.causes.calibration import Group
from collector.causes.find import default_knowledge, find_causes
from collector.judge.calendar_file import load_calendars

PROCESSES = 2


def main() -> int:
    """Run the groups asked for; exit code 1 where an aim was missed."""
    options = _parse()
    code = 0
    if options.group in ("both", "device"):
        code |= _device_data(options)
    if options.group in ("both", "network"):
        words = [sys.executable, "-m", "benchmarks.causes.network", *options.network]
        code |= subprocess.run(words, check=False).returncode
    return code


def _device_data(options: argparse.Namespace) -> int:
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(PROCESSES) as pool:
        scored = [one for found in pool.map(judged, seeds) for one in found]
    for one in scored:
        if one.worth is not Worth.RIGHT:
            said = ", ".join(f"{cause.finding_id} {cause.certainty}" for cause in one.causes.causes)
            print(f"{one.worth}: {one.scenario.name}, seed {one.scenario.seed}: {said or '-'}")
    show_worth(scored)
    show_matrix(scored)
    print(f"device data, seeds {seeds[0]} to {seeds[-1]}: {summary(scored)}")
    if options.calibrate is not None:
        options.calibrate.write_text(counts_table(scored, Group.DEVICE_DATA))
    lacking = missed(scored)
    print("\n".join(lacking) if lacking else "every aim was reached", flush=True)
    return 1 if lacking else 0


def judged(seed: int) -> list[Scored]:
    """All scenarios of one seed, with what was said of each; without their measurements.

    Those are not needed any more, and their read-only fields do not pass between processes.
    """
    calendar = load_calendars(resources.default_calendar()).for_school("planted")
    return [
        Scored(
            replace(one, measurements=()),
            find_causes(one.evidence, calendar, default_knowledge()),
        )
        for one in scenarios([seed])
    ]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.causes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--group", choices=("both", "device", "network"), default="both", help="default both"
    )
    parser.add_argument("--from", dest="first", type=int, default=101, help="first seed (101)")
    parser.add_argument("--seeds", type=int, default=12, help="how many (12)")
    parser.add_argument("--calibrate", type=Path, metavar="FILE", help="write the counts there")
    parser.add_argument(
        "--network", nargs=argparse.REMAINDER, default=[], help="what follows is for the network"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
