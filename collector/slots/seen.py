"""What the stored results say of a rehearsal."""

import json
from datetime import timedelta
from statistics import median
from typing import Final

from collector.schools.model import School
from collector.slots import rows
from collector.slots.bottleneck import Share, Together, judge
from collector.slots.rehearsals import Rehearsal
from collector.slots.rehearse import members
from collector.store.interface import Store
from wire.rehearsal import ID, ROUND

BEFORE: Final = timedelta(days=28)
"""Single rates are the median of the tests of that long before."""
AFTER: Final = timedelta(minutes=2)


def seen(store: Store, one: Rehearsal) -> tuple[list[Share], Together]:
    """The schools of a rehearsal, and what they show together."""
    taking_part = members(store.schools(), one.upstream)
    shares = [_share(store, one, school) for school in taking_part]
    far_end = next((r for r in store.read(rows.responders) if r.name == one.responder), None)
    # without the responder's capacity it is not taken for the limit
    return shares, judge(shares, far_end.capacity_bps if far_end else 1 << 62)


def _share(store: Store, one: Rehearsal, school: School) -> Share:
    rates: dict[int, float] = {}
    within = (one.starts_at - AFTER, one.ends_at + AFTER)
    for result in store.results_between(school.code, *within, probe="throughput"):
        context = json.loads(result.record).get("context", {})
        number = context.get(ROUND)
        if context.get(ID) == one.rehearsal_id and isinstance(number, int) and result.download_bps:
            rates[number] = result.download_bps
    before = store.results_between(
        school.code, one.made_at - BEFORE, one.made_at, probe="throughput"
    )
    alone = [
        result.download_bps
        for result in before
        if result.download_bps and ID not in json.loads(result.record).get("context", {})
    ]
    return Share(
        code=school.code,
        name=school.name,
        rates=rates,
        alone_bps=median(alone) if alone else None,
    )
