-- Effects in escrow. Proposed with a step's output, released by a gate, done once. Moves of one run's effects are sent
-- just after lock_run.

-- name: propose_effects
-- Sent with the settle of a step: what its agent would have done. The fence is the step's own; done again, it replaces
-- what no gate shows yet.
insert into tiktok_effects (workspace_id, id, run_id, step_id, agent_run_id, place, kind, key, title, payload, digest,
                            idempotency_key, amount_usd)
select s.workspace_id, e.id, s.workflow_run_id, s.id, s.agent_run_id, e.place, e.kind, e.key, e.title, e.payload,
       e.digest, e.idempotency_key, e.amount_usd
  from tiktok_workflow_steps s,
       jsonb_to_recordset(:effects::jsonb) as e(id uuid, place int, kind text, key text, title text, payload jsonb,
                                                digest text, idempotency_key text, amount_usd numeric)
 where s.id = :step_id::uuid and s.attempt = :attempt::int and s.status = 'succeeded'
on conflict (workspace_id, step_id, key) do nothing;

-- name: claim_effect
-- Takes a released effect, or one whose executor was lost: then it is looked up first. Under the workspace's hold, or
-- once its run has ended, nothing is taken.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs
     where id = :run_id::uuid and status = 'running' and cancel_requested_at is null
       and not exists (select from tiktok_pauses where scope = 'effects')
), effect as (
    update tiktok_effects e
       set status = 'doing', attempt = e.attempt + 1, not_before = null,
           leased_until = now() + make_interval(secs => :lease_s::float8),
           wake_at = now() + make_interval(secs => :lease_s::float8 + :grace_s::float8)
      from run
     where e.workspace_id = run.workspace_id and e.id = :effect_id::uuid and e.run_id = run.id
       and (e.status = 'released' and coalesce(e.not_before <= now(), true)
            or e.status = 'doing' and e.leased_until < now())
    returning e.workspace_id, e.id, e.kind, e.key, e.title, e.payload, e.digest, e.idempotency_key, e.released_usd,
              e.progress, e.attempt, e.failures
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from effect where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'effect.doing',
           jsonb_build_object('effect_id', effect.id, 'key', effect.key, 'effect_kind', effect.kind,
                              'title', effect.title, 'status', 'doing', 'attempt', effect.attempt)
      from run, effect
)
select * from effect;

-- name: why_no_effect
-- An effect that could not be claimed: where it stands, and when it is due.
select e.status, e.attempt, r.status as run_status, r.cancel_requested_at is not null as is_cancelled,
       exists (select from tiktok_pauses where scope = 'effects') as is_held,
       e.status = 'doing' and e.leased_until < now() as is_lost,
       case when e.status = 'doing' then e.leased_until else e.not_before end as due_at
  from tiktok_effects e
  join tiktok_workflow_runs r on r.workspace_id = e.workspace_id and r.id = e.run_id
 where e.id = :effect_id::uuid;

-- name: lose_effect
-- The executor of an effect was lost, and its run has ended: nobody takes it over, so a person has to look.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs
     where id = :run_id::uuid and (status <> 'running' or cancel_requested_at is not null)
), effect as (
    update tiktok_effects e
       set status = 'unknown', leased_until = null, wake_at = null, error_class = 'run_ended',
           error_message = 'its executor was lost, and the run has ended: look at the vendor'
      from run
     where e.workspace_id = run.workspace_id and e.id = :effect_id::uuid and e.run_id = run.id
       and e.status = 'doing' and e.leased_until < now()
    returning e.workspace_id, e.id, e.key, e.kind, e.title, e.attempt, e.error_class, e.error_message
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from effect where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'effect.unknown',
           jsonb_build_object('effect_id', effect.id, 'key', effect.key, 'effect_kind', effect.kind,
                              'title', effect.title, 'status', 'unknown', 'attempt', effect.attempt,
                              'error_class', effect.error_class, 'error', effect.error_message)
      from run, effect
), alert as (
    insert into tiktok_alerts (workspace_id, id, run_id, agent_name, kind, severity, title, evidence, dedupe_key)
    select effect.workspace_id, :alert_id::uuid, run.id, 'effects', 'effect_unknown', 'high',
           'Nobody can tell whether this happened: ' || effect.title,
           jsonb_build_object('effect_id', effect.id, 'error', effect.error_message),
           'effect:' || effect.id || ':unknown:' || effect.attempt
      from run, effect
    on conflict (workspace_id, dedupe_key) do nothing
)
select id from effect;

-- name: keep_effect_lease
with ours as (
    select workspace_id, id, leased_until from tiktok_effects
     where id = :id::uuid and attempt = :attempt::int and status = 'doing'
), renewed as (
    update tiktok_effects e
       set leased_until = now() + make_interval(secs => :lease_s::float8),
           wake_at = now() + make_interval(secs => 2 * :lease_s::float8)
      from ours
     where e.workspace_id = ours.workspace_id and e.id = ours.id and e.attempt = :attempt::int and e.status = 'doing'
       and ours.leased_until < now() + make_interval(secs => :lease_s::float8 * 2 / 3)
)
select false as is_cancelled from ours;

-- name: note_effect
-- What an attempt has begun at the vendor. No row: it was taken over, and must stop.
update tiktok_effects
   set progress = :progress::jsonb, leased_until = now() + make_interval(secs => :lease_s::float8)
 where id = :effect_id::uuid and attempt = :attempt::int and status = 'doing'
returning id;

-- name: settle_effect
-- What an attempt came to: done with its receipt, refused, unknown, or released again for later. Guarded by the fence;
-- what had been given up as unknown may still turn out done. Progress is kept.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs where id = :run_id::uuid
), effect as (
    update tiktok_effects e
       set status = :status::effect_status, leased_until = null, receipt = :receipt::jsonb,
           failures = e.failures + case when :status::text = 'released' then 1 else 0 end,
           not_before = case when :status::text = 'released'
                             then now() + make_interval(secs => :delay_s::float8) end,
           wake_at = case when :status::text = 'released'
                          then now() + make_interval(secs => :delay_s::float8 + :grace_s::float8) end,
           completed_at = case when :status::text in ('done', 'refused') then now() end,
           error_class = :error_class::text, error_message = :error_message::text
      from run
     where e.workspace_id = run.workspace_id and e.id = :effect_id::uuid and e.run_id = run.id
       and (e.attempt = :attempt::int and e.status = 'doing'
            or e.status = 'unknown' and :status::text = 'done')
    returning e.workspace_id, e.id, e.key, e.kind, e.title, e.status, e.attempt, e.not_before, e.gate_id, e.receipt
), moved as (
    update tiktok_workflow_runs r
       set version = r.version + 1 + case when :event_kind::text is null then 0 else 1 end
      from effect where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1,
           case effect.status when 'done' then 'effect.done' when 'refused' then 'effect.refused'
                              when 'unknown' then 'effect.unknown' else 'effect.released' end,
           jsonb_strip_nulls(jsonb_build_object(
               'effect_id', effect.id, 'key', effect.key, 'effect_kind', effect.kind, 'title', effect.title,
               'status', effect.status, 'attempt', effect.attempt, 'not_before', effect.not_before,
               'receipt', effect.receipt, 'error_class', :error_class::text, 'error', :error_message::text))
      from run, effect
    union all
    select run.workspace_id, run.id, run.version + 2, :event_kind::text,
           jsonb_build_object('effect_id', effect.id, 'receipt', effect.receipt)
      from run, effect where :event_kind::text is not null
), alert as (
    insert into tiktok_alerts (workspace_id, id, run_id, agent_name, kind, severity, title, evidence, dedupe_key)
    select effect.workspace_id, :alert_id::uuid, run.id, 'effects', 'effect_unknown', 'high',
           'Nobody can tell whether this happened: ' || effect.title,
           jsonb_build_object('effect_id', effect.id, 'error', :error_message::text),
           'effect:' || effect.id || ':unknown:' || effect.attempt
      from run, effect where effect.status = 'unknown'
    on conflict (workspace_id, dedupe_key) do nothing
)
select id, attempt, not_before from effect;

-- name: go_on_from_gate
-- Sent with each end of an effect: once all that a gate released has ended, its step goes on.
with gate as (
    select g.workspace_id, g.step_id, g.run_id from tiktok_effects e
      join tiktok_gates g on g.workspace_id = e.workspace_id and g.id = e.gate_id
     where e.id = :effect_id::uuid
       and not exists (select from tiktok_effects o
                        where o.workspace_id = g.workspace_id and o.gate_id = g.id
                          and o.status in ('proposed', 'released', 'doing', 'unknown'))
), run as (
    select r.workspace_id, r.id, r.version from tiktok_workflow_runs r, gate
     where r.workspace_id = gate.workspace_id and r.id = gate.run_id and r.status = 'running'
), step as (
    update tiktok_workflow_steps s set status = 'queued', queued_at = now(), not_before = null
      from gate, run
     where s.workspace_id = gate.workspace_id and s.id = gate.step_id and s.status = 'waiting'
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
                              'status', 'queued', 'attempt', step.attempt, 'woken_by', 'the last of its effects')
      from run, step
)
select id, attempt from step;

-- name: resolve_effect
-- A person says what became of an effect that nobody could tell about, or that it is to be tried again: that only while
-- its run goes on. What follows is told as if the engine had come to it.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs
     where id = :run_id::uuid
       and (:status::text <> 'released' or status = 'running' and cancel_requested_at is null)
), effect as (
    update tiktok_effects e
       set status = :status::effect_status, receipt = :receipt::jsonb,
           not_before = null, failures = 0,
           progress = case when :status::text = 'released' then e.progress || '{"asked_again": true}'
                           else e.progress end,
           wake_at = case when :status::text = 'released' then now() + make_interval(secs => :grace_s::float8) end,
           completed_at = case when :status::text in ('done', 'refused') then now() end,
           error_class = case when :status::text = 'refused' then 'resolved' end,
           error_message = case when :status::text = 'refused' then :note::text end
      from run
     where e.workspace_id = run.workspace_id and e.id = :effect_id::uuid and e.run_id = run.id
       and e.status = 'unknown'
    returning e.workspace_id, e.id, e.key, e.kind, e.title, e.status, e.attempt, e.receipt, e.error_class,
              e.error_message
), moved as (
    update tiktok_workflow_runs r
       set version = r.version + 2 + case when :event_kind::text is null then 0 else 1 end
      from effect where r.id = :run_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'effect.resolved',
           jsonb_build_object('effect_id', effect.id, 'key', effect.key, 'effect_kind', effect.kind,
                              'title', effect.title, 'status', effect.status, 'by', :by::text, 'note', :note::text)
      from run, effect
    union all
    select run.workspace_id, run.id, run.version + 2, 'effect.' || effect.status,
           jsonb_strip_nulls(jsonb_build_object(
               'effect_id', effect.id, 'key', effect.key, 'effect_kind', effect.kind, 'title', effect.title,
               'status', effect.status, 'attempt', effect.attempt, 'receipt', effect.receipt,
               'error_class', effect.error_class, 'error', effect.error_message))
      from run, effect
    union all
    select run.workspace_id, run.id, run.version + 3, :event_kind::text,
           jsonb_build_object('effect_id', effect.id, 'receipt', effect.receipt)
      from run, effect where :event_kind::text is not null
)
select id, attempt, status from effect;

-- name: effect_to_resolve
-- With the role that may decide at the gate which released it.
select e.idempotency_key, e.run_id, e.kind, e.payload, e.progress, e.released_usd, e.status, r.status as run_status,
       r.cancel_requested_at is not null as is_cancelled, coalesce(g.role, 'owner') as role
  from tiktok_effects e
  join tiktok_workflow_runs r on r.workspace_id = e.workspace_id and r.id = e.run_id
  left join tiktok_gates g on g.workspace_id = e.workspace_id and g.id = e.gate_id
 where e.id = :effect_id::uuid;

-- name: tell_refused_resolution
-- For the audit: who wanted to say what of an effect, and why that was refused. Nothing else changes.
with run as (
    update tiktok_workflow_runs set version = version + 1 where id = :run_id::uuid returning workspace_id, id, version
)
insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
select workspace_id, id, version, 'effect.resolution_refused',
       jsonb_build_object('effect_id', :effect_id::uuid, 'by', :by::text, 'asked', :asked::text,
                          'refused_as', 'forbidden', 'reason', :reason::text)
  from run
returning seq;

-- name: effect_by_id
select id, run_id, step_id, kind, key, title, payload, digest, amount_usd, released_usd, gate_id, status, attempt,
       failures, not_before, progress, receipt, error_class, error_message, created_at, released_at, completed_at
  from tiktok_effects where id = :effect_id::uuid;

-- name: effects_of_run
select e.id, e.step_id, s.key as step_key, e.kind, e.key, e.title, e.payload, e.digest, e.amount_usd, e.released_usd,
       e.gate_id, e.status, e.attempt, e.receipt, e.error_class, e.error_message, e.created_at, e.released_at,
       e.completed_at
  from tiktok_effects e
  join tiktok_workflow_steps s on s.workspace_id = e.workspace_id and s.id = e.step_id
 where e.run_id = :run_id::uuid order by s.idx, e.place;

-- name: effects_newest_first
select e.id, e.run_id, e.step_id, e.kind, e.key, e.title, e.amount_usd, e.released_usd, e.status, e.attempt, e.receipt,
       e.error_class, e.error_message, e.created_at, e.released_at, e.completed_at
  from tiktok_effects e
 where (:status::effect_status is null or e.status = :status::effect_status)
   and (:before::timestamptz is null or e.created_at < :before::timestamptz)
 order by e.created_at desc, e.id desc limit :limit::int;

-- name: park_effect
-- Under the workspace's hold an effect has no task and no wake-up; lifting the hold wakes it. Nor has one whose executor
-- was lost: whoever takes it over might do it.
update tiktok_effects set wake_at = null
 where id = :effect_id::uuid and (status = 'released' or status = 'doing' and leased_until < now())
   and exists (select from tiktok_pauses where scope = 'effects')
returning id;

-- name: hold_effects
-- One switch for the workspace: from now on nothing is done to the world. What is being done goes on to its end. Sent
-- just after lock_pauses, as lift_hold is: the events of the workspace are counted one after another.
with held as (
    insert into tiktok_pauses (workspace_id, scope, workflow_slug, paused_by, reason)
    values (:workspace_id::uuid, 'effects', '', :paused_by::text, :reason::text)
    on conflict (workspace_id, scope, workflow_slug) do nothing
    returning workspace_id, paused_by, reason, paused_at
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, workspace_id,
           (select coalesce(max(seq), 0) + 1 from tiktok_outbox where subject_id = :workspace_id::uuid),
           'effects.held', jsonb_strip_nulls(jsonb_build_object('by', paused_by, 'reason', reason))
      from held
)
select paused_at from held;

-- name: hold_of_effects
-- Who holds everything back, and why; no row: nobody.
select paused_by, reason, paused_at from tiktok_pauses where scope = 'effects';

-- name: lift_hold
-- Effects may be done again: those that were released meanwhile are woken.
with lifted as (
    delete from tiktok_pauses where scope = 'effects' returning workspace_id
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, workspace_id,
           (select coalesce(max(seq), 0) + 1 from tiktok_outbox where subject_id = :workspace_id::uuid),
           'effects.lifted', jsonb_build_object('by', :by::text)
      from lifted
), effect as (
    update tiktok_effects e
       set wake_at = now() + make_interval(secs => :grace_s::float8), generation = e.generation + 1
      from lifted
     where e.workspace_id = lifted.workspace_id
       and (e.status = 'released' or e.status = 'doing' and e.leased_until < now())
    returning e.id, e.run_id, e.generation, e.not_before
)
select (select count(*) from lifted) > 0 as is_lifted,
       (select jsonb_agg(jsonb_build_array(run_id, id, generation)) from effect) as woken;
