-- What the drills read, as the owner, across the wall. The first queries count; those named wrong_* return what must
-- not be, so that no row is the right answer.

-- name: standing
select count(*) filter (where status = 'running') as open_runs, count(*) as runs,
       count(*) filter (where status = 'succeeded') as succeeded,
       (select coalesce(sum(attempt), 0)::int from tiktok_workflow_steps
         where workspace_id = :workspace_id::uuid) as attempts,
       (select count(*) from tiktok_workflow_steps
         where workspace_id = :workspace_id::uuid and status = 'succeeded') as steps_done,
       coalesce(sum(steps_open) filter (where status = 'running'), 0)::int as steps_open,
       (select count(*) from tiktok_workflow_steps
         where workspace_id = :workspace_id::uuid and status = 'waiting') as waiting,
       (select count(*) from tiktok_workflow_steps
         where workspace_id = :workspace_id::uuid and status = 'pending_approval') as at_gates,
       (select count(*) from tiktok_workflow_steps
         where workspace_id = :workspace_id::uuid and status = 'running') as at_work
  from tiktok_workflow_runs where workspace_id = :workspace_id::uuid;

-- name: calls
-- Every billable call of the workspace: what it cost us by our own books, and how the vendor may know it.
select c.outcome, c.label, c.provider_request_id, c.cost_usd, s.key, s.workflow_run_id as run_id, c.attempts,
       coalesce(c.user_prompt_sha256, encode(sha256(convert_to(c.user_prompt, 'UTF8')), 'hex')) as prompt_sha256
  from tiktok_agent_steps c
  join tiktok_workflow_steps s on s.workspace_id = c.workspace_id and s.id = c.step_id
 where c.workspace_id = :workspace_id::uuid and c.kind = 'llm_call'
 order by c.started_at, c.id;

-- name: steps
select s.id, s.workflow_run_id as run_id, s.key, s.status, s.attempt, s.failures, s.error_class, s.agent_name,
       r.definition_digest, r.status as run_status
  from tiktok_workflow_steps s
  join tiktok_workflow_runs r on r.workspace_id = s.workspace_id and r.id = s.workflow_run_id
 where s.workspace_id = :workspace_id::uuid;

-- name: attempts_lost
-- Attempts that ended without a word: their executor was killed, or stopped for longer than its lease.
select count(*) as n from tiktok_agent_runs
 where workspace_id = :workspace_id::uuid and status = 'failed' and error_message like 'the executor was lost%';

-- name: attempts_in_vain
-- Attempts that did not end their step, by what ended them.
select status, left(error_message, 120) as why, count(*) as n from tiktok_agent_runs
 where workspace_id = :workspace_id::uuid and status <> 'succeeded' group by 1, 2 order by 3 desc;

-- name: ends_of_runs
-- How each run ended, oldest first, and how long it took.
select id, status, error_message, extract(epoch from completed_at - started_at)::float8 as seconds
  from tiktok_workflow_runs where workspace_id = :workspace_id::uuid order by started_at, id;

-- name: definitions
select r.id, r.definition_digest, r.status, w.version, w.dag_jsonb,
       (select array_agg(s.key order by s.key) from tiktok_workflow_steps s
         where s.workspace_id = r.workspace_id and s.workflow_run_id = r.id) as keys
  from tiktok_workflow_runs r
  join tiktok_workflows w on w.workspace_id = r.workspace_id and w.digest = r.definition_digest
 where r.workspace_id = :workspace_id::uuid;

-- name: waits
-- How long each step stood ready before it was first claimed.
select extract(epoch from started_at - queued_at)::float8 as seconds from tiktok_workflow_steps
 where workspace_id = :workspace_id::uuid and started_at is not null;

-- name: effects
select id, run_id, kind, key, status, attempt, idempotency_key, error_message from tiktok_effects
 where workspace_id = :workspace_id::uuid;

-- name: received
-- What the steps that waited put out.
select s.workflow_run_id as run_id, a.output_jsonb ->> 'text' as received
  from tiktok_workflow_steps s
  join tiktok_agent_runs a on a.workspace_id = s.workspace_id and a.id = s.agent_run_id
 where s.workspace_id = :workspace_id::uuid and s.agent_name = 'drill_wait' and s.status = 'succeeded';

-- name: let_a_month_pass
-- Thirty days pass for what waits: no clock is shifted, its rows move back in time.
with step as (
    update tiktok_workflow_steps set wait_until = wait_until - interval '30 days'
     where workspace_id = :workspace_id::uuid and status = 'waiting' and wait_until is not null
    returning workspace_id, id
)
update tiktok_wake_ups w set wake_at = wake_at - interval '30 days'
  from step where w.workspace_id = step.workspace_id and w.step_id = step.id;

-- name: caps_now
select scope, scope_id, cap_usd, used_usd from tiktok_caps where workspace_id = :workspace_id::uuid;

-- name: make_room
-- For every executor, and for what each of them may want beside its first connection.
alter system set max_connections = 200;

-- name: limit_connections
alter system set max_connections = 20;

-- name: limit_reserved
alter system set superuser_reserved_connections = 3;

-- name: unlimit
alter system reset all;

-- name: tenant_tables
select c.relname as name from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r';

-- name: times_of_tenants
-- Where a moment stands that was decided here, now or soon. What the world told us, and when, is its own affair.
select c.relname as name, a.attname as column from pg_attribute a
  join pg_class c on c.oid = a.attrelid
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.atttypid = 'timestamptz'::regtype
   and not a.attisdropped and a.attname not in ('as_of', 'posted_at')
   and exists (select from pg_attribute w where w.attrelid = c.oid and w.attname = 'workspace_id');

-- name: gate_times
-- How long each gate that was ended by its time was open.
select extract(epoch from decided_at - created_at)::float8 as seconds from tiktok_gates
 where workspace_id = :workspace_id::uuid and expires_at is not null and status <> 'open';

-- name: wrong_i1_run_not_ended
select id, status, steps_open from tiktok_workflow_runs
 where workspace_id = :workspace_id::uuid and status = 'running';

-- name: wrong_i1_steps_open
-- A run that has ended has no step open, and counts none.
select r.id, r.steps_open,
       count(s.id) filter (where s.status not in ('succeeded', 'failed', 'skipped', 'cancelled')) as open
  from tiktok_workflow_runs r
  join tiktok_workflow_steps s on s.workspace_id = r.workspace_id and s.workflow_run_id = r.id
 where r.workspace_id = :workspace_id::uuid
 group by r.id, r.steps_open
having r.steps_open <> 0
    or count(s.id) filter (where s.status not in ('succeeded', 'failed', 'skipped', 'cancelled')) <> 0;

-- name: wrong_i2_terminal_event
-- Each step ends exactly once, by what its run's outbox tells.
select s.id, s.key, s.status, count(o.seq) as told
  from tiktok_workflow_steps s
  left join tiktok_outbox o on o.workspace_id = s.workspace_id and o.subject_id = s.workflow_run_id
       and o.payload->>'step_id' = s.id::text
       and o.kind in ('workflow_step.succeeded', 'workflow_step.failed', 'workflow_step.skipped',
                      'workflow_step.cancelled')
 where s.workspace_id = :workspace_id::uuid
 group by s.id, s.key, s.status
having count(o.seq) <> 1 or min(o.kind) <> 'workflow_step.' || s.status::text;

-- name: wrong_i2_told_after_end
-- Nothing happens to a step after its end; that somebody decided too late at its gate is told all the same.
with ends as (
    select subject_id, payload->>'step_id' as step_id, min(seq) as seq from tiktok_outbox
     where workspace_id = :workspace_id::uuid
       and kind in ('workflow_step.succeeded', 'workflow_step.failed', 'workflow_step.skipped',
                    'workflow_step.cancelled')
     group by 1, 2
)
select o.subject_id, o.seq, o.kind from tiktok_outbox o
  join ends on ends.subject_id = o.subject_id and ends.step_id = o.payload->>'step_id' and o.seq > ends.seq
 where o.workspace_id = :workspace_id::uuid and o.kind <> 'gate.decision_refused';

-- name: wrong_i2_agent_runs
-- One attempt of a step has succeeded, the last one; none is left running.
select s.id, s.key, count(a.id) filter (where a.status = 'succeeded') as succeeded,
       count(a.id) filter (where a.status = 'running') as running
  from tiktok_workflow_steps s
  join tiktok_agent_runs a on a.workspace_id = s.workspace_id and a.step_id = s.id
 where s.workspace_id = :workspace_id::uuid
 group by s.id, s.key, s.status, s.attempt, s.agent_run_id
having count(a.id) filter (where a.status = 'running') > 0
    or count(a.id) <> s.attempt
    or s.status = 'succeeded' and (count(a.id) filter (where a.status = 'succeeded') <> 1
       or not bool_or(a.status = 'succeeded' and a.id = s.agent_run_id and a.attempt = s.attempt));

-- name: wrong_i2_event_gaps
-- The events of a run are numbered 1, 2, 3, … up to its version.
select r.id, r.version, count(o.seq) as events, min(o.seq) as first, max(o.seq) as last
  from tiktok_workflow_runs r
  left join tiktok_outbox o on o.workspace_id = r.workspace_id and o.subject_id = r.id
 where r.workspace_id = :workspace_id::uuid
 group by r.id, r.version
having count(o.seq) <> r.version or min(o.seq) <> 1 or max(o.seq) <> r.version;

-- name: wrong_i3_early_start
-- No step begins before all it depends on has ended; a drill's own steps not before that has succeeded.
select s.id, s.key, d.key as before, d.status
  from tiktok_workflow_steps s
  join tiktok_workflow_steps d on d.workspace_id = s.workspace_id and d.workflow_run_id = s.workflow_run_id
       and d.key = any (s.depends_on)
 where s.workspace_id = :workspace_id::uuid and s.started_at is not null
   and (d.completed_at is null or d.completed_at > s.started_at
        or d.status <> 'succeeded' and s.agent_name like 'drill\_%');

-- name: wrong_i3_join_input
-- What a drill's step was given is exactly what each step before it put out.
select s.id, s.key, given.names, expected.names as wanted
  from tiktok_workflow_steps s
  join tiktok_agent_runs a on a.workspace_id = s.workspace_id and a.id = s.agent_run_id
 cross join lateral (
       select coalesce(jsonb_object_agg(e.key, e.value), '{}') as names
         from jsonb_each(a.input_jsonb) e where e.key like 'up\_%') given
 cross join lateral (
       select coalesce(jsonb_object_agg('up_' || d.key, o.output_jsonb->'text'), '{}') as names
         from tiktok_workflow_steps d
         join tiktok_agent_runs o on o.workspace_id = d.workspace_id and o.id = d.agent_run_id
        where d.workspace_id = s.workspace_id and d.workflow_run_id = s.workflow_run_id
          and d.key = any (s.depends_on)) expected
 where s.workspace_id = :workspace_id::uuid and s.agent_name like 'drill\_%' and s.status = 'succeeded'
   and given.names <> expected.names;

-- name: wrong_i4_paid_twice
-- A call that was paid for and written down is never paid for again.
select step_id, label, occurrence, count(*) as paid from tiktok_agent_steps
 where workspace_id = :workspace_id::uuid and outcome = 'paid' and kind = 'llm_call'
 group by step_id, label, call_digest, occurrence having count(*) > 1;

-- name: wrong_i4_call_left_open
select c.step_id, c.label, c.agent_run_id from tiktok_agent_steps c
  join tiktok_workflow_runs r on r.workspace_id = c.workspace_id and r.id = c.workflow_run_id
 where c.workspace_id = :workspace_id::uuid and c.outcome = 'started' and r.status <> 'running';

-- name: wrong_i4_doubt_without_loss
-- A call is in doubt only if the attempt that made it was lost, could not write the answer down, or was cut off when
-- its request's time was over.
select c.step_id, c.label, a.status, a.error_message from tiktok_agent_steps c
  join tiktok_agent_runs a on a.workspace_id = c.workspace_id and a.id = c.agent_run_id
 where c.workspace_id = :workspace_id::uuid and c.outcome = 'in_doubt' and a.status not in ('failed', 'skipped');

-- name: wrong_i5_run_total
-- A run's total is what its calls cost; what came in late, and was wasted, may be missing from it.
select r.id, r.total_cost_usd, sum(c.cost_usd) as of_calls
  from tiktok_workflow_runs r
  left join tiktok_agent_steps c on c.workspace_id = r.workspace_id and c.workflow_run_id = r.id
 where r.workspace_id = :workspace_id::uuid and r.status <> 'running'
 group by r.id, r.total_cost_usd
having coalesce(r.total_cost_usd, 0) > coalesce(sum(c.cost_usd), 0)
    or coalesce(r.total_cost_usd, 0) < coalesce(sum(c.cost_usd) filter (where c.outcome = 'paid'), 0);

-- name: wrong_wake_up_left
-- Nothing is left for the sweep to wake in a run that has ended.
select w.step_id from tiktok_wake_ups w
  join tiktok_workflow_runs r on r.workspace_id = w.workspace_id and r.id = w.workflow_run_id
 where w.workspace_id = :workspace_id::uuid and r.status <> 'running';

-- name: branches_close
-- Branches of a join (all share their key's number) that ended within a millisecond of another one.
with ends as (
    select completed_at - lag(completed_at) over of_join as since,
           lead(completed_at) over of_join - completed_at as until
      from tiktok_workflow_steps
     where workspace_id = :workspace_id::uuid and key like 'branch\_%'
    window of_join as (partition by workflow_run_id, split_part(key, '_', 2) order by completed_at)
)
select count(*) as branches, count(*) filter (where least(since, until) < interval '1 millisecond') as n from ends;

-- name: wrong_i5_over_cap
select scope, scope_id, cap_usd, used_usd from tiktok_caps
 where workspace_id = :workspace_id::uuid and used_usd > cap_usd;

-- name: wrong_i5_reservation_open
-- At rest no money is held for a call. For ads it is, until TikTok has said what they spent.
select l.id, l.reserved_usd, r.status from tiktok_ledger l
  join tiktok_workflow_runs r on r.workspace_id = l.workspace_id and r.id = l.run_id
 where l.workspace_id = :workspace_id::uuid and l.settled_usd is null and l.kind = 'model'
   and r.status <> 'running';

-- name: wrong_i5_counter
-- What a run's cap counts is what its ledger says.
select c.scope_id, c.used_usd, sum(coalesce(l.settled_usd, l.reserved_usd)) as of_ledger
  from tiktok_caps c
  left join tiktok_ledger l on l.workspace_id = c.workspace_id and l.run_id::text = c.scope_id and l.kind = 'model'
 where c.workspace_id = :workspace_id::uuid and c.scope = 'run'
 group by c.scope_id, c.used_usd
having c.used_usd <> coalesce(sum(coalesce(l.settled_usd, l.reserved_usd)), 0);

-- name: wrong_i10_gate_left
select g.id, g.title from tiktok_gates g
  join tiktok_workflow_runs r on r.workspace_id = g.workspace_id and r.id = g.run_id
 where g.workspace_id = :workspace_id::uuid and g.status = 'open' and r.status <> 'running';

-- name: wrong_i10_decided_once
-- A gate has one event that ends it, if it was decided; none, if it was not.
select g.id, g.title, g.status, count(o.seq) as ends from tiktok_gates g
  left join tiktok_outbox o on o.workspace_id = g.workspace_id and o.subject_id = g.run_id
       and o.kind in ('gate.approved', 'gate.rejected') and o.payload ->> 'gate_id' = g.id::text
       and o.payload ->> 'status' <> 'open'
 where g.workspace_id = :workspace_id::uuid
 group by g.id, g.title, g.status
having count(o.seq) <> case when g.status in ('approved', 'rejected') then 1 else 0 end;

-- name: wrong_i10_effect_left
select e.id, e.title, e.status from tiktok_effects e
  join tiktok_workflow_runs r on r.workspace_id = e.workspace_id and r.id = e.run_id
 where e.workspace_id = :workspace_id::uuid and r.status <> 'running' and e.status in ('released', 'doing');

-- name: wrong_i10_without_leave
-- Nothing was done that no gate approved.
select e.id, e.title, e.status, g.status as gate from tiktok_effects e
  left join tiktok_gates g on g.workspace_id = e.workspace_id and g.id = e.gate_id
 where e.workspace_id = :workspace_id::uuid and e.status in ('released', 'doing', 'done', 'unknown')
   and g.status is distinct from 'approved';

-- name: untold
-- Events that the audit or the mirror has not been told of.
select count(*)::int as untold from tiktok_outbox o
  left join tiktok_tellings t on t.workspace_id = o.workspace_id and t.subject_id = o.subject_id
 where o.workspace_id = :workspace_id::uuid
   and (t.subject_id is null or o.seq > least(t.published_seq, t.mirrored_seq));

-- name: event_ids
select subject_id || ':' || seq as event_id from tiktok_outbox where workspace_id = :workspace_id::uuid;

-- name: states
-- What the mirror is to show in the end: the path below the workspace, the status, and of a run its version.
select 'runs/' || id as path, status::text as status, version from tiktok_workflow_runs
 where workspace_id = :workspace_id::uuid
 union all
select 'runs/' || workflow_run_id || '/steps/' || key, status::text, null from tiktok_workflow_steps
 where workspace_id = :workspace_id::uuid;
