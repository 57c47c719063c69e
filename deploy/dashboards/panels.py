"""One panel in one language, by the builders of the SDK."""

from collections.abc import Callable, Mapping
from typing import Final

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    geomap,
    histogram,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models import common as shape
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Set

from deploy.dashboards.fields import fixed, mapping, properties, thresholds
from deploy.dashboards.query import POSTGRESQL, PROMETHEUS, built
from deploy.dashboards.spec import Kind, Panel, Prom, Sql
from deploy.dashboards.words import BLUE, GREY, Language, Text

AnyPanel = (
    timeseries.Panel
    | stat.Panel
    | table.Panel
    | barchart.Panel
    | histogram.Panel
    | geomap.Panel
    | bargauge.Panel
)
LESSON: Final = Text("授業時間（背景）", "lessons (background)")
LESSON_QUERY: Final = Prom(
    'max_over_time(hakaru_school_lesson{school="$school"}[$__interval])', LESSON
)
MAP_TILES: Final = "osm-standard"
FULL_WIDTH: Final = 24


def panel(spec: Panel, language: Language, number: int, place: dashboard.GridPos) -> AnyPanel:
    """Make the panel. ``number``: its id on the dashboard."""
    made = _KINDS[spec.kind](spec)
    made.title(spec.title.of(language)).description(_about(spec, language))
    made.id(number).grid_pos(place).datasource(_source(spec))
    made.unit(spec.unit if isinstance(spec.unit, str) else spec.unit.of(language))
    if spec.minimum is not None:
        made.min(spec.minimum)
    if spec.maximum is not None:
        made.max(spec.maximum)
    if spec.decimals is not None:
        made.decimals(spec.decimals)
    if spec.words is not None:
        made.mappings([mapping(spec.words, language)])
    made.thresholds(thresholds(spec.limits, BLUE if spec.kind in ("stat", "bargauge") else GREY))
    as_table = spec.kind in ("table", "geomap")
    for ref, query in zip("ABCDEFGHIJ", queries(spec), strict=False):
        made.with_target(built(query, ref, spec.interval, language, table=as_table))
    for name, column in spec.columns.items():
        made.override_by_name(name, properties(column, language, table=spec.kind == "table"))
    if spec.lessons:
        made.override_by_name(LESSON.of(language), _shade())
    if spec.kind == "timeseries":
        for limit in spec.limits:
            made.override_by_name(limit.label.of(language), _line(limit.colour))
    return made


def queries(spec: Panel) -> tuple[Prom | Sql, ...]:
    """Its own ones, then a named line for each threshold, then the lessons."""
    lines = [
        Prom(f"vector({limit.value:g})", limit.label)
        for limit in spec.limits
        if spec.kind == "timeseries"
    ]
    return (*spec.queries, *lines, *([LESSON_QUERY] if spec.lessons else []))


def _source(spec: Panel) -> dashboard.DataSourceRef:
    """Each panel asks one data source."""
    return PROMETHEUS if isinstance(spec.queries[0], Prom) else POSTGRESQL


def _about(spec: Panel, language: Language) -> str:
    """What it shows, and what its thresholds mean."""
    limits = [*spec.limits, *(one for column in spec.columns.values() for one in column.limits)]
    said = list(dict.fromkeys(limit.label.of(language) for limit in limits))
    heading = "しきい値" if language == "ja" else "Thresholds"
    lines = [f"{heading}: " + " / ".join(said)] if said else []
    return "\n\n".join([spec.about.of(language), *lines])


def _shade() -> list[Set]:
    """Lessons: a pale field over the whole height, with no axis of its own."""
    return [
        Set("unit", "none"),
        Set("color", fixed(GREY).build()),
        Set("custom.fillOpacity", 18),
        Set("custom.lineWidth", 0),
        Set("custom.showPoints", "never"),
        Set("custom.lineInterpolation", "stepAfter"),
        Set("custom.axisPlacement", "hidden"),
        Set("min", 0),
        Set("max", 1),
    ]


def _line(colour: str) -> list[Set]:
    return [
        Set("color", fixed(colour).build()),
        Set("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
        Set("custom.showPoints", "never"),
        Set("custom.fillOpacity", 0),
    ]


def _timeseries(spec: Panel) -> AnyPanel:
    made = timeseries.Panel().color_scheme(_in_turn()).fill_opacity(25 if spec.stacked else 0)
    made.legend(_legend()).tooltip(
        common.VizTooltipOptions()
        .mode(shape.TooltipDisplayMode.MULTI)
        .sort(shape.SortOrder.DESCENDING)
    )
    if spec.stacked:
        made.stacking(common.StackingConfig().mode(shape.StackingMode.NORMAL))
    if spec.points:
        made.show_points(shape.VisibilityMode.ALWAYS).point_size(4).line_width(1).span_nulls(True)
    return made.line_width(1 if spec.points else 2)


def _stat(spec: Panel) -> AnyPanel:
    made = stat.Panel().reduce_options(_last(spec)).color_mode(shape.BigValueColorMode.VALUE)
    made.graph_mode(shape.BigValueGraphMode.NONE).color_scheme(_by_threshold())
    return made.text_mode(shape.BigValueTextMode.AUTO)


def _bargauge(spec: Panel) -> AnyPanel:
    made = bargauge.Panel().reduce_options(_last(spec)).color_scheme(_by_threshold())
    made.orientation(shape.VizOrientation.HORIZONTAL)
    return made.display_mode(shape.BarGaugeDisplayMode.BASIC)


def _table(_spec: Panel) -> AnyPanel:
    footer = common.TableFooterOptions().enable_pagination(True).show(False).reducer(["sum"])
    made = table.Panel().footer(footer).filterable(True).color_scheme(_by_threshold())
    return made.cell_height(shape.TableCellHeight.SM)


def _barchart(spec: Panel) -> AnyPanel:
    made = barchart.Panel().color_scheme(_in_turn()).legend(_legend())
    made.show_value(shape.VisibilityMode.AUTO).fill_opacity(80)
    made.stacking(shape.StackingMode.NORMAL if spec.stacked else shape.StackingMode.NONE)
    return made.x_field(spec.x) if spec.x else made


def _histogram(spec: Panel) -> AnyPanel:
    made = histogram.Panel().color_scheme(fixed(BLUE)).legend(_legend()).fill_opacity(70)
    made._internal.options = {  # noqa: SLF001 - the builder takes whole numbers only
        "bucketSize": spec.bucket,
        "combine": False,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
    }
    return made


def _geomap(_spec: Panel) -> AnyPanel:
    style: Mapping[str, object] = {
        "color": {"field": "status", "fixed": GREY},
        "opacity": 0.85,
        "size": {"fixed": 7, "min": 4, "max": 12},
        "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
        # a sign beside the colour
        "text": {"field": "sign", "fixed": "", "mode": "field"},
        "textConfig": {"fontSize": 11, "offsetX": 0, "offsetY": -12, "textAlign": "center",
                       "textBaseline": "middle"},
    }  # fmt: skip
    layer = (
        common.MapLayerOptions()
        .type("markers")
        .name("schools")
        .config({"showLegend": True, "style": style})
        .location(
            common.FrameGeometrySource()
            .mode(shape.FrameGeometrySourceMode.COORDS)
            .latitude("latitude")
            .longitude("longitude")
        )
        .tooltip(True)
    )
    base = common.MapLayerOptions().type(MAP_TILES).name("ground").config({})
    view = geomap.MapViewConfig().id("fit").all_layers(True).padding(5)
    controls = geomap.ControlsOptions().show_attribution(True).show_zoom(True)
    made = geomap.Panel().view(view).basemap(base).layers([layer]).controls(controls)
    return made.color_scheme(_by_threshold())


def _last(spec: Panel) -> common.ReduceDataOptions:
    made = common.ReduceDataOptions().calcs(["lastNotNull"]).fields("")
    return made.values(spec.every_row)


def _in_turn() -> FieldColor:
    return FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC)


def _by_threshold() -> FieldColor:
    return FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)


def _legend() -> common.VizLegendOptions:
    made = common.VizLegendOptions().show_legend(True).placement(shape.LegendPlacement.BOTTOM)
    return made.display_mode(shape.LegendDisplayMode.LIST).calcs([])


_KINDS: Final[Mapping[Kind, Callable[[Panel], AnyPanel]]] = {
    "timeseries": _timeseries,
    "stat": _stat,
    "table": _table,
    "barchart": _barchart,
    "histogram": _histogram,
    "geomap": _geomap,
    "bargauge": _bargauge,
}
