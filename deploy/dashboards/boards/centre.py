"""The centre: whether results are taken and written, who waits for a slot, how large the database is."""

from typing import Final

from deploy.dashboards.boards.shapes import bps, by_hour, by_word, in_both, same, table
from deploy.dashboards.boards.shared import FROM, IN_RANGE, RESULTS_UNIT, TESTS_UNIT, TO
from deploy.dashboards.spec import Board, Column, Limit, Panel, Prom, Section, Sql
from deploy.dashboards.words import ORANGE, RED, STATUS, Text

_LATE: Final = Limit(900, RED, Text("15 分以上遅れ: 警告", "15 min late: alert"))
_FULL: Final = Limit(0.9, ORANGE, Text("90 % 以上: 空きが少ない", "90 % and above: little room"))
_SLOW: Final = Limit(1.0, ORANGE, Text("1 s 以上: 遅い", "1 s and above: slow"))


def _quantiles(series: str) -> tuple[Prom, ...]:
    return tuple(
        Prom(
            f"histogram_quantile({share}, sum by (le) (rate({series}_bucket[$__rate_interval])))",
            Text(ja, en),
        )
        for share, ja, en in ((0.5, "中央値", "median"), (0.99, "99 %", "99 %"))
    )


_INGEST: Final = Section(
    Text("受信", "Ingest"),
    (
        Panel(
            Text("受け取った結果", "Results taken"),
            Text(
                "1 秒あたりに保存した結果と、不正として別に置いた結果。",
                "Results stored per second, and those set apart as invalid.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    "sum(rate(hakaru_ingest_committed_total[$__rate_interval]))",
                    Text("保存", "stored"),
                ),
                Prom(
                    "sum(rate(hakaru_ingest_quarantined_total[$__rate_interval]))",
                    Text("隔離", "quarantined"),
                ),
            ),
            unit=Text("suffix: 件/s", "suffix: results/s"),
            width=8,
            interval="1m",
        ),
        Panel(
            Text("断った送信", "Batches refused"),
            Text(
                "理由ごとに断った送信の数。測定端末は保管して送り直す。",
                "Batches refused, by reason; agents keep them and try again.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    "sum by (reason) (rate(hakaru_ingest_refused_total[$__rate_interval]))"
                    " or vector(0)",
                    Text("断った {{reason}}", "refused {{reason}}"),
                ),
            ),
            unit=Text("suffix: 回/s", "suffix: batches/s"),
            width=8,
            interval="1m",
        ),
        Panel(
            Text("受信にかかった時間", "Time of a batch"),
            Text(
                "送信の受け付けから返事までと、書き込みの時間の中央値・99 %。",
                "From a batch's headers to its reply.",
            ),
            kind="timeseries",
            queries=_quantiles("hakaru_ingest_request_seconds"),
            unit="s",
            width=8,
            interval="1m",
            limits=(_SLOW,),
        ),
        Panel(
            Text("書き込みの待ち", "Waiting for the store"),
            Text(
                "書き込みを待つ送信の数。増え続けるならデータベースが遅い。",
                "Batches that wait for the writer. If it keeps growing, the database is slow.",
            ),
            kind="timeseries",
            queries=(Prom("sum(hakaru_store_queue_batches)", Text("待ち", "waiting")),),
            unit=Text("suffix: 回", "suffix: batches"),
            width=8,
            interval="1m",
        ),
        Panel(
            Text("書き込みにかかった時間", "Time to be durable"),
            Text(
                "送信が確実に保存されるまでの時間。",
                "How long a batch waited until it was durable.",
            ),
            kind="timeseries",
            queries=_quantiles("hakaru_ingest_commit_seconds"),
            unit="s",
            width=8,
            interval="1m",
            limits=(_SLOW,),
        ),
        Panel(
            Text("届いた結果（1 時間ごと）", "Results by hour of arrival"),
            Text(
                "データベースにある結果の、届いた時刻ごとの件数（期間の終わりから 7 日まで）。",
                "Results in the database by the hour of their arrival; the last 7 days of the range.",
            ),
            kind="timeseries",
            queries=(
                Sql(
                    f"SELECT {by_hour('r.received_at')}, count(*) AS results FROM dashboard.result r"
                    f" WHERE r.received_at BETWEEN greatest({FROM}, {TO} - 604800000000) AND {TO}"
                    " GROUP BY 1 ORDER BY 1",
                    over_time=True,
                ),
            ),
            unit=RESULTS_UNIT,
            width=8,
            points=True,
            columns={"results": Column(Text("件数", "results"), "none")},
        ),
        table(
            Text("隔離した結果", "Results in quarantine"),
            Text(
                "不正として別に置いた結果を理由ごとに数える（新しいものから 50 種類）。",
                "Results set apart, by reason; the 50 reasons seen last.",
            ),
            "SELECT q.reason AS reason, count(*) AS results,"
            " count(DISTINCT q.school) AS schools, max(q.at) AS newest"
            f" FROM dashboard.quarantine q WHERE q.received_at {IN_RANGE}"
            " GROUP BY 1 ORDER BY 4 DESC, 1 LIMIT 50",
            columns={
                "reason": Column(Text("理由", "Reason")),
                "results": Column(Text("件数", "Results"), "none", width=90),
                "schools": Column(Text("学校数", "Schools"), "none", width=90),
                "newest": Column(Text("最新", "Newest"), "dateTimeAsIso"),
            },
        ),
        Panel(
            Text("判定", "Judging"),
            Text(
                "判定の 1 回の時間（中央値・99 %）と失敗。",
                "Time of a judging pass, median and 99 %.",
            ),
            kind="timeseries",
            queries=(
                *_quantiles("hakaru_judge_seconds"),
                Prom(
                    "sum(increase(hakaru_judge_failures_total[$__rate_interval]))",
                    Text("失敗（回）", "failures (number)"),
                ),
            ),
            unit="s",
            interval="1m",
            columns=in_both(Column(Text("失敗（回）", "failures (number)"), "none", colour=RED)),
        ),
    ),
)

_SLOTS: Final = Section(
    Text("測定の枠と応答サーバー", "Slots and responders"),
    (
        table(
            Text("応答サーバーの負荷", "Load of the responders"),
            Text(
                "各応答サーバーで今使われている枠の速度と、容量に対する割合。",
                "Speed that slots have reserved at each responder at the end of the range, and its share"
                " of the capacity.",
            ),
            "SELECT p.name AS responder, p.capacity_bps AS capacity_bps,"
            " p.capacity_tests AS capacity_tests,"
            " coalesce(sum(t.reserved_bps), 0)::float AS reserved_bps,"
            " count(t.responder) AS tests,"
            " (coalesce(sum(t.reserved_bps), 0) / nullif(p.capacity_bps, 0))::float AS load_ratio"
            " FROM dashboard.responder p LEFT JOIN dashboard.slot t ON t.responder = p.name"
            f" AND t.granted_at <= {TO} AND t.holds_until > {TO}"
            f" AND (t.released_at IS NULL OR t.released_at > {TO})"
            " GROUP BY p.name, p.capacity_bps, p.capacity_tests ORDER BY p.name",
            columns={
                "responder": Column(Text("応答サーバー", "Responder")),
                "capacity_bps": bps("容量", "Capacity"),
                "capacity_tests": Column(Text("同時測定の上限", "Most tests"), "none"),
                "reserved_bps": bps("使用中", "Reserved"),
                "tests": Column(Text("測定中", "Tests"), "none"),
                "load_ratio": Column(
                    Text("割合", "Share"), "percentunit", limits=(_FULL,), decimals=0
                ),
            },
        ),
        Panel(
            Text("枠と待ち時間", "Slots and waits"),
            Text("1 時間ごとに与えた枠の数。", "Slots granted, by hour."),
            kind="timeseries",
            queries=(
                Sql(
                    f"SELECT {by_hour('t.granted_at')}, count(*) AS slots"
                    f" FROM dashboard.slot t WHERE t.granted_at {IN_RANGE}"
                    " GROUP BY 1 ORDER BY 1",
                    over_time=True,
                ),
            ),
            unit=TESTS_UNIT,
            width=6,
            points=True,
            columns={"slots": Column(Text("枠", "slots"), "none")},
        ),
        Panel(
            Text("枠を待った時間", "Time waited for a slot"),
            Text(
                "枠を得るまでの待ち時間の中央値と最大（1 時間ごと）。",
                "How long agents waited for a slot: median and longest, by hour.",
            ),
            kind="timeseries",
            queries=(
                Sql(
                    f"SELECT {by_hour('t.granted_at')},"
                    " percentile_cont(0.5) WITHIN GROUP (ORDER BY t.waited_seconds) AS median_seconds,"
                    " max(t.waited_seconds)::float AS longest_seconds FROM dashboard.slot t"
                    f" WHERE t.granted_at {IN_RANGE} GROUP BY 1 ORDER BY 1",
                    over_time=True,
                ),
            ),
            unit="s",
            width=6,
            points=True,
            columns={
                "median_seconds": Column(Text("中央値", "median"), "s"),
                "longest_seconds": Column(Text("最長", "longest"), "s"),
            },
        ),
        table(
            Text("待っている測定端末", "Agents that wait"),
            Text(
                "期間の終わりに枠を待っていた測定端末の数（上位回線・応答サーバー別、0 は待ちなし）。",
                "Agents that wait for a slot at the end of the range, by responder; 0: nobody waits.",
            ),
            "SELECT p.name AS responder, count(w.agent) AS waiting,"
            f" coalesce(max(({TO} - w.asked_at) / 1e6), 0)::float AS longest_seconds"
            " FROM dashboard.responder p"
            f" LEFT JOIN dashboard.slot_wait w ON w.responder = p.name AND w.keep_until > {TO}"
            " GROUP BY 1 ORDER BY 2 DESC, 1",
            columns={
                "responder": Column(Text("応答サーバー", "Responder")),
                "waiting": Column(Text("待ち", "Waiting"), "none"),
                "longest_seconds": Column(Text("最長の待ち", "Longest wait"), "s"),
            },
        ),
        table(
            Text("停止中の学校", "Suppressed"),
            Text(
                "期間の終わりに測定を止めている範囲と理由。",
                "What is told to measure nothing, with its reason; the newest 50.",
            ),
            "SELECT u.scope_kind AS kind, u.scope_name AS scope, u.reason AS reason,"
            " to_timestamp(u.set_at / 1e6) AS since, to_timestamp(u.until / 1e6) AS until"
            f" FROM dashboard.suppression u WHERE u.set_at <= {TO} AND u.until > {FROM}"
            " ORDER BY u.set_at DESC LIMIT 50",
            columns={
                "kind": Column(Text("範囲", "Scope")),
                "scope": Column(Text("名前", "Name")),
                "reason": Column(Text("理由", "Reason")),
                "since": Column(Text("開始", "Since"), "dateTimeAsIso"),
                "until": Column(Text("終了", "Until"), "dateTimeAsIso"),
            },
        ),
    ),
)

_STORE: Final = Section(
    Text("書き出しとデータベース", "Export and database"),
    (
        Panel(
            Text("時系列への書き出しの遅れ", "How far writing series is behind"),
            Text(
                "時系列データベースへの書き出しの遅れ。0 は待ちなし。",
                "How far writing to time-series stores lags behind arriving; 0: nothing waits.",
            ),
            kind="timeseries",
            queries=(Prom("max by (store) (hakaru_export_behind_seconds)", same("{{store}}")),),
            unit="s",
            width=8,
            interval="1m",
            limits=(_LATE,),
        ),
        Panel(
            Text("書き出した値", "Samples written"),
            Text(
                "1 秒あたりに書き出した値、省いたもの、失敗。",
                "Samples written per second, what was left out, and writes that failed.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    "sum(rate(hakaru_export_samples_total[$__rate_interval]))",
                    Text("書き出し", "written"),
                ),
                Prom(
                    "sum(rate(hakaru_export_skipped_total[$__rate_interval])) or vector(0)",
                    Text("省いた", "left out"),
                ),
                Prom(
                    "sum(rate(hakaru_export_failures_total[$__rate_interval])) or vector(0)",
                    Text("失敗", "failed writes"),
                ),
            ),
            unit=Text("suffix: 件/s", "suffix: samples/s"),
            width=8,
            interval="1m",
        ),
        Panel(
            Text("市の合計（収集サーバー）", "Totals the collector counts"),
            Text(
                "収集サーバーが数える学校数と 24 時間以内に連絡のあった測定端末。",
                "Schools, agents heard within 24 hours and quiet verdicts, as the collector counts them.",
            ),
            kind="timeseries",
            queries=(
                Prom("max(hakaru_schools)", Text("学校", "schools")),
                Prom(
                    "max(hakaru_agents_seen_24h)",
                    Text("24時間以内の測定端末", "agents heard in 24 h"),
                ),
                Prom('max by (status) (hakaru_city_schools{figure="quiet"})', same("{{status}}")),
            ),
            unit="none",
            width=8,
            interval="1m",
            columns=by_word(STATUS),
        ),
        table(
            Text("表の大きさ", "Sizes of tables"),
            Text(
                "索引を含む大きさと、およその行数（月ごとの表は一つに数える）。",
                "Sizes with indices and about how many rows; tables of months count as one.",
            ),
            "SELECT t.relation AS relation, t.size_bytes AS size_bytes,"
            " t.rows_about AS rows_about FROM dashboard.table_size t"
            " ORDER BY t.size_bytes DESC, 1 LIMIT 20",
            width=8,
            columns={
                "relation": Column(Text("表", "Table"), width=150),
                "size_bytes": Column(Text("大きさ", "Size"), "bytes", width=90),
                "rows_about": Column(Text("行（概数）", "Rows, about"), "none", width=130),
            },
        ),
        Panel(
            Text("データベースの大きさと接続", "Database and connections"),
            Text(
                "データベース全体の大きさと、開いている接続の数。",
                "Size of the whole database, and connections to it.",
            ),
            kind="stat",
            queries=(
                Sql(
                    "SELECT pg_database_size(current_database())::float AS size_bytes,"
                    " (SELECT numbackends FROM pg_stat_database"
                    " WHERE datname = current_database()) AS connections,"
                    " (SELECT count(*) FROM dashboard.to_judge) AS weeks_to_judge"
                ),
            ),
            unit="none",
            width=8,
            columns={
                "size_bytes": Column(Text("大きさ", "size"), "bytes"),
                "connections": Column(Text("接続", "connections"), "none"),
                "weeks_to_judge": Column(
                    Text("判定待ち（校・週）", "school weeks to judge"), "none"
                ),
            },
        ),
        table(
            Text("書き出しの位置と保存期間", "How far written, and retention"),
            Text(
                "時系列の書き出しがどこまで済んだかと、保存期間の処理がいつ何件消したか。",
                "Up to when results are written to each store, and what retention deleted when.",
            ),
            "SELECT 'export' AS kind, e.store AS subject, e.at AS until,"
            " NULL::bigint AS deleted FROM dashboard.export e UNION ALL"
            " SELECT 'retention', t.class, t.before, t.deleted_count"
            " FROM dashboard.retention t ORDER BY 1, 2",
            width=8,
            columns={
                "kind": Column(Text("種類", "Kind"), width=90),
                "subject": Column(Text("対象", "What"), width=130),
                "until": Column(Text("ここまで", "Until"), "dateTimeAsIso"),
                "deleted": Column(Text("消した行", "Deleted"), "none"),
            },
        ),
    ),
)

BOARD: Final = Board(
    key="centre",
    title=Text("センター：受信・枠・データベース", "Centre: ingest, slots, database"),
    about=Text(
        "収集サーバー・応答サーバー・データベースの負荷。",
        "Load of collector, responders and database.",
    ),
    variables=(),
    sections=(_INGEST, _SLOTS, _STORE),
    since="now-24h",
)
