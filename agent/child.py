"""One measurement in a process of its own: request on standard input, result on standard output.

Started by :mod:`agent.runner` as ``python -m agent.child``. The request is one line of JSON; the
result is one wire-encoded Measurement. Standard input stays open for as long as the runner lives:
when it ends, so does this process with its group, so a killed agent leaves nothing measuring.
"""

import contextlib
import json
import os
import random
import signal
import sys
import threading

from agent import guard
from agent.clock import SystemClock
from agent.dns_probe.plan import SYSTEM, system_resolvers
from agent.failure import MeasurementFailed
from agent.lan.gateway import gateway_now
from agent.measure import measure
from agent.probes import Progress, Request, load
from wire.codec import encode


def main() -> int:
    """Measure what standard input asks for and write the result."""
    line = sys.stdin.buffer.readline()
    # what a probe or a library prints must not be taken for the result
    result_pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, args=(0,), daemon=True).start()
    given = json.loads(line)
    if (rules := given.get("guard")) is not None:
        _guard(rules["targets"], given["probe"], given["target"])
    request = Request(
        target=given["target"],
        options=given["options"],
        clock=SystemClock(),
        random=random.SystemRandom(),
        deadline_seconds=given["deadline_seconds"],
        token=given.get("token"),
    )
    result = measure(
        given["probe"], load(given["probe"]), request, _unseen, segment=given["segment"]
    )
    with result_pipe:
        result_pipe.write(encode(result))
    return 0


def _guard(targets: list[str] | None, probe: str, target: str) -> None:
    own: list[str] = []
    if probe == "dns" and target == SYSTEM:  # the appliance's own resolvers are its own word
        with contextlib.suppress(MeasurementFailed):  # there is none: the probe says so
            own = system_resolvers("auto")
    elif probe == "gateway":  # the appliance's own router is its own word
        with contextlib.suppress(MeasurementFailed):
            own = [gateway_now()[1].partition("%")[0]]
    guard.install(targets, own)


def _unseen(progress: Progress) -> None:
    """Nobody watches."""


def _end_with_parent(stdin: int) -> None:
    # the bare descriptor: a lock on sys.stdin held here would abort the interpreter at its exit
    while os.read(stdin, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    # not sys.exit: a thread or an exit handler of a probe's library must not keep the process
    code = main()
    sys.stderr.flush()
    os._exit(code)
