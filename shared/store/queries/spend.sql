-- name: open_ad_days
-- Gives each day of a charge its own cap, if it has none yet: the workspace's, else the one of the settings. Sent before
-- lock_ad_days; a day that has passed is not charged any more, so the first day is today or later.
with first as (
    select greatest(:first_day::date, (now() at time zone 'utc')::date) as day
), day as (
    select (first.day + n)::text as scope_id from first, generate_series(0, :days::int - 1) n
)
insert into tiktok_caps (workspace_id, scope, scope_id, cap_usd, set_by)
select :workspace_id::uuid, 'ad_day', day.scope_id, coalesce(base.cap_usd, :default_cap_usd::numeric),
       coalesce(base.set_by, 'settings')
  from day
  left join tiktok_caps base on base.workspace_id = :workspace_id::uuid and base.scope = 'ad_day' and base.scope_id = ''
 order by day.scope_id
on conflict (workspace_id, scope, scope_id) do nothing;

-- name: lock_ad_days
-- Sent just before charge_ad_days, in the same transaction: charges of one day queue up here, and each then sees what the
-- last one left. In the order of the days, so that two charges never wait for each other.
with first as (
    select greatest(:first_day::date, (now() at time zone 'utc')::date) as day
), day as (
    select (first.day + n)::text as scope_id from first, generate_series(0, :days::int - 1) n
)
select c.scope_id
  from day join tiktok_caps c on c.workspace_id = :workspace_id::uuid and c.scope = 'ad_day' and c.scope_id = day.scope_id
 order by c.scope_id for update of c;

-- name: charge_ad_days
-- Reserves the amount on each of the days, or on none. Asked for again under the same key, it finds the first charge.
-- Gives the day with the least left, as it stood before.
with first as (
    select greatest(:first_day::date, (now() at time zone 'utc')::date) as day
), day as (
    select first.day + n as day, (first.day + n)::text as scope_id, :key::text || '/' || (n + 1) as key
      from first, generate_series(0, :days::int - 1) n
), cap as (
    select day.day, day.key, c.scope_id, c.cap_usd, c.used_usd
      from day
      join tiktok_caps c on c.workspace_id = :workspace_id::uuid and c.scope = 'ad_day' and c.scope_id = day.scope_id
), known as (
    select day, reserved_usd, settled_at from tiktok_ledger
     where workspace_id = :workspace_id::uuid and kind = 'ad_spend' and key = :key::text || '/1'
), verdict as (
    select exists (select from known) as is_known,
           coalesce((select settled_at is not null from known), false) as is_settled,
           bool_and(used_usd + :each_usd::numeric <= cap_usd) and count(*) = :days::int as fits
      from cap
), taken as (
    update tiktok_caps c set used_usd = c.used_usd + :each_usd::numeric, updated_at = now()
      from cap, verdict
     where c.workspace_id = :workspace_id::uuid and c.scope = 'ad_day' and c.scope_id = cap.scope_id
       and verdict.fits and not verdict.is_known
), entered as (
    insert into tiktok_ledger (workspace_id, id, kind, run_id, effect_id, day, key, reserved_usd)
    select :workspace_id::uuid, gen_random_uuid(), 'ad_spend', :run_id::uuid, :effect_id::uuid, cap.day, cap.key,
           :each_usd::numeric
      from cap, verdict where verdict.fits and not verdict.is_known
)
select verdict.is_known, verdict.is_settled, verdict.fits, (select day from first) as first_day,
       (select day from known) as known_day, (select reserved_usd from known) as known_usd,
       tight.day as tight_day, tight.cap_usd, tight.used_usd
  from verdict, lateral (select day, cap_usd, used_usd from cap order by cap_usd - used_usd, day limit 1) tight;

-- name: lock_charged_days
-- Sent just before settle_ad_days, in the same transaction.
select c.scope_id
  from tiktok_ledger l
  join tiktok_caps c on c.workspace_id = l.workspace_id and c.scope = 'ad_day' and c.scope_id = l.day::text
 where l.workspace_id = :workspace_id::uuid and l.kind = 'ad_spend'
   and l.key in (select :key::text || '/' || n from generate_series(1, :most_days::int) n)
 order by c.scope_id for update of c;

-- name: settle_ad_days
-- What days of a charge really came to: {"2026-11-19": "41.20"}. Without any, every open day is given back whole. A day
-- that is settled already stays as it is. With :refused_id only if that effect was refused: sent with its last move.
with open as (
    select l.workspace_id, l.id, l.day, l.reserved_usd,
           case when :spent::jsonb is null then 0 else (:spent::jsonb ->> l.day::text)::numeric end as spent_usd
      from tiktok_ledger l
     where l.workspace_id = :workspace_id::uuid and l.kind = 'ad_spend' and l.settled_at is null
       and l.key in (select :key::text || '/' || n from generate_series(1, :most_days::int) n)
       and (:spent::jsonb is null or :spent::jsonb ? l.day::text)
       and (:refused_id::uuid is null
            or exists (select from tiktok_effects e
                        where e.workspace_id = :workspace_id::uuid and e.id = :refused_id::uuid
                          and e.status = 'refused'))
), settled as (
    update tiktok_ledger l set settled_usd = open.spent_usd, settled_at = now()
      from open where l.workspace_id = open.workspace_id and l.id = open.id and l.settled_at is null
), given_back as (
    update tiktok_caps c set used_usd = greatest(0, c.used_usd - open.reserved_usd + open.spent_usd), updated_at = now()
      from open where c.workspace_id = open.workspace_id and c.scope = 'ad_day' and c.scope_id = open.day::text
)
select count(*)::int as days, coalesce(sum(reserved_usd - spent_usd), 0) as given_back_usd from open;

-- name: set_ad_day_cap
-- The cap that each day begins with, and that of today and the days to come which have begun already.
with base as (
    insert into tiktok_caps (workspace_id, scope, scope_id, cap_usd, set_by)
    values (:workspace_id::uuid, 'ad_day', '', :cap_usd::numeric, :set_by::text)
    on conflict (workspace_id, scope, scope_id) do update
       set cap_usd = excluded.cap_usd, set_by = excluded.set_by, updated_at = now()
)
update tiktok_caps set cap_usd = :cap_usd::numeric, set_by = :set_by::text, updated_at = now()
 where workspace_id = :workspace_id::uuid and scope = 'ad_day' and scope_id >= ((now() at time zone 'utc')::date)::text;

-- name: ad_day
-- Today's cap, and what is reserved or spent of it.
select today.day, coalesce(c.cap_usd, base.cap_usd, :default_cap_usd::numeric) as cap_usd,
       coalesce(c.used_usd, 0) as used_usd
  from (select coalesce(:day::date, (now() at time zone 'utc')::date) as day) today
  left join tiktok_caps c
    on c.workspace_id = :workspace_id::uuid and c.scope = 'ad_day' and c.scope_id = today.day::text
  left join tiktok_caps base on base.workspace_id = :workspace_id::uuid and base.scope = 'ad_day' and base.scope_id = '';
