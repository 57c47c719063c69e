"""One school: is it enough, when not, what else crossed the line, and what was done."""

from typing import Final

from deploy.dashboards.boards.shapes import bps, in_both, same, table
from deploy.dashboards.boards.shared import (
    DNS_SLOW,
    IN_RANGE,
    LEAVE_OUT,
    LOSS_HIGH,
    NAME,
    NEAR_LIMIT,
    ONE,
    PORT_ERRORS,
    RTT_SLOW,
    SCHOOL,
    SHOWN,
    TARGET,
    TO,
    WEEKS_IN_RANGE,
)
from deploy.dashboards.spec import Board, Column, Note, Panel, Prom, Section, Sql
from deploy.dashboards.words import (
    BAND,
    BLUE,
    DECISION,
    GRADE,
    LINE,
    MEASURE_STATE,
    ORANGE,
    OUTCOME,
    PINK,
    PROGRESS,
    RED,
    ROLE,
    SKY,
    STATUS,
    Text,
    Word,
    catalogue,
    of_pages,
)

_HERE: Final = f'school="$school",{SHOWN}'
_BEYOND: Final = f'{_HERE},segment!~"lan|loopback"'
_FIGURE: Final = {
    "quiet": Word(Text("授業時間外", "outside lessons")),
    "lesson": Word(Text("授業時間中", "in lessons")),
}


def _median(series: str, by: str) -> str:
    return f"max by ({by}) (quantile_over_time(0.5, {series}[$__interval]))"


_NOW: Final = Section(
    Text("判定", "Verdict"),
    (
        table(
            Text("学校", "The school"),
            Text(
                "登録されている学校の情報とアセスメントの状態。",
                "What is registered of the school, and its progress.",
            ),
            "SELECT s.name AS name, s.pupils AS pupils, s.band AS band,"
            " s.line AS line, s.contracted_bps AS contracted_bps, s.region AS region,"
            " s.network AS network, coalesce(p.state, 'not_started') AS state"
            " FROM dashboard.school s LEFT JOIN dashboard.progress p ON p.school = s.code"
            f" WHERE s.code = {ONE}",
            width=24,
            height=5,
            columns={
                "name": NAME,
                "pupils": Column(Text("児童生徒", "Pupils"), "none"),
                "band": Column(Text("規模", "Size"), words=BAND),
                "line": Column(Text("回線", "Line"), words=LINE),
                "contracted_bps": Column(Text("契約速度", "Contract"), "bps"),
                "region": Column(Text("地域", "Region")),
                "network": Column(Text("集約グループ", "Group")),
                "state": Column(Text("進み具合", "Progress"), words=PROGRESS),
            },
        ),
        table(
            Text("週の判定", "Verdicts by week"),
            Text(
                "期間内に終わった週の判定と根拠。中央値の 95 % 区間が必要な速度に届けば充足、届かなければ不足、またげば要確認。",
                "The verdict of each week that is over and what it rests on: met where the 95 % interval of the median"
                " reaches the required speed, not met where it stays below, else undetermined.",
            ),
            "SELECT v.week AS week, v.figure AS figure, v.status AS status,"
            " v.required_bps AS required_bps, v.median_bps AS median_bps,"
            " v.low_bps AS low_bps, v.high_bps AS high_bps, v.runs AS runs,"
            " v.failed_runs AS failed_runs, v.reasons AS reasons"
            f" FROM dashboard.verdict v WHERE v.school = {ONE} AND v.{WEEKS_IN_RANGE}"
            " ORDER BY v.week DESC, v.figure DESC",
            width=24,
            height=6,
            columns={
                "week": Column(Text("週", "Week"), width=100),
                "figure": Column(Text("時間帯", "Figure"), words=_FIGURE),
                "status": Column(Text("判定", "Verdict"), words=STATUS),
                "required_bps": bps("必要", "Required"),
                "median_bps": bps("中央値", "Median"),
                "low_bps": bps("区間の下", "Interval from"),
                "high_bps": bps("区間の上", "Interval to"),
                "runs": Column(Text("回数", "Runs"), "none", width=70),
                "failed_runs": Column(Text("失敗", "Failed"), "none", width=80),
                "reasons": Column(Text("理由（符号）", "Reasons (codes)")),
            },
        ),
    ),
)

_SPEED: Final = Section(
    Text("速度", "Speed"),
    (
        Panel(
            Text("測定値と必要な速度", "Measurements and the required speed"),
            Text(
                "回線を通る測定の下り・上り（点。一つの間隔に複数あれば中央値）と必要な速度（破線）。背景の帯は授業時間。失敗した測定に値はない（0 ではない）。",
                "Tests through the line, down and up (the median of those in one step), and the required speed (dashed). The shade is"
                " lessons. A failed test has no value, never 0.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    _median(f"hakaru_throughput_download_bps{{{_BEYOND}}}", "school"),
                    Text("下り", "download"),
                ),
                Prom(
                    _median(f"hakaru_throughput_upload_bps{{{_BEYOND}}}", "school"),
                    Text("上り", "upload"),
                ),
                Prom(
                    'max(last_over_time(hakaru_school_required_bps{school="$school"}[1h]))',
                    Text("必要な速度", "required"),
                ),
            ),
            unit="bps",
            width=24,
            height=10,
            points=True,
            lessons=True,
            columns=in_both(
                Column(Text("必要な速度", "required"), "bps", colour=RED, dashed=True),
                Column(Text("下り", "download"), "bps", colour=BLUE),
                Column(Text("上り", "upload"), "bps", colour=SKY),
            ),
        ),
        Panel(
            Text("測定中のほかの通信", "Cross traffic during tests"),
            Text(
                "測定と同じ時間に回線を通ったほかの通信（WAN ポートのカウンター）。授業中は測定値に加えて回線の容量とみる。",
                "What else crossed the line during the tests (counters of the WAN port). In lessons it"
                " is added to what was measured to know the line's capacity.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    _median(f"hakaru_throughput_cross_traffic_during_bps{{{_BEYOND}}}", "school"),
                    Text("ほかの通信", "cross traffic"),
                ),
            ),
            unit="bps",
            points=True,
            lessons=True,
        ),
        table(
            Text("測定の結果", "Outcomes of tests"),
            Text(
                "期間内の測定の件数を結果と失敗の種類ごとに示す。延期は混雑や停止で測らなかったもの。",
                "Tests of the range by outcome and failure. Put off: the line was busy or suppressed.",
            ),
            "SELECT r.probe AS probe, r.outcome AS outcome,"
            " coalesce(r.failure_code, '') AS failure, count(*) AS results"
            f" FROM dashboard.result r WHERE r.school = {ONE}"
            f" AND r.started_at {IN_RANGE} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
            columns={
                "probe": Column(Text("測定", "Test"), words=of_pages("probe")),
                "outcome": Column(Text("結果", "Outcome"), words=OUTCOME),
                "failure": Column(Text("失敗の種類", "Failure"), words=of_pages("failure")),
                "results": Column(Text("件数", "Results"), "none"),
            },
        ),
    ),
)

_DELAY: Final = Section(
    Text("応答", "Delay"),
    (
        Panel(
            Text("往復時間", "Round trip"),
            Text(
                "宛先ごとの往復時間の中央値（latency）。授業中だけ延びるなら回線の混雑が疑われる。",
                "Median round trip by target (latency). Longer in lessons only: the line is busy.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    f"topk(10, {_median(f'hakaru_latency_rtt_median_seconds{{{_HERE}}}', 'target')})",
                    same("{{target}}"),
                ),
            ),
            unit="s",
            width=8,
            points=True,
            lessons=True,
            limits=(RTT_SLOW,),
        ),
        Panel(
            Text("パケット損失", "Packet loss"),
            Text(
                "宛先ごとのパケット損失の割合（latency）。",
                "Share of packets lost, by target (latency).",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    f"topk(10, {_median(f'hakaru_latency_loss_ratio{{{_HERE}}}', 'target')})",
                    same("{{target}}"),
                ),
            ),
            unit="percentunit",
            width=8,
            points=True,
            lessons=True,
            limits=(LOSS_HIGH,),
        ),
        Panel(
            Text("名前解決（DNS）", "Name resolution (DNS)"),
            Text(
                "ネームサーバーごとの最初の応答時間の中央値。",
                "Median time of the first answer, by name server.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    f"topk(10, {_median(f'hakaru_dns_first_median_seconds{{{_HERE}}}', 'target')})",
                    same("{{target}}"),
                ),
            ),
            unit="s",
            width=8,
            points=True,
            lessons=True,
            limits=(DNS_SLOW,),
        ),
    ),
)

_WHY: Final = Section(
    Text("機器・課題・改善策", "Devices, findings, measures"),
    (
        table(
            Text("機器（最新の報告）", "Devices, newest report"),
            Text(
                "期間の終わりの 8 日間で最も新しい SNMP の報告。ポートごとの値は機器のダッシュボードにある。",
                "The newest SNMP report of each device in the last 8 days of the range. Ports stand in"
                " the dashboard of devices.",
            ),
            "SELECT DISTINCT ON (r.target) r.target AS target,"
            " r.said ->> 'system_name' AS device, r.said ->> 'role' AS role,"
            " r.said ->> 'model' AS model, r.at AS seen,"
            " (r.said ->> 'cpu_max_ratio')::float AS cpu_ratio,"
            " (r.said ->> 'sessions_max_ratio')::float AS sessions_ratio,"
            " (r.said ->> 'port_error_max_ratio')::float AS error_ratio,"
            " (r.said ->> 'ports_slow_count')::int AS slow_ports"
            f" FROM dashboard.result r WHERE r.school = {ONE} AND r.probe = 'snmp'"
            f" AND r.outcome = 'ok' AND r.started_at BETWEEN {TO} - 691200000000 AND {TO}"
            " ORDER BY r.target, r.started_at DESC",
            width=24,
            columns={
                "target": TARGET,
                "device": Column(Text("名前", "Name")),
                "role": Column(Text("種類", "Kind"), words=ROLE),
                "model": Column(Text("機種", "Model")),
                "seen": Column(Text("報告", "Report"), "dateTimeAsIso"),
                "cpu_ratio": Column(
                    Text("CPU", "CPU"), "percentunit", limits=(NEAR_LIMIT,), decimals=0
                ),
                "sessions_ratio": Column(
                    Text("セッション", "Sessions"), "percentunit", limits=(NEAR_LIMIT,), decimals=0
                ),
                "error_ratio": Column(
                    Text("エラー率（最大）", "Worst error ratio"),
                    "percentunit",
                    limits=(PORT_ERRORS,),
                ),
                "slow_ports": Column(Text("100M以下のポート", "Ports at 100M"), "none"),
            },
        ),
        table(
            Text("課題", "Findings"),
            Text(
                "人が判断した課題とその根拠の種類。",
                "Findings that a person decided on, and the grade of evidence.",
            ),
            "SELECT f.finding AS finding, f.decision AS decision, f.grade AS grade,"
            f" f.decided_on AS decided_on FROM dashboard.finding f WHERE f.school = {ONE}"
            " ORDER BY f.decided_on DESC, f.finding",
            columns={
                "finding": Column(Text("課題", "Finding"), words=catalogue("findings")),
                "decision": Column(Text("判断", "Decision"), words=DECISION),
                "grade": Column(Text("根拠", "Evidence"), words=GRADE),
                "decided_on": Column(Text("判断日", "Decided on")),
            },
        ),
        table(
            Text("改善策", "Measures"),
            Text(
                "この学校の改善策と予定・実施日。グラフ上の印は実施日。",
                "Measures of this school. Marks in the graphs stand at the day on which one was done.",
            ),
            "SELECT m.measure AS measure, m.state AS state, m.planned_on AS planned_on,"
            " m.done_on AS done_on, m.cost_yen AS cost_yen"
            f" FROM dashboard.measure m WHERE m.school = {ONE}"
            " ORDER BY coalesce(m.done_on, m.planned_on) DESC NULLS LAST, m.measure",
            columns={
                "measure": Column(Text("改善策", "Measure"), words=catalogue("measures")),
                "state": Column(Text("状態", "State"), words=MEASURE_STATE),
                "planned_on": Column(Text("予定日", "Planned on")),
                "done_on": Column(Text("実施日", "Done on")),
                "cost_yen": Column(Text("費用", "Cost"), "currencyJPY", decimals=0),
            },
        ),
    ),
)

BOARD: Final = Board(
    key="school",
    title=Text("学校：測定値と必要な速度", "School: measurements and the required speed"),
    about=Text(
        "一つの学校の測定値、応答、機器、課題と改善策。印は改善策の実施と障害。",
        "One school's measurements, delay, devices, findings and measures. Marks: measures, incidents.",
    ),
    variables=(SCHOOL, LEAVE_OUT),
    sections=(_NOW, _SPEED, _DELAY, _WHY),
    notes=(
        Note(
            title=Text("改善策の実施", "Measures done"),
            query=Sql(
                "SELECT extract(epoch FROM m.done_on::date::timestamp AT TIME ZONE 'Asia/Tokyo')"
                "::bigint AS time, m.measure AS text, 'measure' AS tags"
                f" FROM dashboard.measure m WHERE m.school = {ONE} AND m.state = 'done'"
                " AND m.done_on IS NOT NULL ORDER BY 1"
            ),
            colour=BLUE,
        ),
        Note(
            title=Text("測定端末の状態", "State of the agent"),
            query=Sql(
                "SELECT c.changed_at / 1000000 AS time, c.state AS text, 'agent' AS tags"
                f" FROM dashboard.state_change c WHERE c.school = {ONE}"
                f" AND c.changed_at {IN_RANGE} ORDER BY 1"
            ),
            colour=ORANGE,
        ),
        Note(
            title=Text("警報", "Alerts"),
            query=Prom('ALERTS{alertstate="firing",school="$school"}'),
            colour=PINK,
        ),
    ),
)
