"""Queries as Grafana stores them. The SDK knows those of Prometheus; PostgreSQL's stand here."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.dashboards.spec import Prom, Sql
from deploy.dashboards.words import Language

PROMETHEUS: Final = dashboard.DataSourceRef(type_val="prometheus", uid="prometheus")
POSTGRESQL: Final = dashboard.DataSourceRef(
    type_val="grafana-postgresql-datasource", uid="postgresql"
)
"""The uids of deploy/grafana/datasources."""


@dataclass(slots=True)
class SqlQuery(variants.Dataquery):
    """A query of Grafana's PostgreSQL data source, written as text."""

    raw_sql: str
    format_val: str
    ref_id: str

    def to_json(self) -> dict[str, object]:
        """The form of the data source's own editor."""
        return {
            "refId": self.ref_id,
            "datasource": POSTGRESQL,
            "editorMode": "code",
            "format": self.format_val,
            "rawQuery": True,
            "rawSql": self.raw_sql,
        }


class SqlBuilder(builder.Builder[SqlQuery]):
    """What the SDK's panels take."""

    def __init__(self, query: Sql, ref_id: str) -> None:
        form = "time_series" if query.over_time else "table"
        self._query = SqlQuery(query.sql, form, ref_id)

    def build(self) -> SqlQuery:
        """The query."""
        return self._query


def built(
    query: Prom | Sql, ref_id: str, interval: str, language: Language, *, table: bool
) -> builder.Builder[variants.Dataquery]:
    """Make the query of one panel. ``table``: labels become columns."""
    if isinstance(query, Sql):
        return SqlBuilder(query, ref_id)
    found = prometheus.Dataquery().expr(query.expr).ref_id(ref_id).datasource(PROMETHEUS)
    found = found.instant() if query.instant else found.range().interval(interval)
    if table:
        return found.format(PromQueryFormat.TABLE)
    return found.legend_format(query.legend.of(language))
