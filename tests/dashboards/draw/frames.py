"""What Grafana's two data sources would hand to a panel, asked of the real engines."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import psycopg

from deploy.dashboards import lint
from tests.dashboards.filled import City

Frame = dict[str, Any]
"""``fields`` (name, type, values, perhaps labels and config) and ``refId``."""
DEMO_BEGAN = datetime(2026, 5, 10, tzinfo=UTC)
DEMO_ENDED = datetime(2026, 6, 8, tzinfo=UTC)
OF_THE_DEMONSTRATION = "hakaru-city"
"""The dashboard whose range ends with the demonstration."""
STEP_SECONDS = 300
LEAST_MILLISECONDS = 3_600_000
TYPES = {16: "boolean", 1082: "time", 1114: "time", 1184: "time"} | dict.fromkeys(
    (20, 21, 23, 26, 700, 701, 1700), "number"
)
"""Of a field, by PostgreSQL's number of the column's type."""


def rows_of(city: City, dashboard: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """By panel: its series, and the range in time that it stands for (milliseconds)."""
    if dashboard["uid"].startswith(OF_THE_DEMONSTRATION):
        city = replace(city, chosen=replace(city.chosen, until=DEMO_ENDED))
    return {panel["id"]: _of_panel(city, panel) for panel in lint.shown(dashboard)}


def _of_panel(city: City, panel: dict[str, Any]) -> dict[str, Any]:
    sql = "rawSql" in panel["targets"][0]
    chosen = city.chosen
    series = [
        frame
        for target in panel["targets"]
        for frame in (_sql(city, target) if sql else _prometheus(city, target))
    ]
    times = [
        at
        for frame in series
        for field in frame["fields"]
        if field["type"] == "time"
        for at in field["values"]
        if at is not None
    ]
    until = chosen.until.timestamp() * 1000
    if sql and times and max(times) - min(times) >= LEAST_MILLISECONDS:
        return {"series": series, "from": min(times), "until": max(times)}
    return {"series": series, "from": chosen.since.timestamp() * 1000, "until": until}


def _sql(city: City, target: dict[str, Any]) -> list[Frame]:
    """One frame, a field for each column."""
    chosen = replace(city.chosen, since=DEMO_BEGAN)
    with psycopg.connect(city.grafana) as connection:
        cursor = connection.execute(chosen.in_sql(target["rawSql"]).encode())
        assert cursor.description is not None
        rows = cursor.fetchall()
        fields = [
            {
                "name": column.name,
                "type": TYPES.get(column.type_code, "string"),
                "values": [_plain(row[number]) for row in rows],
            }
            for number, column in enumerate(cursor.description)
        ]
    return [{"refId": target["refId"], "fields": fields}]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp() * 1000
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float | str | None) else str(value)


def _prometheus(city: City, target: dict[str, Any]) -> list[Frame]:
    """A frame for each series, named by its legend; of a table one, with its labels as columns."""
    chosen = city.chosen
    until = chosen.until.timestamp()
    params: dict[str, Any] = {"query": chosen.in_promql(target["expr"], STEP_SECONDS)}
    if target.get("instant"):
        path, params = "query", params | {"time": until}
    else:
        since = until - (chosen.until - chosen.since).total_seconds() // STEP_SECONDS * STEP_SECONDS
        path, params = "query_range", params | {"start": since, "end": until, "step": STEP_SECONDS}
    reply = httpx.get(
        f"http://127.0.0.1:{city.stores[0].port}/api/v1/{path}",
        params=params, trust_env=False, timeout=60,
    )  # fmt: skip
    reply.raise_for_status()
    found = reply.json()["data"]["result"]
    if target.get("format") == "table":
        return [_table(target, found)]
    return [_series(target, one) for one in found]


def _table(target: dict[str, Any], found: list[dict[str, Any]]) -> Frame:
    labels = sorted({label for one in found for label in one["metric"]})
    fields: list[dict[str, Any]] = [
        {"name": "Time", "type": "time", "values": [one["value"][0] * 1000 for one in found]}
    ]
    fields += [
        {"name": label, "type": "string", "values": [one["metric"].get(label) for one in found]}
        for label in labels
    ]
    values = [float(one["value"][1]) for one in found]
    fields.append({"name": "Value", "type": "number", "values": values})
    return {"refId": target["refId"], "fields": fields}


def _series(target: dict[str, Any], one: dict[str, Any]) -> Frame:
    points = one.get("values") or [one["value"]]
    legend = re.sub(
        r"\{\{\s*(\w+)\s*\}\}",
        lambda label: one["metric"].get(label[1], ""),
        target.get("legendFormat") or "",
    )
    values = [None if value == "NaN" else float(value) for _, value in points]
    return {
        "refId": target["refId"],
        "fields": [
            {"name": "Time", "type": "time", "values": [at * 1000 for at, _ in points]},
            {
                "name": "Value",
                "type": "number",
                "values": values,
                "labels": one["metric"],
                "config": {"displayNameFromDS": legend},
            },
        ],
    }
