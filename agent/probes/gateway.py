"""The way to the school's router: round trips and loss, and the appliance's own port.

ICMP echoes to the default gateway as the probe latency sends them, with its values; beside them
speed, duplex, errors and discards of the port they leave by (``port_…``, :mod:`agent.lan.port`).
Where the gateway does not answer, the port's values stand as partial beside the failure.
"""

from collections.abc import Mapping
from typing import Final

from agent.failure import MeasurementFailed
from agent.lan.gateway import gateway_now
from agent.lan.port import figures, read_port
from agent.probes import Findings, Report, Request
from agent.probes.latency import OPTIONS as ECHO
from agent.probes.latency import probe as echo
from agent.target import parse_lan
from wire.options import Option, resolve
from wire.target_forms import LAN

TARGET: Final = f"the word {LAN}: the default gateway of this appliance"
FORM: Final = "lan"
OPTIONS: Final[Mapping[str, Option]] = {
    name: option for name, option in ECHO.items() if name != "family"
}


def probe(request: Request, report: Report) -> Findings:
    """Measure towards the gateway. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    parse_lan(request.target)
    interface, gateway = gateway_now()
    before = read_port(interface)
    to_gateway = Request(
        target=gateway,
        options={name: value for name, value in options.items() if value is not None},
        clock=request.clock,
        random=request.random,
        deadline_seconds=request.deadline_seconds,
    )
    try:
        found = echo(to_gateway, report)
    except MeasurementFailed as error:
        error.partial = {**error.partial, **figures(before, read_port(interface))}
        raise
    context = {name: value for name, value in found.context.items() if name != "address"}
    return Findings(
        values={**found.values, **figures(before, read_port(interface))}, context=context
    )
