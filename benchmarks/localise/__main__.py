"""How often the bottleneck probe names the right link, in chains of six links. As root.

Every link is narrow in turn, both directions, at three rates, alone and with cross traffic; with
one hop silent or slow; on healthy paths. ICMP limits are the kernel's defaults.

Examples: python -m benchmarks.localise --quick
          python -m benchmarks.localise --runs 10 --seed 6 --record runs.jsonl.gz
          python -m benchmarks.localise --runs 10 --seed 6 --record runs.jsonl.gz --resume
          python -m benchmarks.localise --replay runs.jsonl.gz
"""

import argparse
import gzip
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.localise.decide import decide
from agent.localise.figures import direction_values
from benchmarks.localise.cases import Case, Cross, Odd, cases, quick
from benchmarks.localise.place import place
from benchmarks.localise.recording import from_json
from benchmarks.localise.score import FAILED, SILENT, WAYS, WRONG, missed, score, table
from benchmarks.throughput.table import machine, show

Scored = list[tuple[Case, str, str]]


def main() -> int:
    """Run, show, and say whether the aims were reached (exit code 1: not)."""
    options = _parse()
    print(" ".join(f"{name}={value}" for name, value in machine().items()), flush=True)
    if options.replay:
        runs = list(_replayed(options.replay))
    else:
        wanted = quick(options.seed) if options.quick else cases(options.seed, options.runs)
        if options.group:
            wanted = [case for case in wanted if case.group in options.group]
        runs = list(read(options.record)) if options.resume else []
        done = {case.number for case, _ in runs}
        wanted = [case for case in wanted if case.number not in done]
        runs += run(wanted, options.side_by_side, options.record, keep=options.resume)
    scored = [
        (case, test, score(case, test, said["values"])) for case, said in runs for test in WAYS
    ]
    for (case, said), test in ((each, test) for each in runs for test in WAYS):
        outcome = score(case, test, said["values"])
        if outcome in (WRONG, FAILED, SILENT):
            print(f"{outcome}: {test} of {_short(case)}: {_found(said, test)}")
    show("Where the bottleneck is: trials by what was said", *table(scored))
    lacking = missed(scored)
    print("\n".join(lacking) if lacking else "every aim was reached", flush=True)
    return 1 if lacking else 0


def run(
    wanted: Sequence[Case], side_by_side: int, record: Path | None, *, keep: bool = False
) -> list[Any]:
    """Run the cases in chains side by side, show how far it is; gives (case, said) in order.

    ``keep``: what ``record`` holds already stays.
    """
    waiting: dict[bool, queue.SimpleQueue[Case]] = {
        True: queue.SimpleQueue(), False: queue.SimpleQueue(),
    }  # fmt: skip
    for case in wanted:
        waiting[case.delayed].put(case)
    done: list[tuple[Case, dict[str, Any]]] = []
    troubles: list[BaseException] = []
    lock, begin = threading.Lock(), time.monotonic()
    if record is not None and not keep:
        record.write_bytes(b"")

    def note(case: Case, said: dict[str, Any]) -> None:
        with lock:
            done.append((case, said))
            if record is not None:  # members of gzip one after the other are one file
                line = json.dumps({"case": asdict(case), **said}) + "\n"
                with record.open("ab") as file:
                    file.write(gzip.compress(line.encode()))
            words = ", ".join(f"{test} {score(case, test, said['values'])}" for test in WAYS)
            print(
                f"{len(done)}/{len(wanted)} {time.monotonic() - begin:.0f} s, load "
                f"{os.getloadavg()[0]:.1f}: {_short(case)}: {words}",
                flush=True,
            )

    def work(delayed: bool) -> None:
        try:
            with place(delayed=delayed) as here:
                while True:
                    note(case := waiting[delayed].get_nowait(), here.run(case))
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            troubles.append(error)

    threads = [
        threading.Thread(target=work, args=(bool(number % 2),)) for number in range(side_by_side)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return sorted(done, key=lambda item: item[0].number)


def read(path: Path) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Recorded runs: the case and what was said and seen."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            said = json.loads(line)
            yield _case(said["case"]), said


def _replayed(path: Path) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Judge recorded evidence by today's rule."""
    for case, said in read(path):
        values: dict[str, Any] = {}
        for test, given in said["evidence"].items():
            evidence = from_json(given)
            values |= direction_values(decide(evidence), evidence.hops, test)
        yield case, {**said, "values": values}


def _case(given: dict[str, Any]) -> Case:
    cross = tuple(Cross(**each) for each in given["cross"])
    odd = None if given["odd"] is None else Odd(**given["odd"])
    return Case(**{**given, "cross": cross, "odd": odd})


def _short(case: Case) -> str:
    where = "no narrow link" if case.narrow is None else f"link {case.narrow}-{case.narrow + 1}"
    words = f"{case.group} {case.rate_bps / 1e6:g} Mbit/s, {where}"
    words += f", queue {1000 * case.queue_seconds:.0f} ms"
    if case.odd is not None:
        words += f", hop {case.odd.hop} {case.odd.how} {1000 * case.odd.seconds:.0f} ms"
    return words


def _found(said: dict[str, Any], test: str) -> str:
    values = said["values"]
    names = ("verdict", "reason", "from_hop_count", "to_hop_count", "inflation_seconds")
    found = {name: values.get(f"{test}_{name}") for name in names}
    return " ".join(f"{name}={value}" for name, value in found.items() if value is not None) + (
        f" {said['failure']}" if "failure" in said else ""
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a sample of 11 runs")
    parser.add_argument("--runs", type=int, default=10, help="of each case (default 10)")
    parser.add_argument("--seed", type=int, default=6, help="of everything drawn (default 6)")
    parser.add_argument("--side-by-side", type=int, default=4, help="chains at a time (default 4)")
    parser.add_argument("--group", action="append", help="only this group; may be repeated")
    parser.add_argument("--record", type=Path, help="keep all round trips in this file (.gz)")
    parser.add_argument("--replay", type=Path, help="judge the runs in this file again")
    parser.add_argument(
        "--resume", action="store_true", help="go on where the run that --record names was ended"
    )
    chosen = parser.parse_args()
    if chosen.resume and chosen.record is None:
        parser.error("--resume: found no --record, wanted is the file of the run to go on with")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
