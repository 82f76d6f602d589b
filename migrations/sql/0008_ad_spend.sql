-- What ads really spent: read from the vendor while a campaign's days are open, settled when the figures are final.
alter table tiktok_ledger
    add column seen_usd numeric(14,8) check (seen_usd >= 0),
    add column seen_at  timestamptz;
comment on column tiktok_ledger.seen_usd is 'of ads: the most that the vendor has said of this day so far; not final';

alter table tiktok_campaigns add column look_at timestamptz default now();
comment on column tiktok_campaigns.look_at is 'when its spend is read next; null: all of its days are settled';
create index tiktok_campaigns_to_look_at on tiktok_campaigns (look_at) where look_at is not null;

-- Whoever looks for what is due crosses workspaces, and sees no more of a campaign than when.
grant select (workspace_id, id, look_at) on tiktok_campaigns to army_unscoped;
grant update (look_at) on tiktok_campaigns to army_unscoped;
