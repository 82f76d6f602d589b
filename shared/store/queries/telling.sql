-- What is told of the outbox. A subject (a run, a brief, a workspace) is told of by one drain at a time, in the order of
-- its events. Nothing here locks a run, and nothing is open while the audit or the mirror is spoken to.

-- name: claim_telling
-- Takes the telling of a subject, unless another drain is at work, or it was told of less than a window ago. No row:
-- not now, or there is no such subject.
insert into tiktok_tellings as t (workspace_id, subject_id, claimed_by, claimed_until, claims, due_at)
select :workspace_id::uuid, :subject_id::uuid, :claim::uuid, now() + make_interval(secs => :lease_s::float8), 1,
       now() + make_interval(secs => :lease_s::float8 + :grace_s::float8)
 where exists (select from tiktok_outbox where subject_id = :subject_id::uuid)
on conflict (workspace_id, subject_id) do update
   set claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until, claims = t.claims + 1,
       due_at = excluded.due_at
 where coalesce(t.claimed_until < now(), true)
   and coalesce(t.told_at + make_interval(secs => :window_s::float8) <= now(), true)
returning claims;

-- name: telling
-- Sent just behind claim_telling: whose it is now, from when on another may take it, and up to where all is told.
select claimed_by = :claim::uuid as is_ours, claims, chain_head, published_seq, mirrored_seq,
       greatest(claimed_until, told_at + make_interval(secs => :window_s::float8), now()) as free_at
  from tiktok_tellings where subject_id = :subject_id::uuid;

-- name: events_to_publish
-- The next events of a subject, for the drain that has claimed it.
select o.seq, o.kind, o.payload::text as payload, o.created_at
  from tiktok_tellings t
  join tiktok_outbox o on o.workspace_id = t.workspace_id and o.subject_id = :subject_id::uuid
                      and o.seq > t.published_seq
 where t.subject_id = :subject_id::uuid and t.claimed_by = :claim::uuid
 order by o.seq limit :limit::int;

-- name: note_published
-- Events up to here were acknowledged by the topic: notes it, and how they are chained, and goes on holding the claim.
-- No row: another drain has taken over, and publishes them again.
with telling as (
    update tiktok_tellings
       set published_seq = :seq::int, chain_head = :chain_head::text,
           claimed_until = now() + make_interval(secs => :lease_s::float8),
           due_at = now() + make_interval(secs => :lease_s::float8 + :grace_s::float8)
     where subject_id = :subject_id::uuid and claimed_by = :claim::uuid
    returning workspace_id, subject_id
), linked as (
    insert into tiktok_audit_links (workspace_id, subject_id, seq, hash)
    select telling.workspace_id, telling.subject_id, link.seq, link.hash
      from telling, jsonb_to_recordset(:links::jsonb) as link(seq int, hash text)
    on conflict (workspace_id, subject_id, seq) do nothing
)
select subject_id from telling;

-- name: state_to_mirror
-- How a run stands, with the steps and the gates that changed since it was mirrored: one statement, so one moment. A step
-- that ended changes those behind it too; at the beginning all steps are new.
with telling as (
    select workspace_id, subject_id, mirrored_seq from tiktok_tellings
     where subject_id = :subject_id::uuid and claimed_by = :claim::uuid
), event as materialized (
    select o.seq, o.payload from telling
      join tiktok_outbox o on o.workspace_id = telling.workspace_id and o.subject_id = :subject_id::uuid
                          and o.seq > telling.mirrored_seq
     order by o.seq limit :limit::int
), ended as (
    select distinct (payload ->> 'step_id')::uuid as id from event where payload ? 'step_id'
), changed as (
    select id from ended
     union
    select unnest(s.successors) from ended join tiktok_workflow_steps s on s.id = ended.id
     union
    select s.id from telling join tiktok_workflow_steps s on s.workflow_run_id = telling.subject_id
     where telling.mirrored_seq = 0
), step as (
    select s.id, s.idx, s.key, s.label, s.agent_name, s.status, s.depends_on, s.attempt, s.failures, s.agent_run_id,
           s.cost_usd::text as cost_usd, s.latency_ms, s.error_class, s.error_message, s.not_before, s.started_at,
           s.completed_at
      from changed join tiktok_workflow_steps s on s.id = changed.id and s.workflow_run_id = :subject_id::uuid
), gate as (
    select g.id, g.run_id, g.step_id, s.key as step_key, g.kind, g.status, g.title, g.digest, g.revision,
           g.amount_usd::text as amount_usd, g.released_usd::text as released_usd, g.role, g.quorum,
           (select count(*) from jsonb_array_elements(g.decisions) d
             where d ->> 'decision' = 'approve' and d ->> 'digest' = g.digest) as approvals,
           g.requested_by, g.expires_at, g.created_at, g.decided_at
      from ended
      join tiktok_gates g on g.step_id = ended.id and g.run_id = :subject_id::uuid
      join tiktok_workflow_steps s on s.id = g.step_id
)
select (select max(seq) from event) as mirrored_to,
       r.version,
       case when r.id is not null then jsonb_build_object(
           'id', r.id, 'workflow_slug', r.workflow_slug,
           'workflow_name', (select w.name from tiktok_workflows w
                              where w.workspace_id = r.workspace_id and w.digest = r.definition_digest),
           'handle', r.brief_jsonb ->> 'handle', 'brief_id', r.brief_id, 'parent_run_id', r.parent_run_id,
           'status', r.status, 'steps_total', r.steps_total, 'steps_open', r.steps_open, 'paused_at', r.paused_at,
           'cancel_requested_at', r.cancel_requested_at, 'budget_usd', r.budget_usd::text,
           'total_cost_usd', r.total_cost_usd::text, 'total_latency_ms', r.total_latency_ms,
           'has_report', r.report_md is not null, 'error_class', r.error_class, 'error_message', r.error_message,
           'created_by', r.created_by, 'started_at', r.started_at, 'completed_at', r.completed_at) end as run,
       (select coalesce(jsonb_agg(to_jsonb(step) order by step.idx), '[]') from step) as steps,
       (select coalesce(jsonb_agg(to_jsonb(gate) order by gate.created_at, gate.id), '[]') from gate) as gates
  from telling left join tiktok_workflow_runs r on r.workspace_id = telling.workspace_id and r.id = telling.subject_id;

-- name: note_mirrored
-- What events up to here changed is in the mirror. No row: another drain has taken over.
update tiktok_tellings
   set mirrored_seq = :seq::int, claimed_until = now() + make_interval(secs => :lease_s::float8),
       due_at = now() + make_interval(secs => :lease_s::float8 + :grace_s::float8)
 where subject_id = :subject_id::uuid and claimed_by = :claim::uuid
returning subject_id;

-- name: end_telling
-- All is told, or the time of this drain is over: then the rest is due. Returns from when on it may be told of again.
update tiktok_tellings
   set claimed_by = null, claimed_until = null, told_at = now(), failures = 0,
       due_at = case when :is_whole::boolean then null else now() + make_interval(secs => :grace_s::float8) end
 where subject_id = :subject_id::uuid and claimed_by = :claim::uuid
returning claims, now() + make_interval(secs => :window_s::float8) as free_at;

-- name: fail_telling
-- The audit or the mirror did not take it: later again, later with each failure.
update tiktok_tellings
   set claimed_by = null, claimed_until = null, told_at = now(), failures = failures + 1,
       due_at = now() + make_interval(secs => :grace_s::float8 + least(:base_s::float8 * 2 ^ least(failures, 20), 300))
 where subject_id = :subject_id::uuid and claimed_by = :claim::uuid
returning claims, failures, now() + make_interval(secs => least(:base_s::float8 * 2 ^ least(failures - 1, 20), 300))
          as free_at;

-- name: due_to_tell
-- The sweep's other question, across workspaces, only where something is told at all: tellings that are overdue, and
-- events that were written a while ago and that nobody has told or looks after. Each event is looked at by the few
-- sweeps after it was written: the mark follows.
with mark as (
    select told_to from tiktok_telling_mark for update skip locked
), late as (
    select o.workspace_id, o.subject_id
      from mark
      join tiktok_outbox o on o.created_at > mark.told_to
                          and o.created_at <= now() - make_interval(secs => :grace_s::float8)
      left join tiktok_tellings t on t.workspace_id = o.workspace_id and t.subject_id = o.subject_id
     where t.subject_id is null
        or t.due_at is null and (:audits::boolean and o.seq > t.published_seq
                                 or :mirrors::boolean and o.seq > t.mirrored_seq)
     group by o.workspace_id, o.subject_id limit :limit::int
), found as (
    insert into tiktok_tellings as t (workspace_id, subject_id, generation, due_at)
    select workspace_id, subject_id, 1, now() + make_interval(secs => :grace_s::float8) from late
     order by workspace_id, subject_id
    on conflict (workspace_id, subject_id) do update set generation = t.generation + 1, due_at = excluded.due_at
     where t.due_at is null
    returning t.workspace_id, t.subject_id, t.generation
), marked as (
    update tiktok_telling_mark m
       set told_to = greatest(m.told_to, now() - make_interval(secs => :grace_s::float8 + :slack_s::float8))
      from mark where (select count(*) from late) < :limit::int
), overdue as (
    select workspace_id, subject_id from tiktok_tellings
     where due_at <= now() order by due_at limit :limit::int for no key update skip locked
), again as (
    update tiktok_tellings t
       set generation = t.generation + 1, due_at = now() + make_interval(secs => :grace_s::float8)
      from overdue o
     where t.workspace_id = o.workspace_id and t.subject_id = o.subject_id
       and length(o.subject_id::text) = 36 -- as in claim_steps
    returning t.workspace_id, t.subject_id, t.generation
)
select workspace_id, subject_id, generation from found
 union all
select workspace_id, subject_id, generation from again;

-- name: published_of
-- Up to where a subject was published, and the hash of the last event then.
select published_seq, chain_head from tiktok_tellings where subject_id = :subject_id::uuid;

-- name: events_published
select seq, kind, payload::text as payload, created_at from tiktok_outbox
 where subject_id = :subject_id::uuid and seq > :after::int and seq <= :until::int order by seq;

-- name: links_published
select seq, hash from tiktok_audit_links
 where subject_id = :subject_id::uuid and seq > :after::int and seq <= :until::int order by seq;
