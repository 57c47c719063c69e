"""A child that behaves as its target says: stands in for agent.child in tests of supervision."""

import os
import signal
import subprocess
import sys
import time

from agent import child
from agent import probes as registry
from agent.failure import MeasurementFailed
from agent.probes import Findings, Probe, Report, Request
from wire.failure import FailureCode, Operation


def probe(request: Request, report: Report) -> Findings:  # noqa: ARG001 - a probe's form; one case a line
    """Misbehave as asked."""
    what = request.target
    if what == "hang":
        time.sleep(600)
    if what == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep(600)
    if what == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "exit":
        sys.stderr.write("it went wrong\n")
        sys.stderr.flush()
        os._exit(7)
    if what == "raise":
        raise RuntimeError("a bug in a probe")
    if what == "chatter":
        for _ in range(400):
            os.write(1, b"library says hello\n" * 1000)
    if what.startswith("fork:"):
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(600)  # {what}"])
    if what == "refused":
        raise MeasurementFailed(FailureCode.CONNECTION_REFUSED, Operation.CONNECT, "refused")
    return Findings(values={"rtt_median_seconds": 0.001})


def install(name: str, replacement: Probe) -> None:
    """Put a probe into the registry of this process."""
    module = type(sys)("fake_probe")
    module.probe = replacement  # type: ignore[attr-defined]  # a module made by hand
    sys.modules["fake_probe"] = module
    registry.REGISTRY[name] = "fake_probe"  # type: ignore[index]  # a plain dict in fact


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "garbage":
        os.write(1, b'{"this": "is no measurement"}')
        os._exit(0)
    if len(sys.argv) > 1 and sys.argv[1] == "flood":
        try:
            for _ in range(1600):
                os.write(1, b"x" * 65_536)
        except BrokenPipeError:
            pass
        os._exit(0)
    install("latency", probe)
    code = child.main()
    os._exit(code)
