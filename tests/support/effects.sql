-- An effect on its way to the world, as the owner, past the wall: what a receipt's rows and the ledger point to.

-- name: put_effect
insert into tiktok_effects (workspace_id, id, run_id, step_id, place, kind, key, title, payload, digest, idempotency_key)
select s.workspace_id, :id::uuid, s.workflow_run_id, s.id, 0, :kind::text, :key::text, 'A test', :payload::jsonb, 'none',
       :idempotency_key::text
  from tiktok_workflow_steps s where s.workflow_run_id = :run_id::uuid
 order by s.idx limit 1;

-- name: put_doubtful_effect
-- One that was released, and about which nobody can tell.
insert into tiktok_effects (workspace_id, id, run_id, step_id, place, kind, key, title, payload, digest, idempotency_key,
                            amount_usd, released_usd, status, attempt, progress, released_at)
select s.workspace_id, :id::uuid, s.workflow_run_id, s.id, 0, :kind::text, :kind::text, 'A test', :payload::jsonb, 'none',
       :idempotency_key::text, :released_usd::numeric, :released_usd::numeric, 'unknown', 1, :progress::jsonb, now()
  from tiktok_workflow_steps s where s.workflow_run_id = :run_id::uuid
 order by s.idx limit 1;

-- name: age_ad_days
-- Days of ads move back, all together: by more days than one of them has, so that none meets another.
with aged as (
    update tiktok_ledger set day = day - :days::int
     where workspace_id = :workspace_id::uuid and kind = 'ad_spend'
), caps as (
    update tiktok_caps set scope_id = (scope_id::date - :days::int)::text
     where workspace_id = :workspace_id::uuid and scope = 'ad_day' and scope_id <> ''
)
update tiktok_campaigns set look_at = now() where workspace_id = :workspace_id::uuid and look_at is not null;

-- name: look_now
update tiktok_campaigns set look_at = now() where workspace_id = :workspace_id::uuid and look_at is not null;

-- name: ad_days
select * from tiktok_ledger where workspace_id = :workspace_id::uuid and kind = 'ad_spend' order by day, key;

-- name: campaigns
select * from tiktok_campaigns where workspace_id = :workspace_id::uuid order by created_at;

-- name: forget_campaigns
-- What other tests left to be read, in the same database.
update tiktok_campaigns set look_at = null where workspace_id <> :workspace_id::uuid;

-- name: row_of_campaign
select c.*, l.reserved_usd, l.settled_usd from tiktok_campaigns c left join tiktok_ledger l on l.effect_id = c.effect_id
 where c.effect_id = :effect_id::uuid;

-- name: row_of_listing
select * from tiktok_products where product_id = :product_id::text and workspace_id = :workspace_id::uuid;

-- name: row_of_message
select * from tiktok_messages where effect_id = :effect_id::uuid;

-- name: posts_of_run
select * from tiktok_posts where run_id = :run_id::uuid order by posted_at;
