"""Tables of one subject: hourly and daily roll-ups, retention, revisions."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    11,
    "hourly and daily roll-ups, retention, revisions",
    (
        # hours and days whose roll-up is older than their results. A generation begins at the
        # time of arrival, so that one that was deleted and made again is another
        """CREATE TABLE rollup_due (
            span TEXT NOT NULL CHECK (span IN ('hour', 'day')),
            started_at {int} NOT NULL,
            school_code TEXT NOT NULL,
            generation {int} NOT NULL,
            PRIMARY KEY (span, started_at, school_code)
        ) {clustered}""",
        """CREATE TABLE rollup (
            school_code TEXT NOT NULL,
            span TEXT NOT NULL CHECK (span IN ('hour', 'day')),
            started_at {int} NOT NULL,
            probe TEXT NOT NULL,
            target TEXT NOT NULL,
            segment TEXT NOT NULL,
            simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
            ok_count {int} NOT NULL,
            failed_count {int} NOT NULL,
            deferred_count {int} NOT NULL,
            invalid_count {int} NOT NULL,
            PRIMARY KEY (school_code, span, started_at, probe, target, segment, simulated)
        ) {clustered}""",
        # ordered holds all values of an hour, ascending; a day has its exact median without them
        """CREATE TABLE rollup_value (
            school_code TEXT NOT NULL,
            span TEXT NOT NULL CHECK (span IN ('hour', 'day')),
            started_at {int} NOT NULL,
            probe TEXT NOT NULL,
            target TEXT NOT NULL,
            segment TEXT NOT NULL,
            simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
            name TEXT NOT NULL,
            value_count {int} NOT NULL,
            value_sum {real} NOT NULL,
            value_min {real} NOT NULL,
            value_max {real} NOT NULL,
            value_median {real} NOT NULL,
            ordered {bytes},
            PRIMARY KEY (school_code, span, started_at, probe, target, segment, simulated, name)
        ) {clustered}""",
        # what retention has taken: before this, roll-ups are all there is
        """CREATE TABLE retention_done (
            class TEXT PRIMARY KEY NOT NULL,
            before {int} NOT NULL,
            ran_at {int} NOT NULL,
            deleted_count {int} NOT NULL
        ) {clustered}""",
        # what became of a week's verdicts after the week was first judged as complete
        """CREATE TABLE revision (
            week TEXT NOT NULL,
            simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
            number {int} NOT NULL,
            made_at {int} NOT NULL,
            causes TEXT NOT NULL,
            alerts {int} NOT NULL CHECK (alerts IN (0, 1)),
            PRIMARY KEY (week, simulated, number)
        ) {clustered}""",
        """CREATE TABLE revision_change (
            week TEXT NOT NULL,
            simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
            number {int} NOT NULL,
            school_code TEXT NOT NULL,
            figure TEXT NOT NULL,
            cause TEXT NOT NULL,
            status_before TEXT NOT NULL,
            status_after TEXT NOT NULL,
            median_before_bps {real},
            median_after_bps {real},
            runs_before {int} NOT NULL,
            runs_after {int} NOT NULL,
            PRIMARY KEY (week, simulated, number, school_code, figure)
        ) {clustered}""",
        # the few judged results among the many light ones, with all that judging reads of them
        """CREATE INDEX result_judged ON result (school_code, started_at, simulated, outcome,
            failure_code, download_bps, cross_traffic_during_bps, appliance_ceiling_bps,
            segment, received_at) WHERE probe = 'throughput'""",
    ),
)
