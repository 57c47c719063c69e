"""When the serving collector judges what has changed."""

from datetime import timedelta

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.metrics import Metrics
from collector.rejudge import AGAIN_SECONDS, JudgeInputs, Rejudge
from collector.shown import Shown
from collector.store.interface import Batch, Store
from tests.collector.conftest import MONDAY, Maker
from tests.collector.test_upkeep import Clock


def test_a_week_judged_just_now_gathers_results_before_it_is_judged_again(
    store: Store, make: Maker
) -> None:
    """At once the first time, then once for all that came; nothing is left marked."""
    clock = Clock(MONDAY + timedelta(days=7))
    inputs = JudgeInputs(
        load_criteria(resources.default_criteria()), load_calendars(resources.default_calendar())
    )
    metrics = Metrics(store.queue_depth)
    rejudge = Rejudge(store, Shown(store, clock, None), inputs, clock, metrics)

    def deliver(number: int) -> None:
        row = make.row(started_at=MONDAY + timedelta(minutes=number))
        store.submit(Batch(row.agent_id, clock.now(), [row])).result(60)

    deliver(0)
    rejudge.once()
    assert not store.dirty_weeks()
    for number in range(1, 4):
        deliver(number)
        rejudge.once()
        assert store.dirty_weeks()
    clock.seconds += AGAIN_SECONDS
    rejudge.once()
    assert not store.dirty_weeks()
    judged = [one.runs for one in store.verdict_history("A1", simulated=False)]
    assert max(judged) == 4
