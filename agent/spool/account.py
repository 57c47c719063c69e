"""The account of what the spool lost, kept in the same transactions, delivered as a record.

Every number counts results that were measured and will not be delivered:

- ``dropped_count``: were accepted, then dropped for want of room;
- ``not_accepted_count``: could not be written (disk full or failing), so were never accepted;
- ``damaged_count``: their bytes were altered on the disk, so were not sent;
- ``refused_count``: the collector refused them; they are in local quarantine;
- ``set_aside_count``: whole spool files that were damaged; what was in them is in no number
  here but ``lost_waiting_count``, where it could still be read.

For each stream: numbers given = stored by the collector + dropped + damaged + refused.
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import Final

from agent import __version__
from agent.clock import Clock
from agent.spool.database import SpoolCorrupt
from wire.failure import Outcome
from wire.ids import NO_AGENT, uuid4, uuid7
from wire.measurement import Json, Measurement

SPOOL_PROBE: Final = "spool"
"""Name of the probe in records of this account."""
SPOOL_TARGET: Final = "spool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What was lost since the last record of the account."""

    dropped_count: int = 0
    not_accepted_count: int = 0
    damaged_count: int = 0
    refused_count: int = 0
    set_aside_count: int = 0
    lost_waiting_count: int = 0
    dropped_first: int = 0
    """Number in the stream of the first result dropped or damaged; 0 when there is none."""
    dropped_last: int = 0
    lost_stream: str = ""
    """Stream of the file last set aside, where it could be read."""
    reason: str = ""
    """Why the last file was set aside."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to report."""
        return self == Account()

    def with_lost(self, seqs: list[int], *, damaged: bool = False) -> "Account":
        """Add results of the stream that are gone."""
        if not seqs:
            return self
        first = min([*seqs, *([self.dropped_first] if self.dropped_first else [])])
        name = "damaged_count" if damaged else "dropped_count"
        return replace(
            self,
            **{name: getattr(self, name) + len(seqs)},
            dropped_first=first,
            dropped_last=max([*seqs, self.dropped_last]),
        )

    def plus(self, other: "Account") -> "Account":
        """Add the numbers of ``other``; its texts win where it has them."""
        firsts = [first for first in (self.dropped_first, other.dropped_first) if first]
        return Account(
            dropped_count=self.dropped_count + other.dropped_count,
            not_accepted_count=self.not_accepted_count + other.not_accepted_count,
            damaged_count=self.damaged_count + other.damaged_count,
            refused_count=self.refused_count + other.refused_count,
            set_aside_count=self.set_aside_count + other.set_aside_count,
            lost_waiting_count=self.lost_waiting_count + other.lost_waiting_count,
            dropped_first=min(firsts, default=0),
            dropped_last=max(self.dropped_last, other.dropped_last),
            lost_stream=other.lost_stream or self.lost_stream,
            reason=other.reason or self.reason,
        )


def to_text(account: Account) -> str:
    """Write for the ``account`` column."""
    return json.dumps(asdict(account), separators=(",", ":"))


def from_text(text: str) -> Account:
    """Read the ``account`` column. Raises :class:`SpoolCorrupt`."""
    try:
        given = json.loads(text)
        known = {item.name for item in fields(Account)}
        return Account(**{name: value for name, value in given.items() if name in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise SpoolCorrupt(f"account: {error}") from error


def to_measurement(account: Account, clock: Clock, random: Random) -> Measurement:
    """Make the record that reports ``account``. The store gives it its place in the stream."""
    now = clock.now()
    values: dict[str, Json] = {
        name: number
        for name, number in asdict(account).items()
        if name.endswith("_count") and number
    }
    context: dict[str, Json] = {"agent_version": __version__}
    if account.dropped_first:
        # numbers in the stream, not units: a list, see wire.units
        context["dropped_span"] = [account.dropped_first, account.dropped_last]
    if account.lost_stream:
        context["lost_stream"] = account.lost_stream
    if account.reason:
        context["set_aside_reason"] = account.reason
    return Measurement(
        result_id=uuid7(int(now.timestamp() * 1000), random.getrandbits(74)),
        agent_id=NO_AGENT,
        stream=uuid4(random.getrandbits(128)),
        seq=1,
        probe=SPOOL_PROBE,
        target=SPOOL_TARGET,
        started_at=now,
        boot_id=clock.boot_id(),
        monotonic_start_seconds=clock.monotonic_seconds(),
        duration_seconds=0.0,
        outcome=Outcome.OK,
        values=values,
        context=context,
    )
