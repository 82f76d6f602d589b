-- name: load_brand
select id, name, voice, guidelines, banned_terms, created_at from tiktok_brands where id = :brand_id::uuid;

-- name: brands_newest_first
select id, name, voice, guidelines, banned_terms, created_at from tiktok_brands
 where (:before::timestamptz is null or created_at < :before::timestamptz)
 order by created_at desc limit :limit::int;

-- name: create_brand
-- No row back: there is a brand of this id.
insert into tiktok_brands (workspace_id, id, name, voice, guidelines, banned_terms)
values (:workspace_id::uuid, :id::uuid, :name::text, :voice::text, :guidelines::text, :banned_terms::text[])
on conflict (workspace_id, id) do nothing
returning created_at;

-- name: upsert_account
-- The newest reading of an account counts, whatever order readings arrive in. No row back: a newer one is there.
insert into tiktok_accounts as kept (workspace_id, id, handle, nickname, followers, following, likes_received,
                                     posts_total, verified, source, as_of)
values (:workspace_id::uuid, :id::uuid, :handle::text, :nickname::text, :followers::bigint, :following::bigint,
        :likes_received::bigint, :posts_total::bigint, :verified::boolean, :source::text, :as_of::timestamptz)
on conflict (workspace_id, handle) do update
   set nickname = excluded.nickname, followers = excluded.followers, following = excluded.following,
       likes_received = excluded.likes_received, posts_total = excluded.posts_total, verified = excluded.verified,
       source = excluded.source, as_of = excluded.as_of, updated_at = now()
 where kept.as_of <= excluded.as_of
returning kept.id;

-- name: insert_metrics
-- One snapshot for each account and time of data: the same data measured again replaces what was measured before.
insert into tiktok_metrics (workspace_id, id, account_handle, as_of, agent_run_id, values)
values (:workspace_id::uuid, :id::uuid, :account_handle::text, :as_of::timestamptz, :agent_run_id::uuid,
        :values::jsonb)
on conflict (workspace_id, account_handle, as_of) do update
   set agent_run_id = excluded.agent_run_id, values = excluded.values
returning id;

-- name: insert_alert
-- One alert for each key, for good. No row back: it was raised before.
insert into tiktok_alerts (workspace_id, id, run_id, agent_run_id, agent_name, kind, severity, title, evidence,
                           dedupe_key)
values (:workspace_id::uuid, :id::uuid, :run_id::uuid, :agent_run_id::uuid, :agent_name::text, :kind::text,
        :severity::text, :title::text, :evidence::jsonb, :dedupe_key::text)
on conflict (workspace_id, dedupe_key) do nothing
returning id;
