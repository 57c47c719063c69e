"""Tables of one subject: the assessment programme and its reports.

Days are ISO 8601 dates in Japan. ``version`` counts the changes of a row from 1: who changes one
names the version they saw.
"""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    13,
    "the assessment programme",
    (
        # what is known of a school's network, one value for each grade of evidence; value: JSON
        """CREATE TABLE fact (
            school_code TEXT NOT NULL REFERENCES school (code),
            key TEXT NOT NULL,
            grade TEXT NOT NULL CHECK (grade IN ('agent', 'on_site', 'desk')),
            value TEXT NOT NULL,
            source TEXT NOT NULL,
            noted_on TEXT NOT NULL,
            noted_by TEXT NOT NULL,
            version {int} NOT NULL,
            PRIMARY KEY (school_code, key, grade)
        ) {strict}""",
        # how far a school is; the events are kept for ever, the newest is what progress holds
        """CREATE TABLE progress (
            school_code TEXT PRIMARY KEY NOT NULL REFERENCES school (code),
            state TEXT NOT NULL,
            since_on TEXT NOT NULL,
            planned_on TEXT,
            assessor TEXT NOT NULL,
            note TEXT NOT NULL,
            version {int} NOT NULL
        ) {strict}""",
        """CREATE TABLE progress_event (
            school_code TEXT NOT NULL REFERENCES school (code),
            version {int} NOT NULL,
            state TEXT NOT NULL,
            since_on TEXT NOT NULL,
            planned_on TEXT,
            assessor TEXT NOT NULL,
            note TEXT NOT NULL,
            changed_at {int} NOT NULL,
            changed_by TEXT NOT NULL,
            PRIMARY KEY (school_code, version)
        ) {strict}""",
        # what a person decided of a finding at a school; the events are kept for ever
        """CREATE TABLE school_finding (
            school_code TEXT NOT NULL REFERENCES school (code),
            finding_id TEXT NOT NULL,
            decision TEXT NOT NULL CHECK (decision IN ('confirmed', 'rejected', 'resolved')),
            grade TEXT NOT NULL CHECK (grade IN ('agent', 'on_site', 'desk')),
            evidence TEXT NOT NULL,
            decided_on TEXT NOT NULL,
            decided_by TEXT NOT NULL,
            version {int} NOT NULL,
            PRIMARY KEY (school_code, finding_id)
        ) {strict}""",
        """CREATE TABLE school_finding_event (
            school_code TEXT NOT NULL REFERENCES school (code),
            finding_id TEXT NOT NULL,
            version {int} NOT NULL,
            decision TEXT NOT NULL,
            grade TEXT NOT NULL,
            evidence TEXT NOT NULL,
            decided_on TEXT NOT NULL,
            decided_by TEXT NOT NULL,
            changed_at {int} NOT NULL,
            PRIMARY KEY (school_code, finding_id, version)
        ) {strict}""",
        # photographs and documents of an assessment; item: the key of the fact they show, or empty
        """CREATE TABLE attachment (
            attachment_id TEXT PRIMARY KEY NOT NULL,
            school_code TEXT NOT NULL REFERENCES school (code),
            item TEXT NOT NULL,
            file_name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            size_bytes {int} NOT NULL,
            sha256 TEXT NOT NULL,
            content {bytes} NOT NULL,
            note TEXT NOT NULL,
            added_at {int} NOT NULL,
            added_by TEXT NOT NULL
        ) {strict}""",
        "CREATE INDEX attachment_by_school ON attachment (school_code, added_at)",
        # the samples that were adopted; the newest is in force. document: JSON of the choice
        """CREATE TABLE sample_choice (
            revision {int} PRIMARY KEY NOT NULL,
            origin TEXT NOT NULL CHECK (origin IN ('proposed', 'by_hand')),
            document TEXT NOT NULL,
            adopted_at {int} NOT NULL,
            adopted_by TEXT NOT NULL
        ) {strict}""",
        # a measure at a school; findings: the ids it answers, divided by blanks
        """CREATE TABLE school_measure (
            assignment_id TEXT PRIMARY KEY NOT NULL,
            school_code TEXT NOT NULL REFERENCES school (code),
            measure_id TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('planned', 'ordered', 'done', 'cancelled')),
            planned_on TEXT,
            done_on TEXT,
            cost_yen {int},
            subsidy_yen {int},
            findings TEXT NOT NULL,
            note TEXT NOT NULL,
            version {int} NOT NULL,
            changed_at {int} NOT NULL,
            changed_by TEXT NOT NULL
        ) {strict}""",
        "CREATE INDEX school_measure_by_school ON school_measure (school_code)",
        """CREATE TABLE indicator_actual (
            indicator_id TEXT NOT NULL,
            observed_on TEXT NOT NULL,
            value {real} NOT NULL,
            source TEXT NOT NULL,
            noted_at {int} NOT NULL,
            noted_by TEXT NOT NULL,
            PRIMARY KEY (indicator_id, observed_on)
        ) {strict}""",
        # the weekly reports that were issued; document: canonical JSON of all their figures
        """CREATE TABLE report_issue (
            week TEXT NOT NULL,
            simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
            revision {int} NOT NULL,
            sha256 TEXT NOT NULL,
            document TEXT NOT NULL,
            issued_at {int} NOT NULL,
            PRIMARY KEY (week, simulated, revision)
        ) {strict}""",
        """CREATE TABLE report_delivery (
            week TEXT NOT NULL,
            simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
            revision {int} NOT NULL,
            channel TEXT NOT NULL,
            attempts {int} NOT NULL,
            delivered_at {int},
            problem TEXT NOT NULL,
            PRIMARY KEY (week, simulated, revision, channel)
        ) {strict}""",
    ),
)
