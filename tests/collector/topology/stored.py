"""Reports of a school put into a store, as an agent of it delivers them."""

from collections.abc import Sequence
from datetime import timedelta

from collector.store.interface import Batch, Store
from collector.topology.report import Report
from tests.collector.conftest import Maker
from tests.collector.topology.school import AT
from wire.codec import encode


def put(store: Store, make: Maker, reports: Sequence[Report], days: int = 0) -> None:
    """Store them as results of A1 so many days after the day of the reports."""
    rows = []
    for place, one in enumerate(reports):
        at = AT + timedelta(days=days, seconds=place)
        made = make.record(
            "agent-of-A1", probe="snmp", target=one.target, started_at=at,
            values=dict(one.values), segment="lan",
        )  # fmt: skip
        rows.append(
            make.row(
                result_id=made.result_id, probe="snmp", target=one.target, started_at=at,
                segment="lan", download_bps=None, record=encode(made),
            )
        )  # fmt: skip
    arrived = AT + timedelta(days=days, hours=1)
    store.submit(Batch("agent-of-A1", arrived, rows)).result(60)
