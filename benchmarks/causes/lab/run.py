"""Cases in schools side by side, since they mostly wait."""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.causes.lab.cases import Case
from benchmarks.causes.lab.rounds import Ran, run
from benchmarks.causes.lab.school import school

SIDE_BY_SIDE = 4
NICE = -15
"""What is measured is the network, and not how busy this machine is beside."""
_GROUP = Path("/proc/self/autogroup")


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
                f"in {ran.took_seconds:.0f} s, {ran.stolen_seconds:.1f} s stolen",
                flush=True,
            )

    def work() -> None:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)  # of this thread and what it starts
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
    with _before_others():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if troubles:
        raise troubles[0]
    return [done[number] for number in sorted(done)]


@contextmanager
def _before_others() -> Iterator[None]:
    """Let this session run before others, where the kernel shares time by session (sched(7)).

    Without a session of its own (a container, a service) a process cannot ask for it: it is
    refused, and the run goes on as it is.
    """
    try:
        _GROUP.write_text(str(NICE))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        _GROUP.write_text("0")
