-- Cancel, pause and resume. Rare next to the moves of steps, so these may reach the steps of a run by the run. Each is
-- sent just after lock_run, in the same transaction: moves of one run happen one after another.

-- name: cancel_run
-- What has not begun ends at once; what is at work is told so in its own row, and its executor ends it. If nothing is
-- at work the run ends here. No row: it has ended, or was cancelled before. The time is that of this statement, not of
-- its transaction, which may have waited for others.
with run as (
    select workspace_id, id, version, steps_open, started_at from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running' and cancel_requested_at is null
), step as (
    update tiktok_workflow_steps s
       set status = case when s.status = 'running' then s.status else 'cancelled' end,
           cancel_requested_at = clock_timestamp(),
           completed_at = case when s.status <> 'running' then now() end,
           error_class = case when s.status = 'running' then s.error_class else 'run_cancelled' end,
           error_message = case when s.status = 'running' then s.error_message
                                else 'not begun: the run was cancelled' end,
           cost_usd = case when s.status = 'running' or s.attempt = 0 then s.cost_usd
                           else (select coalesce(sum(c.cost_usd), 0) from tiktok_agent_steps c
                                  where c.workspace_id = s.workspace_id and c.workflow_run_id = s.workflow_run_id
                                    and c.step_id = s.id) end
      from run
     where s.workspace_id = run.workspace_id and s.workflow_run_id = run.id
       and s.status in ('pending', 'queued', 'running', 'waiting', 'pending_approval')
    returning s.workspace_id, s.id, s.workflow_run_id, s.idx, s.key, s.label, s.agent_name, s.status, s.attempt,
              s.failures, s.agent_run_id, s.cost_usd, s.leased_until
), ended as (
    select * from step where status = 'cancelled'
), count as (
    select count(ended.id)::int as ended, run.steps_open = count(ended.id)::int as is_end,
           coalesce(sum(cost_usd), 0) as cost_usd
      from run left join ended on true group by run.steps_open
), awake as (
    delete from tiktok_wake_ups w using ended where w.workspace_id = ended.workspace_id and w.step_id = ended.id
), moved as (
    update tiktok_workflow_runs r
       set version = r.version + count.ended + 1, steps_open = r.steps_open - count.ended,
           cancel_requested_at = clock_timestamp(), cancelled_by = :cancelled_by::text, cancel_reason = :reason::text,
           status = case when count.is_end then 'cancelled' else r.status end,
           completed_at = case when count.is_end then now() end,
           error_class = 'run_cancelled', error_message = :told::text,
           total_cost_usd = coalesce(r.total_cost_usd, 0) + count.cost_usd,
           total_latency_ms = case when count.is_end
                                   then (extract(epoch from now() - r.started_at) * 1000)::bigint end
      from run, count
     where r.workspace_id = run.workspace_id and r.id = run.id
    returning r.status, r.total_cost_usd
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + (row_number() over (order by event.place, event.idx))::int,
           event.kind, event.payload
      from run, (
           select case when moved.status = 'cancelled' then 3 else 1 end as place, 0 as idx,
                  case when moved.status = 'cancelled' then 'workflow_run.cancelled'
                       else 'workflow_run.cancelling' end as kind,
                  jsonb_build_object('status', moved.status, 'cancelled_by', :cancelled_by::text,
                                     'reason', :reason::text, 'total_cost_usd', moved.total_cost_usd) as payload
             from moved
            union all
           select 2, ended.idx, 'workflow_step.cancelled',
                  jsonb_build_object('step_id', ended.id, 'key', ended.key, 'label', ended.label, 'status', 'cancelled',
                                     'agent_name', ended.agent_name, 'attempt', ended.attempt)
             from ended) event
), heard as (
    select pg_notify('run_ended', run.id::text) from run, moved where moved.status = 'cancelled'
)
select moved.status, count.ended as steps_ended,
       (select jsonb_agg(jsonb_build_object('key', step.key, 'step_id', step.id, 'attempt', step.attempt,
                                            'failures', step.failures, 'agent_run_id', step.agent_run_id,
                                            'is_lost', step.leased_until < now()) order by step.idx)
          from step where step.status = 'running') as at_work,
       (select count(*) from heard) as heard
  from moved, count;

-- name: cancel_step
-- Ends a step that was at work when its run was cancelled; the last one ends the run. What it had put out is kept on its
-- agent run; a call that was cut off may have been billed, so it is in doubt. :is_lost: only if its lease is over.
with run as (
    select workspace_id, id, version, steps_open, started_at, cancelled_by, cancel_reason from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running'
), doubted as (
    update tiktok_agent_steps c
       set outcome = 'in_doubt', completed_at = now(), cost_known = false, note = 'cancelled'
      from tiktok_workflow_steps s
     where s.id = :step_id::uuid and s.attempt = :attempt::int and s.status = 'running'
       and s.cancel_requested_at is not null and (not :is_lost::boolean or s.leased_until < now())
       and c.workspace_id = s.workspace_id and c.agent_run_id = :agent_run_id::uuid and c.outcome = 'started'
), calls as (
    select coalesce(sum(cost_usd), 0) as cost_usd from tiktok_agent_steps
     where workflow_run_id = :run_id::uuid and step_id = :step_id::uuid
), step as (
    update tiktok_workflow_steps s
       set status = 'cancelled', cost_usd = calls.cost_usd, latency_ms = :latency_ms::bigint, leased_until = null,
           completed_at = now(), error_class = 'run_cancelled', error_message = :error_message::text
      from run, calls
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.attempt = :attempt::int
       and s.status = 'running' and s.cancel_requested_at is not null
       and (not :is_lost::boolean or s.leased_until < now())
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt, s.cost_usd
), agent_run as (
    update tiktok_agent_runs a
       set status = case when :output_jsonb::jsonb is null then 'failed' else 'succeeded' end::agent_run_status,
           output_jsonb = :output_jsonb::jsonb, cost_usd = step.cost_usd, latency_ms = :latency_ms::bigint,
           model_used = :model_used::text, completed_at = now(),
           error_message = case when :output_jsonb::jsonb is null then :error_message::text end
      from step where a.workspace_id = step.workspace_id and a.id = :agent_run_id::uuid and a.status = 'running'
    returning a.id, a.status
), awake as (
    delete from tiktok_wake_ups w using step where w.workspace_id = step.workspace_id and w.step_id = :step_id::uuid
), moved as (
    update tiktok_workflow_runs r
       set version = r.version + 1 + (select count(*) from agent_run)::int
                     + case when run.steps_open = 1 then 1 else 0 end,
           steps_open = r.steps_open - 1,
           status = case when run.steps_open = 1 then 'cancelled' else r.status end,
           completed_at = case when run.steps_open = 1 then now() end,
           total_cost_usd = coalesce(r.total_cost_usd, 0) + step.cost_usd,
           total_latency_ms = case when run.steps_open = 1
                                   then (extract(epoch from now() - r.started_at) * 1000)::bigint end
      from step, run
     where r.workspace_id = run.workspace_id and r.id = run.id
    returning r.status, r.total_cost_usd
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + (row_number() over (order by event.place))::int,
           event.kind, event.payload
      from run, (
           select 1 as place, 'agent_run.' || agent_run.status as kind,
                  jsonb_build_object('step_id', step.id, 'key', step.key, 'agent_name', step.agent_name,
                                     'status', agent_run.status, 'attempt', step.attempt,
                                     'agent_run_id', agent_run.id) as payload
             from step, agent_run
            union all
           select 2, 'workflow_step.cancelled',
                  jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'status', 'cancelled',
                                     'agent_name', step.agent_name, 'attempt', step.attempt, 'cost_usd', step.cost_usd,
                                     'latency_ms', :latency_ms::bigint)
             from step
            union all
           select 3, 'workflow_run.cancelled',
                  jsonb_build_object('status', 'cancelled', 'cancelled_by', run.cancelled_by,
                                     'reason', run.cancel_reason, 'total_cost_usd', moved.total_cost_usd)
             from moved, run where moved.status = 'cancelled') event
), heard as (
    select pg_notify('run_ended', step.workflow_run_id::text) from step, moved where moved.status = 'cancelled'
)
select moved.status as run_status, step.cost_usd, (select count(*) from heard) as heard from step, moved;

-- name: keep_lease
-- What the keeper asks of a step at work, about once a second: is it still ours, and is it to stop? Writes only when a
-- third of the lease is gone. No row: it is not ours any more.
with ours as (
    select workspace_id, id, leased_until, cancel_requested_at from tiktok_workflow_steps
     where id = :id::uuid and attempt = :attempt::int and status = 'running'
), renewed as (
    update tiktok_workflow_steps s set leased_until = now() + make_interval(secs => :lease_s::float8)
      from ours
     where s.workspace_id = ours.workspace_id and s.id = ours.id and s.attempt = :attempt::int and s.status = 'running'
       and ours.leased_until < now() + make_interval(secs => :lease_s::float8 * 2 / 3)
)
select cancel_requested_at is not null as is_cancelled from ours;

-- name: why_not_ours
-- A journal write found its step not at work any more, or told to stop: which of the two?
select cancel_requested_at is not null as is_cancelled from tiktok_workflow_steps
 where id = :step_id::uuid and attempt = :attempt::int and status = 'running';

-- name: control_of_run
select status, version, steps_open, cancel_requested_at, cancelled_by, cancel_reason, paused_at, paused_scope,
       paused_by, pause_reason, completed_at, error_message, workflow_slug, parent_run_id
  from tiktok_workflow_runs where id = :run_id::uuid;

-- name: lock_runs_within
-- Sent just before pause_run and resume_runs: the run and those inside of it, the innermost first, as the end of an inner
-- run locks them. What was started inside of it meanwhile is there for the next statement to see.
with recursive within as (
    select workspace_id, id, depth from tiktok_workflow_runs where id = :run_id::uuid
     union all
    select r.workspace_id, r.id, r.depth
      from within w join tiktok_workflow_runs r on r.workspace_id = w.workspace_id and r.parent_run_id = w.id
     where r.status = 'running'
)
select r.id from within w join tiktok_workflow_runs r on r.workspace_id = w.workspace_id and r.id = w.id
 order by w.depth desc, r.id for no key update of r;

-- name: pause_run
-- From now on no step of it is claimed, nor of a run inside of it; what is at work goes on to its end. Nothing is woken:
-- resuming does that. A run that is held by something wider is from now on held by itself too.
with recursive within as (
    select workspace_id, id, true as is_asked from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running' and cancel_requested_at is null
       and paused_scope is distinct from 'run'
     union all
    select r.workspace_id, r.id, false
      from within w join tiktok_workflow_runs r on r.workspace_id = w.workspace_id and r.parent_run_id = w.id
     where r.status = 'running' and r.cancel_requested_at is null
), run as (
    update tiktok_workflow_runs r
       set paused_at = coalesce(r.paused_at, now()),
           paused_scope = case when w.is_asked then 'run' else 'outer_run' end::pause_scope,
           paused_by = :paused_by::text, pause_reason = :reason::text, version = r.version + 1
      from within w
     where r.workspace_id = w.workspace_id and r.id = w.id and (w.is_asked or r.paused_at is null)
    returning r.workspace_id, r.id, r.version, r.paused_scope
), asleep as (
    delete from tiktok_wake_ups w using tiktok_workflow_steps s, run
     where s.workspace_id = run.workspace_id and s.workflow_run_id = run.id and s.status = 'queued'
       and w.workspace_id = s.workspace_id and w.step_id = s.id
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, id, version, 'workflow_run.paused',
           jsonb_build_object('status', 'running', 'paused_scope', paused_scope, 'paused_by', :paused_by::text,
                              'reason', :reason::text)
      from run
)
select id from run;

-- name: resume_runs
-- Lifts one pause: of a run (:run_id), or of a :scope. What it held goes on, unless something else holds it still: a
-- pause of the workspace or of its workflow, or a run that it is inside of. Steps that are queued may be claimed again,
-- and so may those whose executor was lost meanwhile.
with recursive lifted as (
    delete from tiktok_pauses
     where scope = :scope::pause_scope and workflow_slug = :workflow_slug::text
    returning workspace_id
), within as (
    select workspace_id, id from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running' and paused_scope = 'run'
     union all
    select r.workspace_id, r.id
      from within w join tiktok_workflow_runs r on r.workspace_id = w.workspace_id and r.parent_run_id = w.id
     where r.status = 'running'
), held as (
    select r.workspace_id, r.id, r.parent_run_id, r.workflow_slug
      from within w join tiktok_workflow_runs r on r.workspace_id = w.workspace_id and r.id = w.id
     where r.paused_at is not null and (r.paused_scope <> 'run' or r.id = :run_id::uuid)
     union all
    select r.workspace_id, r.id, r.parent_run_id, r.workflow_slug
      from lifted l join tiktok_workflow_runs r on r.workspace_id = l.workspace_id
     where r.status = 'running' and r.paused_at is not null and r.paused_scope <> 'run'
), holder as ( -- the run itself, and those that it is inside of
    select workspace_id, id, parent_run_id, workflow_slug, 0 as distance, false as is_paused,
           null::text as paused_by, null::text as pause_reason
      from held
     union all
    select h.workspace_id, h.id, o.parent_run_id, o.workflow_slug, h.distance + 1,
           o.paused_scope = 'run' and o.id is distinct from :run_id::uuid, o.paused_by, o.pause_reason
      from holder h join tiktok_workflow_runs o on o.workspace_id = h.workspace_id and o.id = h.parent_run_id
     where o.status = 'running'
), still as (
    select distinct on (h.id) h.id, case when h.distance > 0 then 'outer_run' else p.scope end as scope,
           coalesce(p.paused_by, h.paused_by) as paused_by, coalesce(p.reason, h.pause_reason) as reason
      from holder h
      left join tiktok_pauses p on p.workspace_id = h.workspace_id
                               and (p.scope = 'workspace' or p.scope = 'workflow' and p.workflow_slug = h.workflow_slug)
                               and not (p.scope = coalesce(:scope::pause_scope, 'run')
                                        and p.workflow_slug = :workflow_slug::text)
     where p.scope is not null or h.is_paused
     order by h.id, h.distance, p.scope desc
), run as (
    update tiktok_workflow_runs r
       set paused_at = case when still.scope is not null then r.paused_at end,
           paused_scope = still.scope, paused_by = still.paused_by, pause_reason = still.reason,
           version = r.version + case when still.scope is null then 1 else 0 end
      from held left join still on still.id = held.id
     where r.workspace_id = held.workspace_id and r.id = held.id and r.status = 'running'
    returning r.workspace_id, r.id, r.version, r.paused_at, r.priority
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, id, version, 'workflow_run.resumed',
           jsonb_build_object('status', 'running', 'resumed_by', :resumed_by::text)
      from run where paused_at is null
), step as (
    select s.workspace_id, s.id, s.workflow_run_id, s.idx, s.not_before, run.version, run.priority,
           s.status = 'queued' or s.leased_until < now() as is_idle
      from run join tiktok_workflow_steps s on s.workspace_id = run.workspace_id and s.workflow_run_id = run.id
     where run.paused_at is null and s.status in ('queued', 'running')
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at, state, priority, generation)
    select workspace_id, id, workflow_run_id,
           greatest(not_before, now()) + make_interval(secs => :grace_s::float8),
           case when not is_idle then 'admitted' when not_before > now() then 'timed' else 'backlog' end::wake_up_state,
           priority, version
      from step
    on conflict (workspace_id, step_id) do update
       set wake_at = excluded.wake_at, state = excluded.state, priority = excluded.priority,
           generation = excluded.generation
)
select (select count(*) from run where paused_at is null)::int as runs,
       (select jsonb_agg(jsonb_build_array(workflow_run_id, id, version, not_before) order by workflow_run_id, idx)
          from step where is_idle and not_before > now()) as steps;

-- name: park_step
-- A paused step was woken: it is not looked at again until its run is resumed. No row: it is at work, or not paused.
delete from tiktok_wake_ups w using tiktok_workflow_runs r, tiktok_workflow_steps s
 where r.id = :run_id::uuid and r.status = 'running' and r.paused_at is not null
   and s.workspace_id = r.workspace_id and s.id = :step_id::uuid
   and (s.status = 'queued' or s.status = 'running' and s.leased_until < now())
   and w.workspace_id = s.workspace_id and w.step_id = s.id
returning w.step_id;

-- name: lock_starts
-- Sent just before start_run: no run starts while a pause of its workflow or its workspace is being written.
select pg_advisory_xact_lock_shared(hashtextextended(:workspace_id::uuid::text, 0)) is null as is_locked;

-- name: lock_pauses
-- Sent just before pause_scope and resume_scope: waits for the runs that are being started.
select pg_advisory_xact_lock(hashtextextended(:workspace_id::uuid::text, 0)) is null as is_locked;

-- name: tell_refused_member
-- For the audit, sent just after lock_pauses: who wanted something of the whole workspace that their role does not allow.
insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
select :workspace_id::uuid, :workspace_id::uuid, coalesce(max(seq), 0) + 1, :kind::text,
       jsonb_build_object('by', :by::text, 'asked', :asked::text, 'refused_as', 'forbidden', 'reason', :reason::text)
  from tiktok_outbox where subject_id = :workspace_id::uuid
returning seq;

-- name: lock_running
-- Sent just before pause_scope and resume_runs of a scope: in the order of lock_runs_within.
select id from tiktok_workflow_runs where status = 'running' order by depth desc, id for no key update;

-- name: pause_scope
-- Pauses a workflow, or the whole workspace: its runs, and those inside of them, but those that are paused already; and
-- those yet to start.
with recursive scope as (
    insert into tiktok_pauses (workspace_id, scope, workflow_slug, paused_by, reason)
    values (:workspace_id::uuid, :scope::pause_scope, :workflow_slug::text, :paused_by::text, :reason::text)
    on conflict (workspace_id, scope, workflow_slug) do nothing
    returning workspace_id
), meant as (
    select r.workspace_id, r.id, true as is_asked
      from scope join tiktok_workflow_runs r on r.workspace_id = scope.workspace_id
     where r.status = 'running' and r.cancel_requested_at is null
       and (:scope::pause_scope = 'workspace' or r.workflow_slug = :workflow_slug::text)
     union
    select r.workspace_id, r.id, false
      from meant m join tiktok_workflow_runs r on r.workspace_id = m.workspace_id and r.parent_run_id = m.id
     where r.status = 'running' and r.cancel_requested_at is null and :scope::pause_scope <> 'workspace'
), run as (
    update tiktok_workflow_runs r
       set paused_at = now(),
           paused_scope = case when m.is_asked then :scope::pause_scope else 'outer_run' end,
           paused_by = :paused_by::text, pause_reason = :reason::text, version = r.version + 1
      from (select workspace_id, id, bool_or(is_asked) as is_asked from meant group by 1, 2) m
     where r.workspace_id = m.workspace_id and r.id = m.id and r.paused_at is null
    returning r.workspace_id, r.id, r.version, r.paused_scope
), asleep as (
    delete from tiktok_wake_ups w using tiktok_workflow_steps s, run
     where s.workspace_id = run.workspace_id and s.workflow_run_id = run.id and s.status = 'queued'
       and w.workspace_id = s.workspace_id and w.step_id = s.id
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, id, version, 'workflow_run.paused',
           jsonb_build_object('status', 'running', 'paused_scope', paused_scope, 'paused_by', :paused_by::text,
                              'reason', :reason::text)
      from run
)
select (select count(*) from scope) > 0 as is_new, (select count(*) from run)::int as runs;

-- name: pauses
select scope, workflow_slug, paused_by, reason, paused_at from tiktok_pauses order by scope desc, workflow_slug;

-- name: run_to_repeat
select r.id, r.status, r.definition_digest, w.dag_jsonb, r.brief_id, r.brief_jsonb, r.budget_usd, r.trigger_type,
       r.trigger_event_id, r.workflow_slug, r.priority
  from tiktok_workflow_runs r
  join tiktok_workflows w on w.workspace_id = r.workspace_id and w.digest = r.definition_digest
 where r.id = :run_id::uuid;

-- name: steps_to_repeat
-- The steps of a definition. What the items of a for_each step cost counts as its own; while one is at work, so is it.
-- `has_proposed`: it, one of its items, or the step of an earlier run that it was taken over from, proposed effects.
select s.id, s.key, s.status, s.agent_run_id, s.output_jsonb, s.taken_from, s.earlier_steps,
       s.attempt, s.definition ->> 'ask_from' as ask_from,
       exists (select from tiktok_effects e
                 join tiktok_workflow_steps p on p.workspace_id = e.workspace_id and p.id = e.step_id
                where e.workspace_id = s.workspace_id and e.run_id = s.workflow_run_id
                  and (p.id = s.id or p.parent_step_id = s.id))
       or exists (select from tiktok_effects e
                   where e.workspace_id = s.workspace_id and e.step_id = any (s.taken_from || s.earlier_steps))
       as has_proposed,
       s.cost_usd + coalesce(of_items.cost_usd, 0) as cost_usd,
       s.status = 'running' and s.leased_until > now() or coalesce(of_items.is_at_work, false) as is_at_work
  from tiktok_workflow_steps s
  left join lateral (
       select sum(i.cost_usd) as cost_usd, bool_or(i.status = 'running' and i.leased_until > now()) as is_at_work
         from unnest(s.sources) as item(id)
         join tiktok_workflow_steps i on i.workspace_id = s.workspace_id and i.id = item.id) of_items
       on s.items is not null
 where s.workflow_run_id = :run_id::uuid and s.parent_step_id is null order by s.idx;

-- name: calls_to_name
-- The calls that steps and their items made, by their labels: how many of each an agent run has at most.
select one.label, one.is_model, max(one.calls)::int as calls
  from (select c.label, c.kind = 'llm_call' as is_model, count(*) as calls
          from jsonb_array_elements_text(:step_ids::jsonb) as named(id)
          join tiktok_workflow_steps s on s.id = named.id::uuid
         cross join unnest(s.id || case when s.items is null then '{}' else s.sources end) as own(id)
          join tiktok_agent_runs a on a.workspace_id = s.workspace_id and a.step_id = own.id
          join tiktok_agent_steps c on c.workspace_id = a.workspace_id and c.agent_run_id = a.id
         group by a.id, c.label, c.kind) one
 group by one.label, one.is_model order by one.label;

-- name: costs_remembered
-- What the answers cost that the journals of these steps (and of their items) hold, in US dollars: not paid again.
select wanted.id as step_id, sum(c.cost_usd) as cost_usd
  from (select value::uuid as id from jsonb_array_elements_text(:step_ids::jsonb)) wanted
  join tiktok_workflow_steps s on s.id = wanted.id
 cross join unnest(array[s.id] || case when s.items is not null then s.sources end) as own(id)
  join tiktok_agent_runs a on a.workspace_id = s.workspace_id and a.step_id = own.id
  join tiktok_agent_steps c on c.workspace_id = a.workspace_id and c.agent_run_id = a.id
 where c.outcome in ('paid', 'wasted') and c.error_message is null -- what was of no use is asked anew
 group by wanted.id;

-- name: usual_costs
-- What each step of a workflow, with its items, has cost in its newest runs that succeeded.
select key, avg(cost_usd) as cost_usd
  from (select s.workflow_run_id, split_part(s.key, '[', 1) as key, sum(s.cost_usd) as cost_usd
          from (select workspace_id, id from tiktok_workflow_runs
                 where workflow_slug = :slug::text and status = 'succeeded' order by started_at desc limit 20) r
          join tiktok_workflow_steps s on s.workspace_id = r.workspace_id and s.workflow_run_id = r.id
         where s.status = 'succeeded' and s.taken_from is null
         group by 1, 2) of_runs
 group by key;

-- name: runs_to_redrive
-- Failed runs, newest first, but those that were restarted or redriven already, and those inside of others.
select r.id, r.workflow_slug, r.error_class
  from tiktok_workflow_runs r
 where r.status = 'failed' and r.parent_run_id is null
   and (:workflow_slug::text is null or r.workflow_slug = :workflow_slug::text)
   and (:error_class::text is null or r.error_class = :error_class::text)
   and (:run_ids::jsonb is null or r.id in (select value::uuid from jsonb_array_elements_text(:run_ids::jsonb)))
   and not exists (select from tiktok_workflow_runs f
                    where f.workspace_id = r.workspace_id and f.forked_from_run_id = r.id and f.fork_kind <> 'fork')
 order by r.started_at desc limit :limit::int;
