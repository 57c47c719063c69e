"""What a runner works with, made by the command that starts it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from agent.appliance import Appliance
from agent.clock import Clock
from agent.clock_watch import ClockWatch
from agent.config import Config
from agent.context import Counters
from agent.heartbeat import Heart
from agent.identity import Identity
from agent.push import Pusher
from agent.slot import SlotDesk
from agent.snmp.polling import PollSettings
from agent.spool import Spool
from agent.steering import Steering
from agent.supervise import CHILD_COMMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of an agent; what is None it goes without."""

    config: Config
    identity: Identity
    state_dir: Path
    memory_dir: Path | None = None
    """For what no restart of the machine need survive; None: all goes to ``state_dir``."""
    spool: Spool
    pusher: Pusher
    clock: Clock
    random: Random
    command: Sequence[str] = CHILD_COMMAND
    watch: ClockWatch | None = None
    """None: the wall clock is taken as it is."""
    appliance: Appliance | None = None
    counters: Counters | None = None
    """Of the WAN interface; None: no test is put off for a busy line."""
    steering: Steering | None = None
    """What the collector asks; None: only ``config`` counts."""
    slots: SlotDesk | None = None
    """Whom to ask before the line is loaded; None: nobody."""
    polling: PollSettings | None = None
    """How devices of the school are polled; None: none is."""
    heart: Heart | None = None
    """None: the collector hears of this appliance by its results alone."""
