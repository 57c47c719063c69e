"""A planted incident as a test of promtool: series, and exactly what fires at some minutes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.alerts.city import MINUTES, Course, Raised, calm
from tests.alerts.told import SITE, told_in

FIRING = 'alertstate="firing"'


@dataclass(frozen=True)
class Incident:
    """What is planted, and exactly what fires at some minutes."""

    name: str
    expected: Mapping[int, Raised]
    changes: Mapping[str, Course] = field(default_factory=dict)
    """Series as promtool writes them; of a calm city where they are the same."""

    def document(
        self, alerts: Collection[str] | None = None, series: Collection[str] | None = None
    ) -> dict[str, Any]:
        """One test of promtool; with names: of these alerts, given these series."""
        given = {
            name: course
            for name, course in (calm() | dict(self.changes)).items()
            if series is None or name.split("{")[0] in series
        }
        of_these = f',alertname=~"{"|".join(sorted(alerts))}"' if alerts is not None else ""
        return {
            "name": self.name,
            "interval": "1m",
            "external_labels": {"hakaru_url": SITE},
            "input_series": [
                {"series": name, "values": written(course)} for name, course in given.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f"count by (alertname, school) (ALERTS{{{FIRING}{of_these}}})",
                    "eval_time": f"{minute}m",
                    "exp_samples": [
                        {"labels": labels_of(one), "value": 1}
                        for one in sorted(raised)
                        if alerts is None or one.split()[0] in alerts
                    ],
                }
                for minute, raised in self.expected.items()
            ],
            "alert_rule_test": told_in(self.name, alerts),
        }


def labels_of(raised: str) -> str:
    """``HakaruLineDown A`` as labels."""
    alert, *school = raised.split()
    own = f', school="{school[0]}"' if school else ""
    return f'{{alertname="{alert}"{own}}}'


def written(course: Course) -> str:
    """Values in the notation of promtool, each minute one: ``1x3 _x2 0`` is 1 1 1 1 _ _ 0."""
    values = [course(minute) for minute in range(MINUTES)]
    said = []
    while values:
        first = values[0]
        alike = next((place for place, one in enumerate(values) if one != first), len(values))
        if first is None:
            said.append(f"_x{alike}")
        else:
            said.append(f"{first:g}" + (f"x{alike - 1}" if alike > 1 else ""))
        del values[:alike]
    return " ".join(said)
