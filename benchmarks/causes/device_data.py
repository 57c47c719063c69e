"""Faults planted in what devices and probes say: scenarios by seed, healthy ones among them."""

from collections.abc import Iterator, Sequence

from benchmarks.causes.device_faults import FAULTS, PAIRS
from benchmarks.causes.healthy_schools import HEALTHY
from benchmarks.causes.planted_school import built
from benchmarks.causes.scenario import Scenario


def scenarios(seeds: Sequence[int]) -> Iterator[Scenario]:
    """Every kind of scenario, once for each seed."""
    for seed in seeds:
        for name, (finding_id, plant) in FAULTS.items():
            yield built(name, [plant], [finding_id], seed)
        for one, other in PAIRS:
            plants = [FAULTS[one][1], FAULTS[other][1]]
            yield built(f"{one} + {other}", plants, [FAULTS[one][0], FAULTS[other][0]], seed)
        for name, plant in HEALTHY.items():
            yield built(name, [plant], [], seed)
