"""One school: is it enough, when not, what else crossed the line, and what was done."""

from typing import Final

from deploy.dashboards.boards.shared import (
    DNS_SLOW,
    IN_RANGE,
    LEAVE_OUT,
    LOSS_HIGH,
    RTT_SLOW,
    SCHOOL,
    TARGET,
    TO,
    WEEKS_IN_RANGE,
)
from deploy.dashboards.spec import Board, Column, Limit, Note, Panel, Prom, Section, Sql
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
)

_ONE: Final = "${school:sqlstring}"
_HERE: Final = 'school="$school",simulated!="$leave_out"'
_BEYOND: Final = f'{_HERE},segment!~"lan|loopback"'
_FIGURE: Final = {
    "quiet": Word(Text("授業時間外", "outside lessons")),
    "lesson": Word(Text("授業時間中", "in lessons")),
}
_CPU: Final = Limit(0.9, RED, Text("90 % 以上: 上限に近い", "90 % and above: near its limit"))
_ERRORS: Final = Limit(1e-4, RED, Text("1万分の1以上: 配線を調べる", "1 in 10,000: see the cable"))


def _bps(ja: str, en: str) -> Column:
    return Column(title=Text(ja, en), unit="bps", decimals=0)


def _median(series: str, by: str) -> str:
    return f"max by ({by}) (quantile_over_time(0.5, {series}[$__interval]))"


_NOW: Final = Section(
    Text("判定", "Verdict"),
    (
        Panel(
            title=Text("学校", "The school"),
            about=Text(
                "登録されている学校の情報とアセスメントの状態。",
                "What is registered of the school, and its progress.",
            ),
            kind="table",
            queries=(
                Sql(
                    sql="SELECT s.name AS name, s.pupils AS pupils, s.band AS band,"
                    " s.line AS line, s.contracted_bps AS contracted_bps, s.region AS region,"
                    " s.network AS network, coalesce(p.state, 'not_started') AS state"
                    " FROM dashboard.school s LEFT JOIN dashboard.progress p ON p.school = s.code"
                    f" WHERE s.code = {_ONE}"
                ),
            ),
            width=24,
            height=5,
            columns={
                "name": Column(title=Text("学校", "School")),
                "pupils": Column(title=Text("児童生徒", "Pupils"), unit="none"),
                "band": Column(title=Text("規模", "Size"), words=BAND),
                "line": Column(title=Text("回線", "Line"), words=LINE),
                "contracted_bps": Column(title=Text("契約速度", "Contract"), unit="bps"),
                "region": Column(title=Text("地域", "Region")),
                "network": Column(title=Text("集約グループ", "Group")),
                "state": Column(title=Text("進み具合", "Progress"), words=PROGRESS),
            },
        ),
        Panel(
            title=Text("週の判定", "Verdicts by week"),
            about=Text(
                "期間内の週ごとの判定と根拠。中央値の 95 % 区間が必要な速度に届けば充足、届かなければ不足、またげば要確認。",
                "Each week's verdict and what it rests on: met where the 95 % interval of the median"
                " reaches the required speed, not met where it stays below, else undetermined.",
            ),
            kind="table",
            queries=(
                Sql(
                    sql="SELECT v.week AS week, v.figure AS figure, v.status AS status,"
                    " v.required_bps AS required_bps, v.median_bps AS median_bps,"
                    " v.low_bps AS low_bps, v.high_bps AS high_bps, v.runs AS runs,"
                    " v.failed_runs AS failed_runs, v.reasons AS reasons"
                    f" FROM dashboard.verdict v WHERE v.school = {_ONE} AND v.{WEEKS_IN_RANGE}"
                    " ORDER BY v.week DESC, v.figure DESC"
                ),
            ),
            width=24,
            height=6,
            columns={
                "week": Column(title=Text("週", "Week"), width=100),
                "figure": Column(title=Text("時間帯", "Figure"), words=_FIGURE),
                "status": Column(title=Text("判定", "Verdict"), words=STATUS),
                "required_bps": _bps("必要", "Required"),
                "median_bps": _bps("中央値", "Median"),
                "low_bps": _bps("区間の下", "Interval from"),
                "high_bps": _bps("区間の上", "Interval to"),
                "runs": Column(title=Text("回数", "Runs"), unit="none", width=70),
                "failed_runs": Column(title=Text("失敗", "Failed"), unit="none", width=80),
                "reasons": Column(title=Text("理由（符号）", "Reasons (codes)")),
            },
        ),
    ),
)

_SPEED: Final = Section(
    Text("速度", "Speed"),
    (
        Panel(
            title=Text("測定値と必要な速度", "Measurements and the required speed"),
            about=Text(
                "回線を通る各測定の下り・上り（点）と必要な速度（破線）。背景の帯は授業時間。失敗した測定に値はない（0 ではない）。",
                "Each test through the line, down and up, and the required speed (dashed). The shade is"
                " lessons. A failed test has no value, never 0.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    expr=_median(f"hakaru_throughput_download_bps{{{_BEYOND}}}", "school"),
                    legend=Text("下り", "download"),
                ),
                Prom(
                    expr=_median(f"hakaru_throughput_upload_bps{{{_BEYOND}}}", "school"),
                    legend=Text("上り", "upload"),
                ),
                Prom(
                    expr='max(last_over_time(hakaru_school_required_bps{school="$school"}[1h]))',
                    legend=Text("必要な速度", "required"),
                ),
            ),
            unit="bps",
            width=24,
            height=10,
            points=True,
            lessons=True,
            columns={
                name: Column(
                    title=Text("必要な速度", "required"), unit="bps", colour=RED, dashed=True
                )
                for name in ("必要な速度", "required")
            }
            | {
                name: Column(title=Text("下り", "download"), unit="bps", colour=BLUE)
                for name in ("下り", "download")
            }
            | {
                name: Column(title=Text("上り", "upload"), unit="bps", colour=SKY)
                for name in ("上り", "upload")
            },
        ),
        Panel(
            title=Text("測定中のほかの通信", "Cross traffic during tests"),
            about=Text(
                "測定と同じ時間に回線を通ったほかの通信（WAN ポートのカウンター）。授業中は測定値に加えて回線の容量とみる。",
                "What else crossed the line during the tests (counters of the WAN port). In lessons it"
                " is added to what was measured to know the line's capacity.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    expr=_median(
                        f"hakaru_throughput_cross_traffic_during_bps{{{_BEYOND}}}", "school"
                    ),
                    legend=Text("ほかの通信", "cross traffic"),
                ),
            ),
            unit="bps",
            points=True,
            lessons=True,
        ),
        Panel(
            title=Text("測定の結果", "Outcomes of tests"),
            about=Text(
                "期間内の測定の件数を結果と失敗の種類ごとに示す。延期は混雑や停止で測らなかったもの。",
                "Tests of the range by outcome and failure. Put off: the line was busy or suppressed.",
            ),
            kind="table",
            queries=(
                Sql(
                    sql="SELECT r.probe AS probe, r.outcome AS outcome,"
                    " coalesce(r.failure_code, '') AS failure, count(*) AS results"
                    f" FROM dashboard.result r WHERE r.school = {_ONE}"
                    f" AND r.started_at {IN_RANGE} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
                ),
            ),
            columns={
                "probe": Column(title=Text("測定", "Test")),
                "outcome": Column(title=Text("結果", "Outcome"), words=OUTCOME),
                "failure": Column(title=Text("失敗の種類", "Failure")),
                "results": Column(title=Text("件数", "Results"), unit="none"),
            },
        ),
    ),
)

_DELAY: Final = Section(
    Text("応答", "Delay"),
    (
        Panel(
            title=Text("往復時間", "Round trip"),
            about=Text(
                "宛先ごとの往復時間の中央値（latency）。授業中だけ延びるなら回線の混雑が疑われる。",
                "Median round trip by target (latency). Longer in lessons only: the line is busy.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    expr=f"topk(10, {_median(f'hakaru_latency_rtt_median_seconds{{{_HERE}}}', 'target')})",
                    legend=Text("{{target}}", "{{target}}"),
                ),
            ),
            unit="s",
            width=8,
            points=True,
            lessons=True,
            limits=(RTT_SLOW,),
        ),
        Panel(
            title=Text("パケット損失", "Packet loss"),
            about=Text(
                "宛先ごとのパケット損失の割合（latency）。",
                "Share of packets lost, by target (latency).",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    expr=f"topk(10, {_median(f'hakaru_latency_loss_ratio{{{_HERE}}}', 'target')})",
                    legend=Text("{{target}}", "{{target}}"),
                ),
            ),
            unit="percentunit",
            width=8,
            points=True,
            lessons=True,
            limits=(LOSS_HIGH,),
        ),
        Panel(
            title=Text("名前解決（DNS）", "Name resolution (DNS)"),
            about=Text(
                "ネームサーバーごとの最初の応答時間の中央値。",
                "Median time of the first answer, by name server.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    expr=f"topk(10, {_median(f'hakaru_dns_first_median_seconds{{{_HERE}}}', 'target')})",
                    legend=Text("{{target}}", "{{target}}"),
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
        Panel(
            title=Text("機器（最新の報告）", "Devices, newest report"),
            about=Text(
                "期間の終わりの 8 日間で最も新しい SNMP の報告。ポートごとの値は機器のダッシュボードにある。",
                "The newest SNMP report of each device in the last 8 days of the range. Ports stand in"
                " the dashboard of devices.",
            ),
            kind="table",
            queries=(
                Sql(
                    sql="SELECT DISTINCT ON (r.target) r.target AS target,"
                    " r.said ->> 'system_name' AS device, r.said ->> 'role' AS role,"
                    " r.said ->> 'model' AS model, r.at AS seen,"
                    " (r.said ->> 'cpu_max_ratio')::float AS cpu_ratio,"
                    " (r.said ->> 'sessions_max_ratio')::float AS sessions_ratio,"
                    " (r.said ->> 'port_error_max_ratio')::float AS error_ratio,"
                    " (r.said ->> 'ports_slow_count')::int AS slow_ports"
                    f" FROM dashboard.result r WHERE r.school = {_ONE} AND r.probe = 'snmp'"
                    f" AND r.outcome = 'ok' AND r.started_at BETWEEN {TO} - 691200000000 AND {TO}"
                    " ORDER BY r.target, r.started_at DESC"
                ),
            ),
            width=24,
            columns={
                "target": TARGET,
                "device": Column(title=Text("名前", "Name")),
                "role": Column(title=Text("種類", "Kind"), words=ROLE),
                "model": Column(title=Text("機種", "Model")),
                "seen": Column(title=Text("報告", "Report"), unit="dateTimeAsIso"),
                "cpu_ratio": Column(
                    title=Text("CPU", "CPU"), unit="percentunit", limits=(_CPU,), decimals=0
                ),
                "sessions_ratio": Column(
                    title=Text("セッション", "Sessions"),
                    unit="percentunit",
                    limits=(_CPU,),
                    decimals=0,
                ),
                "error_ratio": Column(
                    title=Text("エラー率（最大）", "Worst error ratio"),
                    unit="percentunit",
                    limits=(_ERRORS,),
                ),
                "slow_ports": Column(title=Text("100M以下のポート", "Ports at 100M"), unit="none"),
            },
        ),
        Panel(
            title=Text("課題", "Findings"),
            about=Text(
                "人が判断した課題とその根拠の種類。",
                "Findings that a person decided on, and the grade of evidence.",
            ),
            kind="table",
            queries=(
                Sql(
                    sql="SELECT f.finding AS finding, f.decision AS decision, f.grade AS grade,"
                    f" f.decided_on AS decided_on FROM dashboard.finding f WHERE f.school = {_ONE}"
                    " ORDER BY f.decided_on DESC, f.finding"
                ),
            ),
            columns={
                "finding": Column(title=Text("課題", "Finding"), words=catalogue("findings")),
                "decision": Column(title=Text("判断", "Decision"), words=DECISION),
                "grade": Column(title=Text("根拠", "Evidence"), words=GRADE),
                "decided_on": Column(title=Text("判断日", "Decided on")),
            },
        ),
        Panel(
            title=Text("改善策", "Measures"),
            about=Text(
                "この学校の改善策と予定・実施日。グラフ上の印は実施日。",
                "Measures of this school. Marks in the graphs stand at the day on which one was done.",
            ),
            kind="table",
            queries=(
                Sql(
                    sql="SELECT m.measure AS measure, m.state AS state, m.planned_on AS planned_on,"
                    " m.done_on AS done_on, m.cost_yen AS cost_yen"
                    f" FROM dashboard.measure m WHERE m.school = {_ONE}"
                    " ORDER BY coalesce(m.done_on, m.planned_on) DESC NULLS LAST, m.measure"
                ),
            ),
            columns={
                "measure": Column(title=Text("改善策", "Measure"), words=catalogue("measures")),
                "state": Column(title=Text("状態", "State"), words=MEASURE_STATE),
                "planned_on": Column(title=Text("予定日", "Planned on")),
                "done_on": Column(title=Text("実施日", "Done on")),
                "cost_yen": Column(title=Text("費用", "Cost"), unit="currencyJPY", decimals=0),
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
                sql="SELECT extract(epoch FROM m.done_on::date::timestamp AT TIME ZONE 'Asia/Tokyo')"
                "::bigint AS time, m.measure AS text, 'measure' AS tags"
                f" FROM dashboard.measure m WHERE m.school = {_ONE} AND m.state = 'done'"
                " AND m.done_on IS NOT NULL ORDER BY 1"
            ),
            colour=BLUE,
        ),
        Note(
            title=Text("測定機器の状態", "State of the agent"),
            query=Sql(
                sql="SELECT c.changed_at / 1000000 AS time, c.state AS text, 'agent' AS tags"
                f" FROM dashboard.state_change c WHERE c.school = {_ONE}"
                f" AND c.changed_at {IN_RANGE} ORDER BY 1"
            ),
            colour=ORANGE,
        ),
        Note(
            title=Text("警報", "Alerts"),
            query=Prom(expr='ALERTS{alertstate="firing",school="$school"}'),
            colour=PINK,
        ),
    ),
)
