"""The first tables: schools, agents, results, verdicts. A released migration is never edited.

Times are whole microseconds since 1970 UTC. Flags are 0 or 1. Units are in the names.
"""

from typing import Final

from collector.store.schema.migration import Migration

STEPS: Final = (
    Migration(
        1,
        "schools, baseline, settings",
        (
            """CREATE TABLE school (
                code TEXT PRIMARY KEY NOT NULL,
                name TEXT NOT NULL,
                kind TEXT NOT NULL,
                region TEXT NOT NULL,
                pupils {int} NOT NULL CHECK (pupils >= 0),
                line TEXT NOT NULL,
                contracted_mbps {int},
                sample {int} NOT NULL CHECK (sample IN (0, 1)),
                latitude {real},
                longitude {real},
                aggregation_group TEXT NOT NULL
            ) {strict}""",
            """CREATE TABLE baseline (
                school_code TEXT PRIMARY KEY NOT NULL REFERENCES school (code),
                met {int} NOT NULL CHECK (met IN (0, 1)),
                measured_bps {int},
                surveyed_on TEXT NOT NULL,
                source TEXT NOT NULL
            ) {strict}""",
            "CREATE TABLE setting (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) {strict}",
        ),
    ),
    Migration(
        2,
        "agents and their one-time codes",
        (
            """CREATE TABLE agent (
                agent_id TEXT PRIMARY KEY NOT NULL,
                school_code TEXT NOT NULL REFERENCES school (code),
                token_sha256 TEXT NOT NULL UNIQUE,
                enrolled_at {int} NOT NULL,
                revoked_at {int},
                last_seen_at {int},
                agent_version TEXT
            ) {strict}""",
            """CREATE TABLE enrolment_code (
                code_sha256 TEXT PRIMARY KEY NOT NULL,
                school_code TEXT NOT NULL REFERENCES school (code),
                expires_at {int} NOT NULL,
                used_at {int},
                used_by_agent_id TEXT REFERENCES agent (agent_id)
            ) {strict}""",
        ),
    ),
    Migration(
        3,
        "results and quarantine",
        (
            # no foreign key: the sender's school was looked up by its token in the same request,
            # and this is the one table that grows without end
            """CREATE TABLE result (
                agent_id TEXT NOT NULL,
                started_at {int} NOT NULL,
                result_id TEXT NOT NULL,
                school_code TEXT NOT NULL,
                received_at {int} NOT NULL,
                stream TEXT NOT NULL,
                seq {int} NOT NULL,
                probe TEXT NOT NULL,
                target TEXT NOT NULL,
                segment TEXT,
                outcome TEXT NOT NULL,
                failure_code TEXT,
                failure_text TEXT,
                download_bps {real},
                upload_bps {real},
                cross_traffic_during_bps {real},
                appliance_ceiling_bps {real},
                simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
                record {bytes} NOT NULL,
                PRIMARY KEY (agent_id, started_at, result_id)
            ) {strict}{by_month}""",
            "{rest_of_months}",
            "CREATE INDEX result_by_school ON result (school_code, started_at)",
            """CREATE TABLE quarantine (
                agent_id TEXT NOT NULL,
                record_sha256 TEXT NOT NULL,
                school_code TEXT NOT NULL,
                result_id TEXT,
                reason TEXT NOT NULL,
                received_at {int} NOT NULL,
                record {bytes} NOT NULL,
                PRIMARY KEY (agent_id, record_sha256)
            ) {strict}""",
            """CREATE TABLE newest_result (
                school_code TEXT NOT NULL REFERENCES school (code),
                probe TEXT NOT NULL,
                simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
                ok {int} NOT NULL CHECK (ok IN (0, 1)),
                started_at {int} NOT NULL,
                PRIMARY KEY (school_code, probe, simulated, ok)
            ) {clustered}""",
        ),
    ),
    Migration(
        4,
        "verdicts and the weeks to judge",
        (
            # a mark is never deleted: a generation that starts again could be taken for judged
            """CREATE TABLE school_week (
                school_code TEXT NOT NULL REFERENCES school (code),
                week TEXT NOT NULL,
                simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
                generation {int} NOT NULL,
                judged_generation {int} NOT NULL DEFAULT 0,
                PRIMARY KEY (school_code, week, simulated)
            ) {clustered}""",
            """CREATE INDEX school_week_dirty ON school_week (school_code, week)
                WHERE generation > judged_generation""",
            """CREATE TABLE verdict (
                school_code TEXT NOT NULL REFERENCES school (code),
                week TEXT NOT NULL,
                figure TEXT NOT NULL,
                simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
                status TEXT NOT NULL,
                reasons TEXT NOT NULL,
                pupils {int} NOT NULL,
                required_bps {int} NOT NULL,
                upper_bps {int} NOT NULL,
                outside_table {int} NOT NULL,
                table_version TEXT NOT NULL,
                runs {int} NOT NULL,
                failed_runs {int} NOT NULL,
                days {int} NOT NULL,
                school_days {int} NOT NULL,
                statistic TEXT NOT NULL,
                median_bps {real},
                low_bps {real},
                high_bps {real},
                judged_at {int} NOT NULL,
                PRIMARY KEY (school_code, week, figure, simulated)
            ) {strict}""",
            "CREATE INDEX verdict_by_week ON verdict (week, simulated)",
        ),
    ),
    Migration(
        5,
        "the calendar a verdict was judged by",
        # verdicts from before have none of today's fingerprints, and are judged again
        ("ALTER TABLE verdict ADD COLUMN calendar TEXT NOT NULL DEFAULT ''",),
    ),
    Migration(
        6,
        "results of suspect clocks, by arrival",
        # the few that are dated more than 400 days before or a day after they arrived
        (
            """CREATE INDEX result_of_suspect_clock ON result (school_code, received_at)
                WHERE NOT (started_at BETWEEN received_at - 34560000000000
                    AND received_at + 86400000000)""",
        ),
    ),
)
