"""What is wrong with a dashboard's JSON. Pure; each rule is a function that gives complaints."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any, Final

Dashboard = Mapping[str, Any]
Panel = Mapping[str, Any]
WIDTH: Final = 24
CELLS: Final = frozenset({"auto", "color-text", "color-background", "gauge", "sparkline"})
"""Kinds of table cells that show text as text: none makes HTML, pictures or links of data."""
TYPES: Final = frozenset(
    {"row", "timeseries", "stat", "table", "barchart", "histogram", "geomap", "bargauge"}
)
"""No text panel: its HTML or Markdown could hold a variable's value."""
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?\}?")
_RAW_IN_LINK: Final = re.compile(r"\$\{__(?:data|field|value)[^}:]*\}")
_ADDS_UP: Final = re.compile(
    r"(?:topk|histogram_quantile|vector|(?:sum|max|min|count|quantile)(?: by \((?P<by>[^)]*)\))?)"
    r"(?=[ (])"
)
_MEANING: Final = re.compile(r"^(しきい値|Thresholds): .+", re.MULTILINE)
_LATIN: Final = 0x2000
_JAPANESE: Final = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def panels(dashboard: Dashboard) -> list[Panel]:
    """All panels, those folded into rows too."""
    found: list[Panel] = list(dashboard["panels"])
    for panel in dashboard["panels"]:
        found += panel.get("panels") or []
    return found


def shown(dashboard: Dashboard) -> list[Panel]:
    """Panels that ask something."""
    return [panel for panel in panels(dashboard) if panel["type"] != "row"]


def queries(panel: Panel) -> list[str]:
    """Texts of its queries."""
    return [target.get("expr") or target.get("rawSql") or "" for target in panel["targets"]]


def overlapping(dashboard: Dashboard) -> Iterator[str]:
    """Panels lie beside each other and inside the width."""
    for one, other in combinations(panels(dashboard), 2):
        a, b = one["gridPos"], other["gridPos"]
        if (
            a["x"] < b["x"] + b["w"]
            and b["x"] < a["x"] + a["w"]
            and a["y"] < b["y"] + b["h"]
            and b["y"] < a["y"] + a["h"]
        ):
            yield f"{one['title']} and {other['title']} overlap"
    for panel in panels(dashboard):
        place = panel["gridPos"]
        if not (place["w"] > 0 and place["h"] > 0 and 0 <= place["x"] <= WIDTH - place["w"]):
            yield f"{panel['title']} is wider than the page"


def same_id(dashboard: Dashboard) -> Iterator[str]:
    """Ids of panels are unique."""
    for value, number in Counter(panel["id"] for panel in panels(dashboard)).items():
        if number > 1:
            yield f"{number} panels have id {value}"


def without_unit(dashboard: Dashboard) -> Iterator[str]:
    """Each panel has a unit, each column that is set up too."""
    for panel in shown(dashboard):
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']} has no unit"
        for override in panel["fieldConfig"]["overrides"]:
            set_up = {one["id"]: one.get("value") for one in override["properties"]}
            if "displayName" in set_up and not set_up.get("unit"):
                yield f"{panel['title']}: {override['matcher']['options']} has no unit"


def without_description(dashboard: Dashboard) -> Iterator[str]:
    """A person can read what is shown."""
    for panel in shown(dashboard):
        if not panel.get("title") or not panel.get("description"):
            yield f"panel {panel['id']} has no title or no description"
    if not dashboard.get("description"):
        yield "the dashboard has no description"


def unknown_source(dashboard: Dashboard, sources: Mapping[str, str]) -> Iterator[str]:
    """Every reference is one of the provisioned data sources (type by uid)."""
    places: list[tuple[str, Any]] = []
    for panel in shown(dashboard):
        places.append((panel["title"], panel.get("datasource")))
        places += [(panel["title"], target.get("datasource")) for target in panel["targets"]]
    for variable in dashboard["templating"].get("list", []):
        if variable["type"] == "query":
            places.append((variable["name"], variable.get("datasource")))
    for note in dashboard["annotations"].get("list", []):
        places.append((note["name"], note.get("datasource")))
    for place, source in places:
        if not source or sources.get(source.get("uid", "")) != source.get("type"):
            yield f"{place}: data source {source} is not provisioned"


def thresholds(dashboard: Dashboard) -> Iterator[str]:
    """Ascending, and each said in words: as a line's name or in the description."""
    for panel in shown(dashboard):
        configs = [panel["fieldConfig"]["defaults"].get("thresholds") or {}]
        configs += [
            one["value"]
            for override in panel["fieldConfig"]["overrides"]
            for one in override["properties"]
            if one["id"] == "thresholds"
        ]
        for config in configs:
            values = [
                step["value"] for step in config.get("steps", []) if step["value"] is not None
            ]
            if values != sorted(set(values)):
                yield f"{panel['title']}: thresholds {values} do not ascend"
            if values and not _MEANING.search(panel["description"]):
                yield f"{panel['title']}: what its thresholds mean is not said"


def colour_alone(dashboard: Dashboard) -> Iterator[str]:
    """A coloured word differs from the others without its colour, too."""
    for panel in shown(dashboard):
        mappings = list(panel["fieldConfig"]["defaults"].get("mappings") or [])
        for override in panel["fieldConfig"]["overrides"]:
            for one in override["properties"]:
                mappings += one["value"] if one["id"] == "mappings" else []
        for mapping in mappings:
            texts = [str(result.get("text") or "") for result in mapping["options"].values()]
            if "" in texts or len(set(texts)) < len(texts):
                yield f"{panel['title']}: values are told apart by colour alone"


def markup(dashboard: Dashboard) -> Iterator[str]:
    """Nothing makes HTML or an unencoded address of data."""
    for panel in panels(dashboard):
        if panel["type"] not in TYPES:
            yield f"{panel['title']}: panels of type {panel['type']} may show markup"
        for override in (panel.get("fieldConfig") or {}).get("overrides") or []:
            for one in override["properties"]:
                if one["id"] == "custom.cellOptions" and one["value"].get("type") not in CELLS:
                    yield f"{panel['title']}: a cell shows data as markup"
                if one["id"] == "links":
                    for link in one["value"]:
                        if _RAW_IN_LINK.search(link["url"]) or not link["url"].startswith("/d/"):
                            yield f"{panel['title']}: {link['url']} is not encoded or leads out"


def unquoted(dashboard: Dashboard) -> Iterator[str]:
    """Variables exist, and in SQL are quoted by Grafana."""
    known = {variable["name"] for variable in dashboard["templating"].get("list", [])}
    asked = [
        (panel["title"], target) for panel in shown(dashboard) for target in panel["targets"]
    ] + [
        (note["name"], note.get("target") or {"expr": note.get("expr", "")})
        for note in dashboard["annotations"].get("list", [])
    ]
    for place, target in asked:
        sql = target.get("rawSql")
        for name, form in _VARIABLE.findall(sql or target.get("expr") or ""):
            if name.startswith("__"):
                continue
            if name not in known:
                yield f"{place}: there is no variable {name}"
            if sql and form != "sqlstring":
                yield f"{place}: variable {name} is not quoted (:sqlstring)"


def too_many_lines(dashboard: Dashboard) -> Iterator[str]:
    """No graph draws a line for each school of a city: it adds up, ranks or shows one school."""
    for panel in shown(dashboard):
        for text in queries(panel) if panel["type"] == "timeseries" else []:
            if text.startswith(("SELECT", "WITH")) or "$school" in text:
                continue
            outer = _ADDS_UP.match(text)
            by = set((outer["by"] or "").split(", ")) if outer else {"school"}
            if by & {"school", "agent", "target"}:
                yield f"{panel['title']} may draw a line for each school: {text[:60]}"


def without_pages(dashboard: Dashboard) -> Iterator[str]:
    """A table of two thousand schools has pages."""
    for panel in shown(dashboard):
        footer = panel.get("options", {}).get("footer") or {}
        if panel["type"] == "table" and not footer.get("enablePagination"):
            yield f"{panel['title']} has no pages"


def narrow_columns(dashboard: Dashboard) -> Iterator[str]:
    """A width that is set leaves room for the heading and the mark of the filter beside it."""
    for panel in shown(dashboard):
        for override in panel["fieldConfig"]["overrides"] if panel["type"] == "table" else []:
            set_up = {one["id"]: one.get("value") for one in override["properties"]}
            title = str(set_up.get("displayName", ""))
            needed = sum(14 if ord(one) > _LATIN else 8 for one in title) + 32
            if set_up.get("custom.width", needed) < needed:
                yield f"{panel['title']}: the heading {title} needs {needed} pixels"


def invisible(dashboard: Dashboard) -> Iterator[str]:
    """No figure is written in a transparent colour: below its first threshold it would vanish."""
    for panel in shown(dashboard):
        for override in panel["fieldConfig"]["overrides"] if panel["type"] == "table" else []:
            for one in override["properties"]:
                steps = one["value"]["steps"] if one["id"] == "thresholds" else []
                if any(step["color"] == "transparent" for step in steps):
                    yield f"{panel['title']}: {override['matcher']['options']} is invisible"


def zero_for_nothing(dashboard: Dashboard) -> Iterator[str]:
    """What is not known is not 0: a 0 is made of a series that says that somebody counted."""
    for panel in shown(dashboard):
        if any("vector(0)" in text for text in queries(panel)):
            yield f"{panel['title']} says 0 where nothing is known"


def time_as_figure(dashboard: Dashboard) -> Iterator[str]:
    """Big figures are numbers: "all fields" of a series has its time among them."""
    for panel in shown(dashboard):
        fields = (panel["options"].get("reduceOptions") or {}).get("fields")
        if fields:
            yield f"{panel['title']} shows fields by name, the time too"


def differing(japanese: Dashboard, english: Dashboard) -> Iterator[str]:
    """Both languages ask the same and look alike; each is in its own language."""
    for one, other in zip(panels(japanese), panels(english), strict=False):
        for what in ("type", "gridPos", "id"):
            if one[what] != other[what]:
                yield f"{one['title']} and {other['title']}: {what} differs"
        if one["type"] != "row" and queries(one) != queries(other):
            yield f"{one['title']} and {other['title']} ask different things"
    if len(panels(japanese)) != len(panels(english)):
        yield "one language has more panels"
    for panel in panels(english):
        if _JAPANESE.search(panel["title"] + (panel.get("description") or "")):
            yield f"{panel['title']} is not in English"
    for panel in shown(japanese):
        if not _JAPANESE.search(panel["description"]):
            yield f"{panel['title']} is not in Japanese"


RULES: Final[Sequence[Callable[[Dashboard], Iterator[str]]]] = (
    overlapping,
    same_id,
    without_unit,
    without_description,
    thresholds,
    colour_alone,
    markup,
    unquoted,
    too_many_lines,
    without_pages,
    narrow_columns,
    invisible,
    time_as_figure,
    zero_for_nothing,
)


def complaints(
    pairs: Sequence[tuple[Dashboard, Dashboard]], sources: Mapping[str, str]
) -> list[str]:
    """All of all. ``pairs``: each dashboard in Japanese and English; ``sources``: type by uid."""
    found: list[str] = []
    every = list(chain.from_iterable(pairs))
    for dashboard in every:
        said = chain(*(rule(dashboard) for rule in RULES), unknown_source(dashboard, sources))
        found += [f"{dashboard['uid']}: {one}" for one in said]
    for japanese, english in pairs:
        found += [f"{japanese['uid']}: {one}" for one in differing(japanese, english)]
    for uid, number in Counter(dashboard["uid"] for dashboard in every).items():
        if number > 1:
            found.append(f"{uid}: {number} dashboards have this uid")
    return found
