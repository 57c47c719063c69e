"""測野市, a city that does not exist: 84 schools, 26,627 pupils, 9 sample schools, 5 that met.

Every name is made of instruments and units of measurement, every coordinate lies in the open
Pacific. The generator is seeded, so the committed CSV files can be checked against it.
Write them with ``python -m collector.demo.city configs/demo``.
"""

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from collector.schools.model import BaselineEntry, Kind, Line, School

CITY_NAME_JA: Final = "測野市（架空の市）"
CITY_NAME_EN: Final = "Sokuno City (fictional)"
SEED: Final = 84
SCHOOLS: Final = 84
PUPILS: Final = 26_627
BASELINE_MET: Final = 5
SURVEYED_ON: Final = "2025-06-16"
SURVEY_SOURCE: Final = "架空の調査 / fictional survey"

REGIONS: Final = ("中央", "北部", "東部", "南部", "西部", "川辺", "山手")
STEMS: Final = (
    *("天秤", "羅針", "物差", "分銅", "曲尺", "巻尺", "水準", "経緯", "里程", "振子", "砂時計"),
    *("象限", "六分儀", "測鎖", "三角点", "等高線", "子午線", "日時計", "目盛", "升目", "尺貫"),
    *("秤野", "度量", "寸法", "測量", "遠眼鏡", "検流", "音叉", "湿度", "風速", "雨量", "潮位"),
    *("光年", "反射鏡", "標尺", "鉛直", "距離標", "基線", "方眼", "対数", "計算尺", "歯車"),
    *(
        "滑車",
        "傾斜",
        "露点",
        "気圧",
        "磁針",
        "回折",
        "干渉",
        "分光",
        "恒温",
        "真空",
        "浮力",
        "周波",
    ),
)
"""One a catchment area; elementary and junior-high schools of an area share it."""

KINDS: Final = ((Kind.ELEMENTARY, 54), (Kind.JUNIOR_HIGH, 28), (Kind.SPECIAL_NEEDS, 2))
SIZES: Final = (
    # pupils from, to, number of schools; roughly what cities of this size have
    (24, 60, 10),
    (61, 120, 12),
    (121, 315, 25),
    (316, 560, 24),
    (561, 840, 11),
    (880, 1090, 2),
)
SUFFIX: Final = {
    Kind.ELEMENTARY: "小学校",
    Kind.JUNIOR_HIGH: "中学校",
    Kind.COMPULSORY: "義務教育学校",
    Kind.SPECIAL_NEEDS: "特別支援学校",
}
SAMPLE_SIZES: Final = (40, 90, 150, 220, 300, 400, 500, 650, 950)
"""The sample schools are those nearest to these sizes, one or two a region."""


def schools(seed: int = SEED) -> tuple[School, ...]:
    """Make the 84 schools, by code."""
    random = Random(seed)  # noqa: S311 - a simulation, no secret
    kinds = [kind for kind, number in KINDS for _ in range(number)]
    pupils = _pupils(random)
    random.shuffle(pupils)
    for index, kind in enumerate(kinds):  # a special-needs school is small
        if kind is Kind.SPECIAL_NEEDS:
            small = next(i for i, number in enumerate(pupils) if 61 <= number <= 120 and i != index)
            pupils[index], pupils[small] = pupils[small], pupils[index]
    regions = _regions(random, pupils)
    sample = _sample(pupils, regions)
    return tuple(
        _school(random, index, kind, pupils[index], regions[index], sample=index in sample)
        for index, kind in enumerate(kinds)
    )


def baseline(city: Sequence[School]) -> tuple[BaselineEntry, ...]:
    """Make the survey baseline: five small schools met the required speed, none other."""
    small = sorted((school for school in city if school.pupils <= 130), key=_by_size)
    met = {school.code for school in small[1 : 4 * BASELINE_MET : 4]}
    return tuple(
        BaselineEntry(
            school_code=school.code,
            met=school.code in met,
            measured_bps=None,
            surveyed_on=SURVEYED_ON,
            source=SURVEY_SOURCE,
        )
        for school in city
    )


def schools_csv(city: Sequence[School]) -> str:
    """Write schools in the form that ``school import`` reads."""
    header = (
        *("code", "name", "kind", "region", "pupils", "line", "contracted_mbps", "sample"),
        *("latitude", "longitude", "aggregation_group"),
    )
    rows = (
        (
            *(school.code, school.name, school.kind.value, school.region, school.pupils),
            *(school.line.value, school.contracted_mbps, "yes" if school.sample else "no"),
            *(school.latitude, school.longitude, school.aggregation_group),
        )
        for school in city
    )
    return _csv(header, rows)


def baseline_csv(entries: Sequence[BaselineEntry]) -> str:
    """Write the baseline in the form that ``school baseline`` reads."""
    rows = (
        (entry.school_code, "yes" if entry.met else "no", "", entry.surveyed_on, entry.source)
        for entry in entries
    )
    return _csv(("code", "met", "measured_mbps", "surveyed_on", "source"), rows)


def _pupils(random: Random) -> list[int]:
    """Sizes in their bands, then moved by single pupils until the city's sum is exact."""
    bands = [(low, high) for low, high, number in SIZES for _ in range(number)]
    pupils = [random.randint(low, high) for low, high in bands]
    while (missing := PUPILS - sum(pupils)) != 0:
        step = 1 if missing > 0 else -1
        index = random.randrange(len(pupils))
        low, high = bands[index]
        if low <= pupils[index] + step <= high:
            pupils[index] += step
    return pupils


def _regions(random: Random, pupils: Sequence[int]) -> list[str]:
    """A region for each school: small schools mostly by the river and in the hills."""
    small = [*REGIONS, *(["川辺"] * 6), *(["山手"] * 9)]
    large = ["中央"] * 14 + ["北部", "東部", "南部", "西部"] * 11 + ["川辺", "山手"] * 2
    random.shuffle(small)
    random.shuffle(large)
    return [(small if number <= 120 else large).pop() for number in pupils]


def _sample(pupils: Sequence[int], regions: Sequence[str]) -> set[int]:
    chosen: set[int] = set()
    for wanted in SAMPLE_SIZES:
        taken = [regions[index] for index in chosen]
        chosen.add(
            min(
                (index for index in range(len(pupils)) if index not in chosen),
                key=lambda i: abs(pupils[i] - wanted) + 200 * taken.count(regions[i]),
            )
        )
    return chosen


def _school(
    random: Random, index: int, kind: Kind, pupils: int, region: str, *, sample: bool
) -> School:
    offset = {Kind.ELEMENTARY: 0, Kind.JUNIOR_HIGH: 54, Kind.SPECIAL_NEEDS: 42}[kind]
    line = random.choices(
        (Line.BEST_EFFORT_PPPOE, Line.BEST_EFFORT_IPOE, Line.CENTRE_AGGREGATED, Line.GUARANTEED),
        (52, 20, 26, 2),
    )[0]
    group = f"centre-{1 + REGIONS.index(region) % 3}" if line is Line.CENTRE_AGGREGATED else ""
    return School(
        code=f"{ {Kind.ELEMENTARY: 'E', Kind.JUNIOR_HIGH: 'J'}.get(kind, 'S') }{index + 1:03d}",
        name=STEMS[(index - offset) % len(STEMS)] + SUFFIX[kind],
        kind=kind,
        region=region,
        pupils=pupils,
        line=line,
        contracted_mbps=100 if line is Line.GUARANTEED else 1000,
        sample=sample,
        latitude=round(30.0 + REGIONS.index(region) * 0.05 + random.uniform(0, 0.04), 4),
        longitude=round(150.0 + random.uniform(0, 0.3), 4),
        aggregation_group=group,
    )


def _by_size(school: School) -> tuple[int, str]:
    return school.pupils, school.code


def _csv(header: Sequence[str], rows: object) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)  # type: ignore[arg-type]  # rows of mixed columns
    return text.getvalue()


def write(directory: Path) -> None:
    """Write schools.csv and baseline.csv into ``directory``."""
    city = schools()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "schools.csv").write_text(schools_csv(city), encoding="utf-8")
    (directory / "baseline.csv").write_text(baseline_csv(baseline(city)), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
