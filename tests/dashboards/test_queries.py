"""Every query of every dashboard on real engines: it gives rows, and knows what it names."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from collector.judge.week import Week
from deploy.dashboards import lint
from deploy.dashboards.__main__ import FOLDER
from deploy.dashboards.boards import BOARDS
from tests.dashboards import engines, planted
from tests.dashboards.filled import City, filled
from tests.faults.time_series import TimeSeriesStore
from tests.postgres import NoPostgres, programs

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
DEMO_BEGAN = datetime(2026, 5, 10, tzinfo=UTC)
DASHBOARDS: list[dict[str, Any]] = [
    json.loads((FOLDER / "ja" / f"{board.key}.json").read_text("utf-8")) for board in BOARDS
]
STEP_SECONDS = 300
METRIC = re.compile(r"\bhakaru_[a-z0-9_]+")
HEAD = (
    "| dashboard | panels | queries | rows | empty | unknown metrics |\n|---|---|---|---|---|---|"
)
OF_PROMETHEUS = frozenset({"ALERTS"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of one panel."""

    dashboard: dict[str, Any]
    panel: dict[str, Any]
    target: dict[str, Any]

    @property
    def is_sql(self) -> bool:
        """Whether PostgreSQL is asked."""
        return "rawSql" in self.target

    @property
    def text(self) -> str:
        """As it stands in the file."""
        return str(self.target.get("rawSql") or self.target.get("expr"))

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{self.dashboard['uid']}: {self.panel['title']} {self.target['refId']}"


ALL = [
    Asked(dashboard, panel, target)
    for dashboard in DASHBOARDS
    for panel in lint.shown(dashboard)
    for target in panel["targets"]
]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Filled once for all tests of this file."""
    try:
        programs()
    except NoPostgres as missing:
        pytest.skip(str(missing))
    with filled(tmp_path_factory.mktemp("dashboards")) as made:
        yield made


def rows_of_sql(city: City, asked: Asked) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows, asked as the role grafana, weeks from the demonstration on."""
    chosen = replace(city.chosen, since=DEMO_BEGAN)
    with psycopg.connect(city.grafana) as connection:
        cursor = connection.execute(chosen.in_sql(asked.text).encode())
        assert cursor.description is not None
        return [column.name for column in cursor.description], cursor.fetchall()


def series_of(store: TimeSeriesStore, city: City, asked: Asked) -> list[dict[str, Any]]:
    """Series with at least one number; a range or an instant, as the panel asks."""
    until = city.chosen.until.timestamp()
    expr = city.chosen.in_promql(asked.text, STEP_SECONDS)
    params: dict[str, Any] = {"query": expr}
    if asked.target.get("instant"):
        path, params = "query", params | {"time": until}
    else:
        since = until - 24 * STEP_SECONDS  # the last step is the end of the range
        path, params = "query_range", params | {"start": since, "end": until, "step": STEP_SECONDS}
    reply = httpx.get(
        f"http://127.0.0.1:{store.port}/api/v1/{path}", params=params, trust_env=False, timeout=60
    )
    assert reply.status_code == 200, f"{asked.name}: {reply.text}"
    found: list[dict[str, Any]] = [
        one
        for one in reply.json()["data"]["result"]
        if any(value != "NaN" for _, value in one.get("values") or [one["value"]])
    ]
    return found


def test_every_query_gives_rows(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    """On PostgreSQL and each time-series store; prints what came."""
    with httpx.Client(trust_env=False) as client:
        said = client.get(f"http://127.0.0.1:{city.stores[0].port}/api/v1/label/__name__/values")
        declared = client.get(f"http://127.0.0.1:{city.port}/metrics").text
    # a counter with labels has no series before it counts
    there = set(said.json()["data"]) | set(re.findall(r"# TYPE (\w+)", declared))
    lines = []
    empty, unknown = [], []
    for dashboard in DASHBOARDS:
        asked = [one for one in ALL if one.dashboard is dashboard]
        rows, before = 0, (len(empty), len(unknown))
        for one in asked:
            if one.is_sql:
                found = len(rows_of_sql(city, one)[1])
                if not found:
                    empty.append(one.name)
                rows += found
                continue
            unknown += [f"{one.name}: {m}" for m in METRIC.findall(one.text) if m not in there]
            for store in city.stores:
                found = len(series_of(store, city, one))
                if not found:
                    empty.append(f"{one.name} on {store.name}")
                rows += found
        panels = len(lint.shown(dashboard))
        bad = f"{len(empty) - before[0]} | {len(unknown) - before[1]}"
        lines.append(f"| {dashboard['uid']} | {panels} | {len(asked)} | {rows} | {bad} |")
    stores = ", ".join(store.name for store in city.stores)
    with capsys.disabled():
        print(f"\nPostgreSQL, {stores}\n{HEAD}")
        print("\n".join(lines))
        print(f"{len(empty)} empty, {len(unknown)} unknown metrics")
    assert (empty, unknown) == ([], []), "\n".join(empty + unknown)


def test_columns_are_those_that_are_set_up(city: City) -> None:
    """Each column of a table has a title and a unit, and none is set up that is not there."""
    for asked in ALL:
        if not asked.is_sql:
            continue
        names, rows = rows_of_sql(city, asked)
        overrides = asked.panel["fieldConfig"]["overrides"]
        set_up = {one["matcher"]["options"] for one in overrides}
        if asked.target["format"] == "time_series":
            assert names[0] == "time", asked.name
            assert all(isinstance(row[0], datetime) for row in rows), asked.name
            assert sorted(row[0] for row in rows) == [row[0] for row in rows], asked.name
            names = names[1:]
            for row in rows:
                assert all(isinstance(value, int | float | None) for value in row[1:]), asked.name
        if asked.panel["type"] == "geomap":
            assert {"latitude", "longitude", "sign"} <= set(names)
            names = [name for name in names if name not in ("latitude", "longitude", "sign")]
        assert set(names) == set_up, asked.name


def test_tables_of_series_have_the_labels_that_are_set_up(city: City) -> None:
    """Labels become columns: those set up are there."""
    for asked in ALL:
        if asked.is_sql or asked.panel["type"] != "table":
            continue
        overrides = asked.panel["fieldConfig"]["overrides"]
        set_up = {one["matcher"]["options"] for one in overrides} - {"Time", "Value"}
        for store in city.stores:
            for series in series_of(store, city, asked):
                assert set(series["metric"]) == set_up, (asked.name, store.name)


def test_every_metric_asked_for_is_documented() -> None:
    """In docs/metrics.md, or as a field of a probe in docs/methods.md."""
    documented = (ROOT / "docs/metrics.md").read_text("utf-8")
    methods = (ROOT / "docs/methods.md").read_text("utf-8")
    probes = json.loads((ROOT / "wire/probes.json").read_text("utf-8"))
    for asked in ALL:
        for metric in METRIC.findall(asked.text):
            base = metric.removesuffix("_bucket")
            if f"`{base}`" in documented:
                continue
            probe = next((p for p in probes if base.startswith(f"hakaru_{p}_")), None)
            assert probe is not None, (asked.name, metric)
            name = base.removeprefix(f"hakaru_{probe}_")
            tail = re.sub(r"^(download|upload)_", "*_", name)
            known = f"`{name}`" in methods or f"`{tail}`" in methods or name in documented
            assert known or f"`_{name.split('_')[-2]}_`" in methods or name in methods, metric


def of_panel(city: City, board: str, title: str) -> list[dict[str, Any]]:
    """Rows of a panel's first query, as columns by name."""
    asked = next(
        one
        for one in ALL
        if one.dashboard["uid"] == f"hakaru-{board}" and one.panel["title"] == title
    )
    names, rows = rows_of_sql(city, asked)
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_counts_of_nothing_are_nothing(city: City) -> None:
    """Where no school was judged or surveyed there is no row: 0 of them would be a finding."""
    nowhere = replace(city.chosen, values=city.chosen.values | {"region": ("nowhere",)})
    counts = [
        one for one in ALL if one.is_sql and one.panel["type"] == "stat" and "region" in one.text
    ]
    assert len(counts) == 3
    for one in counts:
        assert len(rows_of_sql(city, one)[1]) == 1, one.name
        assert rows_of_sql(replace(city, chosen=nowhere), one)[1] == [], one.name


def test_the_running_week_is_no_verdict(city: City) -> None:
    """It stands in no trend and in no list of weeks."""
    running = Week.containing(city.chosen.until)
    with psycopg.connect(city.grafana) as connection:
        judged = connection.execute(
            "SELECT count(*) FROM dashboard.verdict WHERE week = %s AND school = %s",
            (str(running), city.school),
        ).fetchone()
    assert judged == (2,)
    for title in ("充足率と基準調査", "判定の推移（授業時間外）"):
        assert max(row["time"] for row in of_panel(city, "city", title)) < running.start
    weeks = [row["week"] for row in of_panel(city, "school", "週の判定")]
    assert weeks
    assert str(running) not in weeks


def test_what_was_lifted_is_no_longer_suppressed(city: City) -> None:
    """Beside it one that goes on."""
    assert [row["scope"] for row in of_panel(city, "centre", "測定の停止")] == ["X"]


def test_an_agent_that_was_replaced_is_not_in_service(city: City) -> None:
    """Neither counted nor listed, though its token was not withdrawn."""
    with psycopg.connect(city.grafana) as connection:
        old = connection.execute(
            "SELECT count(*) FROM dashboard.agent WHERE state = 'replaced' AND revoked_at IS NULL"
        ).fetchone()
    assert old == (1,)
    states = {row["state"] for row in of_panel(city, "fleet", "状態別の台数")}
    states |= {row["state"] for row in of_panel(city, "fleet", "測定端末")}
    assert states
    assert "replaced" not in states


def test_both_directions_of_a_queue_are_told(city: City) -> None:
    """The verdict on the upload is not lost behind that on the download."""
    rows = of_panel(city, "path", "混雑する場所の判定")
    assert {("download", "link"), ("upload", "none")} <= {
        (row["direction"], row["verdict"]) for row in rows
    }


def test_names_that_try_to_do_harm_stay_names(city: City) -> None:
    """They come back as they are, and choose what they name in both languages of queries."""
    with psycopg.connect(city.grafana) as connection:
        row = connection.execute(
            "SELECT name, region, network FROM dashboard.school WHERE code = %s", (city.school,)
        ).fetchone()
    assert row == (planted.HOSTILE, planted.HOSTILE_PLACE, planted.HOSTILE_PLACE)
    place = (planted.HOSTILE_PLACE,)
    alone = replace(city.chosen, values=city.chosen.values | {"region": place, "network": place})
    narrowed = replace(city, chosen=alone)
    for asked in ALL:
        if asked.is_sql:
            names, rows = rows_of_sql(narrowed, asked)
            if "school" in names and asked.panel["type"] == "table":
                schools = {
                    r[names.index("school")]
                    for r in rows
                    if isinstance(r[names.index("school")], str)
                }
                assert schools <= {city.school}, asked.name
        elif "topk(20" in asked.text:
            found = [one["metric"]["school"] for one in series_of(city.stores[0], narrowed, asked)]
            assert set(found) <= {city.school}, asked.name
    devices = next(
        one for one in ALL if one.name.startswith("hakaru-devices") and "ports'" in one.text
    )
    assert any(planted.HOSTILE in row for row in rows_of_sql(city, devices)[1])


@pytest.mark.parametrize(
    "table", ["setting", "operator", "agent", "agent_secret", "agent_old_secret", "agent_beat",
              "enrolment_code", "attachment", "result", "quarantine", "slot", "slot_key", "school"],
)  # fmt: skip
def test_grafana_reads_no_table(city: City, table: str) -> None:
    """Whatever it holds: only the views are for it."""
    with (
        psycopg.connect(city.grafana) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"SELECT * FROM public.{table}".encode())


def test_no_view_has_a_column_of_a_secret(city: City) -> None:
    """By name, and none is taken from the tables of accounts and keys."""
    for view, columns in engines.columns(city.grafana).items():
        for column in columns:
            assert not re.search(
                r"sha256|secret|token_(?!expires)|password|record$|payload", column
            ), (
                view,
                column,
            )
    with psycopg.connect(city.owner) as connection:
        used = connection.execute(
            "SELECT DISTINCT table_name FROM information_schema.view_table_usage"
            " WHERE view_schema = 'dashboard' AND table_schema = 'public'"
        ).fetchall()
    assert not {name for (name,) in used} & {
        "operator", "session", "agent_secret", "agent_old_secret", "enrolment_code", "slot_key",
        "attachment", "audit", "code_guess",
    }  # fmt: skip


def test_rights_are_given_again_and_taken_back(city: City) -> None:
    """An older release let the role read tables: the file takes that back, as often as it runs."""
    with psycopg.connect(city.owner, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON public.school TO grafana")
        connection.execute("GRANT SELECT (agent_id) ON public.agent TO grafana")
    engines.grant(city.owner)
    with psycopg.connect(city.grafana, autocommit=True) as connection:
        for sql in ("SELECT 1 FROM public.school", "SELECT agent_id FROM public.agent"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql)
        assert connection.execute("SELECT count(*) FROM dashboard.school").fetchone() == (84,)


def test_annotations_and_variables_are_valid(city: City) -> None:
    """Marks of the school, and every list of values."""
    given = []
    with psycopg.connect(city.grafana) as connection:
        for dashboard in DASHBOARDS:
            for note in dashboard["annotations"].get("list", []):
                if "target" not in note:
                    assert note["expr"].partition("{")[0] in OF_PROMETHEUS
                    continue
                chosen = replace(city.chosen, since=DEMO_BEGAN)
                sql = chosen.in_sql(note["target"]["rawSql"])
                given.append(len(connection.execute(sql.encode()).fetchall()))
            given += [
                len(connection.execute(variable["query"].encode()).fetchall())
                for variable in dashboard["templating"].get("list", [])
                if variable["type"] == "query"
            ]
    assert min(given) > 0
