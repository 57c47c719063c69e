"""The path: in which segment delay and loss arise, for many schools and for one."""

from typing import Final

from deploy.dashboards.boards.shared import (
    CHOSEN,
    FILTERS,
    IN_RANGE,
    IN_VIEW,
    LINKED,
    LOSS_HIGH,
    NAMED,
    RTT_SLOW,
    SCHOOL,
    TARGET,
    TO,
)
from deploy.dashboards.spec import Board, Column, Panel, Prom, Section, Sql
from deploy.dashboards.words import Text, Word

_SHOWN: Final = 'simulated!="$leave_out"'
_ONE: Final = "${school:sqlstring}"
_SEGMENT: Final = {
    "loopback": Word(Text("測定機器の中", "the appliance itself")),
    "lan": Word(Text("校内", "inside the school")),
    "line": Word(Text("回線", "line")),
    "centre": Word(Text("センター", "centre")),
    "internet": Word(Text("インターネット", "internet")),
}


def _by_segment(series: str, quantile: float) -> Prom:
    """A quantile over the schools chosen, one line for each segment: few, however many schools."""
    each = f"max by (school, segment) (quantile_over_time(0.5, {series}{{{_SHOWN}}}[$__interval]))"
    return Prom(
        expr=f"quantile by (segment) ({quantile:g}, {each} and on (school) {IN_VIEW})",
        legend=Text("{{segment}}", "{{segment}}"),
    )


def _worst(series: str) -> Prom:
    each = f"max by (school) (quantile_over_time(0.5, {series}[$__range]))"
    return Prom(expr=f"topk(20, {each} * {NAMED})", instant=True)


def _ranking(title: Text, about: Text, series: str, unit: str, column: Text) -> Panel:
    return Panel(
        title=title,
        about=about,
        kind="table",
        queries=(_worst(series),),
        width=8,
        columns={
            "Time": Column(title=Text("時刻", "Time"), unit="dateTimeAsIso", hidden=True),
            "school": LINKED,
            "name": Column(title=Text("学校", "School")),
            "Value": Column(title=column, unit=unit),
        },
    )


_WHERE: Final = Section(
    Text("どの区間で生じるか", "In which segment it arises"),
    (
        Panel(
            title=Text("往復時間（区間別、学校の中央値）", "Round trip by segment, median school"),
            about=Text(
                "選んだ学校の往復時間の中央値を区間ごとに示す。校内が短く回線から長ければ、回線より先で生じている。",
                "Median over the chosen schools, one line for each segment. Short inside and long beyond:"
                " it arises on the line or after it.",
            ),
            kind="timeseries",
            queries=(_by_segment("hakaru_latency_rtt_median_seconds", 0.5),),
            unit="s",
            limits=(RTT_SLOW,),
            points=True,
        ),
        Panel(
            title=Text(
                "往復時間（区間別、遅いほうから 1 割）", "Round trip by segment, slowest tenth"
            ),
            about=Text(
                "選んだ学校の 90 パーセンタイル。一部の学校だけ遅いと、中央値との差が開く。",
                "90th percentile over the chosen schools: far from the median where a few are slow.",
            ),
            kind="timeseries",
            queries=(_by_segment("hakaru_latency_rtt_median_seconds", 0.9),),
            unit="s",
            limits=(RTT_SLOW,),
            points=True,
        ),
        Panel(
            title=Text("損失（区間別、多いほうから 1 割）", "Loss by segment, worst tenth"),
            about=Text(
                "パケット損失の割合の 90 パーセンタイル（選んだ学校）。",
                "90th percentile of the share of lost packets, over the chosen schools.",
            ),
            kind="timeseries",
            queries=(_by_segment("hakaru_latency_loss_ratio", 0.9),),
            unit="percentunit",
            limits=(LOSS_HIGH,),
            points=True,
        ),
        Panel(
            title=Text("混雑する場所の判定", "Where a queue stands under load"),
            about=Text(
                "期間内のボトルネック測定の判定の件数（学校と方向の別なし）。link は区間を特定、range は複数の区間、none は混雑なし。",
                "Verdicts of the bottleneck tests in the range. link: one link is named, range: several"
                " come into question, none: no queue.",
            ),
            kind="table",
            queries=(
                Sql(
                    sql="SELECT r.said ->> 'download_verdict' AS verdict,"
                    " coalesce(r.said ->> 'download_segment', '-') AS segment,"
                    " count(*) AS results, count(DISTINCT r.school) AS schools"
                    " FROM dashboard.result r JOIN dashboard.school s ON s.code = r.school"
                    " WHERE r.probe = 'bottleneck' AND r.outcome = 'ok'"
                    f" AND r.started_at {IN_RANGE} AND {CHOSEN} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
                ),
            ),
            columns={
                "verdict": Column(title=Text("判定", "Verdict")),
                "segment": Column(title=Text("区間", "Segment")),
                "results": Column(title=Text("件数", "Results"), unit="none"),
                "schools": Column(title=Text("学校数", "Schools"), unit="none"),
            },
        ),
    ),
)

_WORST: Final = Section(
    Text("悪いほうから 20 校", "The worst 20 schools"),
    (
        _ranking(
            Text("校内の往復時間", "Round trip inside the school"),
            Text(
                "校内の宛先（segment=lan）への往復時間。長ければ校内の配線・無線・機器を見る。",
                "Towards targets inside (segment lan). Long: cables, Wi-Fi or devices of the school.",
            ),
            f'hakaru_latency_rtt_median_seconds{{segment="lan",{_SHOWN}}}',
            "s",
            Text("往復時間", "Round trip"),
        ),
        _ranking(
            Text("回線より先の往復時間", "Round trip beyond the line"),
            Text(
                "校外の宛先への往復時間。",
                "Towards targets outside the school.",
            ),
            f'hakaru_latency_rtt_median_seconds{{segment!~"lan|loopback",{_SHOWN}}}',
            "s",
            Text("往復時間", "Round trip"),
        ),
        _ranking(
            Text("パケット損失", "Packet loss"),
            Text(
                "校外の宛先へのパケット損失の割合。",
                "Share of packets lost towards targets outside.",
            ),
            f'hakaru_latency_loss_ratio{{segment!~"lan|loopback",{_SHOWN}}}',
            "percentunit",
            Text("損失", "Loss"),
        ),
    ),
)

_HOPS: Final = Section(
    Text("選んだ学校の経路", "Path of the school chosen"),
    (
        Panel(
            title=Text("宛先ごとの往復時間", "Round trip by target"),
            about=Text(
                "「学校」で選んだ学校の、宛先と区間ごとの往復時間（多くても 10 本）。",
                "Of the school chosen above, by target and segment; ten lines at most.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    expr="topk(10, max by (segment, target) (quantile_over_time(0.5,"
                    f' hakaru_latency_rtt_median_seconds{{school="$school",{_SHOWN}}}[$__interval])))',
                    legend=Text("{{segment}} {{target}}", "{{segment}} {{target}}"),
                ),
            ),
            unit="s",
            limits=(RTT_SLOW,),
            points=True,
        ),
        Panel(
            title=Text("負荷をかけたときの遅れ", "Delay under load"),
            about=Text(
                "回線を満たしたときの往復時間の延び（responsiveness、多くても 4 本）。大きければルーターや回線に長い待ち行列がある。",
                "How much round trips grow while the line is full (responsiveness). Large: a long queue"
                " stands in a router or on the line.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    expr="max(quantile_over_time(0.5, hakaru_responsiveness_download_rtt_inflation_seconds"
                    f'{{school="$school",{_SHOWN}}}[$__interval]))',
                    legend=Text("下り", "download"),
                ),
                Prom(
                    expr="max(quantile_over_time(0.5, hakaru_responsiveness_upload_rtt_inflation_seconds"
                    f'{{school="$school",{_SHOWN}}}[$__interval]))',
                    legend=Text("上り", "upload"),
                ),
            ),
            unit="s",
            points=True,
            limits=(RTT_SLOW,),
        ),
        Panel(
            title=Text("経路（最新の traceroute）", "Hops, newest traceroute"),
            about=Text(
                "選んだ学校の宛先ごとの最新の経路。途中だけの損失は ICMP の制限であることが多く、その先も失われるときだけ障害を疑う。",
                "The newest path of the school towards each target. Loss at one hop only is mostly a limit"
                " of ICMP; suspect a fault where it goes on behind it.",
            ),
            kind="table",
            queries=(
                Sql(
                    sql="WITH newest AS (SELECT DISTINCT ON (r.target) r.target, r.at, r.said"
                    f" FROM dashboard.result r WHERE r.school = {_ONE}"
                    " AND r.probe = 'traceroute' AND r.outcome = 'ok'"
                    f" AND r.started_at BETWEEN {TO} - 691200000000 AND {TO}"
                    " ORDER BY r.target, r.started_at DESC)"
                    " SELECT n.target AS target, n.at AS seen, (h ->> 'hop_count')::int AS hop,"
                    " h ->> 'address' AS address, (h ->> 'rtt_median_seconds')::float AS rtt_seconds,"
                    " (h ->> 'loss_ratio')::float AS loss_ratio"
                    " FROM newest n, json_array_elements(n.said -> 'hops') h ORDER BY 1, 3"
                ),
            ),
            columns={
                "target": TARGET,
                "seen": Column(title=Text("測定", "Seen"), unit="dateTimeAsIso"),
                "hop": Column(title=Text("ホップ", "Hop"), unit="none", width=80),
                "address": Column(title=Text("アドレス", "Address")),
                "rtt_seconds": Column(
                    title=Text("往復時間", "Round trip"), unit="s", limits=(RTT_SLOW,)
                ),
                "loss_ratio": Column(
                    title=Text("損失", "Loss"), unit="percentunit", limits=(LOSS_HIGH,)
                ),
            },
        ),
        Panel(
            title=Text("経路の MTU", "Path MTU"),
            about=Text(
                "通った最大のパケットの大きさ（path_mtu）。1454 は PPPoE、1460 は IPoE の一部で普通。",
                "Largest packet that got through (path_mtu). 1454 is usual for PPPoE, 1460 for some IPoE.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    expr="topk(10, max by (target) (last_over_time(hakaru_path_mtu_path_mtu_bytes"
                    f'{{school="$school",{_SHOWN}}}[$__interval])))',
                    legend=Text("{{target}}", "{{target}}"),
                ),
            ),
            unit=Text("suffix: バイト", "suffix: bytes"),
            points=True,
            minimum=None,
        ),
    ),
)

BOARD: Final = Board(
    key="path",
    title=Text("経路と区間：遅れと損失の場所", "Path and segments: where delay and loss arise"),
    about=Text(
        "遅れや損失が校内・回線・その先のどこで生じるか。",
        "Whether delay and loss arise inside the school, on the line or beyond.",
    ),
    variables=(*FILTERS, SCHOOL),
    sections=(_WHERE, _WORST, _HOPS),
)
