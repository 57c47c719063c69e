"""Panels and columns of the same shape in several dashboards."""

from collections.abc import Mapping

from deploy.dashboards.boards.shared import LINKED, NAME, NAMED, TARGET
from deploy.dashboards.spec import Column, Panel, Prom, Sql
from deploy.dashboards.words import Text, Words


def table(
    title: Text,
    about: Text,
    sql: str,
    *,
    columns: Mapping[str, Column],
    width: int = 12,
    height: int = 8,
) -> Panel:
    """Give a table of one SQL query."""
    return Panel(
        title, about, kind="table", queries=(Sql(sql),), columns=columns, width=width, height=height
    )


def worst(
    title: Text,
    about: Text,
    each: str,
    value: Column,
    *,
    by_target: bool = False,
    width: int = 8,
) -> Panel:
    """Give the twenty schools, or devices, where ``each`` is greatest at the end of the range.

    ``each``: PromQL, one figure a school, or with ``by_target`` one a school and target.
    """
    return Panel(
        title,
        about,
        kind="table",
        queries=(Prom(f"topk(20, {each} * {NAMED})", instant=True),),
        width=12 if by_target else width,
        columns={
            "Time": Column(Text("時刻", "Time"), "dateTimeAsIso", hidden=True),
            "school": LINKED,
            "name": NAME,
            **({"target": TARGET} if by_target else {}),
            "Value": value,
        },
    )


def by_word(words: Words, unit: str = "none") -> dict[str, Column]:
    """Give each code, a series or a column, its word and colour; ``none``: it counts something."""
    return {code: Column(word.text, unit, colour=word.colour) for code, word in words.items()}


def in_both(*columns: Column) -> dict[str, Column]:
    """Give series that a legend names in the reader's language: each is found under both names."""
    return {name: column for column in columns for name in (column.title.ja, column.title.en)}


def same(legend: str) -> Text:
    """Give what reads the same in both languages, as a series' own labels do."""
    return Text(legend, legend)


def bps(ja: str, en: str, *, width: int | None = None) -> Column:
    """Give a column of bits per second, whole ones."""
    return Column(Text(ja, en), "bps", decimals=0, width=width)


def by_hour(column: str) -> str:
    """SQL: the hour's begin, as the column ``time``. ``column``: in microseconds."""
    return f"to_timestamp({column} / 3600000000 * 3600) AS time"
