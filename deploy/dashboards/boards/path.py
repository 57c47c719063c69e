"""The path: in which segment delay and loss arise, for many schools and for one."""

from typing import Final

from deploy.dashboards.boards.shapes import by_word, same, table, worst
from deploy.dashboards.boards.shared import (
    CHOSEN,
    FILTERS,
    IN_RANGE,
    IN_VIEW,
    LOSS_HIGH,
    ONE,
    RTT_SLOW,
    SCHOOL,
    SHOWN,
    TARGET,
    TO,
)
from deploy.dashboards.spec import Board, Column, Panel, Prom, Section
from deploy.dashboards.words import BOTTLENECK, NARROW, SEGMENT, Text, Word

_DIRECTION: Final = {
    "download": Word(Text("下り", "download")),
    "upload": Word(Text("上り", "upload")),
}


def _by_segment(series: str, quantile: float) -> Prom:
    """A quantile over the schools chosen, one line for each segment: few, however many schools."""
    each = f"max by (school, segment) (quantile_over_time(0.5, {series}{{{SHOWN}}}[$__interval]))"
    return Prom(
        f"quantile by (segment) ({quantile:g}, {each} and on (school) {IN_VIEW})",
        same("{{segment}}"),
    )


def _worst(title: Text, about: Text, series: str, value: Column) -> Panel:
    each = f"max by (school) (quantile_over_time(0.5, {series}[$__range]))"
    return worst(title, about, each, value, width=12)


_WHERE: Final = Section(
    Text("どの区間で生じるか", "In which segment it arises"),
    (
        Panel(
            Text("往復時間（区間別、学校の中央値）", "Round trip by segment, median school"),
            Text(
                "選んだ学校の往復時間の中央値を区間ごとに示す。校内が短く回線から長ければ、回線より先で生じている。",
                "Median over the chosen schools, one line for each segment. Short inside and long beyond:"
                " it arises on the line or after it.",
            ),
            kind="timeseries",
            queries=(_by_segment("hakaru_latency_rtt_median_seconds", 0.5),),
            unit="s",
            limits=(RTT_SLOW,),
            points=True,
            columns=by_word(SEGMENT, "s"),
        ),
        Panel(
            Text("往復時間（区間別、遅いほうから 1 割）", "Round trip by segment, slowest tenth"),
            Text(
                "選んだ学校の 90 パーセンタイル。一部の学校だけ遅いと、中央値との差が開く。",
                "90th percentile over the chosen schools: far from the median where a few are slow.",
            ),
            kind="timeseries",
            queries=(_by_segment("hakaru_latency_rtt_median_seconds", 0.9),),
            unit="s",
            limits=(RTT_SLOW,),
            points=True,
            columns=by_word(SEGMENT, "s"),
        ),
        Panel(
            Text("損失（区間別、多いほうから 1 割）", "Loss by segment, worst tenth"),
            Text(
                "パケット損失の割合の 90 パーセンタイル（選んだ学校）。",
                "90th percentile of the share of lost packets, over the chosen schools.",
            ),
            kind="timeseries",
            queries=(_by_segment("hakaru_latency_loss_ratio", 0.9),),
            unit="percentunit",
            limits=(LOSS_HIGH,),
            points=True,
            columns=by_word(SEGMENT, "percentunit"),
        ),
        table(
            Text("混雑する場所の判定", "Where a queue stands under load"),
            Text(
                "期間内に成功したボトルネック測定の判定の、方向ごとの件数。「複数の区間のどれか」は、間の機器が答えず絞れなかったもの。",
                "Verdicts of the good bottleneck tests in the range, by direction. One of several links:"
                " devices between them did not answer.",
            ),
            "SELECT d.direction AS direction, d.verdict AS verdict,"
            " coalesce(d.segment, '-') AS segment,"
            " count(*) AS results, count(DISTINCT r.school) AS schools"
            " FROM dashboard.result r JOIN dashboard.school s ON s.code = r.school"
            " CROSS JOIN LATERAL (VALUES"
            " ('download', r.said ->> 'download_verdict', r.said ->> 'download_segment'),"
            " ('upload', r.said ->> 'upload_verdict', r.said ->> 'upload_segment'))"
            " d (direction, verdict, segment)"
            " WHERE r.probe = 'bottleneck' AND r.outcome = 'ok' AND d.verdict IS NOT NULL"
            f" AND r.started_at {IN_RANGE} AND {CHOSEN} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
            columns={
                "direction": Column(Text("方向", "Direction"), words=_DIRECTION),
                "verdict": Column(Text("判定", "Verdict"), words=BOTTLENECK),
                "segment": Column(Text("区間", "Segment"), words=NARROW),
                "results": Column(Text("件数", "Results"), "none"),
                "schools": Column(Text("学校数", "Schools"), "none"),
            },
        ),
    ),
)

_BEYOND: Final = f'{{segment!~"lan|loopback",probe!="snmp",{SHOWN}}}[$__range]'
_WORST: Final = Section(
    Text("悪いほうから 20 校", "The worst 20 schools"),
    (
        _worst(
            Text("校内の往復時間", "Round trip inside the school"),
            Text(
                "校内の宛先（segment=lan）への往復時間。長ければ校内の配線・無線・機器を見る。",
                "Towards targets inside (segment lan). Long: cables, Wi-Fi or devices of the school.",
            ),
            f'hakaru_latency_rtt_median_seconds{{segment="lan",{SHOWN}}}',
            Column(Text("往復時間", "Round trip"), "s"),
        ),
        _worst(
            Text("回線より先の往復時間", "Round trip beyond the line"),
            Text("校外の宛先への往復時間。", "Towards targets outside the school."),
            f'hakaru_latency_rtt_median_seconds{{segment!~"lan|loopback",{SHOWN}}}',
            Column(Text("往復時間", "Round trip"), "s"),
        ),
        _worst(
            Text("パケット損失", "Packet loss"),
            Text(
                "校外の宛先へのパケット損失の割合（成功した測定の中央値）。応答が一つもない測定は失敗で、右の表にある。",
                "Share of packets lost towards targets outside, median of good tests. A test without any"
                " reply is a failure and stands in the table beside.",
            ),
            f'hakaru_latency_loss_ratio{{segment!~"lan|loopback",{SHOWN}}}',
            Column(Text("損失", "Loss"), "percentunit"),
        ),
        worst(
            Text("失敗した測定", "Failed tests"),
            Text(
                "校外の宛先への測定のうち失敗したものの割合。延期した測定は数えない。",
                "Share of tests towards targets outside that failed; those put off are not counted.",
            ),
            f"(1 - sum by (school) (sum_over_time(hakaru_result_ok{_BEYOND}))"
            f" / sum by (school) (count_over_time(hakaru_result_ok{_BEYOND})))",
            Column(Text("失敗の割合", "Failed"), "percentunit"),
            width=12,
        ),
    ),
)


def _of_target(where: str, legend: Text) -> Prom:
    """Round trips of the school chosen, the five slowest targets of one side of its router."""
    chosen = f'school="$school",{where},{SHOWN}'
    return Prom(
        "topk(5, max by (target) (quantile_over_time(0.5,"
        f" hakaru_latency_rtt_median_seconds{{{chosen}}}[$__interval])))",
        legend,
    )


_HOPS: Final = Section(
    Text("選んだ学校の経路", "Path of the school chosen"),
    (
        Panel(
            Text("宛先ごとの往復時間", "Round trip by target"),
            Text(
                "「学校」で選んだ学校の、校内と校外の宛先ごとの往復時間（それぞれ多くても 5 本）。",
                "Of the school chosen above, by target inside and beyond it; five lines each at most.",
            ),
            kind="timeseries",
            queries=(
                _of_target('segment="lan"', Text("校内 {{target}}", "inside: {{target}}")),
                _of_target(
                    'segment!~"lan|loopback"', Text("校外 {{target}}", "beyond: {{target}}")
                ),
            ),
            unit="s",
            limits=(RTT_SLOW,),
            points=True,
        ),
        Panel(
            Text("負荷をかけたときの遅れ", "Delay under load"),
            Text(
                "回線を満たしたときの往復時間の延び（responsiveness、多くても 4 本）。大きければルーターや回線に長い待ち行列がある。",
                "How much round trips grow while the line is full (responsiveness). Large: a long queue"
                " stands in a router or on the line.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    "max(quantile_over_time(0.5, hakaru_responsiveness_download_rtt_inflation_seconds"
                    f'{{school="$school",{SHOWN}}}[$__interval]))',
                    Text("下り", "download"),
                ),
                Prom(
                    "max(quantile_over_time(0.5, hakaru_responsiveness_upload_rtt_inflation_seconds"
                    f'{{school="$school",{SHOWN}}}[$__interval]))',
                    Text("上り", "upload"),
                ),
            ),
            unit="s",
            points=True,
            limits=(RTT_SLOW,),
        ),
        table(
            Text("経路（最新の traceroute）", "Hops, newest traceroute"),
            Text(
                "選んだ学校の宛先ごとの最新の経路。途中だけの損失は ICMP の制限であることが多く、その先も失われるときだけ障害を疑う。",
                "The newest path of the school towards each target. Loss at one hop only is mostly a limit"
                " of ICMP; suspect a fault where it goes on behind it.",
            ),
            "WITH newest AS (SELECT DISTINCT ON (r.target) r.target, r.at, r.said"
            f" FROM dashboard.result r WHERE r.school = {ONE}"
            " AND r.probe = 'traceroute' AND r.outcome = 'ok'"
            f" AND r.started_at BETWEEN {TO} - 691200000000 AND {TO}"
            " ORDER BY r.target, r.started_at DESC)"
            " SELECT n.target AS target, n.at AS seen, (h ->> 'hop_count')::int AS hop,"
            " h ->> 'address' AS address, (h ->> 'rtt_median_seconds')::float AS rtt_seconds,"
            " (h ->> 'loss_ratio')::float AS loss_ratio"
            " FROM newest n, json_array_elements(n.said -> 'hops') h ORDER BY 1, 3",
            columns={
                "target": TARGET,
                "seen": Column(Text("測定", "Seen"), "dateTimeAsIso"),
                "hop": Column(Text("ホップ", "Hop"), "none", width=80),
                "address": Column(Text("アドレス", "Address")),
                "rtt_seconds": Column(Text("往復時間", "Round trip"), "s", limits=(RTT_SLOW,)),
                "loss_ratio": Column(Text("損失", "Loss"), "percentunit", limits=(LOSS_HIGH,)),
            },
        ),
        Panel(
            Text("経路の MTU", "Path MTU"),
            Text(
                "通った最大のパケットの大きさ（path_mtu）。1454 は PPPoE、1460 は IPoE の一部で普通。",
                "Largest packet that got through (path_mtu). 1454 is usual for PPPoE, 1460 for some IPoE.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    "topk(10, max by (target) (last_over_time(hakaru_path_mtu_path_mtu_bytes"
                    f'{{school="$school",{SHOWN}}}[$__interval])))',
                    same("{{target}}"),
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
