"""Devices over SNMP: the worst of all schools, and every port of one."""

from typing import Final

from deploy.dashboards.boards.shapes import same, table, worst
from deploy.dashboards.boards.shared import (
    FILTERS,
    IN_VIEW,
    NEAR_LIMIT,
    ONE,
    PORT_ERRORS,
    SCHOOL,
    SERVING,
    SHOWN,
    TARGET,
    TO,
)
from deploy.dashboards.spec import Board, Column, Limit, Panel, Prom, Section
from deploy.dashboards.words import DUPLEX, ORANGE, PORT_STATE, ROLE, Text

_SOME: Final = Limit(1.0, ORANGE, Text("1 以上: 調べる", "1 and above: look at it"))


def _worst(title: Text, about: Text, field: str, value: Column) -> Panel:
    each = f"max by (school, target) (quantile_over_time(0.5, hakaru_snmp_{field}{{{SHOWN}}}[$__range]))"
    return worst(title, about, each, value, by_target=True)


def _count(title: Text, about: Text, field: str, condition: str) -> Panel:
    """Schools where the newest report of a device, by an agent in service, says so."""
    newest = (
        f"(last_over_time(hakaru_snmp_{field}{{{SHOWN}}}[$__range])"
        f" and on (agent, school) {SERVING} and on (school) {IN_VIEW})"
    )
    return Panel(
        title,
        about,
        kind="stat",
        queries=(
            Prom(
                # 0 only where something was reported, else nothing
                f"count(count by (school) ({newest} {condition})) or 0 * count({newest})",
                Text("学校数", "schools"),
                instant=True,
            ),
        ),
        unit=Text("suffix: 校", "suffix: schools"),
        width=6,
        height=4,
        limits=(_SOME,),
    )


_CITY: Final = Section(
    Text("全体（期間の終わり）", "All schools, end of the range"),
    (
        _count(
            Text("エラーの多いポートのある学校", "Schools with a port that has errors"),
            Text(
                "期間内で最新の報告でエラー率が 1 万分の 1 を超えるポートのある学校。",
                "Schools where a port's error ratio is above 1 in 10,000 in the newest report.",
            ),
            "port_error_max_ratio",
            "> 1e-4",
        ),
        _count(
            Text("半二重のポートのある学校", "Schools with a half-duplex port"),
            Text(
                "最新の報告で半二重のポートがある学校。両端の設定の食い違いが多い。",
                "Schools with a port in half duplex in the newest report: mostly ends set differently.",
            ),
            "ports_half_duplex_count",
            "> 0",
        ),
        _count(
            Text("CPU が上限に近い機器のある学校", "Schools with a device at its CPU's limit"),
            Text(
                "最新の報告で CPU の最大が 90 % を超える機器がある学校。",
                "Schools with a device whose greatest CPU load is above 90 % in the newest report.",
            ),
            "cpu_max_ratio",
            "> 0.9",
        ),
        _count(
            Text("セッションが上限に近い学校", "Schools near their session limit"),
            Text(
                "最新の報告でセッション数が機器の上限の 90 % を超える学校。",
                "Schools where sessions are above 90 % of the device's limit in the newest report.",
            ),
            "sessions_max_ratio",
            "> 0.9",
        ),
    ),
)

_TOP: Final = Section(
    Text("悪いほうから 20 台", "The worst 20 devices"),
    (
        _worst(
            Text("ポートのエラー率", "Error ratio of ports"),
            Text(
                "期間の中央値。最も悪いポートの値。",
                "Median of the range, of each device's worst port.",
            ),
            "port_error_max_ratio",
            Column(Text("エラー率", "Error ratio"), "percentunit", limits=(PORT_ERRORS,)),
        ),
        _worst(
            Text("CPU", "CPU"),
            Text(
                "期間の中央値（報告ごとの最大）。",
                "Median of the range of each report's greatest load.",
            ),
            "cpu_max_ratio",
            Column(Text("CPU", "CPU"), "percentunit", limits=(NEAR_LIMIT,)),
        ),
        _worst(
            Text("セッション", "Sessions"),
            Text("機器の上限に対する割合の中央値。", "Median share of the device's own limit."),
            "sessions_max_ratio",
            Column(Text("割合", "Share"), "percentunit", limits=(NEAR_LIMIT,)),
        ),
        _worst(
            Text("半二重のポート", "Ports in half duplex"),
            Text("期間の中央値の本数。", "Median number in the range."),
            "ports_half_duplex_count",
            Column(Text("本数", "Ports"), "none", limits=(_SOME,)),
        ),
        _worst(
            Text("100 Mbit/s 以下のポート", "Ports at 100 Mbit/s or less"),
            Text(
                "つながっているポートのうち 100 Mbit/s 以下のもの。古いケーブルや機器が経路にある。",
                "Of those in use: an old cable or device is in the path.",
            ),
            "ports_slow_count",
            Column(Text("本数", "Ports"), "none", limits=(_SOME,)),
        ),
        _worst(
            Text("アクセスポイントの端末数", "Clients of access points"),
            Text(
                "アクセスポイントまたはコントローラーが数えた端末数の中央値。端末は識別しない。",
                "Median number of clients that access points or controllers count; nobody is identified.",
            ),
            "clients_max_count",
            Column(
                Text("台数", "Clients"),
                "none",
                limits=(
                    Limit(
                        50,
                        ORANGE,
                        Text("50 台以上: 1 台の AP なら多い", "50 and above: many for one AP"),
                    ),
                ),
            ),
        ),
    ),
)


def _of_school(title: Text, about: Text, field: str, unit: str, limit: Limit | None) -> Panel:
    return Panel(
        title,
        about,
        kind="timeseries",
        queries=(
            Prom(
                "topk(15, max by (target) (quantile_over_time(0.5,"
                f' hakaru_snmp_{field}{{school="$school",{SHOWN}}}[$__interval])))',
                same("{{target}}"),
            ),
        ),
        unit=unit,
        width=8,
        points=True,
        lessons=True,
        interval="15m",
        limits=(limit,) if limit else (),
    )


_PORTS: Final = Section(
    Text("選んだ学校の機器とポート", "Devices and ports of the school chosen"),
    (
        _of_school(
            Text("CPU", "CPU"),
            Text(
                "機器ごとの CPU の最大（多くても 15 台）。", "Greatest load by device; 15 at most."
            ),
            "cpu_max_ratio",
            "percentunit",
            NEAR_LIMIT,
        ),
        _of_school(
            Text("セッション", "Sessions"),
            Text(
                "機器の上限に対するセッション数の割合。",
                "Sessions as a share of the device's limit.",
            ),
            "sessions_max_ratio",
            "percentunit",
            NEAR_LIMIT,
        ),
        _of_school(
            Text("端末数", "Clients"),
            Text(
                "アクセスポイント・コントローラーごとの端末数。",
                "Clients by access point or controller.",
            ),
            "clients_count",
            "none",
            None,
        ),
        table(
            Text("ポート（最新の報告）", "Ports, newest report"),
            Text(
                "選んだ学校の機器の、最も新しい報告にある全ポート（期間の終わりまで 8 日間）。",
                "Every port in the newest report of each device of the school (8 days up to the end of"
                " the range).",
            ),
            "WITH newest AS (SELECT DISTINCT ON (r.target) r.target, r.at, r.said"
            f" FROM dashboard.result r WHERE r.school = {ONE} AND r.probe = 'snmp'"
            f" AND r.outcome = 'ok' AND r.started_at BETWEEN {TO} - 691200000000 AND {TO}"
            " ORDER BY r.target, r.started_at DESC)"
            " SELECT n.target AS target, n.said ->> 'system_name' AS device,"
            " n.said ->> 'role' AS role, p ->> 'port' AS port, p ->> 'alias' AS alias,"
            " p ->> 'state' AS state, (p ->> 'speed_bps')::float AS speed_bps,"
            " p ->> 'duplex' AS duplex, (p ->> 'in_bps')::float AS in_bps,"
            " (p ->> 'out_bps')::float AS out_bps,"
            " (p ->> 'error_ratio')::float AS error_ratio,"
            " (p ->> 'discard_ratio')::float AS discard_ratio"
            " FROM newest n, json_array_elements(n.said -> 'ports') p"
            " ORDER BY (p ->> 'error_ratio')::float DESC NULLS LAST, 1, 4",
            width=24,
            height=10,
            columns={
                "target": TARGET,
                "device": Column(Text("名前", "Name")),
                "role": Column(Text("種類", "Kind"), words=ROLE),
                "port": Column(Text("ポート", "Port")),
                "alias": Column(Text("説明", "Alias")),
                "state": Column(Text("状態", "State"), words=PORT_STATE),
                "speed_bps": Column(Text("速度", "Speed"), "bps", decimals=0),
                "duplex": Column(Text("通信方式", "Duplex"), words=DUPLEX),
                "in_bps": Column(Text("受信", "In"), "bps", decimals=1),
                "out_bps": Column(Text("送信", "Out"), "bps", decimals=1),
                "error_ratio": Column(
                    Text("エラー率", "Errors"), "percentunit", limits=(PORT_ERRORS,)
                ),
                "discard_ratio": Column(
                    Text("廃棄率", "Discards"), "percentunit", limits=(PORT_ERRORS,)
                ),
            },
        ),
    ),
)

BOARD: Final = Board(
    key="devices",
    title=Text(
        "機器：ポート・CPU・セッション・無線", "Devices: ports, CPU, sessions, access points"
    ),
    about=Text(
        "SNMP で読んだ機器の状態。上は全校から悪いもの、下は選んだ学校の全ポート。",
        "What devices say over SNMP: the worst of all schools, then every port of one school.",
    ),
    variables=(*FILTERS, SCHOOL),
    sections=(_CITY, _TOP, _PORTS),
)
