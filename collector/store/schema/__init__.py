"""The schema: its core, then one portable step for each subject, in the order of their numbers.

A released migration is never edited; a subject's next change is a new step.
"""

from typing import Final

from collector.store.schema import (
    approval,
    core,
    export,
    fact_past,
    fleet,
    operators,
    policy,
    programme,
    report,
    rollup,
    slots,
    topology,
)
from collector.store.schema.migration import Dialect, Migration

STEPS: Final = (
    *core.STEPS,
    operators.STEP,
    fleet.STEP,
    policy.STEP,
    slots.STEP,
    rollup.STEP,
    export.STEP,
    programme.STEP,
    report.STEP,
    fact_past.STEP,
    approval.STEP,
    topology.STEP,
)


def migrations(dialect: Dialect) -> tuple[Migration, ...]:
    """All steps in the words of one database."""
    return tuple(step.for_dialect(dialect) for step in STEPS)
