"""How values look: units, words, thresholds, columns and their links."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Set

from deploy.dashboards.spec import Column, Limit
from deploy.dashboards.words import GREY, Language, Words

PREFIX = "hakaru-"


def uid(key: str, language: Language) -> str:
    """Uid of a dashboard: Japanese has the plain one."""
    return PREFIX + key + ("" if language == "ja" else f"-{language}")


def mapping(words: Words, language: Language) -> dashboard.ValueMap:
    """Codes to words, in the order in which they are listed."""
    return dashboard.ValueMap(
        options={
            code: dashboard.ValueMappingResult(
                text=word.text.of(language), color=word.colour, index=number
            )
            for number, (code, word) in enumerate(words.items())
        }
    )


def thresholds(limits: Sequence[Limit], base: str = GREY) -> ThresholdsConfig:
    """Absolute steps; what lies below the first has ``base``."""
    steps = [
        dashboard.Threshold(value=None, color=base),
        *(dashboard.Threshold(value=limit.value, color=limit.colour) for limit in limits),
    ]
    return ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def fixed(colour: str) -> FieldColor:
    """One colour for a series."""
    return FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(colour)


def opening(key: str, title: str, language: Language) -> Mapping[str, object]:
    """A link to a school's row in another dashboard; the code is encoded, whatever it holds."""
    target = f"/d/{uid(key, language)}?var-school=${{__data.fields.school:percentencode}}"
    return {"title": title, "url": f"{target}&${{__url_time_range}}", "targetBlank": False}


def properties(column: Column, language: Language, *, table: bool) -> list[Set]:
    """What is set for one column of a table, or one series."""
    found = [Set("displayName", column.title.of(language)), Set("unit", column.unit)]
    if column.words is not None:
        found.append(Set("mappings", [mapping(column.words, language)]))
    if column.limits:
        found.append(Set("thresholds", thresholds(column.limits, "text").build()))
    if table and (column.limits or _has_colours(column.words)):
        found.append(Set("custom.cellOptions", {"type": "color-text"}))
    if column.colour is not None:
        found.append(Set("color", fixed(column.colour).build()))
    if column.width is not None:
        found.append(Set("custom.width", column.width))
    if column.hidden:
        found.append(Set("custom.hidden", True))
    if column.dashed:
        found.append(Set("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}))
    if column.decimals is not None:
        found.append(Set("decimals", column.decimals))
    if column.opens is not None:
        title = "この学校を開く" if language == "ja" else "Open this school"
        found.append(Set("links", [opening(column.opens, title, language)]))
    return found


def _has_colours(words: Words | None) -> bool:
    return words is not None and any(word.colour for word in words.values())
