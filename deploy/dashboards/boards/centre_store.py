"""The centre's writing of series, and how large its database is."""

from typing import Final

from deploy.dashboards.boards.shapes import by_word, same, table
from deploy.dashboards.spec import Column, Limit, Panel, Prom, Section, Sql
from deploy.dashboards.words import RED, STATUS, UPKEEP, Text

_LATE: Final = Limit(900, RED, Text("15 分以上遅れ: 警告", "15 min late: alert"))
_OF_EXPORT: Final = "sum(rate(hakaru_export_{}_total[$__rate_interval]))"

STORE: Final = Section(
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
                    _OF_EXPORT.format("samples"),
                    Text("書き出し", "written"),
                ),
                Prom(
                    f"{_OF_EXPORT.format('skipped')} or 0 * {_OF_EXPORT.format('samples')}",
                    Text("省いた", "left out"),
                ),
                Prom(
                    f"{_OF_EXPORT.format('failures')} or 0 * {_OF_EXPORT.format('samples')}",
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
                "収集サーバーが数える学校数、24 時間以内に連絡のあった測定端末、授業時間外の判定別の学校数。",
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
                "データベース全体の大きさ、開いている接続の数、結果が届いてまだ判定していない学校・週の数。",
                "Size of the whole database, connections to it, and school weeks with results not judged yet.",
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
                "kind": Column(Text("種類", "Kind"), words=UPKEEP, width=90),
                "subject": Column(Text("対象", "What"), width=130),
                "until": Column(Text("ここまで", "Until"), "dateTimeAsIso"),
                "deleted": Column(Text("消した行", "Deleted"), "none"),
            },
        ),
    ),
)
