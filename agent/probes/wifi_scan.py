"""Wi-Fi around the appliance, where it has a radio: networks, channels, how busy they are.

A passive scan by ``iw``: the radio listens and sends nothing. Names of networks are compared with
the school's own and forgotten. Values: see docs/methods.md.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.lan.options import TARGET
from agent.lan.radio import Survey, figures, read_scan, read_survey
from agent.network_card import SYS_NET
from agent.probes import Findings, Progress, Report, Request
from agent.target import parse_lan
from wire.failure import FailureCode, Operation
from wire.options import Option, resolve

FORM: Final = "lan"
__all__ = ["FORM", "OPTIONS", "TARGET", "probe"]
OPTIONS: Final[Mapping[str, Option]] = {
    "interface": Option(
        type=str, default=None, help="interface of the radio; by default the first there is"
    ),
    "own_names": Option(
        type=str, default=None, help="names (SSID) of the school's networks, with commas"
    ),
}
IW: Final = "iw"
SURVEY_SECONDS: Final = 5.0
_DENIED: Final = ("Operation not permitted", "Permission denied")
_NO_RADIO: Final = "this appliance has no radio: it is wired, or the driver of its radio is missing"
_NO_TOOL: Final = "the program iw is missing: apt-get install iw"
_WHAT_TO_DO: Final = (
    "scanning is not permitted to this program and the kernel holds no newer scan of another: give "
    "it CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)"
)


class _Refused(Exception):
    """``iw`` ended with an error; the text is its last line."""


def probe(request: Request, report: Report) -> Findings:
    """Scan. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    parse_lan(request.target)
    ends_at = request.clock.monotonic_seconds() + request.deadline_seconds
    name = radio(str(options["interface"] or ""))
    if shutil.which(IW) is None:
        raise MeasurementFailed(FailureCode.UNSUPPORTED, Operation.PREPARE, _NO_TOOL)
    own = [each.strip() for each in str(options["own_names"] or "").split(",") if each.strip()]
    report(
        Progress(phase="scan", elapsed_seconds=0.0, total_seconds=request.deadline_seconds, text="")
    )
    before = _survey(name)
    text, fresh = _scan(name, ends_at, request.clock)
    networks = read_scan(text, own)
    if not networks and not fresh:
        raise MeasurementFailed(FailureCode.PERMISSION_DENIED, Operation.RUN, _WHAT_TO_DO)
    how = "passive scan" if fresh else "scan kept by the kernel (no leave to scan)"
    return Findings(
        values=figures(networks, before, _survey(name)),
        context={"method": f"{how} and channel survey by iw (nl80211)"},
    )


def radio(given: str, root: Path = SYS_NET) -> str:
    """The interface of a radio. Raises :class:`MeasurementFailed` where there is none."""
    try:
        found = sorted(path.parent.name for path in root.glob("*/phy80211"))
    except OSError:
        found = []
    if given and given not in found:
        text = f"interface {given[:20]!r} is no radio; there are: {' '.join(found) or 'none'}"
        raise MeasurementFailed(FailureCode.UNSUPPORTED, Operation.PREPARE, text)
    if not found:
        raise MeasurementFailed(FailureCode.UNSUPPORTED, Operation.PREPARE, _NO_RADIO)
    return given or found[0]


def _scan(name: str, ends_at: float, clock: Clock) -> tuple[str, bool]:
    """What a scan printed, and whether it is of now."""
    seconds = ends_at - clock.monotonic_seconds() - 2 * SURVEY_SECONDS
    if seconds <= 0:
        raise MeasurementFailed(
            FailureCode.TIMEOUT, Operation.PREPARE, "the deadline leaves no time to scan"
        )
    try:
        return _run(("dev", name, "scan", "passive"), seconds), True
    except _Refused as error:
        if not any(word in str(error) for word in _DENIED):
            raise _named(error) from None
    try:
        return _run(("dev", name, "scan", "dump"), SURVEY_SECONDS), False
    except _Refused as error:
        raise _named(error) from None


def _survey(name: str) -> dict[int, Survey]:
    try:
        return read_survey(_run(("dev", name, "survey", "dump"), SURVEY_SECONDS))
    except _Refused:  # a driver without a survey: the busy ratio is absent
        return {}


def _named(error: _Refused) -> MeasurementFailed:
    text = str(error)
    if "Network is down" in text:
        text = "the radio is switched off: ip link set NAME up, rfkill unblock wifi"
        return MeasurementFailed(FailureCode.UNSUPPORTED, Operation.RUN, text)
    if "busy" in text:
        text = "the radio is busy with another scan"
        return MeasurementFailed(FailureCode.RESOURCE_EXHAUSTED, Operation.RUN, text)
    return MeasurementFailed(FailureCode.UNSUPPORTED, Operation.RUN, f"iw: {text}")


def _run(words: tuple[str, ...], seconds: float) -> str:
    """Run ``iw``; the name of the interface is one that the kernel gave."""
    try:
        ended = subprocess.run(  # noqa: S603 - no shell, and no word from outside
            (IW, *words), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise MeasurementFailed(
            FailureCode.TIMEOUT, Operation.RUN, f"iw gave no answer within {seconds:.0f} s"
        ) from None
    if ended.returncode:
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        raise _Refused("".join(c if c.isprintable() else "?" for c in (said or [""])[-1])[:200])
    return ended.stdout.decode("utf-8", "replace")
