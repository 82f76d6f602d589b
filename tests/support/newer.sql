-- What a newer version of the engine might have written, as the owner, past the wall.

-- name: newer_step
update tiktok_workflow_steps set definition = definition || :more::jsonb
 where workflow_run_id = :run_id::uuid and key = :key::text;

-- name: newer_definition
update tiktok_workflows set dag_jsonb = dag_jsonb || :more::jsonb
 where workspace_id = :workspace_id::uuid and slug = :slug::text;
