-- name: start_run
-- Writes a run, its steps and its first event, pins its definition, and marks its brief dispatched: all or nothing.
-- A known idempotency key writes nothing and returns no row. Under a pause of its workflow or its workspace, or
-- of the run that it is inside of, it starts paused, and nothing is woken. Steps that were taken over from an earlier
-- run are done as it begins.
with pause as (
    select scope, paused_by, reason from (
           select scope, paused_by, reason from tiktok_pauses
            where workspace_id = :workspace_id::uuid
              and (scope = 'workspace' and workflow_slug = '' or scope = 'workflow' and workflow_slug = :slug::text)
            union all
           select 'outer_run', paused_by, pause_reason from tiktok_workflow_runs
            where id = :parent_run_id::uuid and paused_at is not null) held
     order by scope = 'outer_run', scope desc limit 1
), pinned as (
    insert into tiktok_workflows (workspace_id, digest, slug, version, name, description, dag_jsonb)
    values (:workspace_id::uuid, :digest::text, :slug::text, :workflow_version::int, :name::text, :description::text,
            :dag_jsonb::jsonb)
    on conflict (workspace_id, digest) do nothing
), run as (
    insert into tiktok_workflow_runs (
        workspace_id, id, workflow_slug, workflow_version, definition_digest, brief_id, brief_jsonb, trigger_type,
        trigger_event_id, budget_usd, version, steps_total, steps_open, created_by, idempotency_key, request_digest,
        fork_kind, forked_from_run_id, forked_at_steps, parent_run_id, parent_step_id, depth, root_run_id,
        outer_step_ids, paused_at, paused_scope, paused_by, pause_reason, priority)
    select :workspace_id::uuid, :run_id::uuid, :slug::text, :workflow_version::int, :digest::text, :brief_id::uuid,
           :brief_jsonb::jsonb, :trigger_type::trigger_type, :trigger_event_id::text, :budget_usd::numeric, 1,
           :steps_total::int, :steps_open::int, :created_by::text, :idempotency_key::text, :request_digest::text,
           :fork_kind::fork_kind, :forked_from_run_id::uuid,
           (select array_agg(key) from jsonb_array_elements_text(:forked_at_steps::jsonb) key),
           :parent_run_id::uuid, :parent_step_id::uuid, :depth::int, :root_run_id::uuid, :outer_step_ids::uuid[],
           case when pause.scope is not null then now() end, pause.scope, pause.paused_by, pause.reason,
           :priority::smallint
      from (values (1)) one left join pause on true
     where not exists (select from tiktok_workflow_steps p -- nobody waits for it any more
                        where p.id = :parent_step_id::uuid
                          and (p.completed_at is not null or p.cancel_requested_at is not null))
    on conflict (workspace_id, idempotency_key) do nothing
    returning workspace_id, id, started_at, paused_scope
), steps as (
    insert into tiktok_workflow_steps (
        workspace_id, id, workflow_run_id, idx, key, agent_name, label, definition, depends_on, successors, sources,
        status, waiting_on, queued_at, taken_from, earlier_steps, agent_run_id, output_jsonb, cost_usd, completed_at)
    select run.workspace_id, s.id, run.id, s.idx, s.key, s.agent_name, s.label, s.definition,
           s.depends_on, s.successors, s.sources,
           case when s.taken_from is not null then 'succeeded' when s.waiting_on = 0 then 'queued'
                else 'pending' end::step_status,
           s.waiting_on, case when s.waiting_on = 0 and s.taken_from is null then now() end,
           s.taken_from, s.earlier_steps, s.agent_run_id, s.output_jsonb,
           case when s.taken_from is not null then 0 end, case when s.taken_from is not null then now() end
      from run, jsonb_to_recordset(:steps::jsonb) as s(
           id uuid, idx int, key text, agent_name text, label text, definition jsonb, depends_on text[],
           successors uuid[], sources uuid[], waiting_on int, taken_from uuid, earlier_steps uuid[],
           agent_run_id uuid, output_jsonb jsonb)
    returning workspace_id, id, workflow_run_id, status, attempt
), waking as (
    insert into tiktok_wake_ups (workspace_id, step_id, workflow_run_id, wake_at, state, priority)
    select workspace_id, id, workflow_run_id, now() + make_interval(secs => :grace_s::float8), 'backlog',
           :priority::smallint
      from steps where status = 'queued' and not exists (select from pause)
), dispatched as (
    update tiktok_briefs set status = 'dispatched' from run where tiktok_briefs.id = :brief_id::uuid
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, id, 1, 'workflow_run.started',
           jsonb_build_object('status', 'running', 'workflow_slug', :slug::text, 'steps_total', :steps_total::int)
           || jsonb_strip_nulls(jsonb_build_object(
                  'paused_scope', paused_scope, 'fork_kind', :fork_kind::fork_kind,
                  'forked_from_run_id', :forked_from_run_id::uuid, 'forked_at_steps', :forked_at_steps::jsonb))
      from run
)
select run.id, run.started_at from run;

-- name: run_of_idempotency_key
select id, request_digest, started_at from tiktok_workflow_runs where idempotency_key = :idempotency_key::text;

-- name: newest_definition
-- The definition a new run of this slug takes: the newest one a user stored.
select digest, dag_jsonb from tiktok_workflows
 where slug = :slug::text and is_stored order by version desc, created_at desc limit 1;

-- name: stored_definitions
select distinct on (slug) slug, version, name, description, dag_jsonb, digest, created_at
  from tiktok_workflows where is_stored order by slug, version desc, created_at desc;

-- name: store_definition
-- Stores a definition. The same one again changes nothing; a version that is taken by another one returns no row.
insert into tiktok_workflows (workspace_id, digest, slug, version, name, description, dag_jsonb, is_stored)
select :workspace_id::uuid, :digest::text, :slug::text, :workflow_version::int, :name::text, :description::text,
       :dag_jsonb::jsonb, true
 where not exists (select from tiktok_workflows
                    where slug = :slug::text and version = :workflow_version::int and is_stored
                      and digest <> :digest::text)
on conflict (workspace_id, digest) do update set is_stored = true
returning digest;

-- name: run
select r.id, r.workflow_slug, r.workflow_version, r.definition_digest, r.brief_id, r.brief_jsonb, r.trigger_type,
       r.status, r.budget_usd, r.priority, r.version, r.steps_total, r.steps_open, r.paused_at, r.paused_scope, r.paused_by,
       r.pause_reason, r.cancel_requested_at, r.cancelled_by, r.cancel_reason, r.fork_kind, r.forked_from_run_id,
       r.forked_at_steps, r.parent_run_id, r.parent_step_id, r.depth, r.report_md,
       r.error_class, r.error_message, r.total_cost_usd, r.total_latency_ms, r.created_by, r.started_at, r.completed_at,
       w.name as workflow_name, w.description as workflow_description
  from tiktok_workflow_runs r
  join tiktok_workflows w on w.workspace_id = r.workspace_id and w.digest = r.definition_digest
 where r.id = :run_id::uuid;

-- name: run_status
select status, version from tiktok_workflow_runs where id = :run_id::uuid;

-- name: runs_newest_first
select id, workflow_slug, status, priority, paused_at, fork_kind, forked_from_run_id, steps_total, steps_open,
       brief_jsonb, total_cost_usd, total_latency_ms, created_by, started_at, completed_at, error_message
  from tiktok_workflow_runs
 where (:status::run_status is null or status = :status::run_status)
   and (:workflow_slug::text is null or workflow_slug = :workflow_slug::text)
   and (:before::timestamptz is null or started_at < :before::timestamptz)
 order by started_at desc limit :limit::int;

-- name: steps_of_run
select s.id, s.idx, s.key, s.agent_name, s.label, s.status, s.depends_on, s.attempt, s.failures, s.waiting_on,
       coalesce(a.input_jsonb, s.input_jsonb) as input_jsonb, coalesce(a.output_jsonb, s.output_jsonb) as output_jsonb,
       s.taken_from, s.agent_run_id, s.cost_usd, s.latency_ms, s.error_class, s.error_message, s.not_before, s.queued_at,
       s.started_at, s.completed_at,
       case when cardinality(s.depends_on) > 1 then (
           select jsonb_build_object('policy', coalesce(s.definition->>'join', 'all'), 'expected', sum(ends.n),
                      'received', coalesce(jsonb_object_agg(ends.status, ends.keys) filter (where ends.is_final), '{}'),
                      'awaited', coalesce(jsonb_object_agg(ends.status, ends.keys) filter (where not ends.is_final), '{}'))
             from (select u.status, u.completed_at is not null as is_final, count(*)::int as n,
                          jsonb_agg(u.key order by u.idx) as keys
                     from tiktok_workflow_steps u
                    where u.workspace_id = s.workspace_id and u.workflow_run_id = s.workflow_run_id
                      and u.key = any (s.depends_on)
                    group by 1, 2) ends)
       end as joins,
       s.parent_step_id, s.item, s.items,
       case when s.items is not null then (
           select jsonb_object_agg(ends.status, ends.n)
             from (select u.status, count(*) as n from unnest(s.sources) i(id)
                     join tiktok_workflow_steps u on u.workspace_id = s.workspace_id and u.id = i.id group by 1) ends)
       end as items_by_status
  from tiktok_workflow_steps s
  left join tiktok_agent_runs a on a.workspace_id = s.workspace_id and a.id = s.agent_run_id
 where s.workflow_run_id = :run_id::uuid
 order by s.idx limit :limit::int offset :offset::int;

-- name: events_after
select seq, kind, subject_id, payload, created_at from tiktok_outbox
 where subject_id = :subject_id::uuid and seq > :after::int order by seq limit :limit::int;
