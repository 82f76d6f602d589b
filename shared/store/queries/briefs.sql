-- name: create_brief
-- A known idempotency key writes nothing and returns no row.
with brief as (
    insert into tiktok_briefs (workspace_id, id, brand_id, outcome, handle, target_type, notes, dataset, budget_usd,
                               fields, idempotency_key, request_digest, created_by)
    values (:workspace_id::uuid, :id::uuid, :brand_id::uuid, :outcome::text, :handle::text, :target_type::text,
            :notes::text, :dataset::text, :budget_usd::numeric, :fields::jsonb, :idempotency_key::text,
            :request_digest::text, :created_by::text)
    on conflict (workspace_id, idempotency_key) do nothing
    returning workspace_id, id, created_at
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, id, 1, 'brief.created',
           jsonb_build_object('brief_id', id, 'outcome', :outcome::text, 'handle', :handle::text)
      from brief
)
select id, created_at from brief;

-- name: brief_of_idempotency_key
select id, request_digest, created_at from tiktok_briefs where idempotency_key = :idempotency_key::text;

-- name: brief
select id, brand_id, outcome, handle, target_type, notes, dataset, budget_usd, fields, status, created_by, created_at
  from tiktok_briefs where id = :brief_id::uuid;

-- name: briefs_newest_first
select id, brand_id, outcome, handle, target_type, notes, dataset, budget_usd, fields, status, created_by, created_at
  from tiktok_briefs
 where (:before::timestamptz is null or created_at < :before::timestamptz)
 order by created_at desc limit :limit::int;
