-- Books that somebody has changed, as the owner, past the wall: what a proof must find.

-- name: spoil_call
update tiktok_agent_steps c set cost_usd = cost_usd + 0.00000001
 where c.workflow_run_id = :run_id::uuid and c.kind = 'llm_call' and c.outcome = 'paid';

-- name: spoil_tokens
update tiktok_agent_steps c set output_tokens = output_tokens + 1
 where c.workflow_run_id = :run_id::uuid and c.kind = 'llm_call' and c.outcome = 'paid';

-- name: spoil_version
update tiktok_agent_steps c set price_version = 'yesterday'
 where c.workflow_run_id = :run_id::uuid and c.kind = 'llm_call' and c.outcome = 'paid';

-- name: spoil_step
update tiktok_workflow_steps set cost_usd = cost_usd + 1 where workflow_run_id = :run_id::uuid and cost_usd > 0;

-- name: spoil_run
update tiktok_workflow_runs set total_cost_usd = total_cost_usd - 0.00000001 where id = :run_id::uuid;

-- name: spoil_settled
update tiktok_ledger set settled_usd = settled_usd / 2 where run_id = :run_id::uuid and settled_usd > 0;

-- name: spoil_reserved
update tiktok_ledger set reserved_usd = 0 where run_id = :run_id::uuid;

-- name: spoil_open
update tiktok_ledger set settled_usd = null, settled_at = null where run_id = :run_id::uuid;

-- name: spoil_cap
update tiktok_caps set used_usd = used_usd + 1 where scope = 'run' and scope_id = :run_id::text;

-- name: spoil_reused
update tiktok_agent_steps set cost_usd = 0.5 where workflow_run_id = :run_id::uuid and outcome = 'reused'
   and kind = 'llm_call';

-- name: doubt_calls
update tiktok_agent_steps set outcome = 'in_doubt' where workflow_run_id = :run_id::uuid and reservation_id is not null;

-- name: waste_calls
update tiktok_agent_steps set outcome = 'wasted' where workflow_run_id = :run_id::uuid and reservation_id is not null;
