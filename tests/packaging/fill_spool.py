"""Put results into a spool, as the agent's own code does. Runs with the Python of the package.

Usage: fill_spool.py COUNT. Prints the ids of those accepted.
"""

import random
import sys
from pathlib import Path

from agent import identity
from agent.clock import SystemClock
from agent.spool import Spool
from wire.failure import Outcome
from wire.ids import NO_AGENT, uuid4
from wire.measurement import Measurement

state = Path("/var/lib/hakaru")
who = identity.load(state)
assert who is not None
clock, chance = SystemClock(), random.SystemRandom()
spool = Spool(
    state / "spool.db", agent_id=who.agent_id, clock=clock, random=chance, cap_bytes=1 << 30
)
for number in range(int(sys.argv[1])):
    stored = spool.accept(
        Measurement(
            result_id=uuid4(1),
            agent_id=NO_AGENT,
            stream=uuid4(2),
            seq=1,
            probe="latency",
            target="192.0.2.1",
            started_at=clock.now(),
            boot_id=clock.boot_id(),
            monotonic_start_seconds=clock.monotonic_seconds(),
            duration_seconds=2.0,
            outcome=Outcome.OK,
            failure=None,
            values={"rtt_median_seconds": 0.01},
            context={"mark": str(number)},
        )
    )
    assert stored is not None
    print(stored.result_id)
spool.close()
