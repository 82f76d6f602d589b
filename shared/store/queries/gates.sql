-- Gates: an approval is asked for, decided once, and what it releases is let go in the same statement. Each move is sent
-- just after lock_run, so that a decision, a cancel and an expiry of one run happen one after another.

-- name: gate_of_step
-- The newest gate of a step, and what became of the effects that it released.
select g.id, g.kind, g.status, g.decisions, g.amount_usd, g.released_usd, g.digest, g.expires_at, g.on_expiry,
       (select jsonb_agg(jsonb_build_object('id', e.id, 'key', e.key, 'kind', e.kind, 'title', e.title,
                                            'status', e.status, 'amount_usd', e.amount_usd::text,
                                            'released_usd', e.released_usd::text, 'receipt', e.receipt,
                                            'error', e.error_message) order by e.place, e.id)
          from tiktok_effects e where e.workspace_id = g.workspace_id and e.gate_id = g.id) as effects
  from tiktok_gates g where g.step_id = :step_id::uuid and g.kind = 'approval'
 order by g.created_at desc, g.id desc limit 1;

-- name: effects_to_gate
-- What the steps before a gate have proposed, and no gate shows yet. The items of a for_each step count as its own.
select e.id, e.key, e.kind, e.title, e.payload, e.amount_usd, s.key as step
  from jsonb_array_elements_text(:step_ids::jsonb) with ordinality as source(id, place)
  join tiktok_workflow_steps s on s.workflow_run_id = :run_id::uuid
                              and (s.id = source.id::uuid or s.parent_step_id = source.id::uuid)
  join tiktok_effects e on e.workspace_id = s.workspace_id and e.step_id = s.id
 where e.status = 'proposed' and e.gate_id is null
 order by source.place, s.idx, e.place;

-- name: open_gate
-- Asks for a decision: the step gives its lease back and waits for a person, without a task. Only the end of its time,
-- or of the gate's, or a reminder, is left to the sweep.
with run as (
    select workspace_id, id, version, created_by from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running'
), calls as (
    select coalesce(sum(c.cost_usd), 0) as cost_usd
      from (select :run_id::uuid as id union all
            select id from tiktok_workflow_runs where parent_run_id = :run_id::uuid) ours -- and those inside of it
      join tiktok_agent_steps c on c.workflow_run_id = ours.id
), step as (
    update tiktok_workflow_steps s
       set status = 'pending_approval', leased_until = null,
           wait_until = s.started_at + make_interval(secs => (s.definition ->> 'timeout_s')::float8)
      from run
     where s.workspace_id = run.workspace_id and s.id = :step_id::uuid and s.attempt = :attempt::int
       and s.status = 'running' and s.cancel_requested_at is null
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt, s.wait_until
), agent_run as (
    update tiktok_agent_runs a
       set status = 'skipped', completed_at = now(), error_message = :told::text
      from step where a.workspace_id = step.workspace_id and a.id = :agent_run_id::uuid and a.status = 'running'
), gate as (
    insert into tiktok_gates (workspace_id, id, run_id, step_id, kind, title, proposal, digest, amount_usd,
                              cost_so_far_usd, requested_by, role, quorum, self_approval, up_to_usd, on_expiry,
                              expires_at, remind_every_s)
    select step.workspace_id, :gate_id::uuid, run.id, step.id, :kind::gate_kind, :title::text, :proposal::jsonb,
           :digest::text, :amount_usd::numeric, calls.cost_usd, run.created_by, :role::text, :quorum::int,
           :self_approval::boolean, :up_to_usd::numeric, :on_expiry::gate_expiry,
           now() + make_interval(secs => :expires_in_s::float8), :remind_every_s::bigint
      from step, run, calls
    returning workspace_id, id, step_id, expires_at, remind_every_s, created_at
), bound as (
    update tiktok_effects e set gate_id = gate.id
      from gate
     where e.workspace_id = gate.workspace_id and e.gate_id is null and e.status = 'proposed'
       and e.id in (select value::uuid from jsonb_array_elements_text(:effect_ids::jsonb))
), due as (
    select gate.workspace_id, gate.step_id,
           least(gate.expires_at, gate.created_at + make_interval(secs => gate.remind_every_s::float8),
                 step.wait_until) as at
      from gate, step
), waking as (
    update tiktok_wake_ups w set wake_at = due.at, state = 'timed'
      from due where w.workspace_id = due.workspace_id and w.step_id = due.step_id and due.at is not null
), asleep as (
    delete from tiktok_wake_ups w using due
     where w.workspace_id = due.workspace_id and w.step_id = due.step_id and due.at is null
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from step where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'workflow_step.pending_approval',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'pending_approval', 'attempt', step.attempt, 'gate_id', :gate_id::uuid,
                              'gate_kind', :kind::text, 'title', :title::text, 'digest', :digest::text,
                              'amount_usd', :amount_usd::numeric, 'proposal', :proposal::jsonb)
      from run, step
)
select id, expires_at from gate;

-- name: decide_gate
-- One person's decision, as a compare-and-set on the gate and the digest of what it showed. The last one that is needed
-- ends the gate: what it releases is released in order, as far as the money goes; then the step goes on when that is
-- done. No row: decided before, changed since, by this person already, or the run has ended.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running' and cancel_requested_at is null
), seen as (
    select g.workspace_id, g.id, g.step_id, g.quorum, g.amount_usd,
           1 + count(d) filter (where d ->> 'decision' = 'approve' and d ->> 'digest' = g.digest) as approvals,
           coalesce(bool_or(d ->> 'by' = :by::text and d ->> 'digest' = g.digest), false) as is_repeat,
           least(g.amount_usd, :up_to_usd::numeric,
                 min((d ->> 'up_to_usd')::numeric) filter (where d ->> 'digest' = g.digest)) as released_usd
      from run join tiktok_gates g on g.workspace_id = run.workspace_id and g.run_id = run.id
      left join lateral jsonb_array_elements(g.decisions) d on true
     where g.id = :gate_id::uuid and g.status = 'open' and g.digest = :digest::text
     group by g.workspace_id, g.id
), gate as (
    update tiktok_gates g
       set decisions = g.decisions || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
               'by', :by::text, 'decision', :decision::text, 'at', now(), 'note', :note::text, 'digest', g.digest,
               'up_to_usd', :up_to_usd::numeric))),
           status = case when :decision::text = 'reject' then 'rejected'
                         when seen.approvals >= seen.quorum or :quorum_is_met::boolean then 'approved'
                         else 'open' end::gate_status,
           decided_at = case when :decision::text = 'reject' or seen.approvals >= seen.quorum or :quorum_is_met::boolean
                             then now() end,
           released_usd = case when :decision::text = 'approve'
                                    and (seen.approvals >= seen.quorum or :quorum_is_met::boolean)
                               then seen.released_usd end
      from seen
     where g.workspace_id = seen.workspace_id and g.id = seen.id and g.status = 'open' and g.digest = :digest::text
       and not seen.is_repeat
    returning g.workspace_id, g.id, g.run_id, g.step_id, g.status, g.released_usd, g.digest, g.kind, g.title,
              seen.approvals, g.quorum
), escrow as (
    select e.workspace_id, e.id, coalesce(e.amount_usd, 0) as amount_usd,
           coalesce(sum(e.amount_usd) over (order by e.place, e.id), 0) - coalesce(e.amount_usd, 0) as before
      from gate join tiktok_effects e on e.workspace_id = gate.workspace_id and e.gate_id = gate.id
     where e.status = 'proposed' and gate.status <> 'open'
), let_go as (
    select escrow.*, gate.status = 'approved'
                     and (escrow.amount_usd = 0 or gate.released_usd > escrow.before) as is_released,
           least(escrow.amount_usd, gate.released_usd - escrow.before) as released_usd
      from escrow, gate
), effect as (
    update tiktok_effects e
       set status = case when let_go.is_released then 'released' else 'refused' end::effect_status,
           released_usd = case when let_go.is_released and e.amount_usd is not null then let_go.released_usd end,
           released_at = case when let_go.is_released then now() end,
           completed_at = case when not let_go.is_released then now() end,
           wake_at = case when let_go.is_released then now() + make_interval(secs => :grace_s::float8) end,
           error_class = case when not let_go.is_released then 'not_released' end,
           error_message = case when let_go.is_released then null
                                when gate.status = 'approved' then 'above the amount that was approved'
                                else 'rejected by ' || :by::text end
      from let_go, gate
     where e.workspace_id = let_go.workspace_id and e.id = let_go.id
    returning e.workspace_id, e.id, e.key, e.kind, e.title, e.status, e.attempt, e.place, e.released_usd
), step as (
    update tiktok_workflow_steps s
       set status = case when exists (select from effect where effect.status = 'released')
                         then 'waiting' else 'queued' end::step_status,
           queued_at = now(), wake_key = null, wait_until = null
      from gate
     where s.workspace_id = gate.workspace_id and s.id = gate.step_id and s.status = 'pending_approval'
       and gate.status <> 'open'
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.attempt, s.status
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at)
    select workspace_id, id, workflow_run_id, now() + make_interval(secs => :grace_s::float8)
      from step where status = 'queued'
    on conflict (workspace_id, step_id) do update set wake_at = excluded.wake_at, state = 'admitted'
), asleep as (
    delete from tiktok_wake_ups w using step
     where step.status = 'waiting' and w.workspace_id = step.workspace_id and w.step_id = step.id
), events as (
    select 1 as place, 0 as idx,
           case when :decision::text = 'reject' then 'gate.rejected' else 'gate.approved' end as kind,
           jsonb_build_object('gate_id', gate.id, 'step_id', gate.step_id, 'title', gate.title, 'status', gate.status,
                              'by', :by::text, 'note', :note::text, 'digest', gate.digest,
                              'approvals', gate.approvals, 'quorum', gate.quorum,
                              'released_usd', gate.released_usd) as payload
      from gate
    union all
    select 2, effect.place, case effect.status when 'released' then 'effect.released' else 'effect.refused' end,
           jsonb_build_object('effect_id', effect.id, 'key', effect.key, 'effect_kind', effect.kind,
                              'title', effect.title, 'status', effect.status, 'released_usd', effect.released_usd)
      from effect
), moved as (
    update tiktok_workflow_runs r set version = r.version + (select count(*) from events)::int
      from gate where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + (row_number() over (order by place, idx))::int, kind, payload
      from events, run
)
select gate.status, gate.approvals, gate.quorum, gate.released_usd, step.status as step_status, step.attempt,
       (select jsonb_agg(effect.id order by effect.place) from effect where effect.status = 'released') as released
  from gate left join step on true;

-- name: revise_gate
-- Another proposal under the same gate: decisions so far are void, since they name the older digest.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running' and cancel_requested_at is null
), older as (
    select g.workspace_id, g.id, g.step_id, g.revision, g.proposal, g.digest
      from run join tiktok_gates g on g.workspace_id = run.workspace_id and g.run_id = run.id
     where g.id = :gate_id::uuid and g.status = 'open' and g.kind = 'approval' and g.digest = :digest::text
), kept as (
    insert into tiktok_gate_revisions (workspace_id, gate_id, revision, proposal, digest, revised_by)
    select workspace_id, id, revision, proposal, digest, :by::text from older
), effect as (
    update tiktok_effects e
       set payload = new.payload, amount_usd = new.amount_usd, title = new.title, digest = new.digest
      from older, jsonb_to_recordset(:effects::jsonb) as new(id uuid, payload jsonb, amount_usd numeric, title text,
                                                             digest text)
     where e.workspace_id = older.workspace_id and e.id = new.id and e.gate_id = older.id and e.status = 'proposed'
), gate as (
    update tiktok_gates g
       set proposal = :proposal::jsonb, digest = :new_digest::text, revision = g.revision + 1,
           amount_usd = :amount_usd::numeric
      from older where g.workspace_id = older.workspace_id and g.id = older.id
    returning g.id, g.step_id, g.revision, g.digest, g.title, g.amount_usd
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from gate where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'gate.revised',
           jsonb_build_object('gate_id', gate.id, 'step_id', gate.step_id, 'title', gate.title, 'by', :by::text,
                              'revision', gate.revision, 'digest', gate.digest, 'amount_usd', gate.amount_usd)
      from gate, run
)
select id, revision, digest from gate;

-- name: remind_of_gate
-- An open gate whose reminder is due: counts it, says so as an alert, and sets the next look.
with gate as (
    update tiktok_gates g set reminders = g.reminders + 1
      from tiktok_workflow_runs r
     where g.id = :gate_id::uuid and g.status = 'open' and g.reminders = :reminders::int
       and r.workspace_id = g.workspace_id and r.id = :run_id::uuid and r.id = g.run_id and r.status = 'running'
       and g.created_at + make_interval(secs => (g.reminders + 1) * g.remind_every_s::float8) <= now()
    returning g.workspace_id, g.id, g.run_id, g.step_id, g.title, g.created_at, g.expires_at, g.remind_every_s,
              g.reminders
), alert as (
    insert into tiktok_alerts (workspace_id, id, run_id, agent_name, kind, severity, title, evidence, dedupe_key)
    select workspace_id, :alert_id::uuid, run_id, 'approval_gate', 'approval_waiting', 'medium',
           'Still waiting for a decision: ' || title,
           jsonb_build_object('gate_id', id, 'step_id', step_id, 'open_since', created_at, 'reminder', reminders),
           'gate:' || id || ':reminder:' || reminders
      from gate
    on conflict (workspace_id, dedupe_key) do nothing
)
update tiktok_wake_ups w
   set wake_at = least(gate.expires_at,
                       gate.created_at + make_interval(secs => (gate.reminders + 1) * gate.remind_every_s::float8),
                       (select s.wait_until from tiktok_workflow_steps s
                         where s.workspace_id = gate.workspace_id and s.id = gate.step_id))
  from gate where w.workspace_id = gate.workspace_id and w.step_id = gate.step_id
returning w.wake_at;

-- name: escalate_gate
-- Its time is over, and from now on only an owner may decide. It does not expire again.
with gate as (
    update tiktok_gates g set role = 'owner', expires_at = null, on_expiry = null
      from tiktok_workflow_runs r
     where g.id = :gate_id::uuid and g.status = 'open' and g.on_expiry = 'escalate' and g.expires_at <= now()
       and r.workspace_id = g.workspace_id and r.id = :run_id::uuid and r.id = g.run_id and r.status = 'running'
    returning g.workspace_id, g.id, g.run_id, g.step_id, g.title, g.created_at, g.reminders, g.remind_every_s,
              r.version
), due as (
    select gate.workspace_id, gate.step_id,
           least(gate.created_at + make_interval(secs => (gate.reminders + 1) * gate.remind_every_s::float8),
                 s.wait_until) as at
      from gate join tiktok_workflow_steps s on s.workspace_id = gate.workspace_id and s.id = gate.step_id
), alert as (
    insert into tiktok_alerts (workspace_id, id, run_id, agent_name, kind, severity, title, evidence, dedupe_key)
    select workspace_id, :alert_id::uuid, run_id, 'approval_gate', 'approval_escalated', 'high',
           'Nobody decided in time; an owner has to: ' || title,
           jsonb_build_object('gate_id', id, 'step_id', step_id, 'open_since', created_at), 'gate:' || id || ':escalated'
      from gate
    on conflict (workspace_id, dedupe_key) do nothing
), waking as (
    update tiktok_wake_ups w set wake_at = due.at
      from due where w.workspace_id = due.workspace_id and w.step_id = due.step_id and due.at is not null
), asleep as (
    delete from tiktok_wake_ups w using due
     where w.workspace_id = due.workspace_id and w.step_id = due.step_id and due.at is null
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from gate where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, run_id, version + 1, 'gate.escalated',
           jsonb_build_object('gate_id', id, 'step_id', step_id, 'title', title, 'role', 'owner')
      from gate
)
select id from gate;

-- name: close_gates
-- Sent with what ends a run or begins its end: open gates are closed, what was only proposed or released is refused. What
-- an earlier attempt has begun at the vendor is not known to be undone: a person looks.
with run as (
    select workspace_id, id from tiktok_workflow_runs
     where id = :run_id::uuid and (status <> 'running' or cancel_requested_at is not null)
), gate as (
    update tiktok_gates g set status = 'cancelled', decided_at = now()
      from run where g.workspace_id = run.workspace_id and g.run_id = run.id and g.status = 'open'
), effect as (
    update tiktok_effects e
       set status = case when e.progress = '{}' then 'refused' else 'unknown' end::effect_status,
           completed_at = case when e.progress = '{}' then now() end, wake_at = null, not_before = null,
           error_class = case when e.progress = '{}' then 'not_released' else 'run_ended' end,
           error_message = case when e.progress = '{}' then 'the run ended before this was done'
                                else 'the run ended while this was begun: look at the vendor' end
      from run
     where e.workspace_id = run.workspace_id and e.run_id = run.id and e.status in ('proposed', 'released')
    returning e.workspace_id, e.id, e.run_id, e.title, e.status, e.attempt, e.error_message
), alert as (
    insert into tiktok_alerts (workspace_id, id, run_id, agent_name, kind, severity, title, evidence, dedupe_key)
    select workspace_id, gen_random_uuid(), run_id, 'effects', 'effect_unknown', 'high',
           'Nobody can tell whether this happened: ' || title,
           jsonb_build_object('effect_id', id, 'error', error_message), 'effect:' || id || ':unknown:' || attempt
      from effect where status = 'unknown'
    on conflict (workspace_id, dedupe_key) do nothing
)
select id from run;

-- name: due_gate
-- The open gate of a step, with what is due about it.
select g.id, g.digest, g.on_expiry, g.reminders, g.expires_at <= now() as is_expired,
       g.created_at + make_interval(secs => (g.reminders + 1) * g.remind_every_s::float8) <= now() as is_to_remind,
       s.wait_until <= now() as is_timed_out
  from tiktok_gates g join tiktok_workflow_steps s on s.workspace_id = g.workspace_id and s.id = g.step_id
 where g.step_id = :step_id::uuid and g.status = 'open';

-- name: time_out_gate
-- The time of a step is over while its gate is open: nobody is asked any more, what would have been released is refused,
-- and the step is queued again, to fail.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running' and cancel_requested_at is null
), gate as (
    update tiktok_gates g set status = 'cancelled', decided_at = now()
      from run
     where g.workspace_id = run.workspace_id and g.run_id = run.id and g.id = :gate_id::uuid and g.status = 'open'
       and exists (select from tiktok_workflow_steps s
                    where s.workspace_id = g.workspace_id and s.id = g.step_id and s.wait_until <= now())
    returning g.workspace_id, g.id, g.step_id
), effect as (
    update tiktok_effects e
       set status = 'refused', completed_at = now(), error_class = 'not_released',
           error_message = 'nobody decided before the time of the step was over'
      from gate
     where e.workspace_id = gate.workspace_id and e.gate_id = gate.id and e.status = 'proposed'
), step as (
    update tiktok_workflow_steps s set status = 'queued', queued_at = now(), not_before = null
      from gate
     where s.workspace_id = gate.workspace_id and s.id = gate.step_id and s.status = 'pending_approval'
    returning s.workspace_id, s.id, s.workflow_run_id, s.key, s.label, s.agent_name, s.attempt
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at)
    select workspace_id, id, workflow_run_id, now() + make_interval(secs => :grace_s::float8) from step
    on conflict (workspace_id, step_id) do update set wake_at = excluded.wake_at, state = 'admitted'
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from step where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'workflow_step.woken',
           jsonb_build_object('step_id', step.id, 'key', step.key, 'label', step.label, 'agent_name', step.agent_name,
                              'status', 'queued', 'attempt', step.attempt, 'woken_by', 'the end of its time')
      from run, step
)
select id from step;

-- name: gate_of_decision
-- What a decision needs to know of a gate, by the id of its step: the open one, or else the newest.
select g.id, g.run_id, g.step_id, g.kind, g.status, g.digest, g.proposal, g.amount_usd, g.role, g.quorum,
       g.self_approval, g.up_to_usd, g.requested_by, g.decisions, g.revision, r.status as run_status,
       r.cancel_requested_at, r.brief_id,
       (select v.proposal from tiktok_gate_revisions v
         where v.workspace_id = g.workspace_id and v.gate_id = g.id and v.digest = :digest::text
         order by v.revision desc limit 1) as proposal_seen
  from tiktok_gates g
  join tiktok_workflow_runs r on r.workspace_id = g.workspace_id and r.id = g.run_id
 where g.step_id = :step_id::uuid
 order by (g.status = 'open') desc, g.created_at desc limit 1;

-- name: gates_newest_first
-- The approval queue: open gates of active runs, or those of another status. Of one run: also of those inside of it.
select g.id, g.run_id, g.step_id, s.key as step_key, g.kind, g.status, g.title, g.proposal, g.digest, g.revision,
       g.amount_usd, g.released_usd, g.cost_so_far_usd, g.requested_by, g.role, g.quorum, g.self_approval, g.up_to_usd,
       g.decisions, g.on_expiry, g.expires_at, g.reminders, g.created_at, g.decided_at, r.workflow_slug,
       r.brief_jsonb ->> 'handle' as handle
  from tiktok_gates g
  join tiktok_workflow_runs r on r.workspace_id = g.workspace_id and r.id = g.run_id
  join tiktok_workflow_steps s on s.workspace_id = g.workspace_id and s.id = g.step_id
 where g.status = :status::gate_status
   and (:run_id::uuid is null or g.run_id = :run_id::uuid or r.root_run_id = :run_id::uuid)
   and (:before::timestamptz is null or g.created_at < :before::timestamptz)
 order by g.created_at desc, g.id desc limit :limit::int;

-- name: tell_refused_decision
-- For the audit: who wanted to decide what at a gate, and why that was refused. Nothing else changes.
with run as (
    update tiktok_workflow_runs set version = version + 1 where id = :run_id::uuid returning workspace_id, id, version
)
insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
select workspace_id, id, version, 'gate.decision_refused',
       jsonb_strip_nulls(jsonb_build_object(
           'gate_id', :gate_id::uuid, 'step_id', :step_id::uuid, 'by', :by::text, 'asked', :asked::text,
           'digest', :digest::text, 'refused_as', :refused_as::text, 'reason', :reason::text))
  from run
returning seq;

-- name: gate_shown
-- The approval of a step, whole: the open one, or else the newest.
select g.id, g.run_id, g.step_id, s.key as step_key, g.kind, g.status, g.title, g.proposal, g.digest, g.revision,
       g.amount_usd, g.released_usd, g.cost_so_far_usd, g.requested_by, g.role, g.quorum, g.self_approval, g.up_to_usd,
       g.decisions, g.on_expiry, g.expires_at, g.reminders, g.created_at, g.decided_at, r.workflow_slug,
       r.brief_jsonb ->> 'handle' as handle, r.status as run_status,
       s.definition ->> 'target_output_field' as leads_with
  from tiktok_gates g
  join tiktok_workflow_runs r on r.workspace_id = g.workspace_id and r.id = g.run_id
  join tiktok_workflow_steps s on s.workspace_id = g.workspace_id and s.id = g.step_id
 where g.step_id = :step_id::uuid
 order by (g.status = 'open') desc, g.created_at desc, g.id desc limit 1;

-- name: revisions_of_gate
-- What a gate showed before, oldest first.
select revision, proposal, digest, revised_by, created_at from tiktok_gate_revisions
 where gate_id = :gate_id::uuid order by revision;
