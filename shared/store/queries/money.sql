-- Money that model calls may spend. The worst case is reserved before a call and settled with its answer; each cap counts
-- what is reserved and what was spent, so no interleaving can exceed it. The ledger is the proof of the counters.

-- name: lock_spending
-- Sent first with whatever reserves or settles: no cap is set meanwhile.
select pg_advisory_xact_lock_shared(hashtextextended(:workspace_id::uuid::text, 2)) is null as is_locked;

-- name: lock_setting_caps
-- Sent first with set_cap: waits for what reserves or settles.
select pg_advisory_xact_lock(hashtextextended(:workspace_id::uuid::text, 2)) is null as is_locked;

-- name: open_day_cap
-- The day begins with the cap that the workspace set for each day, and with what the ledger says was spent on it.
insert into tiktok_caps (workspace_id, scope, scope_id, cap_usd, used_usd, set_by)
select base.workspace_id, 'workspace_day', today.day::text, base.cap_usd,
       (select coalesce(sum(coalesce(l.settled_usd, l.reserved_usd)), 0) from tiktok_ledger l
         where l.workspace_id = base.workspace_id and l.day = today.day and l.kind = 'model'), base.set_by
  from tiktok_caps base, (select (now() at time zone 'utc')::date as day) today
 where base.scope = 'workspace_day' and base.scope_id = ''
   and not exists (select from tiktok_caps c
                    where c.workspace_id = base.workspace_id and c.scope = 'workspace_day'
                      and c.scope_id = today.day::text)
on conflict (workspace_id, scope, scope_id) do nothing;

-- name: lock_caps
-- The caps that apply to a call of this step, in one order: reservations of one cap queue up here. Each is reached by its
-- whole key, here and below: a workspace has one for every run that was given a budget.
select c.scope, c.scope_id
  from tiktok_workflow_runs r
 cross join lateral (
       select 'step'::cap_scope as scope, :step_id::uuid::text as id
        union all select 'step', unnest(r.outer_step_ids)::text
        union all select 'run', coalesce(r.root_run_id, r.id)::text
        union all select 'brief', r.brief_id::text
        union all select 'workspace_day', (now() at time zone 'utc')::date::text) over_it
  join tiktok_caps c on c.workspace_id = r.workspace_id and c.scope = over_it.scope and c.scope_id = over_it.id
 where r.id = :run_id::uuid
 order by c.scope, c.scope_id for no key update of c;

-- name: reserve_call
-- Holds the worst case of a call under each cap that applies, or nothing at all. No row: it does not fit, or the step is
-- not ours.
with ours as (
    select s.workspace_id, s.id, r.id as run_id, coalesce(r.root_run_id, r.id) as root_run_id, r.brief_id,
           r.outer_step_ids
      from tiktok_workflow_steps s
      join tiktok_workflow_runs r on r.workspace_id = s.workspace_id and r.id = s.workflow_run_id
     where s.id = :step_id::uuid and s.attempt = :attempt::int and s.status = 'running'
       and s.cancel_requested_at is null
       for no key update of s -- a cancel comes before or behind the call, not between its money and its row
), cap as (
    select c.workspace_id, c.scope, c.scope_id, c.used_usd + :ceiling_usd::numeric <= c.cap_usd as fits
      from ours
     cross join lateral (
           select 'step'::cap_scope as scope, ours.id::text as id
            union all select 'step', unnest(ours.outer_step_ids)::text
            union all select 'run', ours.root_run_id::text
            union all select 'brief', ours.brief_id::text
            union all select 'workspace_day', (now() at time zone 'utc')::date::text) over_it
      join tiktok_caps c on c.workspace_id = ours.workspace_id and c.scope = over_it.scope and c.scope_id = over_it.id
), verdict as (
    select coalesce(bool_and(fits), true) as fits from cap
), held as (
    update tiktok_caps c set used_usd = c.used_usd + :ceiling_usd::numeric, updated_at = now()
      from cap, verdict
     where verdict.fits and c.workspace_id = cap.workspace_id and c.scope = cap.scope and c.scope_id = cap.scope_id
)
insert into tiktok_ledger (workspace_id, id, kind, agent_run_id, step_id, run_id, root_run_id, outer_step_ids, brief_id,
                           reserved_usd)
select ours.workspace_id, :reservation_id::uuid, 'model', :agent_run_id::uuid, ours.id, ours.run_id, ours.root_run_id,
       ours.outer_step_ids, ours.brief_id, :ceiling_usd::numeric
  from ours, verdict where verdict.fits
returning id;

-- name: reserve_more
-- A try of a call may be billed although no answer came: the next one holds as much again, or is not made. No row: it does
-- not fit.
with held_now as (
    select l.workspace_id, l.id, l.step_id, l.outer_step_ids, coalesce(l.root_run_id, l.run_id) as run_id, l.brief_id,
           l.day
      from tiktok_agent_steps c
      join tiktok_ledger l on l.workspace_id = c.workspace_id and l.id = c.reservation_id
     where c.agent_run_id = :agent_run_id::uuid and c.id = :id::uuid and l.settled_at is null
), cap as (
    select c.workspace_id, c.scope, c.scope_id, c.used_usd + :ceiling_usd::numeric <= c.cap_usd as fits
      from held_now h
     cross join lateral (
           select 'step'::cap_scope as scope, h.step_id::text as id
            union all select 'step', unnest(h.outer_step_ids)::text
            union all select 'run', h.run_id::text
            union all select 'brief', h.brief_id::text
            union all select 'workspace_day', h.day::text) over_it
      join tiktok_caps c on c.workspace_id = h.workspace_id and c.scope = over_it.scope and c.scope_id = over_it.id
), verdict as (
    select coalesce(bool_and(fits), true) as fits from cap
), held as (
    update tiktok_caps c set used_usd = c.used_usd + :ceiling_usd::numeric, updated_at = now()
      from cap, verdict
     where verdict.fits and c.workspace_id = cap.workspace_id and c.scope = cap.scope and c.scope_id = cap.scope_id
)
update tiktok_ledger l set reserved_usd = l.reserved_usd + :ceiling_usd::numeric
  from held_now h, verdict where verdict.fits and l.workspace_id = h.workspace_id and l.id = h.id
returning l.reserved_usd;

-- name: tightest_cap
-- Why a reservation did not fit: the cap with the least left, and whether open reservations may still give some back.
select c.scope, c.scope_id, c.cap_usd, c.used_usd,
       exists (select from tiktok_ledger l
                where l.workspace_id = c.workspace_id and l.settled_at is null and l.kind = 'model'
                  and (c.scope = 'step' and (l.step_id::text = c.scope_id or c.scope_id = any (l.outer_step_ids::text[]))
                       or c.scope = 'run' and coalesce(l.root_run_id, l.run_id)::text = c.scope_id
                       or c.scope = 'brief' and l.brief_id = r.brief_id
                       or c.scope = 'workspace_day' and l.day::text = c.scope_id)) as may_ease
  from tiktok_workflow_runs r
 cross join lateral (
       select 'step'::cap_scope as scope, :step_id::uuid::text as id
        union all select 'step', unnest(r.outer_step_ids)::text
        union all select 'run', coalesce(r.root_run_id, r.id)::text
        union all select 'brief', r.brief_id::text
        union all select 'workspace_day', (now() at time zone 'utc')::date::text) over_it
  join tiktok_caps c on c.workspace_id = r.workspace_id and c.scope = over_it.scope and c.scope_id = over_it.id
 where r.id = :run_id::uuid and c.used_usd + :ceiling_usd::numeric > c.cap_usd
 order by c.cap_usd - c.used_usd, c.scope limit 1;

-- name: settle_call
-- Sent with what ends a call, after it: its reservation becomes what it cost. What nobody can tell, counts whole. A late
-- answer to a call in doubt puts it right.
with call as (
    select l.workspace_id, l.id, coalesce(l.root_run_id, l.run_id) as run_id, l.step_id, l.outer_step_ids, l.brief_id,
           l.day,
           coalesce(l.settled_usd, l.reserved_usd) as was,
           case when c.outcome = 'in_doubt' then l.reserved_usd
                when c.cost_known then c.cost_usd else greatest(c.cost_usd, l.reserved_usd) end as is_now
      from tiktok_agent_steps c
      join tiktok_ledger l on l.workspace_id = c.workspace_id and l.id = c.reservation_id
     where c.agent_run_id = :agent_run_id::uuid and c.id = :id::uuid and c.outcome <> 'started'
), settled as (
    update tiktok_ledger l set settled_usd = call.is_now, settled_at = now()
      from call where l.workspace_id = call.workspace_id and l.id = call.id
)
update tiktok_caps c set used_usd = greatest(0, c.used_usd - call.was + call.is_now), updated_at = now()
  from call
 cross join lateral (
       select 'step'::cap_scope as scope, call.step_id::text as id
        union all select 'step', unnest(call.outer_step_ids)::text
        union all select 'run', call.run_id::text
        union all select 'brief', call.brief_id::text
        union all select 'workspace_day', call.day::text) over_it
 where call.was <> call.is_now and c.workspace_id = call.workspace_id and c.scope = over_it.scope
   and c.scope_id = over_it.id;

-- name: close_calls
-- Sent with what ends a step that was cut off: calls that were begun and never ended are in doubt, and count whole.
with ended as (
    select a.workspace_id, a.id from tiktok_agent_runs a
      join tiktok_workflow_steps s on s.workspace_id = a.workspace_id and s.id = a.step_id
     where a.id = :agent_run_id::uuid and (s.status <> 'running' or s.agent_run_id <> a.id)
), call as (
    update tiktok_agent_steps c set outcome = 'in_doubt', completed_at = now()
      from ended where c.workspace_id = ended.workspace_id and c.agent_run_id = ended.id and c.outcome = 'started'
    returning c.workspace_id, c.reservation_id
)
update tiktok_ledger l set settled_usd = l.reserved_usd, settled_at = now()
  from ended, tiktok_agent_steps c
 where c.workspace_id = ended.workspace_id and c.agent_run_id = ended.id and c.outcome in ('started', 'in_doubt')
   and l.workspace_id = c.workspace_id and l.id = c.reservation_id and l.settled_at is null;

-- name: cap_run
-- Sent with start_run: the caps of a run that was given a budget, of its brief, and of its steps.
with run as (
    select workspace_id, id, budget_usd, brief_id, created_by from tiktok_workflow_runs where id = :run_id::uuid
)
insert into tiktok_caps (workspace_id, scope, scope_id, cap_usd, used_usd, set_by)
select run.workspace_id, 'run'::cap_scope, run.id::text, run.budget_usd, 0, run.created_by
  from run where run.budget_usd is not null
union all
select run.workspace_id, 'brief', b.id::text, b.budget_usd,
       (select coalesce(sum(coalesce(l.settled_usd, l.reserved_usd)), 0) from tiktok_ledger l
         where l.workspace_id = b.workspace_id and l.brief_id = b.id and l.kind = 'model'), run.created_by
  from run join tiktok_briefs b on b.workspace_id = run.workspace_id and b.id = run.brief_id
 where b.budget_usd is not null
union all
select run.workspace_id, 'step', s.id::text, (s.definition ->> 'budget_usd')::numeric, 0, run.created_by
  from run join tiktok_workflow_steps s on s.workspace_id = run.workspace_id and s.workflow_run_id = run.id
 where :has_step_caps::boolean and s.definition ->> 'budget_usd' is not null
on conflict (workspace_id, scope, scope_id) do nothing;

-- name: set_cap
-- Sets a cap, or another one. What was used under it comes from the ledger the first time, and is counted from then on.
insert into tiktok_caps (workspace_id, scope, scope_id, cap_usd, used_usd, set_by)
select :workspace_id::uuid, :scope::cap_scope, :scope_id::text, :cap_usd::numeric,
       (select coalesce(sum(coalesce(l.settled_usd, l.reserved_usd)), 0) from tiktok_ledger l
         where l.workspace_id = :workspace_id::uuid and l.kind = 'model'
           and (:scope::text = 'step'
                and (l.step_id::text = :scope_id::text or :scope_id::text = any (l.outer_step_ids::text[]))
                or :scope::text = 'run' and coalesce(l.root_run_id, l.run_id)::text = :scope_id::text
                or :scope::text = 'brief' and l.brief_id::text = :scope_id::text
                or :scope::text = 'workspace_day' and l.day::text = :scope_id::text)), :set_by::text
on conflict (workspace_id, scope, scope_id) do update
   set cap_usd = excluded.cap_usd, set_by = excluded.set_by, updated_at = now()
returning scope, scope_id, cap_usd, used_usd;

-- name: raise_cap
-- Sent with the decision at a gate: a budget gate that was approved raises its cap to what was said.
update tiktok_caps c set cap_usd = g.released_usd, set_by = :by::text, updated_at = now()
  from tiktok_gates g
 where g.id = :gate_id::uuid and g.kind = 'budget' and g.status = 'approved' and c.workspace_id = g.workspace_id
   and c.scope = (g.proposal ->> 'cap')::cap_scope and c.scope_id = g.proposal ->> 'cap_id'
   and c.cap_usd < g.released_usd
returning c.cap_usd;

-- name: set_today_cap
-- Sent with set_cap of what each day begins with: today has begun already, if it has a row.
update tiktok_caps set cap_usd = :cap_usd::numeric, set_by = :set_by::text, updated_at = now()
 where scope = 'workspace_day' and scope_id = (now() at time zone 'utc')::date::text;

-- name: caps
-- The workspace's own caps, today's use, and the caps of the run that was asked for.
-- Of a day of ads also what the vendor says was spent.
select c.scope, c.scope_id, c.cap_usd, c.used_usd, c.set_by, c.updated_at,
       case when c.scope = 'ad_day' and c.scope_id <> '' then
           (select coalesce(sum(coalesce(l.settled_usd, l.seen_usd)), 0) from tiktok_ledger l
             where l.workspace_id = c.workspace_id and l.day::text = c.scope_id and l.kind = 'ad_spend') end as spent_usd
  from tiktok_caps c
 where c.scope in ('workspace_day', 'ad_day')
   and (c.scope_id = '' or c.scope_id = (now() at time zone 'utc')::date::text)
 order by c.scope, c.scope_id;

-- name: caps_of_run
select c.scope, c.scope_id, c.cap_usd, c.used_usd, c.set_by, c.updated_at
  from tiktok_workflow_runs r
  join tiktok_caps c on c.workspace_id = r.workspace_id
   and (c.scope = 'run' and c.scope_id = coalesce(r.root_run_id, r.id)::text or c.scope = 'brief' and c.scope_id = r.brief_id::text)
 where r.id = :run_id::uuid order by c.scope;

-- name: is_budget_refused
-- A person has said no to more money for this step.
select id from tiktok_gates
 where step_id = :step_id::uuid and kind = 'budget' and status = 'rejected' limit 1;

-- name: calls_to_prove
-- Every call of a run, with the raw counters that its cost is computed from.
select c.id, s.key, s.idx as step_idx, a.attempt, c.idx, c.kind, c.label, c.outcome, c.model, c.input_tokens,
       c.output_tokens, c.cache_read_tokens, c.cache_write_tokens, c.cache_write_1h_tokens, c.cost_usd, c.cost_known,
       c.price_version, c.provider_request_id, c.reused_from, c.note, c.attempts, l.reserved_usd, l.settled_usd
  from tiktok_agent_steps c
  join tiktok_agent_runs a on a.workspace_id = c.workspace_id and a.id = c.agent_run_id
  join tiktok_workflow_steps s on s.workspace_id = c.workspace_id and s.id = c.step_id
  left join tiktok_ledger l on l.workspace_id = c.workspace_id and l.id = c.reservation_id
 where c.workflow_run_id = :run_id::uuid
   and (c.kind = 'llm_call' or c.cost_usd <> 0 or c.outcome in ('in_doubt', 'wasted') or l.id is not null)
 order by s.idx, a.attempt, c.idx;

-- name: books_of_run
-- What the rows of a run say that its steps cost, beside the sums of their calls. `timely_usd` leaves out answers that
-- came after their step had ended: no total has them.
select r.status as run_status, r.total_cost_usd, s.key, s.idx, s.status, s.cost_usd, c.calls_usd, c.timely_usd
  from tiktok_workflow_runs r
  join tiktok_workflow_steps s on s.workspace_id = r.workspace_id and s.workflow_run_id = r.id
 cross join lateral (
       select coalesce(sum(c.cost_usd), 0) as calls_usd,
              coalesce(sum(c.cost_usd) filter (where c.completed_at <= s.completed_at), 0) as timely_usd
         from tiktok_agent_steps c
        where c.workspace_id = s.workspace_id and c.workflow_run_id = s.workflow_run_id and c.step_id = s.id) c
 where r.id = :run_id::uuid order by s.idx;

-- name: caps_to_prove
-- Each cap that counts what this run reserved, beside the sum of the ledger that it stands for.
with run as (
    select workspace_id, id, coalesce(root_run_id, id) as root_run_id, outer_step_ids, brief_id
      from tiktok_workflow_runs where id = :run_id::uuid
), days as (
    select distinct l.workspace_id, l.kind, l.day from run join tiktok_ledger l on l.workspace_id = run.workspace_id
       and l.run_id = run.id
)
select c.scope, c.scope_id, c.cap_usd, c.used_usd, l.ledger_usd
  from run join tiktok_caps c on c.workspace_id = run.workspace_id
 cross join lateral (
       select coalesce(sum(coalesce(l.settled_usd, l.reserved_usd)), 0) as ledger_usd from tiktok_ledger l
        where l.workspace_id = c.workspace_id and l.kind = case when c.scope = 'ad_day' then 'ad_spend' else 'model'
                                                           end::ledger_kind
          and (c.scope = 'step' and coalesce(l.root_run_id, l.run_id) = run.root_run_id
                   and (l.step_id::text = c.scope_id or c.scope_id = any (l.outer_step_ids::text[]))
               or c.scope = 'run' and coalesce(l.root_run_id, l.run_id)::text = c.scope_id
               or c.scope = 'brief' and l.brief_id = run.brief_id
               or c.scope in ('workspace_day', 'ad_day') and l.day::text = c.scope_id)) l
 where c.scope = 'run' and c.scope_id = run.root_run_id::text or c.scope = 'brief' and c.scope_id = run.brief_id::text
    or c.scope = 'step' and c.scope_id in (select s.id::text from tiktok_workflow_steps s
                                            where s.workspace_id = run.workspace_id and s.workflow_run_id = run.id)
    or c.scope = 'step' and c.scope_id = any (run.outer_step_ids::text[])
    or c.scope = 'workspace_day' and c.scope_id in (select day::text from days where kind = 'model')
    or c.scope = 'ad_day' and c.scope_id in (select day::text from days where kind = 'ad_spend')
 order by c.scope, c.scope_id;

-- name: ledger_of_run
select kind, count(*) as rows, sum(reserved_usd) as reserved_usd, coalesce(sum(settled_usd), 0) as settled_usd,
       count(*) filter (where settled_at is null) as open_rows,
       coalesce(sum(reserved_usd) filter (where settled_at is null), 0) as open_usd
  from tiktok_ledger where run_id = :run_id::uuid group by kind order by kind;
