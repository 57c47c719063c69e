"""The alerts that go by the middle of several tests: for each, all that its rule tells apart."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.alerts.city import MINUTES, Course, always, away, value
from tests.alerts.incident import Incident


@dataclass(frozen=True)
class Median:
    """An alert on the median over a window of at least three tests, with two thresholds."""

    alert: str
    name: str
    """Of the live series."""
    window_minutes: int
    keeps_minutes: int
    high: float
    """Above the threshold that raises, and below twice of it."""
    band: float
    """Between the thresholds, above half of the one that raises."""
    ending: float
    """Between the thresholds, below twice of the one that ends."""
    below: float
    """Below the one that ends, and above half of it."""
    low: float

    def incident(self) -> Incident:
        """Schools A, B, C and G raise it, each in a way of its own; F never does."""
        window, keeps = self.window_minutes, self.keeps_minutes
        over = window * 5 // 6 + 2 * (window // 60) + keeps
        fires = {
            "A": (window + 18, MINUTES),
            "B": (window * 2 // 3 + 6, MINUTES),
            "C": (window * 2 // 3 + 6, over),
            "G": (window + 6, MINUTES),
        }
        return Incident(
            f"{self.name}: the middle of tests, and when it is over",
            {
                minute: away(("F",), self.beside)
                | away(
                    tuple(one for one, (begin, end) in fires.items() if begin <= minute < end),
                    self.alert,
                )
                for minute in sorted(
                    {window * 5 // 8, window + 4, window + 8, over - 3, over + 4, window + 28}
                )
            },
            self.changes(),
        )

    @property
    def beside(self) -> str:
        """Another alert, of the same target."""
        return "HakaruLatencyHigh" if self.alert == "HakaruLossHigh" else "HakaruLossHigh"

    def changes(self) -> Mapping[str, Course]:
        """Courses of values, in parts of the window."""
        window, step = self.window_minutes, self.window_minutes // 12
        high, band, low = self.high, self.band, self.low

        def at(values: Mapping[int, float]) -> Course:
            return values.get

        def tested(course: Course) -> Course:
            return lambda minute: None if minute % step else course(minute)

        def stepped(then: float) -> Course:
            def course(minute: int) -> float | None:
                if minute >= window * 5 / 6:  # and tested five times as often
                    return None if minute % (window // 60) else then
                return None if minute % step else low if minute < window / 3 else high

            return course

        def many_good_long_ago(minute: int) -> float | None:
            if minute <= 20:
                return low
            return None if minute % step or minute < window / 3 else high

        third = window // 3
        twice_and_once_long_ago = dict.fromkeys((0, window * 5 // 9, window + 5), high)
        above_in_one_evaluation = {20: band, 22: high, 24: high, 26: band, 28: band}
        found = {
            value("A", self.name, "t"): many_good_long_ago,
            value("B", self.name, "t"): stepped(self.ending),
            value("C", self.name, "t"): stepped(self.below),
            value("G", self.name, "t"): at(
                dict.fromkeys((third, 2 * third, window, 4 * third), high)
            ),
            value("F", self.name, "two"): at(twice_and_once_long_ago),
            value("F", self.name, "three of eleven"): tested(
                lambda minute: high if 0 <= minute - third < 3 * step else low
            ),
            value("F", self.name, "between"): tested(always(band)),
            value("F", self.name, "for a moment"): at(above_in_one_evaluation),
        }
        if self.beside == "HakaruLatencyHigh":
            found[value("F", "latency_rtt_median_seconds", "between")] = tested(always(0.2))
        else:
            found[value("F", "latency_loss_ratio", "between")] = tested(always(0.06))
        if self.name.startswith("latency"):
            found[value("F", self.name, "lan").replace("{", '{segment="lan",')] = tested(
                always(high)
            )
        return found


MEDIANS = (
    Median("HakaruDnsSlow", "dns_first_median_seconds", 180, 30, 0.17, 0.12, 0.12, 0.08, 0.02),
    Median("HakaruLossHigh", "latency_loss_ratio", 60, 30, 0.035, 0.02, 0.015, 0.008, 0.001),
    Median("HakaruLatencyHigh", "latency_rtt_median_seconds", 60, 30, 0.17, 0.12, 0.12, 0.08, 0.02),
    Median(
        "HakaruDevicePortErrors", "snmp_port_error_max_ratio",
        120, 60, 1.2e-4, 6e-5, 1.5e-5, 8e-6, 1e-7,
    ),
    Median("HakaruDeviceOverloaded", "snmp_cpu_max_ratio", 60, 30, 0.92, 0.85, 0.85, 0.7, 0.2),
    Median("HakaruDeviceOverloaded", "snmp_sessions_max_ratio", 60, 30, 0.92, 0.85, 0.85, 0.7, 0.2),
)  # fmt: skip


INCIDENTS = tuple(one.incident() for one in MEDIANS)
