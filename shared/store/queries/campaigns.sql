-- name: save_campaign
insert into tiktok_campaigns as kept (workspace_id, id, run_id, effect_id, advertiser_id, campaign_id, adgroup_ids, ad_ids,
                                      name, objective, budget_usd, status)
values (:workspace_id::uuid, :id::uuid, :run_id::uuid, :effect_id::uuid, :advertiser_id::text, :campaign_id::text,
        :adgroup_ids::text[], :ad_ids::text[], :name::text, :objective::text, :budget_usd::numeric, :status::text)
on conflict (workspace_id, effect_id) do update
   set adgroup_ids = excluded.adgroup_ids, ad_ids = excluded.ad_ids, status = excluded.status
returning kept.id;

-- name: save_listing
-- The newest texts of a product, with what stood there before, and whose doing it was.
insert into tiktok_products as kept (workspace_id, id, product_id, title, description, listing)
values (:workspace_id::uuid, :id::uuid, :product_id::text, :title::text, :description::text,
        :listing::jsonb || jsonb_build_object('run_id', :run_id::uuid, 'effect_id', :effect_id::uuid))
on conflict (workspace_id, product_id) do update
   set title = excluded.title, description = excluded.description, listing = excluded.listing, updated_at = now()
returning kept.id;

-- name: save_message
insert into tiktok_messages as kept (workspace_id, id, run_id, effect_id, creator, conversation_id, message_id, body)
values (:workspace_id::uuid, :id::uuid, :run_id::uuid, :effect_id::uuid, :creator::text, :conversation_id::text,
        :message_id::text, :body::text)
on conflict (workspace_id, effect_id) do update
   set conversation_id = excluded.conversation_id, message_id = excluded.message_id
returning kept.id;
