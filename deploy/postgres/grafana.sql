-- What the role grafana may read: run as the owner (hakaru), again after each upgrade. Tables with
-- secrets' hashes, accounts, the audit log, one-time codes and photographs are not among them.
\set ON_ERROR_STOP on
SELECT format('GRANT SELECT ON public.%I TO grafana', c.relname)
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND c.relname IN (
    'school', 'baseline', 'result', 'newest_result', 'school_week', 'verdict',
    'revision', 'revision_change', 'rollup', 'rollup_value',
    'agent_standing', 'agent_state_change', 'agent_flag',
    'responder', 'rehearsal', 'slot_wait', 'suppression', 'export_cursor',
    'sample_choice', 'fact', 'progress', 'progress_event', 'school_list',
    'school_finding', 'school_finding_event', 'school_measure', 'indicator_actual'
  )
ORDER BY c.relname
\gexec
-- Of these only what holds no secret.
GRANT SELECT (agent_id, school_code, enrolled_at, revoked_at, last_seen_at, agent_version)
    ON public.agent TO grafana;
GRANT SELECT (token_id, agent_id, school_code, upstream, responder, purpose, reserved_bps,
              granted_at, likely_until, holds_until, released_at)
    ON public.slot TO grafana;
GRANT SELECT (agent_id, school_code, result_id, reason, received_at)
    ON public.quarantine TO grafana;
