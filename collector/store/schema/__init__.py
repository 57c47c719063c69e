"""The schema after its core: one portable step for each subject, in the order of their numbers.

A released migration is never edited; a subject's next change is a new step.
"""

from typing import Final

from collector.store.schema import export, fleet, operators, policy, rollup, slots

STEPS: Final = (
    operators.STEP,
    fleet.STEP,
    policy.STEP,
    slots.STEP,
    rollup.STEP,
    export.STEP,
)
