-- name: begin_call
-- A billable call is about to be made. No row back: the step is not ours any more, its run is cancelled, or the money for
-- it could not be reserved, so nothing may be paid for it.
with ours as (
    select workspace_id, id, workflow_run_id, leased_until from tiktok_workflow_steps
     where id = :step_id::uuid and attempt = :attempt::int and status = 'running' and cancel_requested_at is null
), renewed as (
    update tiktok_workflow_steps s
       set leased_until = now() + make_interval(secs => :lease_s::float8)
      from ours
     where s.workspace_id = ours.workspace_id and s.id = ours.id and s.attempt = :attempt::int
       and ours.leased_until < now() + make_interval(secs => :lease_s::float8 / 2)
), texts as (
    insert into tiktok_texts (workspace_id, sha256, body)
    select ours.workspace_id, t.sha256, t.body
      from ours, jsonb_to_recordset(:texts::jsonb) as t(sha256 text, body text)
    on conflict (workspace_id, sha256) do nothing
)
insert into tiktok_agent_steps (workspace_id, agent_run_id, idx, id, workflow_run_id, step_id, kind, label, call_digest,
                                occurrence, outcome, model, system_prompt, system_prompt_sha256, user_prompt,
                                user_prompt_sha256, input_jsonb, reservation_id)
select ours.workspace_id, :agent_run_id::uuid, :idx::int, :id::uuid, ours.workflow_run_id, ours.id, :kind::call_kind,
       :label::text, :call_digest::text, :occurrence::int, 'started', :model::text, :system_prompt::text,
       :system_prompt_sha256::text, :user_prompt::text, :user_prompt_sha256::text, :input_jsonb::jsonb,
       :reservation_id::uuid
  from ours
 where :reservation_id::uuid is null or exists (select from tiktok_ledger where id = :reservation_id::uuid)
returning id;

-- name: finish_call
-- The answer, or the failure, of a call that was begun. If the step was taken over meanwhile, the answer is kept as
-- wasted: it was paid for, and nobody will use it. That also ends the doubt, if the new attempt had marked the call: a
-- claim that commits meanwhile is not seen here, but its mark is.
-- A row has one writer, so writing it once more (its commit may have been lost sight of) says the same.
update tiktok_agent_steps c
   set outcome = case when c.outcome <> 'in_doubt'
                           and exists (select from tiktok_workflow_steps s
                                        where s.workspace_id = c.workspace_id and s.id = c.step_id
                                          and s.attempt = :attempt::int and s.status = 'running')
                      then :outcome::call_outcome
                      when :outcome::call_outcome = 'paid' then 'wasted' else :outcome::call_outcome end,
       completed_at = now(), latency_ms = :latency_ms::bigint, error_message = :error_message::text,
       model = coalesce(:model::text, c.model), response_text = :response_text::text, output_jsonb = :output_jsonb::jsonb,
       input_tokens = :input_tokens::int, output_tokens = :output_tokens::int,
       cache_read_tokens = :cache_read_tokens::int, cache_write_tokens = :cache_write_tokens::int,
       cache_write_1h_tokens = :cache_write_1h_tokens::int, thinking_tokens = :thinking_tokens::int,
       cost_usd = :cost_usd::numeric, cost_known = :cost_known::boolean, price_version = :price_version::text,
       provider_request_id = :provider_request_id::text, attempts = :attempts::int, note = :note::text
 where c.agent_run_id = :agent_run_id::uuid and c.idx = :idx::int
   and c.outcome in ('started', 'in_doubt', 'paid', 'wasted')
returning outcome;

-- name: record_call
-- A call written down in one go: one that costs nothing to make again, one answered from the journal, or one that
-- already happened. No row back: the step is not ours any more.
with ours as (
    select workspace_id, id, workflow_run_id, leased_until from tiktok_workflow_steps
     where id = :step_id::uuid and attempt = :attempt::int and status = 'running' and cancel_requested_at is null
), renewed as (
    update tiktok_workflow_steps s
       set leased_until = now() + make_interval(secs => :lease_s::float8)
      from ours
     where s.workspace_id = ours.workspace_id and s.id = ours.id and s.attempt = :attempt::int
       and ours.leased_until < now() + make_interval(secs => :lease_s::float8 / 2)
), texts as (
    insert into tiktok_texts (workspace_id, sha256, body)
    select ours.workspace_id, t.sha256, t.body
      from ours, jsonb_to_recordset(:texts::jsonb) as t(sha256 text, body text)
    on conflict (workspace_id, sha256) do nothing
)
insert into tiktok_agent_steps (workspace_id, agent_run_id, idx, id, workflow_run_id, step_id, kind, label, call_digest,
                                occurrence, outcome, reused_from, model, system_prompt, system_prompt_sha256,
                                user_prompt, user_prompt_sha256, response_text, input_tokens, output_tokens,
                                cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, thinking_tokens, cost_usd,
                                cost_known, price_version, provider_request_id, attempts, note, input_jsonb,
                                output_jsonb, started_at, completed_at, latency_ms, error_message)
select ours.workspace_id, :agent_run_id::uuid, :idx::int, :id::uuid, ours.workflow_run_id, ours.id, :kind::call_kind,
       :label::text, :call_digest::text, :occurrence::int, :outcome::call_outcome, :reused_from::uuid, :model::text,
       :system_prompt::text, :system_prompt_sha256::text, :user_prompt::text, :user_prompt_sha256::text,
       :response_text::text, :input_tokens::int, :output_tokens::int, :cache_read_tokens::int,
       :cache_write_tokens::int, :cache_write_1h_tokens::int, :thinking_tokens::int, :cost_usd::numeric,
       :cost_known::boolean, :price_version::text, :provider_request_id::text, :attempts::int, :note::text,
       :input_jsonb::jsonb, :output_jsonb::jsonb, now() - make_interval(secs => :latency_ms::bigint / 1000.0), now(),
       :latency_ms::bigint, :error_message::text
  from ours
returning id;

-- name: doubt_call
-- Begun by an attempt that died before it wrote the answer down: nobody can tell whether it was paid for. No row: its
-- answer was committed while the claim was, and stands there now.
update tiktok_agent_steps set outcome = 'in_doubt', completed_at = now(), cost_known = false
 where id = :id::uuid and agent_run_id = :agent_run_id::uuid and outcome = 'started' returning id;

-- name: spoil_call
-- An answer that cannot be used: every row of the call in this step says why, and none of them answers it again.
update tiktok_agent_steps set error_message = :told::text
 where workflow_run_id = :run_id::uuid and step_id = :step_id::uuid and call_digest = :call_digest::text
   and occurrence = :occurrence::int and outcome in ('paid', 'reused');

-- name: late_answer
-- The answer of a call that was found begun, and had ended by the time it was to be marked in doubt.
select id, agent_run_id, call_digest, occurrence, outcome, model, response_text, output_jsonb, input_tokens,
       output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, thinking_tokens, cost_known,
       price_version, provider_request_id, attempts, note
  from tiktok_agent_steps where id = :id::uuid and agent_run_id = :agent_run_id::uuid and outcome = 'paid';

-- name: signal_of_key
-- What was sent to a key; or nothing, once this step has waited for it until its time was over.
select payload from tiktok_signals where wake_key = :wake_key::text
union all
select null from tiktok_workflow_steps
 where id = :step_id::uuid and wake_key = :wake_key::text and wait_until <= now()
   and not exists (select from tiktok_signals where wake_key = :wake_key::text);

-- name: remembered_calls
-- What earlier attempts of this step asked, and what they were answered: the newest row of each call.
select distinct on (c.call_digest, c.occurrence)
       c.id, c.agent_run_id, c.call_digest, c.occurrence, c.outcome, c.model, c.response_text, c.output_jsonb,
       c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens, c.cache_write_1h_tokens,
       c.thinking_tokens, c.cost_known, c.price_version, c.provider_request_id, c.attempts, c.note,
       c.outcome <> 'started' and c.error_message is not null as is_spoiled,
       c.kind, c.label, c.place, coalesce(c.system_prompt, s.body) as system_prompt,
       coalesce(c.user_prompt, u.body) as user_prompt, c.input_jsonb
  from (select *, row_number() over (partition by agent_run_id, kind, label order by idx) - 1 as place
          from tiktok_agent_steps where workflow_run_id = :run_id::uuid and step_id = :step_id::uuid) c
  left join tiktok_texts s on s.workspace_id = c.workspace_id and s.sha256 = c.system_prompt_sha256
  left join tiktok_texts u on u.workspace_id = c.workspace_id and u.sha256 = c.user_prompt_sha256
 where c.outcome in ('started', 'paid', 'reused')
 order by c.call_digest, c.occurrence, (c.outcome <> 'started') desc, c.started_at desc;

-- name: calls_of_earlier_step
-- What a step of an earlier run was answered, for the step that does it again. What it only began is its own matter.
select distinct on (c.call_digest, c.occurrence)
       c.id, c.agent_run_id, c.call_digest, c.occurrence, c.outcome, c.model, c.response_text, c.output_jsonb,
       c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens, c.cache_write_1h_tokens,
       c.thinking_tokens, c.cost_known, c.price_version, c.provider_request_id, c.attempts, c.note,
       c.outcome <> 'started' and c.error_message is not null as is_spoiled,
       c.kind, c.label, c.place, coalesce(c.system_prompt, s.body) as system_prompt,
       coalesce(c.user_prompt, u.body) as user_prompt, c.input_jsonb
  from tiktok_agent_runs a
  join (select *, row_number() over (partition by agent_run_id, kind, label order by idx) - 1 as place
          from tiktok_agent_steps) c on c.workspace_id = a.workspace_id and c.agent_run_id = a.id
  left join tiktok_texts s on s.workspace_id = c.workspace_id and s.sha256 = c.system_prompt_sha256
  left join tiktok_texts u on u.workspace_id = c.workspace_id and u.sha256 = c.user_prompt_sha256
 where a.step_id = :step_id::uuid and c.outcome in ('paid', 'reused', 'wasted')
 order by c.call_digest, c.occurrence, c.started_at desc;

-- name: calls_of_agent_run
-- The trace, in the order the calls were begun, long texts whole.
select c.idx, c.id, c.agent_run_id, c.kind, c.label, c.outcome, c.reused_from, c.model,
       coalesce(c.system_prompt, s.body) as system_prompt, coalesce(c.user_prompt, u.body) as user_prompt,
       c.response_text, c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens,
       c.cache_write_1h_tokens, c.thinking_tokens, c.cost_usd, c.cost_known, c.price_version, c.provider_request_id,
       c.attempts, c.note, c.input_jsonb, c.output_jsonb, c.started_at, c.completed_at, c.latency_ms, c.error_message
  from tiktok_agent_steps c
  left join tiktok_texts s on s.workspace_id = c.workspace_id and s.sha256 = c.system_prompt_sha256
  left join tiktok_texts u on u.workspace_id = c.workspace_id and u.sha256 = c.user_prompt_sha256
 where c.agent_run_id = :agent_run_id::uuid
 order by c.idx limit :limit::int offset :offset::int;

-- name: agent_run
select id, workflow_run_id, step_id, attempt, brand_id, agent_name, trigger_type, status, input_jsonb, output_jsonb,
       started_at, completed_at, error_message, cost_usd, latency_ms, model_used
  from tiktok_agent_runs where id = :agent_run_id::uuid;

-- name: agent_runs_of_run
select a.id, a.step_id, s.key, s.idx, a.attempt, a.agent_name, a.status, a.cost_usd, a.latency_ms, a.model_used,
       a.started_at, a.completed_at, a.error_message
  from tiktok_agent_runs a
  join tiktok_workflow_steps s on s.workspace_id = a.workspace_id and s.id = a.step_id
 where s.workflow_run_id = :run_id::uuid order by s.idx, a.attempt;

-- name: cost_of_run
-- What each step's calls cost, and how many tokens they took.
select s.key, s.idx, s.label, c.model, count(*) filter (where c.kind = 'llm_call') as llm_calls, count(*) as calls,
       coalesce(sum(c.input_tokens), 0) as input_tokens, coalesce(sum(c.output_tokens), 0) as output_tokens,
       coalesce(sum(c.cache_read_tokens), 0) as cache_read_tokens,
       coalesce(sum(c.cache_write_tokens + coalesce(c.cache_write_1h_tokens, 0)), 0) as cache_write_tokens,
       coalesce(sum(c.cost_usd), 0) as cost_usd, bool_and(c.cost_known) as cost_known
  from tiktok_agent_steps c
  join tiktok_workflow_steps s on s.workspace_id = c.workspace_id and s.id = c.step_id
 where c.workflow_run_id = :run_id::uuid
 group by s.key, s.idx, s.label, c.model
 order by s.idx, c.model nulls last;
