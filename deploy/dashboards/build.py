"""A dashboard in one language, and its JSON."""

import json
from collections.abc import Iterator
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from deploy.dashboards.fields import uid
from deploy.dashboards.panels import FULL_WIDTH, panel
from deploy.dashboards.query import POSTGRESQL, PROMETHEUS, SqlQuery
from deploy.dashboards.spec import Board, Choice, Note, Prom, Query, Section
from deploy.dashboards.words import Language, Text

TAG: Final = "hakaru"
OTHERS: Final = Text("ほかのダッシュボード", "Other dashboards")
REFRESH: Final = "5m"


def text(board: Board, language: Language) -> str:
    """The file's text: keys in order, so that a change shows as what it is."""
    made = document(board, language)
    return json.dumps(made, cls=JSONEncoder, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def document(board: Board, language: Language) -> dashboard.Dashboard:
    """The dashboard as Grafana takes it."""
    made = (
        builders.Dashboard(board.title.of(language))
        .uid(uid(board.key, language))
        .description(board.about.of(language))
        .tags([TAG, f"{TAG}-{language}"])
        .timezone("Asia/Tokyo")
        .week_start("monday")
        .refresh(REFRESH)
        .time(board.since, "now")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink(OTHERS.of(language))
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([f"{TAG}-{language}"])
            .as_dropdown(True)
            .keep_time(True)
        )
    )
    for variable in board.variables:
        made.with_variable(_variable(variable, language))
    for note in board.notes:
        made.annotation(_Noted(note, language))
    number, top = 1, 0
    for section in board.sections:
        place = dashboard.GridPos(x=0, y=top, w=FULL_WIDTH, h=1)
        row = builders.Row(section.title.of(language)).id(number).grid_pos(place)
        made.with_row(row)
        top += 1
        number += 1
        for index, where in enumerate(places(section, top)):
            made.with_panel(panel(section.panels[index], language, number, where))
            number += 1
            top_of_next = where.y + where.h
        top = max(top_of_next, top)
    return made.build()


def places(section: Section, top: int) -> Iterator[dashboard.GridPos]:
    """From left to right; a panel that does not fit begins below the tallest so far."""
    left, tallest = 0, 0
    for one in section.panels:
        if left + one.width > FULL_WIDTH:
            top, left, tallest = top + tallest, 0, 0
        yield dashboard.GridPos(x=left, y=top, w=one.width, h=one.height)
        left, tallest = left + one.width, max(tallest, one.height)


def _variable(spec: Query | Choice, language: Language) -> builder.Builder[dashboard.VariableModel]:
    if isinstance(spec, Query):
        made = (
            builders.QueryVariable(spec.name)
            .label(spec.title.of(language))
            .datasource(POSTGRESQL)
            .query(spec.sql)
            .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(dashboard.VariableSort.DISABLED)
            .multi(spec.multi)
            .include_all(spec.multi)
        )
        if spec.hidden:
            made.hide(dashboard.VariableHide.HIDE_VARIABLE)
        return made.current(_all()) if spec.multi else made
    values = ", ".join(
        f"{word.text.of(language).replace(',', '')} : {code}" for code, word in spec.words.items()
    )
    chosen = builders.CustomVariable(spec.name).label(spec.title.of(language)).values(values)
    chosen.multi(spec.multi).include_all(spec.multi)
    return chosen.current(_all()) if spec.multi else chosen


def _all() -> dashboard.VariableOption:
    return dashboard.VariableOption(selected=True, text="All", value="$__all")


class _SqlNote(dashboard.AnnotationQuery):
    """Annotations of an SQL query, which the SDK's own has no place for."""

    query: SqlQuery

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"target": self.query.to_json()}


class _Noted(builder.Builder[dashboard.AnnotationQuery]):
    def __init__(self, spec: Note, language: Language) -> None:
        self._spec, self._language = spec, language

    def build(self) -> dashboard.AnnotationQuery:
        spec, name = self._spec, self._spec.title.of(self._language)
        if isinstance(spec.query, Prom):
            return dashboard.AnnotationQuery(
                name=name, datasource=PROMETHEUS, icon_color=spec.colour, expr=spec.query.expr
            )
        made = _SqlNote(name=name, datasource=POSTGRESQL, icon_color=spec.colour)
        made.query = SqlQuery(spec.query.sql, "table", "Note")
        return made
