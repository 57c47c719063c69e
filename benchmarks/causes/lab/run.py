"""Cases in schools side by side, since they mostly wait."""

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence

from benchmarks.causes.lab.cases import Case
from benchmarks.causes.lab.rounds import Ran, run
from benchmarks.causes.lab.school import school

SIDE_BY_SIDE = 4
NICE = -15


def run_all(
    wanted: Sequence[Case], side_by_side: int = SIDE_BY_SIDE,
    keep: Callable[[Ran], object] = lambda _ran: None,
) -> list[Ran]:  # fmt: skip
    """Run all; ``keep`` is told of each as it ends, one at a time. In the order of the cases."""
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in wanted:
        waiting.put(case)
    done: dict[int, Ran] = {}
    troubles: list[BaseException] = []
    lock, begin = threading.Lock(), time.monotonic()

    def note(ran: Ran) -> None:
        with lock:
            done[wanted.index(ran.case)] = ran
            keep(ran)
            print(
                f"{len(done)}/{len(wanted)} {time.monotonic() - begin:.0f} s, load "
                f"{os.getloadavg()[0]:.1f}: {ran.case.name}: {len(ran.measurements)} measurements "
                f"in {ran.took_seconds:.0f} s",
                flush=True,
            )

    def work() -> None:
        # of this thread and the processes that it starts: what is measured is the network, and not
        # how busy this machine is beside
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        try:
            while not troubles:
                case = waiting.get_nowait()
                # a school of its own: nothing of one fault is left for the next
                with school(case.rtt_seconds, case.seed) as built:
                    note(run(built, case))
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            troubles.append(error)

    threads = [threading.Thread(target=work) for _ in range(min(side_by_side, len(wanted)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return [done[number] for number in sorted(done)]
