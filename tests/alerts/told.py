"""What an alert of an incident says, word for word: labels and texts as Prometheus sends them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.city import GROUPS, RESPONDER

CONFIGS = Path(__file__).parents[2] / "configs"
RULES = [
    CONFIGS / f"prometheus/rules/{name}.yml"
    for name in ("recording", "alerting", "alerting_schools")
]
SITE = "https://hakaru.city.example"
DURATION, PERCENTAGE, WHOLE = (
    f"$value | {how}" for how in ("humanizeDuration", "humanizePercentage", 'printf "%.0f"')
)
JAPANESE_DURATION = DURATION + "".join(
    f' | reReplaceAll "{unit}" "{word}"'
    for unit, word in (("d", "日"), ("h", "時間"), ("m", "分"), ("s", "秒"))
)


@dataclass(frozen=True)
class Told:
    """One alert at a minute of an incident, alone of its name."""

    incident: str
    minute: int
    alert: str
    school: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Beside those of the rule and of the school."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """How values are written, by the expression of the template."""

    def document(self) -> dict[str, Any]:
        """A test of promtool: exactly this alert, with these labels and texts."""
        rule = rules()[self.alert]
        labels = dict(self.labels)
        if self.school:
            labels |= {"school": self.school, "name": f"学校{self.school}"}
            labels |= {"group": GROUPS[self.school]} if GROUPS[self.school] else {}
            if self.alert.startswith(("HakaruAgent", "HakaruSpool")):
                labels["agent"] = f"agent-{self.school}"
        texts = {key: filled(text, labels, self.shown) for key, text in rule["annotations"].items()}
        return {
            "eval_time": f"{self.minute}m",
            "alertname": self.alert,
            "exp_alerts": [{"exp_labels": labels | rule["labels"], "exp_annotations": texts}],
        }


@cache
def rules() -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES[1:]]
    groups = [group for file in files for group in file["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def filled(text: str, labels: Mapping[str, str], shown: Mapping[str, str]) -> str:
    """A text of a rule as Prometheus fills it in; KeyError for an expression nobody expects."""

    def one_of(found: re.Match[str]) -> str:
        return found[3] if labels[found[1]] == found[2] else found[4]

    def put(found: re.Match[str]) -> str:
        if found[1].startswith("$labels."):
            return labels.get(found[1].removeprefix("$labels."), "")
        return SITE if found[1] == "$externalLabels.hakaru_url" else shown[found[1]]

    text = re.sub(
        r'\{\{ if eq \$labels\.(\w+) "(\w+)" \}\}(.*?)\{\{ else \}\}(.*?)\{\{ end \}\}',
        one_of,
        text,
    )
    return re.sub(r"\{\{ (.*?) \}\}", put, text)


def told_in(incident: str, alerts: Collection[str] | None = None) -> list[dict[str, Any]]:
    """What is to be said in an incident; with names: by these alerts."""
    return [
        one.document()
        for one in TOLD
        if one.incident == incident and (alerts is None or one.alert in alerts)
    ]


LATE = {DURATION: "16m 40s", JAPANESE_DURATION: "16分 40秒"}
SWITCH = "a switch of a school is off; others answer every other time, or are seldom asked"
OWN = "the collector's own health"
SAYS = "what an agent says of itself"
PORTS = "sessions of a router at their limit, errors and half duplex at a port"
MILES = "loss and long round trips"
ALONE = {"unheard": "1"}
SECOND = "one of two appliances of a school is silent: what the other measures is told"
BROKEN = "a line comes and goes; others fail seldom, too few, on a holiday"
DEAD_DNS = (
    "a resolver is dead though the line is up; others fail twice, on a holiday, for one of two"
)
GONE = "the collector is down, then unknown to Prometheus, then back"
TOLD = (
    Told("the centre is down: every series ends", 80, "HakaruCentreDown"),
    # the same labels before and after: one alert, and one notice
    Told(GONE, 95, "HakaruCentreDown"),
    Told(GONE, 120, "HakaruCentreDown"),
    Told("nothing of schools is written: that is told, and nothing of schools", 80, "HakaruBlind"),
    Told(OWN, 140, "HakaruCollectorDown", labels={"instance": "c2", "job": "hakaru-collector"}),
    Told(OWN, 140, "HakaruExportBehind", labels={"instance": "c1", "store": "s"}, shown=LATE),
    Told(OWN, 140, "HakaruIngestRefusing", labels={"instance": "c1", "reason": "store_busy"}),
    Told(OWN, 140, "HakaruJudgingFails", labels={"instance": "c1"}),
    Told(
        "the centre's line is down: one alert before those of schools, which it silences",
        72,
        "HakaruCentreUnreachable",
        shown={PERCENTAGE: "100%"},
    ),
    Told(
        "a responder is down: no line of a school is blamed",
        140,
        "HakaruTargetDown",
        labels={"target": RESPONDER},
        shown={"$value": "4"},
    ),
    Told(
        "the router of one group is down",
        72,
        "HakaruGroupUnreachable",
        labels={"group": "east"},
        shown={PERCENTAGE: "100%"},
    ),
    Told("a line goes down and comes back", 110, "HakaruLineDown", "A"),
    Told("an agent falls silent and is heard again", 95, "HakaruAgentSilent", "F", ALONE),
    Told("maintenance of one school says nothing of another", 150, "HakaruAgentSilent", "G", ALONE),
    Told(SECOND, 100, "HakaruAgentSilent", "A", {"unheard": "0"}),
    Told("slow DNS", 150, "HakaruDnsSlow", "A", {"target": "system"}, {DURATION: "400ms"}),
    Told(BROKEN, 115, "HakaruTestsFail", "A", shown={"$value": "1"}),
    Told(DEAD_DNS, 200, "HakaruDnsDown", "C", {"target": "192.0.2.1"}),
    Told(MILES, 100, "HakaruLossHigh", "A", {"target": RESPONDER}, {PERCENTAGE: "6%"}),
    Told(MILES, 100, "HakaruLatencyHigh", "A", {"target": RESPONDER}, {DURATION: "200ms"}),
    Told(SAYS, 140, "HakaruAgentIntercepted", "A"),
    Told(SAYS, 140, "HakaruAgentClockWrong", "B"),
    Told(SAYS, 140, "HakaruAgentIdentity", "C", {"state": "cloned"}),
    Told(
        "an appliance was moved on a holiday",
        90,
        "HakaruAgentIdentity",
        "G",
        {"state": "wrong_place"},
    ),
    Told(SAYS, 140, "HakaruSpoolGrowing", "A", shown={WHOLE: "1520"}),
    Told(SWITCH, 85, "HakaruDeviceSilent", "A", {"target": "192.0.2.1"}),
    Told(PORTS, 150, "HakaruDevicePortErrors", "A", {"target": "s"}, {PERCENTAGE: "0.02%"}),
    Told(PORTS, 150, "HakaruDeviceHalfDuplex", "A", {"target": "s"}, {"$value": "1"}),
    Told(PORTS, 150, "HakaruDeviceOverloaded", "A", {"target": "r"}, {PERCENTAGE: "95%"}),
)
