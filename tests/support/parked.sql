-- Many rows at once, for tests of what waiting costs. As the owner, past the wall: copies of a run that was started as
-- any other, so that every key leads somewhere.

-- name: park_steps
-- So many steps beside a run's own. Each waits, and the sweep is to look at it in :wake_in_s seconds (below zero: it is
-- overdue).
with run as (
    select workspace_id, id from tiktok_workflow_runs where id = :run_id::uuid
), step as (
    insert into tiktok_workflow_steps (workspace_id, id, workflow_run_id, idx, key, agent_name, label, definition,
                                       depends_on, successors, sources, status, waiting_on, wake_key, wait_until)
    select run.workspace_id, gen_random_uuid(), run.id, :first::int + n, 'parked_' || :first::int + n, 'echo', '', '{}',
           '{}', '{}', '{}', :status::step_status, 0, 'parked_' || n, now() + make_interval(secs => :wake_in_s::float8)
      from run, generate_series(1, :many::int) n
    returning workspace_id, id, workflow_run_id, idx
)
insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at)
select workspace_id, id, workflow_run_id,
       now() + make_interval(secs => :wake_in_s::float8) - make_interval(secs => idx % 1000 / 1000.0)
  from step;

-- name: park_effects
-- So many effects of a step, in this state; the sweep is to look at them in :wake_in_s seconds; null: never.
insert into tiktok_effects (workspace_id, id, run_id, step_id, place, kind, key, title, payload, digest,
                            idempotency_key, status, wake_at)
select workspace_id, gen_random_uuid(), workflow_run_id, id, n, 'send_message', :status::text || n, 't', '{}', 'd',
       :status::text || n, :status::effect_status, now() + make_interval(secs => :wake_in_s::float8)
  from tiktok_workflow_steps, generate_series(1, :many::int) n
 where workflow_run_id = :run_id::uuid and key = 'a';

-- name: open_gates
-- So many runs like this one, each waiting for a person at its only step.
with run as (
    insert into tiktok_workflow_runs
    select clone.*
      from tiktok_workflow_runs base, generate_series(1, :many::int) n,
           lateral jsonb_populate_record(base, jsonb_build_object(
               'id', gen_random_uuid(), 'status', 'running', 'steps_total', 1, 'steps_open', 1, 'completed_at', null,
               'idempotency_key', null, 'trigger_event_id', 'gate ' || n)) clone
     where base.id = :run_id::uuid
    returning workspace_id, id
), step as (
    insert into tiktok_workflow_steps (workspace_id, id, workflow_run_id, idx, key, agent_name, label, definition,
                                       depends_on, successors, sources, status, waiting_on)
    select workspace_id, gen_random_uuid(), id, 0, 'approve', 'approval_gate', '', '{}', '{}', '{}', '{}',
           'pending_approval', 0
      from run
    returning workspace_id, id, workflow_run_id
)
insert into tiktok_gates (workspace_id, id, run_id, step_id, title, proposal, digest, requested_by, role)
select workspace_id, gen_random_uuid(), workflow_run_id, id, 'Publish?', '{}', 'd', 't', 'any_workspace_member'
  from step
returning id;

-- name: analyze_all
analyze;

-- name: log_statements
alter system set log_statement = 'all';

-- name: reload
select pg_reload_conf();

-- name: park_caps
-- A workspace that has given budgets to many runs.
insert into tiktok_caps (workspace_id, scope, scope_id, cap_usd, used_usd, set_by)
select :workspace_id::uuid, 'run', gen_random_uuid()::text, 1, 0, 't' from generate_series(1, :many::int);

-- name: analyze_caps
analyze tiktok_caps;
