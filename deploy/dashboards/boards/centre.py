"""The centre: whether results are taken and written, who waits for a slot, how large the database is."""

from typing import Final

from deploy.dashboards.boards.centre_store import STORE
from deploy.dashboards.boards.shapes import bps, by_hour, in_both, table
from deploy.dashboards.boards.shared import FROM, IN_RANGE, RESULTS_UNIT, TESTS_UNIT, TO
from deploy.dashboards.spec import Board, Column, Limit, Panel, Prom, Section, Sql
from deploy.dashboards.words import ORANGE, RED, SCOPE, Text

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
                "理由ごとに断った送信の数。測定端末は結果を保管して送り直す。",
                "Batches refused, by reason; agents keep them and try again.",
            ),
            kind="timeseries",
            queries=(
                Prom(
                    # none refused is no series: 0 where a collector was heard, else nothing
                    "sum by (reason) (rate(hakaru_ingest_refused_total[$__rate_interval]))"
                    " or label_replace(0 * sum(rate(hakaru_ingest_committed_total"
                    '[$__rate_interval])), "reason", "-", "", "")'
                    " unless on () sum(rate(hakaru_ingest_refused_total[$__rate_interval]))",
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
                "送信のヘッダーを受け取ってから返事までの時間（中央値・99 %）。",
                "From a batch's headers to its reply, median and 99 %.",
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
                "送信が確実に保存されるまでの時間（中央値・99 %）。",
                "How long a batch waited until it was durable, median and 99 %.",
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
                "期間の終わりに各応答サーバーで使われていた枠の速度と、容量に対する割合。",
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
            Text("与えた枠", "Slots granted"),
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
            Text("枠を待つ測定端末", "Agents that wait"),
            Text(
                "期間の終わりに枠を待っていた測定端末の数（応答サーバー別、0 は待ちなし）。",
                "Agents that wait for a slot at the end of the range, by responder; 0: nobody waits.",
            ),
            "SELECT p.name AS responder, count(w.agent) AS waiting,"
            f" coalesce(max(({TO} - w.asked_at) / 1e6), 0)::float AS longest_seconds"
            " FROM dashboard.responder p"
            f" LEFT JOIN dashboard.slot_wait w ON w.responder = p.name AND w.asked_at <= {TO}"
            f" AND w.keep_until > {TO}"
            " GROUP BY 1 ORDER BY 2 DESC, 1",
            columns={
                "responder": Column(Text("応答サーバー", "Responder")),
                "waiting": Column(Text("待ち", "Waiting"), "none"),
                "longest_seconds": Column(Text("最長の待ち", "Longest wait"), "s"),
            },
        ),
        table(
            Text("測定の停止", "Suppressed"),
            Text(
                "期間の終わりに測定を止めていた範囲と理由（新しいものから 50 件）。",
                "What was told to measure nothing at the end of the range, with its reason; the newest 50.",
            ),
            "SELECT u.scope_kind AS kind, u.scope_name AS scope, u.reason AS reason,"
            " to_timestamp(u.set_at / 1e6) AS since, to_timestamp(u.until / 1e6) AS until"
            f" FROM dashboard.suppression u WHERE u.set_at <= {TO} AND u.until > {TO}"
            f" AND (u.lifted_at IS NULL OR u.lifted_at > {TO})"
            " ORDER BY u.set_at DESC LIMIT 50",
            columns={
                "kind": Column(Text("範囲", "Scope"), words=SCOPE),
                "scope": Column(Text("名前", "Name")),
                "reason": Column(Text("理由", "Reason")),
                "since": Column(Text("開始", "Since"), "dateTimeAsIso"),
                "until": Column(Text("終了", "Until"), "dateTimeAsIso"),
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
    sections=(_INGEST, _SLOTS, STORE),
    since="now-24h",
)
