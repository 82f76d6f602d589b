-- Every row is reached by its whole key, from parameters and stored ids, never by a join over a run or a workspace: so
-- the work of a step does not grow with its run, whatever the planner believes of tables that it has not analysed yet.

-- name: load_steps
-- Everything needed to decide about steps and to resolve their inputs, in the order asked for. Reads only: a duplicate
-- stops here. What the sources put out cannot change any more: they are final, or the step would not be queued.
select s.id, r.id as run_id, s.idx, s.key, s.agent_name, s.label, s.definition, s.status, s.attempt, s.failures, s.lost,
       extract(epoch from now() - s.started_at)::float8 as age_s,
       s.successors, s.sources as source_ids, to_jsonb(s.depends_on) as depends_on, s.agent_run_id, cardinality(s.depends_on) as expected,
       s.failed_before, s.skipped_before,
       s.parent_step_id, s.item, s.items, r.parent_step_id is not null as is_inside, c.is_orphan,
       r.status as run_status, r.brief_jsonb, r.brief_id, r.trigger_type, r.trigger_event_id,
       c.can_claim,
       r.status <> 'running' and s.status = 'running' and s.leased_until < now() as is_left_over,
       r.status = 'running' and s.status = 'running' and s.cancel_requested_at is not null as is_to_cancel,
       r.status = 'running' and r.paused_at is not null and s.cancel_requested_at is null as is_paused,
       r.status = 'running' and s.status = 'waiting' and s.wait_until <= now() as is_wait_over,
       s.earlier_steps,
       case when s.status = 'queued' then s.not_before else s.leased_until end as due_at,
       case when c.can_claim then (
           select jsonb_agg(jsonb_build_object('id', u.id, 'key', u.key, 'agent_name', u.agent_name, 'label', u.label,
                                               'status', u.status, 'cost_usd', u.cost_usd::text,
                                               'output', coalesce(a.output_jsonb, u.output_jsonb)) order by u.idx)
             from unnest(s.sources) as source(id)
             join tiktok_workflow_steps u on u.workspace_id = s.workspace_id and u.id = source.id
             left join tiktok_agent_runs a on a.workspace_id = u.workspace_id and a.id = u.agent_run_id
            where length(source.id::text) = 36) -- as in claim_steps
       end as sources,
       case when s.agent_name = 'synthesis' then (
           select jsonb_build_object('slug', w.slug, 'name', w.name, 'description', w.description)
             from tiktok_workflows w where w.workspace_id = r.workspace_id and w.digest = r.definition_digest)
       end as workflow
  from unnest(:step_ids::uuid[]) with ordinality as asked(id, place)
 cross join lateral (select step.* from tiktok_workflow_steps step
                      where step.id = asked.id and step.workflow_run_id = :run_id::uuid
                     offset 0) s -- one read by the whole key for each, whatever the planner believes of a join
  join tiktok_workflow_runs r on r.workspace_id = s.workspace_id and r.id = :run_id::uuid
 cross join lateral (select case when r.parent_step_id is null then false
                                 else exists (select from tiktok_workflow_steps p
                                               where p.workspace_id = r.workspace_id and p.id = r.parent_step_id
                                                 and p.completed_at is not null) end as is_orphan) o
 cross join lateral (select o.is_orphan and r.status = 'running' as is_orphan,
                            not o.is_orphan and r.status = 'running' and r.paused_at is null and s.cancel_requested_at is null and (
           s.status = 'queued' and coalesce(s.not_before <= now(), true)
           or s.status = 'running' and s.leased_until < now()) as can_claim) c
 order by asked.place;

-- name: lock_run
-- Sent just before each move of a step, in the same transaction and the same network wait. Moves of one run queue up
-- here, on a statement that is cheap to wait in, and never deadlock; the move itself then sees what the last one left.
select from tiktok_workflow_runs where id = :run_id::uuid for no key update;

-- name: claim_steps
-- Takes the steps that still stand where they were loaded: queued and due, or running with their lease over. The attempt
-- is the fence: whatever names an older one changes nothing. An agent run left behind is closed. A row for each that was
-- taken. Where inputs follow from what is being settled in the same transaction (:after, their agent runs), nothing is
-- taken unless all of it was settled.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running' and paused_at is null
       and (select count(*) from tiktok_agent_runs a where a.id = any (:after::uuid[]) and a.status = 'succeeded')
           = cardinality(:after::uuid[])
), wanted as (
    select * from jsonb_to_recordset(:claims::jsonb) as w(step_id uuid, seen_attempt int, agent_run_id uuid,
                                                          input_jsonb jsonb)
), step as (
    update tiktok_workflow_steps s
       set status = 'running', attempt = s.attempt + 1, lost = s.lost + case s.status when 'running' then 1 else 0 end,
           leased_until = now() + make_interval(secs => :lease_s::float8),
           not_before = null, started_at = coalesce(s.started_at, now()), agent_run_id = w.agent_run_id
      from run, wanted w
     where s.workspace_id = run.workspace_id and s.id = w.step_id and s.attempt = w.seen_attempt
       and s.id = any (:step_ids::uuid[]) -- whatever the planner believes of a join, it goes by the primary key
       and s.cancel_requested_at is null
       and (s.status = 'queued' and coalesce(s.not_before <= now(), true)
            or s.status = 'running' and s.leased_until < now())
    returning s.workspace_id, s.id, s.workflow_run_id, s.idx, s.key, s.label, s.agent_name, s.attempt, s.agent_run_id,
              w.input_jsonb
), left_behind as (
    update tiktok_agent_runs a
       set status = 'failed', completed_at = now(),
           error_message = 'the executor was lost: its lease ended and the step was taken over'
      from step
     where step.attempt > 1 and a.workspace_id = step.workspace_id and a.step_id = step.id and a.status = 'running'
       and a.step_id = any (:step_ids::uuid[])
), agent_run as (
    insert into tiktok_agent_runs (workspace_id, id, workflow_run_id, step_id, attempt, brand_id, agent_name,
                                   trigger_type, trigger_event_id, input_jsonb)
    select step.workspace_id, step.agent_run_id, step.workflow_run_id, step.id, step.attempt, :brand_id::uuid,
           step.agent_name, :trigger_type::trigger_type, :trigger_event_id::text, step.input_jsonb
      from step where step.agent_run_id is not null
), events as (
    select (row_number() over (order by step.idx, event.place))::int as place, event.kind,
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'running', 'attempt', step.attempt)
           || case event.place when 2 then jsonb_build_object('agent_run_id', step.agent_run_id) else '{}' end as payload
      from step, (values (1, 'workflow_step.started'), (2, 'agent_run.started')) event(place, kind)
     where event.place = 1 or step.agent_run_id is not null
), moved as (
    update tiktok_workflow_runs r set version = r.version + told.events
      from (select count(*)::int as events from events) told where r.id = :run_id::uuid and told.events > 0
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + events.place, events.kind, events.payload from events, run
)
select id, attempt from step;

-- name: succeed_steps
-- Settles steps of one run: their outputs, their agent runs, their successors' counters, the newly ready, the run. Each is
-- guarded by its own fence; a row for each that was settled. One without an agent run (a gate) keeps its output itself.
with run as (
    select workspace_id, id, version, status, steps_open, priority from tiktok_workflow_runs
     where id = :run_id::uuid
), ended as (
    select * from jsonb_to_recordset(:ended::jsonb) as e(step_id uuid, attempt int, agent_run_id uuid, output_jsonb jsonb,
                                                         agent_cost_usd numeric, latency_ms bigint, model_used text,
                                                         report_md text)
), step as (
    update tiktok_workflow_steps s
       set status = 'succeeded', latency_ms = e.latency_ms, leased_until = null, completed_at = now(),
           error_class = null, error_message = null,
           cost_usd = (select coalesce(sum(c.cost_usd), 0) from tiktok_agent_steps c
                        where c.workspace_id = s.workspace_id and c.workflow_run_id = s.workflow_run_id
                          and c.step_id = s.id),
           output_jsonb = case when e.agent_run_id is null then e.output_jsonb else s.output_jsonb end
      from run, ended e
     where s.workspace_id = run.workspace_id and s.id = e.step_id and s.attempt = e.attempt
       and s.id = any (:step_ids::uuid[]) -- as in claim_steps
       and s.status = 'running' and s.cancel_requested_at is null
    returning s.workspace_id, s.id, s.workflow_run_id, s.idx, s.key, s.label, s.agent_name, s.attempt, s.successors,
              s.cost_usd, e.agent_run_id, e.output_jsonb, e.agent_cost_usd, e.latency_ms, e.model_used, e.report_md
), agent_run as (
    update tiktok_agent_runs a
       set status = 'succeeded', output_jsonb = step.output_jsonb, cost_usd = step.agent_cost_usd,
           latency_ms = step.latency_ms, model_used = step.model_used, completed_at = now()
      from step
     where a.workspace_id = step.workspace_id and a.id = step.agent_run_id
       and a.id = any (:agent_run_ids::uuid[])
), arrow as (
    select step.workspace_id, successor.id, count(*)::int as many
      from step cross join unnest(step.successors) as successor(id)
     group by step.workspace_id, successor.id
), counted as (
    update tiktok_workflow_steps s
       set waiting_on = s.waiting_on - arrow.many,
           status = case when s.waiting_on = arrow.many then 'queued' else s.status end,
           queued_at = case when s.waiting_on = arrow.many then now() end
      from arrow
     where s.workspace_id = arrow.workspace_id and s.id = arrow.id and s.status in ('pending', 'waiting')
       and s.waiting_on > 0 and s.id = any ((select array_agg(arrow.id) from arrow)::uuid[])
    returning s.workspace_id, s.id, s.workflow_run_id, s.status, s.attempt
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at, state, priority, generation)
    select c.workspace_id, c.id, c.workflow_run_id, now() + make_interval(secs => :grace_s::float8),
           case when c.id = any (:follow::uuid[]) then 'admitted' else 'backlog' end::wake_up_state, run.priority,
           c.attempt
      from counted c, run where c.status = 'queued'
), awake as (
    delete from tiktok_wake_ups w using step
     where w.workspace_id = step.workspace_id and w.step_id = step.id and w.step_id = any (:step_ids::uuid[])
), tally as (
    select count(step.id)::int as steps, coalesce(sum(step.cost_usd), 0) as cost_usd, max(step.report_md) as report_md,
           count(step.id) = run.steps_open and run.status = 'running' as is_end
      from run left join step on true group by run.steps_open, run.status
), steps_told as (
    select step.idx, event.place, event.kind,
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'status', 'succeeded',
                              'agent_name', step.agent_name, 'attempt', step.attempt, 'cost_usd', step.cost_usd,
                              'latency_ms', step.latency_ms, 'agent_run_id', step.agent_run_id) as payload
      from step, (values (1, 'agent_run.succeeded'), (2, 'workflow_step.succeeded')) event(place, kind)
     where event.place = 2 or step.agent_run_id is not null
), moved as (
    update tiktok_workflow_runs r
       set version = r.version + (select count(*) from steps_told)::int
                     + case when is_end then 1 else 0 end + case when tally.report_md is null then 0 else 1 end,
           steps_open = r.steps_open - tally.steps,
           status = case when is_end then 'succeeded' else r.status end,
           completed_at = case when is_end then now() else r.completed_at end,
           report_md = coalesce(tally.report_md, r.report_md),
           total_cost_usd = coalesce(r.total_cost_usd, 0) + tally.cost_usd,
           total_latency_ms = case when is_end then (extract(epoch from now() - r.started_at) * 1000)::bigint
                                   else r.total_latency_ms end
      from tally
     where r.id = :run_id::uuid and tally.steps > 0
    returning r.status, r.total_cost_usd
), events as (
    select idx, place, kind, payload from steps_told
     union all
    select 2147483647, event.place, event.kind,
           jsonb_build_object('status', moved.status, 'total_cost_usd', moved.total_cost_usd)
      from tally, moved, (values (3, 'workflow_run.report_ready'), (4, 'workflow_run.completed')) event(place, kind)
     where event.place = 3 and tally.report_md is not null or event.place = 4 and tally.is_end
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + (row_number() over (order by events.idx, events.place))::int,
           events.kind, events.payload
      from events, run
), heard as (
    select pg_notify('run_ended', run.id::text) from run, tally where tally.steps > 0 and is_end
)
select step.id, step.cost_usd, (select count(*) from heard) as heard from step;

-- name: fail_step
-- A step that cannot go on fails its run: what is not at work is skipped, what is may finish
-- but starts nothing.
with run as (
    select workspace_id, id, version, status from tiktok_workflow_runs where id = :run_id::uuid
), calls as (
    select coalesce(sum(cost_usd), 0) as cost_usd from tiktok_agent_steps
     where workflow_run_id = :run_id::uuid and step_id = :step_id::uuid
), step as (
    update tiktok_workflow_steps s
       set status = 'failed', cost_usd = calls.cost_usd, latency_ms = :latency_ms::bigint, leased_until = null,
           completed_at = now(), failures = s.failures + 1,
           error_class = :error_class::text, error_message = :error_message::text
      from run, calls
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.attempt = :attempt::int
       and s.status = 'running' and s.cancel_requested_at is null
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt, s.cost_usd
), agent_run as (
    update tiktok_agent_runs a
       set status = 'failed', cost_usd = :agent_cost_usd::numeric, latency_ms = :latency_ms::bigint,
           error_message = :agent_error::text, completed_at = now()
      from step where a.workspace_id = step.workspace_id and a.id = :agent_run_id::uuid
    returning a.id
), skipped as (
    update tiktok_workflow_steps s
       set status = 'skipped', completed_at = now(), error_class = 'run_failed',
           error_message = case when s.attempt = 0 then 'not begun: step ' else 'given up: step ' end
                           || quote_literal(step.key) || ' failed',
           cost_usd = case when s.attempt = 0 then s.cost_usd
                           else (select coalesce(sum(c.cost_usd), 0) from tiktok_agent_steps c
                                  where c.workspace_id = s.workspace_id and c.workflow_run_id = s.workflow_run_id
                                    and c.step_id = s.id) end
      from step
     where s.workspace_id = step.workspace_id and s.workflow_run_id = step.workflow_run_id
       and s.status in ('pending', 'queued', 'waiting', 'pending_approval')
    returning s.workspace_id, s.id, s.key, s.label, s.agent_name, s.idx, s.cost_usd
), awake as (
    delete from tiktok_wake_ups w
     using (select workspace_id, id from step union all select workspace_id, id from skipped) ended
     where w.workspace_id = ended.workspace_id and w.step_id = ended.id
), moved as (
    update tiktok_workflow_runs r
       set version = r.version + (select count(*) from skipped)::int + (select count(*) from agent_run)::int
                     + case when run.status = 'running' then 2 else 1 end,
           steps_open = r.steps_open - 1 - (select count(*) from skipped)::int,
           status = case when run.status = 'running' then 'failed' else r.status end,
           completed_at = coalesce(r.completed_at, now()),
           error_class = case when run.status = 'running' then :error_class::text else r.error_class end,
           error_message = case when run.status = 'running'
                                then 'step ' || quote_literal(step.key) || ': ' || :error_message::text
                                else r.error_message end,
           total_cost_usd = coalesce(r.total_cost_usd, 0) + step.cost_usd
                            + (select coalesce(sum(skipped.cost_usd), 0) from skipped),
           total_latency_ms = coalesce(r.total_latency_ms, (extract(epoch from now() - r.started_at) * 1000)::bigint)
      from step, run
     where r.id = :run_id::uuid
    returning r.status, r.total_cost_usd
), events as (
    select 1 as place, 0 as idx, 'agent_run.failed' as kind,
           jsonb_build_object('step_id', step.id, 'key', step.key, 'agent_name', step.agent_name, 'status', 'failed',
                              'attempt', step.attempt, 'agent_run_id', :agent_run_id::uuid) as payload
      from step, agent_run
    union all
    select 2, 0, 'workflow_step.failed',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'failed', 'attempt', step.attempt, 'error_class', :error_class::text,
                              'error', left(:error_message::text, 2000), 'cost_usd', step.cost_usd)
      from step
    union all
    select 3, skipped.idx, 'workflow_step.skipped',
           jsonb_build_object('step_id', skipped.id, 'key', skipped.key, 'label', skipped.label, 'status', 'skipped',
                              'agent_name', skipped.agent_name)
      from skipped
    union all
    select 4, 0, 'workflow_run.failed',
           jsonb_build_object('status', 'failed', 'error_class', :error_class::text,
                              'error', left(:error_message::text, 2000), 'total_cost_usd', moved.total_cost_usd)
      from moved, run where run.status = 'running'
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + (row_number() over (order by place, idx))::int, kind, payload
      from events, run
), heard as (
    select pg_notify('run_ended', run.id::text) from step, run where run.status = 'running'
)
select moved.status as run_status, (select count(*) from heard) as heard from step, moved;

-- name: retry_step
-- The step is queued again: a failure that may pass; a refusal of our own platform, which is not the step's fault and
-- counts as none; or a yield (:is_yield), which is no failure at all. Postgres owns the waiting; the queue only wakes.
-- No row if the run has ended: then there is nothing to try again for.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs where id = :run_id::uuid and status = 'running'
), step as (
    update tiktok_workflow_steps s
       set status = 'queued', failures = s.failures + case when :counts::boolean then 1 else 0 end, leased_until = null, queued_at = now(),
           not_before = least(now() + make_interval(secs => :delay_s::float8), -- no later than it times out
                              s.started_at + make_interval(secs => (s.definition ->> 'timeout_s')::float8)),
           error_class = case when not :is_yield::boolean then :error_class::text end,
           error_message = case when not :is_yield::boolean then :error_message::text end
      from run
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.attempt = :attempt::int
       and s.status = 'running' and s.cancel_requested_at is null
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt,
              s.not_before, s.failures
), waking as (
    update tiktok_wake_ups w
       set wake_at = step.not_before + make_interval(secs => :grace_s::float8), state = 'timed'
      from step where w.workspace_id = step.workspace_id and w.step_id = :step_id::uuid
), agent_run as (
    update tiktok_agent_runs a
       set status = case when :is_yield::boolean then 'skipped' else 'failed' end::agent_run_status, latency_ms = :latency_ms::bigint, error_message = :agent_error::text,
           cost_usd = :agent_cost_usd::numeric, completed_at = now()
      from step where a.workspace_id = step.workspace_id and a.id = :agent_run_id::uuid
    returning a.id, a.status
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 + (select count(*) from agent_run)::int
      from step where r.id = :run_id::uuid
), events as (
    select 1 as place, 'agent_run.' || agent_run.status as kind,
           jsonb_build_object('step_id', step.id, 'key', step.key, 'agent_name', step.agent_name,
                              'status', agent_run.status,
                              'attempt', step.attempt, 'agent_run_id', :agent_run_id::uuid) as payload
      from step, agent_run
    union all
    select 2, case when :is_yield::boolean then 'workflow_step.yielded' else 'workflow_step.retrying' end,
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'queued', 'attempt', step.attempt, 'not_before', step.not_before)
           || case when :is_yield::boolean then '{}' else jsonb_build_object(
                  'error_class', :error_class::text, 'error', left(:error_message::text, 2000)) end
      from step
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + (row_number() over (order by place))::int, kind, payload
      from events, run
)
select id, attempt, not_before from step;
