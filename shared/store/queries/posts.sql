-- name: save_post
-- The row of a published video. What is learnt later of the same effect (its post id and address) is filled in.
insert into tiktok_posts as kept (workspace_id, id, account_handle, run_id, effect_id, publish_id, post_id, url, caption,
                                  privacy_level, asset)
values (:workspace_id::uuid, :id::uuid, :account_handle::text, :run_id::uuid, :effect_id::uuid, :publish_id::text,
        :post_id::text, :url::text, :caption::text, :privacy_level::text, :asset::jsonb)
on conflict (workspace_id, effect_id) do update
   set publish_id = excluded.publish_id, post_id = coalesce(excluded.post_id, kept.post_id),
       url = coalesce(excluded.url, kept.url)
returning kept.id;
