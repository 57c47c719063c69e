-- What the role grafana may read: the views of the schema dashboard and nothing else, so no account,
-- no secret and no hash of one, no setting, no audit log, no photograph. Run as the owner (hakaru),
-- again after each upgrade: everything here is made anew. Times are in microseconds since 1970 UTC where
-- the name ends in _at or begins a search, and timestamps in columns that are called at.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM grafana;
DROP SCHEMA IF EXISTS dashboard CASCADE;
CREATE SCHEMA dashboard;

-- As the pages choose: a simulated city shows simulated results, every other city none.
CREATE VIEW dashboard.shown AS
SELECT CASE WHEN EXISTS (SELECT 1 FROM setting WHERE name = 'simulated_city' AND value = '1')
    THEN 1 ELSE 0 END AS simulated,
    CASE WHEN EXISTS (SELECT 1 FROM setting WHERE name = 'simulated_city' AND value = '1')
    THEN 'none' ELSE 'true' END AS leave_out,
    (SELECT nullif(value, '') FROM setting WHERE name = 'shown_week') AS week;

-- band: as collector.judge.bands; network: the aggregation group, '-' without one.
CREATE VIEW dashboard.school AS
SELECT code, name, kind, region, pupils, line, sample, latitude, longitude,
    contracted_mbps * 1000000.0 AS contracted_bps,
    CASE aggregation_group WHEN '' THEN '-' ELSE aggregation_group END AS network,
    CASE WHEN pupils <= 60 THEN '<=60' WHEN pupils <= 120 THEN '61-120'
        WHEN pupils <= 315 THEN '121-315' WHEN pupils <= 560 THEN '316-560'
        WHEN pupils <= 840 THEN '561-840' ELSE '>840' END AS band,
    least(pupils, 841) AS band_order
FROM school;

CREATE VIEW dashboard.baseline AS
SELECT school_code AS school, met, measured_bps, surveyed_on, source FROM baseline;

CREATE VIEW dashboard.verdict AS
SELECT v.school_code AS school, v.week, to_date(v.week, 'IYYY"-W"IW') AS begins_on,
    to_date(v.week, 'IYYY"-W"IW')::timestamp AT TIME ZONE 'Asia/Tokyo' AS at,
    v.figure, v.status, v.reasons, v.required_bps, v.upper_bps, v.median_bps, v.low_bps, v.high_bps,
    v.runs, v.failed_runs, v.days, v.median_bps / nullif(v.required_bps, 0) AS margin_ratio
FROM verdict v JOIN dashboard.shown ON v.simulated = shown.simulated;

-- Records are text that the collector has read before: always valid JSON.
CREATE VIEW dashboard.result AS
SELECT r.school_code AS school, r.agent_id AS agent, r.started_at, r.received_at,
    to_timestamp(r.started_at / 1e6) AS at, r.probe, r.target, r.segment, r.outcome,
    r.failure_code, r.download_bps, r.upload_bps, r.cross_traffic_during_bps,
    convert_from(r.record, 'UTF8')::json -> 'values' AS said
FROM result r JOIN dashboard.shown ON r.simulated <= shown.simulated;

CREATE VIEW dashboard.progress AS
SELECT school_code AS school, state, since_on, planned_on FROM progress;
CREATE VIEW dashboard.progress_event AS
SELECT school_code AS school, version, state, since_on, planned_on, changed_at FROM progress_event;
CREATE VIEW dashboard.finding AS
SELECT school_code AS school, finding_id AS finding, decision, grade, decided_on FROM school_finding;
CREATE VIEW dashboard.measure AS
SELECT school_code AS school, measure_id AS measure, state, planned_on, done_on, cost_yen,
    subsidy_yen, changed_at FROM school_measure;

CREATE VIEW dashboard.agent AS
SELECT a.agent_id AS agent, a.school_code AS school, a.agent_version, a.enrolled_at, a.revoked_at,
    greatest(a.last_seen_at, b.received_at) AS heard_at, a.token_expires_at, s.state, s.since,
    b.sent_offset_seconds, b.body::json AS said
FROM agent a
LEFT JOIN agent_standing s ON s.agent_id = a.agent_id
LEFT JOIN agent_beat b ON b.agent_id = a.agent_id;
CREATE VIEW dashboard.state_change AS
SELECT c.agent_id AS agent, a.school_code AS school, c.changed_at,
    to_timestamp(c.changed_at / 1e6) AS at, c.state, c.former, c.detail
FROM agent_state_change c JOIN agent a ON a.agent_id = c.agent_id;
CREATE VIEW dashboard.suppression AS
SELECT scope_kind, scope_name, set_at, until, reason, lifted_at FROM suppression;

CREATE VIEW dashboard.slot AS
SELECT school_code AS school, upstream, responder, purpose, reserved_bps, granted_at,
    to_timestamp(granted_at / 1e6) AS at, likely_until, holds_until, released_at, waited_seconds
FROM slot;
CREATE VIEW dashboard.slot_wait AS
SELECT agent_id AS agent, upstream, responder, reserved_bps, asked_at, keep_until FROM slot_wait;
CREATE VIEW dashboard.responder AS
SELECT name, target, capacity_bps, capacity_tests FROM responder;
CREATE VIEW dashboard.quarantine AS
SELECT agent_id AS agent, school_code AS school, reason, received_at,
    to_timestamp(received_at / 1e6) AS at FROM quarantine;
CREATE VIEW dashboard.export AS
SELECT store, settled_at, to_timestamp(settled_at / 1e6) AS at FROM export_cursor;
CREATE VIEW dashboard.to_judge AS
SELECT school_code AS school, week, generation, judged_generation FROM school_week
WHERE generation > judged_generation;
CREATE VIEW dashboard.retention AS
SELECT class, to_timestamp(before / 1e6) AS before, to_timestamp(ran_at / 1e6) AS ran,
    deleted_count FROM retention_done;
-- Tables of a month count as one.
CREATE VIEW dashboard.table_size AS
SELECT coalesce(p.inhparent, c.oid)::regclass::text AS relation,
    sum(pg_total_relation_size(c.oid))::bigint AS size_bytes,
    sum(greatest(c.reltuples, 0))::bigint AS rows_about
FROM pg_class c LEFT JOIN pg_inherits p ON p.inhrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
GROUP BY 1;

GRANT USAGE ON SCHEMA dashboard TO grafana;
GRANT SELECT ON ALL TABLES IN SCHEMA dashboard TO grafana;
COMMIT;
