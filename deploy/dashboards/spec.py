"""What a dashboard is made of, in both languages at once: data, of which ``build`` makes JSON."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Final, Literal

from deploy.dashboards.words import Text, Words

Kind = Literal["timeseries", "stat", "table", "barchart", "histogram", "geomap", "bargauge"]
NO_UNIT: Final = "string"
"""Grafana's unit of what is text."""


@dataclass(frozen=True, slots=True)
class Prom:
    """One PromQL query. ``legend`` names each series; ``instant``: only the end of the range."""

    expr: str
    legend: Text = field(default=Text("", ""))
    _: KW_ONLY
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Sql:
    """One SQL query against the views of the schema ``dashboard``."""

    sql: str
    _: KW_ONLY
    over_time: bool = False
    """Its first column is ``time`` and the others are series."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold: where it begins, in which colour, and what it means."""

    value: float
    colour: str
    label: Text


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of a query, or one series of that name, is shown."""

    title: Text
    unit: str = NO_UNIT
    _: KW_ONLY
    words: Words | None = None
    limits: tuple[Limit, ...] = ()
    colour: str | None = None
    width: int | None = None
    opens: str | None = None
    """Dashboard that a click opens for the school in the row."""
    hidden: bool = False
    dashed: bool = False
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; ``about`` says what it shows and where the figure comes from."""

    title: Text
    about: Text
    _: KW_ONLY
    kind: Kind
    queries: tuple[Prom | Sql, ...]
    unit: Text | str = NO_UNIT
    width: int = 12
    height: int = 8
    columns: Mapping[str, Column] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    words: Words | None = None
    minimum: float | None = 0.0
    maximum: float | None = None
    decimals: int | None = None
    stacked: bool = False
    points: bool = False
    """Draw points where results are, joined by thin lines."""
    lessons: bool = False
    """Shade the lessons of ``$school``."""
    interval: str = "5m"
    """Least step of its PromQL queries."""
    x: str | None = None
    """Column along the lower edge of a bar chart."""
    every_row: bool = False
    """A stat of each row instead of the last value."""
    bucket: float | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under one heading, from left to right."""

    title: Text
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A variable whose values the database gives."""

    name: str
    title: Text
    sql: str
    multi: bool = True
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A variable whose values are known; each is shown by its word."""

    name: str
    title: Text
    words: Words
    multi: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Annotations: an SQL query with time, text and perhaps timeend, or a PromQL one."""

    title: Text
    query: Prom | Sql
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard. ``key`` is its file's name and its uid without the project's prefix."""

    key: str
    title: Text
    about: Text
    variables: tuple[Query | Choice, ...]
    sections: tuple[Section, ...]
    notes: tuple[Note, ...] = ()
    since: str = "now-7d"
