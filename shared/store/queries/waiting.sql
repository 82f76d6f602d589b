-- Waiting without compute: a step is suspended until a signal of its key arrives, or its time is over.

-- name: lock_key
-- Sent just before suspend_step and receive_signal, ahead of every other lock: no signal slips between the look for it
-- and the wait.
select pg_advisory_xact_lock(hashtextextended(:workspace_id::uuid::text || :wake_key::text, 1)) is null as is_locked;

-- name: suspend_step
-- The agent waits: its step holds no lease and no task. If the signal is there by now, the step is queued again at once.
-- Waiting for the same key again does not begin the time anew, and no wait is longer than the step may take. The agent
-- run of this attempt ends with what it waits for.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs where id = :run_id::uuid and status = 'running'
), signal as (
    select count(*) > 0 as is_there from tiktok_signals where wake_key = :wake_key::text
), step as (
    update tiktok_workflow_steps s
       set status = case when signal.is_there then 'queued' else 'waiting' end::step_status, leased_until = null,
           wait_until = case when s.wake_key = :wake_key::text then s.wait_until
                             else least(now() + make_interval(secs => :timeout_s::float8),
                                        s.started_at + make_interval(secs => (s.definition ->> 'timeout_s')::float8))
                        end,
           wake_key = :wake_key::text,
           queued_at = case when signal.is_there then now() else s.queued_at end
      from run, signal
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.attempt = :attempt::int
       and s.status = 'running' and s.cancel_requested_at is null
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt, s.status, s.wait_until
), agent_run as (
    update tiktok_agent_runs a
       set status = 'skipped', completed_at = now(), latency_ms = :latency_ms::bigint,
           error_message = 'suspended: waits for ' || :wake_key::text || '; the next attempt goes on'
      from step where a.workspace_id = step.workspace_id and a.id = :agent_run_id::uuid and a.status = 'running'
), asleep as (
    delete from tiktok_wake_ups w using step
     where step.status = 'waiting' and step.wait_until is null
       and w.workspace_id = step.workspace_id and w.step_id = step.id
), waking as (
    update tiktok_wake_ups w
       set wake_at = coalesce(case when step.status = 'waiting' then step.wait_until end, now())
                     + make_interval(secs => :grace_s::float8),
           state = case when step.status = 'waiting' then 'timed' else 'admitted' end::wake_up_state
      from step
     where (step.status = 'queued' or step.wait_until is not null)
       and w.workspace_id = step.workspace_id and w.step_id = step.id
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from step where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'workflow_step.waiting',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', step.status, 'attempt', step.attempt, 'waits_for', :wake_key::text,
                              'wait_until', step.wait_until)
      from run, step
)
select id, attempt, status, wait_until from step;

-- name: lock_waiting_runs
-- The runs whose steps wait for this key, sent just before receive_signal.
select r.id from tiktok_workflow_runs r
 where r.id in (select workflow_run_id from tiktok_workflow_steps
                 where wake_key = :wake_key::text and status = 'waiting')
 order by r.id for no key update;

-- name: receive_signal
-- Keeps what was sent to a key, the first time, and queues the steps that wait for it. The first one counts.
with signal as (
    insert into tiktok_signals (workspace_id, wake_key, payload, source)
    values (:workspace_id::uuid, :wake_key::text, :payload::jsonb, :source::text)
    on conflict (workspace_id, wake_key) do nothing
    returning workspace_id
), step as (
    update tiktok_workflow_steps s set status = 'queued', queued_at = now(), not_before = null
      from signal
     where s.workspace_id = signal.workspace_id and s.wake_key = :wake_key::text and s.status = 'waiting'
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt, s.idx
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at)
    select workspace_id, id, workflow_run_id, now() + make_interval(secs => :grace_s::float8) from step
    on conflict (workspace_id, step_id) do update set wake_at = excluded.wake_at, state = 'admitted'
), moved as (
    update tiktok_workflow_runs r set version = r.version + woken.steps
      from (select workspace_id, workflow_run_id, count(*)::int as steps from step group by 1, 2) woken
     where r.workspace_id = woken.workspace_id and r.id = woken.workflow_run_id
    returning r.workspace_id, r.id, r.version - woken.steps as version
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select moved.workspace_id, moved.id,
           moved.version + (row_number() over (partition by moved.id order by step.idx))::int, 'workflow_step.woken',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'queued', 'attempt', step.attempt, 'woken_by', :source::text)
      from step join moved on moved.id = step.workflow_run_id
)
select (select count(*) from signal) > 0 as is_new,
       (select jsonb_agg(jsonb_build_array(workflow_run_id, id, attempt)) from step) as woken;

-- name: end_wait
-- The time of a wait is over: the step is queued again, and finds that nothing was sent.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs where id = :run_id::uuid and status = 'running'
), step as (
    update tiktok_workflow_steps s set status = 'queued', queued_at = now(), not_before = null
      from run
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.status = 'waiting'
       and s.wait_until <= now()
    returning s.workspace_id, s.id, s.key, s.label, s.agent_name, s.attempt
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from step where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'workflow_step.woken',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'queued', 'attempt', step.attempt, 'woken_by', 'the end of its wait')
      from run, step
)
select id from step;
