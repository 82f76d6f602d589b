-- The flow of steps that are not plain: what is skipped, what may fail, what is done for each of many items.

-- name: leave_step
-- Ends a step without success, and its run goes on: it was skipped before it began, or it failed and its definition says
-- that its run need not. The steps behind it are counted down as by succeed_step, and hear what it came to. A failure is
-- guarded by the fence; a skip finds the step queued, as it was loaded.
with run as (
    select workspace_id, id, version, status, steps_open, priority from tiktok_workflow_runs
     where id = :run_id::uuid and (status = 'running' or :is_failure::boolean)
), calls as (
    select coalesce(sum(cost_usd), 0) as cost_usd from tiktok_agent_steps
     where workflow_run_id = :run_id::uuid and step_id = :step_id::uuid
), step as (
    update tiktok_workflow_steps s
       set status = case when :is_failure::boolean then 'failed' else 'skipped' end::step_status,
           cost_usd = calls.cost_usd, latency_ms = :latency_ms::bigint, leased_until = null, completed_at = now(),
           failures = s.failures + case when :is_failure::boolean then 1 else 0 end,
           error_class = :error_class::text, error_message = :error_message::text
      from run, calls
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.attempt = :attempt::int
       and s.status = case when :is_failure::boolean then 'running' else 'queued' end::step_status
       and s.cancel_requested_at is null
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.status, s.attempt, s.successors,
              s.cost_usd
), agent_run as (
    update tiktok_agent_runs a
       set status = 'failed', cost_usd = :agent_cost_usd::numeric, latency_ms = :latency_ms::bigint,
           error_message = :agent_error::text, completed_at = now()
      from step where a.workspace_id = step.workspace_id and a.id = :agent_run_id::uuid
    returning a.id
), counted as (
    update tiktok_workflow_steps s
       set waiting_on = s.waiting_on - 1,
           failed_before = s.failed_before + case when :hears::text = 'failure' then 1 else 0 end,
           skipped_before = s.skipped_before + case when :hears::text = 'skip' then 1 else 0 end,
           status = case when s.waiting_on = 1 then 'queued' else s.status end,
           queued_at = case when s.waiting_on = 1 then now() end
     where s.workspace_id = (select step.workspace_id from step)
       and s.id = any ((select step.successors from step)::uuid[]) -- as in succeed_steps
       and s.status in ('pending', 'waiting') and s.waiting_on > 0
    returning s.workspace_id, s.id, s.workflow_run_id, s.status, s.attempt
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at, state, priority, generation)
    select c.workspace_id, c.id, c.workflow_run_id, now() + make_interval(secs => :grace_s::float8),
           case when c.id = any (:follow::uuid[]) then 'admitted' else 'backlog' end::wake_up_state, run.priority,
           c.attempt
      from counted c, run where c.status = 'queued'
), awake as (
    delete from tiktok_wake_ups w using step where w.workspace_id = step.workspace_id and w.step_id = :step_id::uuid
), end_of_run as (
    select run.steps_open = 1 and run.status = 'running' as is_end from run
), moved as (
    update tiktok_workflow_runs r
       set version = r.version + 1 + (select count(*) from agent_run)::int + case when is_end then 1 else 0 end,
           steps_open = r.steps_open - 1,
           status = case when is_end then 'succeeded' else r.status end,
           completed_at = case when is_end then now() else r.completed_at end,
           total_cost_usd = coalesce(r.total_cost_usd, 0) + step.cost_usd,
           total_latency_ms = case when is_end then (extract(epoch from now() - r.started_at) * 1000)::bigint
                                   else r.total_latency_ms end
      from step, end_of_run
     where r.id = :run_id::uuid
    returning r.status, r.total_cost_usd
), events as (
    select 1 as place, 'agent_run.failed' as kind,
           jsonb_build_object('step_id', step.id, 'key', step.key, 'agent_name', step.agent_name, 'status', 'failed',
                              'attempt', step.attempt, 'agent_run_id', agent_run.id) as payload
      from step, agent_run
    union all
    select 2, case when :is_failure::boolean then 'workflow_step.failed' else 'workflow_step.skipped' end,
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', step.status, 'attempt', step.attempt, 'error_class', :error_class::text,
                              'error', left(:error_message::text, 2000), 'cost_usd', step.cost_usd)
      from step
    union all
    select 3, 'workflow_run.completed',
           jsonb_build_object('status', moved.status, 'total_cost_usd', moved.total_cost_usd)
      from moved, end_of_run where is_end
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + (row_number() over (order by place))::int, kind, payload
      from events, run
), heard as (
    select pg_notify('run_ended', step.workflow_run_id::text) from step, end_of_run where is_end
)
select moved.status as run_status, step.cost_usd, (select count(*) from heard) as heard from step, moved;

-- name: spread_step
-- A claimed for_each step has its list: one step for each item, in :max_parallel lanes. An item waits for the one that
-- many places before it; each counts down its for_each step, which holds no lease until the last of them has ended. From
-- then on its sources are its items. An item may use the journal of the item at its place in an earlier run.
with run as (
    select workspace_id, id, version, steps_total, priority from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running'
), item as (
    select i.id, i.item, i.place::int - 1 as place, lead(i.id, :max_parallel::int) over (order by i.place) as next_id
      from rows from (jsonb_to_recordset(:items::jsonb) as (id uuid, item jsonb)) with ordinality as i(id, item, place)
), whole as (
    select count(*)::int as items, array_agg(id order by place) as ids from item
), earlier as (
    select i.place::int - 1 as place, array_agg(i.id order by e.nearness) as steps
      from tiktok_workflow_steps s
     cross join unnest(s.earlier_steps) with ordinality e(id, nearness)
      join tiktok_workflow_steps b on b.workspace_id = s.workspace_id and b.id = e.id and b.items is not null
     cross join unnest(b.sources) with ordinality i(id, place)
     where s.id = :step_id::uuid
     group by i.place
), step as (
    update tiktok_workflow_steps s
       set status = 'waiting', leased_until = null, waiting_on = whole.items, items = whole.items, sources = whole.ids,
           failed_before = 0, skipped_before = 0
      from run, whole
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.attempt = :attempt::int
       and s.status = 'running' and s.cancel_requested_at is null
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt, s.items
), made as (
    insert into tiktok_workflow_steps (
        workspace_id, id, workflow_run_id, idx, key, agent_name, label, definition, depends_on, successors, sources,
        status, waiting_on, queued_at, parent_step_id, item, earlier_steps)
    select step.workspace_id, item.id, step.workflow_run_id, run.steps_total + item.place,
           step.key || '[' || item.place || ']', step.agent_name, step.label || ' [' || item.place || ']',
           :definition::jsonb, '{}', array_remove(array[item.next_id, step.id], null),
           (select coalesce(array_agg(value::uuid), '{}') from jsonb_array_elements_text(:sources::jsonb)),
           case when item.place < :max_parallel::int then 'queued' else 'pending' end::step_status,
           case when item.place < :max_parallel::int then 0 else 1 end,
           case when item.place < :max_parallel::int then now() end,
           step.id, item.item, earlier.steps
      from step cross join run cross join item left join earlier on earlier.place = item.place
    returning workspace_id, id, workflow_run_id, status, attempt
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at, state, priority)
    select m.workspace_id, m.id, m.workflow_run_id, now() + make_interval(secs => :grace_s::float8),
           case when m.id = any (:follow::uuid[]) then 'admitted' else 'backlog' end::wake_up_state, run.priority
      from made m, run where m.status = 'queued'
), asleep as (
    delete from tiktok_wake_ups w using step where w.workspace_id = step.workspace_id and w.step_id = :step_id::uuid
), moved as (
    update tiktok_workflow_runs r
       set version = r.version + 1, steps_total = r.steps_total + step.items, steps_open = r.steps_open + step.items
      from step where r.id = :run_id::uuid
    returning r.steps_total
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'workflow_step.waiting',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'waiting', 'attempt', step.attempt, 'waits_for', 'its items',
                              'items', step.items, 'steps_total', moved.steps_total)
      from run, step, moved
)
select items from step;

-- name: parent_of_sub_run
-- What a run inside of another one has from it. The cap of the outermost one bounds them all, and so do those of the
-- steps that wait.
select r.depth, r.brief_id, r.created_by, r.trigger_type, r.trigger_event_id, coalesce(r.root_run_id, r.id) as root_run_id,
       r.outer_step_ids, r.priority
  from tiktok_workflow_runs r where r.id = :run_id::uuid;

-- name: sub_run_of_step
-- The run that a step has started, with what its last steps have put out, and those that it :takes. No row: it has started none yet.
select r.id, r.status, r.workflow_slug, r.report_md, r.error_class, r.error_message, r.total_cost_usd,
       (select jsonb_object_agg(s.key, coalesce(a.output_jsonb, s.output_jsonb))
          from tiktok_workflow_steps s
          left join tiktok_agent_runs a on a.workspace_id = s.workspace_id and a.id = s.agent_run_id
         where s.workspace_id = r.workspace_id and s.workflow_run_id = r.id and s.status = 'succeeded'
           and (s.successors = '{}' or :takes::jsonb ? s.key)) as outputs
  from tiktok_workflow_runs r where r.idempotency_key = :idempotency_key::text;

-- name: recent_run_of_workflow
-- The newest run of a workflow for the same account, brand and data set that succeeded, of those that began no longer
-- than so many seconds ago: what it read is as old as its beginning. None where the step that asks is the one that
-- somebody wants done again.
select r.id, r.status, r.workflow_slug, r.report_md, r.total_cost_usd, r.started_at,
       extract(epoch from now() - r.started_at)::float8 as age_s,
       (select jsonb_object_agg(s.key, coalesce(a.output_jsonb, s.output_jsonb))
          from tiktok_workflow_steps s
          left join tiktok_agent_runs a on a.workspace_id = s.workspace_id and a.id = s.agent_run_id
         where s.workspace_id = r.workspace_id and s.workflow_run_id = r.id and s.status = 'succeeded'
           and (s.successors = '{}' or :takes::jsonb ? s.key)) as outputs
  from tiktok_workflow_runs r
 where r.workflow_slug = :slug::text and r.status = 'succeeded'
   and r.started_at > now() - make_interval(secs => :within_s::float8)
   and not exists (select from tiktok_workflow_runs own
                    where own.id = :run_id::uuid and :key::text = any (own.forked_at_steps))
   and lower(ltrim(r.brief_jsonb ->> 'handle', '@')) is not distinct from :handle::text
   and r.brief_jsonb ->> 'brand_id' is not distinct from :brand_id::text
   and r.brief_jsonb ->> 'dataset' is not distinct from :dataset::text
 order by r.started_at desc limit 1;

-- name: earlier_sub_run
-- The newest run that a step of an earlier run had started: its journals may answer for the one that is started now.
select r.id from tiktok_workflow_steps e
  join tiktok_workflow_runs r on r.workspace_id = e.workspace_id and r.parent_run_id = e.workflow_run_id
                             and r.parent_step_id = e.id
 where e.id = :step_id::uuid order by r.started_at desc limit 1;

-- name: wait_for_sub_run
-- A claimed step has started a run: it holds no lease until that has ended, or its own time has. If the run has by now,
-- the step is queued again.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs where id = :run_id::uuid and status = 'running'
), sub_run as (
    select id, status from tiktok_workflow_runs where idempotency_key = :idempotency_key::text
), step as (
    update tiktok_workflow_steps s
       set status = case when sub_run.status = 'running' then 'waiting' else 'queued' end::step_status,
           leased_until = null, queued_at = case when sub_run.status = 'running' then s.queued_at else now() end,
           wait_until = s.started_at + make_interval(secs => (s.definition ->> 'timeout_s')::float8)
      from run, sub_run
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.attempt = :attempt::int
       and s.status = 'running' and s.cancel_requested_at is null
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt, s.status, s.wait_until,
              sub_run.id as sub_run_id
), asleep as (
    delete from tiktok_wake_ups w using step
     where step.status = 'waiting' and step.wait_until is null
       and w.workspace_id = step.workspace_id and w.step_id = :step_id::uuid
), waking as (
    update tiktok_wake_ups w set wake_at = step.wait_until, state = 'timed'
      from step
     where step.status = 'waiting' and step.wait_until is not null
       and w.workspace_id = step.workspace_id and w.step_id = :step_id::uuid
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from step where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'workflow_step.waiting',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', step.status, 'attempt', step.attempt, 'waits_for', 'the end of its run',
                              'wait_until', step.wait_until, 'sub_run_id', step.sub_run_id)
      from run, step
)
select id, attempt, status from step;

-- name: lock_parent
-- Sent with what may end a run inside of another one, just before wake_parent, in the same transaction.
select from tiktok_workflow_runs
 where id = (select parent_run_id from tiktok_workflow_runs where id = :run_id::uuid and status <> 'running')
   for no key update;

-- name: wake_parent
-- The run has ended: the step that waits for it is queued again, in the transaction that ended the run.
with ended as (
    select workspace_id, parent_run_id, parent_step_id from tiktok_workflow_runs
     where id = :run_id::uuid and status <> 'running' and parent_step_id is not null
), run as (
    select r.workspace_id, r.id, r.version from ended
      join tiktok_workflow_runs r on r.workspace_id = ended.workspace_id and r.id = ended.parent_run_id
     where r.status = 'running'
), step as (
    update tiktok_workflow_steps s set status = 'queued', queued_at = now(), not_before = null
      from run, ended
     where s.workspace_id = run.workspace_id and s.id = ended.parent_step_id and s.status = 'waiting'
       and s.agent_name = 'workflow'
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at)
    select workspace_id, id, workflow_run_id, now() + make_interval(secs => :grace_s::float8) from step
    on conflict (workspace_id, step_id) do update set wake_at = excluded.wake_at, state = 'admitted'
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1
      from step where r.workspace_id = step.workspace_id and r.id = step.workflow_run_id
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'workflow_step.woken',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'queued', 'attempt', step.attempt, 'woken_by', 'the end of its run')
      from run, step
)
select workflow_run_id as run_id, id, attempt from step;

-- name: wake_orphans
-- Sent with what ends a step or a run: of each run inside of it that nobody waits for any more one step is woken, however
-- it waits, and finds that out. Should the process die before it ends those runs itself, the sweep does it.
insert into tiktok_wake_ups as w (workspace_id, step_id, workflow_run_id, wake_at, state)
select distinct on (r.id) s.workspace_id, s.id, r.id, now() + make_interval(secs => :grace_s::float8), 'timed'
  from tiktok_workflow_runs r
  join tiktok_workflow_steps p on p.workspace_id = r.workspace_id and p.id = r.parent_step_id
  join tiktok_workflow_steps s on s.workspace_id = r.workspace_id and s.workflow_run_id = r.id
 where r.parent_run_id = :run_id::uuid and r.status = 'running' and r.cancel_requested_at is null
   and p.completed_at is not null and s.completed_at is null
 order by r.id, s.idx
on conflict (workspace_id, step_id) do update set wake_at = least(w.wake_at, excluded.wake_at), state = 'timed';

-- name: orphaned_runs
-- Runs inside of this one that go on although the steps that waited for them have ended.
select r.id from tiktok_workflow_runs r
  join tiktok_workflow_steps p on p.workspace_id = r.workspace_id and p.id = r.parent_step_id
 where r.parent_run_id = :run_id::uuid and r.status = 'running' and r.cancel_requested_at is null
   and p.completed_at is not null;
