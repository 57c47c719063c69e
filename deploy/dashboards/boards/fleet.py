"""The fleet: whether every agent is heard, measures, and has room, a right clock and bytes to spend."""

from typing import Final

from deploy.dashboards.boards.shapes import by_word, same, table, worst
from deploy.dashboards.boards.shared import (
    AGENTS_UNIT,
    CHOSEN,
    FILTERS,
    FROM,
    IN_RANGE,
    IN_VIEW,
    LINKED,
    NAME,
    RESULTS_UNIT,
    TO,
)
from deploy.dashboards.spec import Board, Column, Limit, Panel, Prom, Section, Sql
from deploy.dashboards.words import AGENT_STATE, ORANGE, RED, Text, of_pages

_SILENT: Final = Limit(1800, RED, Text("30 分以上: 連絡なし", "30 min and above: silent"))
_CLOCK: Final = Limit(60, RED, Text("60 s 以上: 時計のずれ", "60 s and above: wrong clock"))
_SPOOL: Final = Limit(1000, ORANGE, Text("1,000 件以上: 多い", "1,000 and above: many"))
_POLICY: Final = of_pages(
    "fleet_policy", {"none": ("", None), "in_force": ("", None), "rejected": ("▲", RED)}
)
_AGENTS: Final = "FROM dashboard.agent a JOIN dashboard.school s ON s.code = a.school"
_SERVING: Final = (
    "a.revoked_at IS NULL AND coalesce(a.state, 'never_seen') NOT IN ('replaced', 'revoked')"
    f" AND {CHOSEN}"
)
"""SQL: in service; one that was replaced may keep its token and is never heard again."""


_NOW: Final = Section(
    Text("今の状態", "Now"),
    (
        Panel(
            Text("状態別の台数", "Agents by state"),
            Text(
                "運用中の測定端末の状態（収集サーバーの見張りによる）。",
                "Agents in service by state, as the collector's watch sees them.",
            ),
            kind="barchart",
            queries=(
                Sql(
                    "SELECT coalesce(a.state, 'never_seen') AS state, count(*) AS agents"
                    f" {_AGENTS} WHERE {_SERVING} GROUP BY 1 ORDER BY 2 DESC, 1"
                ),
            ),
            unit=AGENTS_UNIT,
            width=8,
            x="state",
            columns={
                "state": Column(Text("状態", "State"), words=AGENT_STATE),
                "agents": Column(Text("台数", "Agents"), "none"),
            },
        ),
        Panel(
            Text("状態の推移", "States over time"),
            Text("状態ごとの台数の推移。", "How many agents were in each state."),
            kind="timeseries",
            queries=(
                Prom(
                    # for five minutes after a change there are two: the newest counts
                    "count by (state) (topk by (agent) (1, timestamp(hakaru_fleet_state))"
                    f" and on (school) {IN_VIEW})",
                    same("{{state}}"),
                ),
            ),
            unit=AGENTS_UNIT,
            width=8,
            stacked=True,
            columns=by_word(AGENT_STATE),
        ),
        table(
            Text("版別の台数", "Agents by version"),
            Text("測定端末のプログラムの版ごとの台数。", "Agents by the version of their program."),
            "SELECT coalesce(a.said ->> 'agent_version', a.agent_version, '-') AS version,"
            f" count(*) AS agents {_AGENTS} WHERE {_SERVING} GROUP BY 1 ORDER BY 2 DESC, 1",
            width=8,
            columns={
                "version": Column(Text("版", "Version")),
                "agents": Column(Text("台数", "Agents"), "none"),
            },
        ),
    ),
)

_TROUBLE: Final = Section(
    Text("悪いほうから 20 校", "The worst 20 schools"),
    (
        worst(
            Text("連絡のない時間", "Silence"),
            Text("最後に連絡があってからの時間。", "Time since the agent was last heard."),
            "max by (school) (hakaru_fleet_silence_seconds)",
            Column(Text("経過", "Since"), "s", limits=(_SILENT,)),
        ),
        worst(
            Text("時計のずれ", "Clock offset"),
            Text(
                "収集サーバーの時計との差の大きさ。",
                "How far its clock is from the collector's, either way.",
            ),
            "max by (school) (abs(hakaru_fleet_clock_offset_seconds))",
            Column(Text("ずれ", "Offset"), "s", limits=(_CLOCK,)),
        ),
        worst(
            Text("未送信の結果", "Results that wait"),
            Text("測定端末に溜まっている結果の件数。", "Results that wait on the appliance."),
            "max by (school) (hakaru_fleet_spool_results)",
            Column(Text("件数", "Results"), "none", limits=(_SPOOL,)),
        ),
    ),
)

_ROOM: Final = Section(
    Text("溜まりと余裕", "Spools and room"),
    (
        Panel(
            Text("未送信の結果の合計", "Results that wait, all agents"),
            Text(
                "全測定端末の未送信の件数と、最も多い 1 台の件数。",
                "Results that wait on all agents together, and on the one with most.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    f"sum(hakaru_fleet_spool_results and on (school) {IN_VIEW})",
                    Text("合計", "all"),
                ),
                Prom(
                    f"max(hakaru_fleet_spool_results and on (school) {IN_VIEW})",
                    Text("最多の 1 台", "the one with most"),
                ),
            ),
            unit=RESULTS_UNIT,
            width=8,
        ),
        Panel(
            Text("捨てた結果", "Results dropped"),
            Text(
                "容量がなく捨てられ、まだ報告されていない結果の合計。0 が正常。",
                "Results lost for want of room and not yet reported. 0 is right.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    f"sum(hakaru_fleet_spool_dropped_results and on (school) {IN_VIEW})",
                    Text("捨てた件数", "dropped"),
                ),
            ),
            unit=RESULTS_UNIT,
            width=8,
        ),
        Panel(
            Text("空き容量・溜まり・メモリ", "Free disk, spool, memory"),
            Text(
                "測定端末のうち最も少ない空き容量、溜まりの最大の大きさ、メモリの最大。",
                "Least free room of any appliance, most room that waiting results take, most memory.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    f"min(hakaru_fleet_disk_free_bytes and on (school) {IN_VIEW})",
                    Text("空き容量（最小）", "free disk (least)"),
                ),
                Prom(
                    f"max(hakaru_fleet_spool_used_bytes and on (school) {IN_VIEW})",
                    Text("溜まり（最大）", "spool (most)"),
                ),
                Prom(
                    f"max(hakaru_fleet_memory_bytes and on (school) {IN_VIEW})",
                    Text("メモリ（最大）", "memory (most)"),
                ),
            ),
            unit="bytes",
            width=8,
        ),
        Panel(
            Text("CPU 使用率", "Processor"),
            Text(
                "測定端末の CPU 使用率の中央値と最大。",
                "Share of the processors in use: median and greatest of all appliances.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    f"quantile(0.5, hakaru_fleet_cpu_utilisation_ratio and on (school) {IN_VIEW})",
                    Text("中央値", "median"),
                ),
                Prom(
                    f"max(hakaru_fleet_cpu_utilisation_ratio and on (school) {IN_VIEW})",
                    Text("最大", "greatest"),
                ),
            ),
            unit="percentunit",
            maximum=1.0,
            width=8,
        ),
        table(
            Text("測定に使った通信量（多い 20 校）", "Bytes spent on tests, 20 schools with most"),
            Text(
                "期間内の重い測定の通信量（下り・上り）と、予算切れ・混雑で延期した回数。上限は方針の budget にある。",
                "Bytes of heavy tests in the range, and tests put off because the budget was spent or the"
                " line busy. The limits stand in the policy (budget).",
            ),
            "SELECT r.school AS school, s.name AS name,"
            " sum(coalesce((r.said ->> 'download_bytes')::float, 0)"
            " + coalesce((r.said ->> 'upload_bytes')::float, 0)) AS spent_bytes,"
            " count(*) FILTER (WHERE r.failure_code = 'budget_spent') AS no_budget,"
            " count(*) FILTER (WHERE r.failure_code = 'line_busy') AS line_busy"
            " FROM dashboard.result r JOIN dashboard.school s ON s.code = r.school"
            " WHERE r.probe IN ('throughput', 'verify', 'responsiveness', 'bottleneck')"
            f" AND r.started_at BETWEEN greatest({FROM}, {TO} - 2678400000000) AND {TO}"
            f" AND {CHOSEN} GROUP BY 1, 2 ORDER BY 3 DESC NULLS LAST, 1 LIMIT 20",
            width=16,
            columns={
                "school": LINKED,
                "name": NAME,
                "spent_bytes": Column(Text("通信量", "Bytes"), "decbytes", decimals=1),
                "no_budget": Column(Text("予算切れ", "No budget"), "none"),
                "line_busy": Column(Text("混雑で延期", "Line busy"), "none"),
            },
        ),
    ),
)

_LIST: Final = Section(
    Text("一覧", "All agents"),
    (
        table(
            Text("測定端末", "Agents"),
            Text(
                "選んだ学校の測定端末。ずれは受信時刻と測定端末の時計の差。方針が拒否されていれば理由は収集サーバーのページにある。",
                "Agents of the chosen schools. Offset: arrival less the time its clock says. Why a policy"
                " was rejected stands on the collector's page.",
            ),
            "SELECT a.school AS school, s.name AS name,"
            " coalesce(a.state, 'never_seen') AS state,"
            " coalesce(a.said ->> 'agent_version', a.agent_version) AS version,"
            " to_timestamp(a.heard_at / 1e6) AS heard, a.sent_offset_seconds AS clock_seconds,"
            " (a.said -> 'spool' ->> 'waiting_count')::int AS waiting,"
            " (a.said -> 'spool' ->> 'used_bytes')::float AS spool_bytes,"
            " (a.said ->> 'uptime_seconds')::float AS uptime_seconds,"
            " coalesce(a.said -> 'policy' ->> 'state', 'none') AS policy"
            f" {_AGENTS} WHERE {_SERVING} ORDER BY a.heard_at NULLS FIRST, a.school",
            width=24,
            height=12,
            columns={
                "school": LINKED,
                "name": NAME,
                "state": Column(Text("状態", "State"), words=AGENT_STATE),
                "version": Column(Text("版", "Version")),
                "heard": Column(Text("最後の連絡", "Last heard"), "dateTimeAsIso"),
                "clock_seconds": Column(Text("時計のずれ", "Offset"), "s"),
                "waiting": Column(Text("未送信", "Waiting"), "none", limits=(_SPOOL,)),
                "spool_bytes": Column(Text("溜まり", "Spool"), "bytes"),
                "uptime_seconds": Column(Text("稼働", "Up"), "s", decimals=0),
                "policy": Column(Text("方針", "Policy"), words=_POLICY),
            },
        ),
        table(
            Text("状態の変化（新しい順 200 件）", "Changes of state, newest 200"),
            Text("期間内の状態の変化。", "Changes of state in the range."),
            "SELECT c.at AS at, c.school AS school, s.name AS name,"
            " c.former AS former, c.state AS state"
            " FROM dashboard.state_change c JOIN dashboard.school s ON s.code = c.school"
            f" WHERE c.changed_at {IN_RANGE} AND {CHOSEN} ORDER BY c.changed_at DESC LIMIT 200",
            width=24,
            columns={
                "at": Column(Text("時刻", "At"), "dateTimeAsIso"),
                "school": LINKED,
                "name": NAME,
                "former": Column(Text("前", "Before"), words=AGENT_STATE),
                "state": Column(Text("後", "After"), words=AGENT_STATE),
            },
        ),
    ),
)

BOARD: Final = Board(
    key="fleet",
    title=Text("測定端末：状態・版・時計・溜まり", "Fleet: states, versions, clocks, spools"),
    about=Text(
        "すべての測定端末が動き、届き、時計が合い、余裕があるか。",
        "Whether every agent is heard, delivers, has a right clock and room.",
    ),
    variables=FILTERS[:4],
    sections=(_NOW, _TROUBLE, _ROOM, _LIST),
    since="now-24h",
)
