"""The city: how many schools have their required speed, where, and how the programme gets on."""

from typing import Final

from deploy.dashboards.boards.shapes import bps, by_word, table
from deploy.dashboards.boards.shared import (
    CHOSEN,
    FILTERS,
    LINKED,
    NAME,
    NEWEST_WEEK,
    SCHOOLS_UNIT,
    WEEKS_IN_RANGE,
)
from deploy.dashboards.spec import Board, Column, Limit, Panel, Section, Sql
from deploy.dashboards.words import (
    BAND,
    BLUE,
    DECISION,
    GREY,
    MEASURE_STATE,
    PROGRESS,
    SKY,
    STATUS,
    Text,
    Word,
    catalogue,
)

_NEWEST: Final = f"v.week = {NEWEST_WEEK}"
_JOINED: Final = "FROM dashboard.verdict v JOIN dashboard.school s ON s.code = v.school"
_ENOUGH: Final = Limit(1.0, BLUE, Text("1.0 倍以上: 必要な速度に届く", "1.0 and above: enough"))
_STATUSES: Final = by_word(STATUS)
_WAY: Final = {
    "sample": Word(Text("サンプル校", "sample schools")),
    "desk": Word(Text("机上調査", "desk survey")),
}
_COUNTS: Final = (
    "count(*) FILTER (WHERE v.status = 'met') AS met,"
    " count(*) FILTER (WHERE v.status = 'not_met') AS not_met,"
    " count(*) FILTER (WHERE v.status = 'undetermined') AS undetermined"
)


def _now(figure: str) -> Sql:
    # without a verdict there is nothing to count: no row, not 0 of each
    return Sql(
        f"SELECT {_COUNTS} {_JOINED} WHERE {_NEWEST} AND v.figure = '{figure}' AND {CHOSEN}"
        " HAVING count(*) > 0"
    )


def _by_week(figure: str) -> Sql:
    return Sql(
        f"SELECT v.at AS time, {_COUNTS} {_JOINED} WHERE v.figure = '{figure}' AND {CHOSEN}"
        f" AND v.{WEEKS_IN_RANGE} GROUP BY 1 ORDER BY 1",
        over_time=True,
    )


_SHARE_BASELINE: Final = Panel(
    Text("充足率と基準調査", "Share that is met, and the baseline"),
    Text(
        "授業時間外の判定が充足の学校の割合を週ごとに示す。破線は国の調査（基準調査）で必要な速度があった学校の割合。取り込むまでは破線がない。",
        "Share of schools whose quiet verdict is met, week by week. Dashed: the share in the ministry's"
        " survey; there is none before it is imported.",
    ),
    kind="timeseries",
    queries=(
        Sql(
            "SELECT v.at AS time,"
            " avg(CASE WHEN v.status = 'met' THEN 1.0 ELSE 0.0 END)::float AS met_ratio,"
            " (SELECT avg(b.met)::float FROM dashboard.baseline b JOIN dashboard.school s"
            f" ON s.code = b.school WHERE {CHOSEN}) AS baseline_ratio"
            f" {_JOINED} WHERE v.figure = 'quiet' AND {CHOSEN} AND v.{WEEKS_IN_RANGE}"
            " GROUP BY 1 ORDER BY 1",
            over_time=True,
        ),
    ),
    unit="percentunit",
    maximum=1.0,
    points=True,
    columns={
        "met_ratio": Column(Text("○ 充足", "○ met"), "percentunit", colour=BLUE),
        "baseline_ratio": Column(
            Text("基準調査", "baseline"), "percentunit", colour=GREY, dashed=True
        ),
    },
)

_NOW: Final = Section(
    Text("今の状況", "How it stands"),
    (
        Panel(
            Text("授業時間外（最新の週）", "Outside lessons, newest week"),
            Text(
                "最新の判定週の学校数。国の調査と比べられるのはこの値（静かな時間の回線容量）。",
                "Schools by verdict in the newest judged week. This is the figure that compares with"
                " the ministry's survey (quiet capacity).",
            ),
            kind="stat",
            queries=(_now("quiet"),),
            unit=SCHOOLS_UNIT,
            width=8,
            height=5,
            columns=_STATUSES,
        ),
        Panel(
            Text("授業時間中（最新の週）", "In lessons, newest week"),
            Text(
                "授業時間中の体感の判定。授業時間外の値とは混ぜない。",
                "Verdicts on what is left in lessons; never mixed with the quiet figure.",
            ),
            kind="stat",
            queries=(_now("lesson"),),
            unit=SCHOOLS_UNIT,
            width=8,
            height=5,
            columns=_STATUSES,
        ),
        Panel(
            Text("基準調査（国の調査）", "Baseline: the ministry's survey"),
            Text(
                "基準調査で必要な速度があった学校と、調査に載っている学校の数。取り込むまでは何も出ない（0 ではない）。",
                "Schools that had the required speed in the baseline survey, and schools in it. Nothing, not 0,"
                " before it is imported.",
            ),
            kind="stat",
            queries=(
                Sql(
                    "SELECT coalesce(sum(b.met), 0)::int AS met, count(*)::int AS surveyed"
                    " FROM dashboard.baseline b JOIN dashboard.school s ON s.code = b.school"
                    f" WHERE {CHOSEN} HAVING count(*) > 0"
                ),
            ),
            unit=SCHOOLS_UNIT,
            width=8,
            height=5,
            columns={
                "met": _STATUSES["met"],
                "surveyed": Column(Text("調査対象", "surveyed"), "none", colour=GREY),
            },
        ),
        _SHARE_BASELINE,
        Panel(
            Text("判定の推移（授業時間外）", "Verdicts by week, outside lessons"),
            Text(
                "終わった週ごとの学校数を判定別に積み上げる。",
                "Schools of each week that is over by verdict, one upon the other.",
            ),
            kind="timeseries",
            queries=(_by_week("quiet"),),
            unit=SCHOOLS_UNIT,
            stacked=True,
            points=True,
            columns=_STATUSES,
        ),
    ),
)

_SIZE: Final = Section(
    Text("規模と余裕", "Sizes and margins"),
    (
        Panel(
            Text("規模別の判定", "Verdicts by size"),
            Text(
                "児童生徒数の区分ごとの学校数（授業時間外、最新の週）。小さな学校ほど満たしやすい。",
                "Schools of each size band (quiet figure, newest week). Small schools meet it sooner.",
            ),
            kind="barchart",
            queries=(
                Sql(
                    f"SELECT s.band AS band, {_COUNTS} {_JOINED}"
                    f" WHERE {_NEWEST} AND v.figure = 'quiet' AND {CHOSEN}"
                    " GROUP BY s.band ORDER BY min(s.band_order)"
                ),
            ),
            unit=SCHOOLS_UNIT,
            stacked=True,
            x="band",
            columns=_STATUSES | {"band": Column(Text("規模", "Size"), words=BAND)},
        ),
        Panel(
            Text("余裕の分布", "How margins are spread"),
            Text(
                "測定の中央値が必要な速度の何倍かの分布（授業時間外、最新の週）。1.0 未満は中央値が必要な速度に届かない。測定のない学校は含まない。",
                "How many times the required speed the measured median is (quiet figure, newest week)."
                " Below 1.0 the median falls short. Schools without a median are left out.",
            ),
            kind="histogram",
            queries=(
                Sql(
                    f"SELECT v.margin_ratio::float AS margin {_JOINED} WHERE {_NEWEST}"
                    f" AND v.figure = 'quiet' AND v.margin_ratio IS NOT NULL AND {CHOSEN}"
                ),
            ),
            unit=Text("suffix: 倍", "suffix: x"),
            bucket=0.1,
            columns={
                "margin": Column(
                    Text("必要な速度に対する倍率", "times required"), "none", decimals=1
                )
            },
        ),
        Panel(
            Text("学校の地図", "Map of the schools"),
            Text(
                "位置の分かる学校を判定の色と記号で示す（授業時間外、最新の週）。下地の地図は見る人のブラウザーが OpenStreetMap から読む。",
                "Schools whose place is known, by colour and sign of their quiet verdict. The ground is"
                " loaded from OpenStreetMap by the viewer's browser; without it the markers stay.",
            ),
            kind="geomap",
            queries=(
                Sql(
                    "SELECT s.latitude AS latitude, s.longitude AS longitude,"
                    " s.code AS school, s.name AS name, v.status AS status,"
                    " CASE v.status WHEN 'met' THEN '○' WHEN 'not_met' THEN '▲' ELSE '？' END AS sign,"
                    f" v.median_bps AS median_bps, v.required_bps AS required_bps {_JOINED}"
                    f" WHERE {_NEWEST} AND v.figure = 'quiet' AND s.latitude IS NOT NULL"
                    f" AND s.longitude IS NOT NULL AND {CHOSEN} ORDER BY s.code"
                ),
            ),
            width=12,
            height=12,
            minimum=None,
            columns={
                "status": Column(Text("判定", "Verdict"), words=STATUS),
                "school": LINKED,
                "name": NAME,
                "median_bps": bps("測定", "Measured"),
                "required_bps": bps("必要", "Required"),
            },
        ),
        table(
            Text("余裕の小さい学校から", "Schools, least margin first"),
            Text(
                "最新の週の全校。コードから学校のダッシュボードを開く。",
                "All schools of the newest week. The code opens the school's dashboard.",
            ),
            "SELECT s.code AS school, s.name AS name, s.pupils AS pupils,"
            " v.status AS status, v.required_bps AS required_bps,"
            " v.median_bps AS median_bps, v.margin_ratio::float AS margin_ratio,"
            f" v.runs AS runs {_JOINED} WHERE {_NEWEST} AND v.figure = 'quiet'"
            f" AND {CHOSEN} ORDER BY v.margin_ratio NULLS FIRST, s.code",
            width=12,
            height=12,
            columns={
                "school": LINKED,
                "name": NAME,
                "pupils": Column(Text("児童生徒", "Pupils"), "none", width=90),
                "status": Column(Text("判定", "Verdict"), words=STATUS, width=120),
                "required_bps": bps("必要", "Required", width=100),
                "median_bps": bps("測定", "Measured", width=100),
                "margin_ratio": Column(
                    Text("倍率", "Times"), "none", decimals=2, limits=(_ENOUGH,), width=80
                ),
                "runs": Column(Text("回数", "Runs"), "none", width=70),
            },
        ),
    ),
)

_PROGRAMME: Final = Section(
    Text("アセスメントと改善", "Assessment and improvement"),
    (
        Panel(
            Text("進み具合", "Progress"),
            Text(
                "各校のアセスメントと改善の状態。サンプル校（現地）とその他（机上調査）に分ける。",
                "How far each school is: sample schools (on site) beside the others (desk survey).",
            ),
            kind="barchart",
            queries=(
                Sql(
                    "SELECT CASE s.sample WHEN 1 THEN 'sample' ELSE 'desk' END AS way, "
                    + ", ".join(
                        "count(*) FILTER (WHERE coalesce(p.state, 'not_started')"
                        f" = '{state}') AS {state}"
                        for state in PROGRESS
                    )
                    + " FROM dashboard.school s LEFT JOIN dashboard.progress p ON p.school = s.code"
                    f" WHERE {CHOSEN} GROUP BY s.sample ORDER BY s.sample DESC"
                ),
            ),
            unit=SCHOOLS_UNIT,
            width=8,
            stacked=True,
            x="way",
            columns=by_word(PROGRESS) | {"way": Column(Text("調べ方", "How"), words=_WAY)},
        ),
        table(
            Text("課題（学校数の多い順）", "Findings, most schools first"),
            Text(
                "人が確認した課題と解消した課題の学校数。否定したものは数えない。"
                "机上調査の推定は収集サーバーのページにある。",
                "Schools by finding that a person confirmed or saw resolved; what was rejected is left"
                " out. What the desk survey guesses stands on the collector's own pages.",
            ),
            "SELECT f.finding AS finding, f.decision AS decision, count(*) AS schools"
            " FROM dashboard.finding f JOIN dashboard.school s ON s.code = f.school"
            f" WHERE f.decision <> 'rejected' AND {CHOSEN} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            width=8,
            columns={
                "finding": Column(Text("課題", "Finding"), words=catalogue("findings")),
                "decision": Column(Text("判断", "Decision"), words=DECISION, width=100),
                "schools": Column(Text("学校数", "Schools"), "none", width=90),
            },
        ),
        table(
            Text("改善策", "Measures"),
            Text(
                "改善策ごとの学校数と費用（中止を除く）。費用は登録されたものだけの合計。",
                "Schools and cost by measure and state. The cost is the sum of what was entered.",
            ),
            "SELECT m.measure AS measure, m.state AS state, count(*) AS schools,"
            " sum(m.cost_yen)::bigint AS cost_yen, sum(m.subsidy_yen)::bigint AS subsidy_yen"
            " FROM dashboard.measure m JOIN dashboard.school s ON s.code = m.school"
            f" WHERE m.state <> 'cancelled' AND {CHOSEN} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            width=8,
            columns={
                "measure": Column(Text("改善策", "Measure"), words=catalogue("measures")),
                "state": Column(Text("状態", "State"), words=MEASURE_STATE, width=90),
                "schools": Column(Text("学校数", "Schools"), "none", width=90),
                "cost_yen": Column(Text("費用", "Cost"), "currencyJPY", decimals=0, width=100),
                "subsidy_yen": Column(
                    Text("補助金", "Subsidy"), "currencyJPY", decimals=0, width=100
                ),
            },
        ),
        table(
            Text("サンプル校", "Sample schools"),
            Text(
                "現地アセスメントの対象校とその状態・判定。",
                "Schools of the on-site assessment, their progress and verdict.",
            ),
            "SELECT s.code AS school, s.name AS name, s.band AS band,"
            " coalesce(p.state, 'not_started') AS state, p.planned_on AS planned_on,"
            " v.status AS status FROM dashboard.school s"
            " LEFT JOIN dashboard.progress p ON p.school = s.code"
            " LEFT JOIN dashboard.verdict v ON v.school = s.code AND v.figure = 'quiet'"
            f" AND {_NEWEST} WHERE s.sample = 1 AND {CHOSEN} ORDER BY s.code",
            width=12,
            columns={
                "school": LINKED,
                "name": NAME,
                "band": Column(Text("規模", "Size"), words=BAND, width=110),
                "state": Column(Text("進み具合", "Progress"), words=PROGRESS, width=100),
                "planned_on": Column(Text("予定日", "Planned on"), width=112),
                "status": Column(Text("判定", "Verdict"), words=STATUS),
            },
        ),
        Panel(
            Text("改善策の実施（累計）", "Measures done, running total"),
            Text(
                "実施済みの改善策の累計件数。改善の前後の比較は学校のページにある。",
                "Measures carried out, added up. Before and after stand on each school's page.",
            ),
            kind="timeseries",
            queries=(
                Sql(
                    "SELECT m.done_on::date::timestamp AT TIME ZONE 'Asia/Tokyo' AS time,"
                    " sum(count(*)) OVER (ORDER BY m.done_on)::int AS done"
                    " FROM dashboard.measure m JOIN dashboard.school s ON s.code = m.school"
                    f" WHERE m.state = 'done' AND m.done_on IS NOT NULL AND {CHOSEN}"
                    " GROUP BY m.done_on ORDER BY 1",
                    over_time=True,
                ),
            ),
            unit=Text("suffix: 件", "suffix: measures"),
            points=True,
            columns={"done": Column(Text("実施済", "done"), "none", colour=SKY)},
        ),
    ),
)

BOARD: Final = Board(
    key="city",
    title=Text("市全体：必要な速度の充足", "City: schools with the required speed"),
    about=Text(
        "市内の学校の必要なネットワーク速度の充足、規模別の状況、アセスメントと改善の進み具合。",
        "Which schools have their required speed, by size, and how assessment and measures get on.",
    ),
    variables=FILTERS[:4],
    sections=(_NOW, _SIZE, _PROGRAMME),
    since="now-180d",
)
