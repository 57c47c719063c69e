"""Queries as Grafana sends them: its variables and macros filled in."""

import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from deploy.dashboards import words
from deploy.dashboards.boards import shared
from tests.postgres import Cluster, programs

ROOT = Path(__file__).parents[2]
RIGHTS = ROOT / "deploy/postgres/grafana.sql"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person chose: time range, and values by variable (several: a tuple)."""

    since: datetime
    until: datetime
    values: dict[str, str | tuple[str, ...]] = field(default_factory=dict)

    def in_sql(self, sql: str) -> str:
        """Macros of the PostgreSQL data source and ``:sqlstring``."""
        sql = sql.replace("$__unixEpochFrom()", str(int(self.since.timestamp())))
        sql = sql.replace("$__unixEpochTo()", str(int(self.until.timestamp())))
        return re.sub(r"\$\{(\w+):sqlstring\}", lambda found: self._quoted(found[1]), sql)

    def in_promql(self, expr: str, step_seconds: int = 300) -> str:
        """Interval variables, and values as regular expressions."""
        range_seconds = int((self.until - self.since).total_seconds())
        for name, seconds in (
            ("$__rate_interval", max(4 * step_seconds, 120)),
            ("$__interval", step_seconds),
            ("$__range", range_seconds),
        ):
            expr = expr.replace(name, f"{seconds}s")
        return re.sub(r"\$(\w+)", lambda found: self._pattern(found[1]), expr)

    def _quoted(self, name: str) -> str:
        value = self.values[name]
        every = (value,) if isinstance(value, str) else value
        return ",".join("'" + one.replace("'", "''") + "'" for one in every)

    def _pattern(self, name: str) -> str:
        """As Grafana escapes for Prometheus: one value as text, several as alternatives."""
        value = self.values[name]
        if isinstance(value, str):
            return value.replace("\\", "\\\\").replace('"', '\\"')
        return "(" + "|".join(_escaped(one) for one in value) + ")"


def _escaped(value: str) -> str:
    value = value.replace("\\", "\\\\\\\\")
    return re.sub(r"[$^*{}\[\]'+?.()|]", lambda found: "\\\\" + found[0], value).replace('"', '\\"')


def prepare(cluster: Cluster, url: str) -> str:
    """Make the role and its rights by the project's own file; give the URL for the role."""
    if not cluster.run("SELECT 1 FROM pg_roles WHERE rolname = 'grafana'"):
        cluster.run("CREATE ROLE grafana LOGIN")
    grant(url)
    return url.replace("postgresql://hakaru@", "postgresql://grafana@")


def grant(url: str) -> None:
    """As the service grafana-rights does at each start."""
    command = [str(programs() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    command += [f"--dbname={url}", f"--file={RIGHTS}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""


def columns(url: str) -> dict[str, set[str]]:
    """Columns by view, as the role may see them."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'dashboard'"
        ).fetchall()
    found: dict[str, set[str]] = {}
    for view, column in rows:
        found.setdefault(view, set()).add(column)
    return found


def choices(url: str, since: datetime, school: str) -> Chosen:
    """All of every variable, as the dashboards' own queries and lists say, and one school."""
    values: dict[str, str | tuple[str, ...]] = {
        "band": tuple(words.BAND),
        "line": tuple(words.LINE),
        "school": school,
    }
    with psycopg.connect(url) as connection:
        for variable in (shared.REGION, shared.NETWORK):
            rows = connection.execute(variable.sql.encode()).fetchall()
            values[variable.name] = tuple(str(row[0]) for row in rows)
        row = connection.execute(shared.LEAVE_OUT.sql.encode()).fetchone()
        assert row is not None
        values["leave_out"] = str(row[0])
    return Chosen(since, datetime.now(UTC), values)
