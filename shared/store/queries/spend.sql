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

-- name: note_ad_days
-- What open days of a charge have come to so far: {"2026-11-19": "41.20"}, sent just after lock_charged_days. The highest
-- figure of a day counts until it is final; where it is more than was reserved, that much more is held under the cap.
with seen as (
    select l.workspace_id, l.id, l.day, l.reserved_usd,
           greatest(coalesce(l.seen_usd, 0), (:seen::jsonb ->> l.day::text)::numeric) as seen_usd
      from tiktok_ledger l
     where l.workspace_id = :workspace_id::uuid and l.kind = 'ad_spend' and l.settled_at is null
       and l.key in (select :key::text || '/' || n from generate_series(1, :most_days::int) n)
       and :seen::jsonb ? l.day::text
), noted as (
    update tiktok_ledger l
       set seen_usd = seen.seen_usd, seen_at = now(), reserved_usd = greatest(l.reserved_usd, seen.seen_usd)
      from seen where l.workspace_id = seen.workspace_id and l.id = seen.id
), held as (
    update tiktok_caps c set used_usd = c.used_usd + seen.seen_usd - seen.reserved_usd, updated_at = now()
      from seen
     where seen.seen_usd > seen.reserved_usd
       and c.workspace_id = seen.workspace_id and c.scope = 'ad_day' and c.scope_id = seen.day::text
)
select day, seen_usd from seen;

-- name: claim_ad_spend
-- Across workspaces: the campaign whose spend is to be read next. Nobody else reads it until the lease is over.
with due as (
    select workspace_id, id from tiktok_campaigns
     where look_at <= now() order by look_at limit 1 for update skip locked
)
update tiktok_campaigns c set look_at = now() + make_interval(secs => :lease_s::float8)
  from due where c.workspace_id = due.workspace_id and c.id = due.id
returning c.workspace_id, c.id;

-- name: campaigns_to_look_at
-- Those of a workspace that have a day to settle, the longest unread first.
select id from tiktok_campaigns where look_at is not null order by look_at, id limit :limit::int;

-- name: ad_spend_of_campaign
-- A campaign with the days that it may spend on, as the ledger has them.
select c.id, c.run_id, c.advertiser_id, c.campaign_id, c.name, c.status, e.idempotency_key as key,
       e.receipt ->> 'vendor' as vendor, now() as at,
       (select jsonb_agg(jsonb_build_object('day', l.day, 'reserved_usd', l.reserved_usd::text,
                                            'is_settled', l.settled_at is not null) order by l.day)
          from tiktok_ledger l
         where l.workspace_id = c.workspace_id and l.kind = 'ad_spend'
           and l.key in (select e.idempotency_key || '/' || n from generate_series(1, :most_days::int) n)) as days
  from tiktok_campaigns c
  join tiktok_effects e on e.workspace_id = c.workspace_id and e.id = c.effect_id
 where c.id = :campaign_id::uuid;

-- name: looked_at_ad_spend
-- Sent last, after settle_ad_days: when the spend is read next (without :next_s never, for it has ended), and with the
-- run what became final just now.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs where id = :run_id::uuid
), final as (
    select l.day, l.settled_usd from tiktok_ledger l
     where l.workspace_id = :workspace_id::uuid and l.kind = 'ad_spend' and l.settled_at = now()
       and l.key in (select :key::text || '/' || n from generate_series(1, :most_days::int) n)
), campaign as (
    update tiktok_campaigns c
       set look_at = now() + make_interval(secs => :next_s::float8),
           status = case when :next_s::float8 is null then 'ended' else c.status end
     where c.id = :id::uuid
    returning c.campaign_id, c.name
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from run
     where r.workspace_id = run.workspace_id and r.id = run.id and exists (select from final)
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'campaign.spend_settled',
           jsonb_build_object('campaign_id', campaign.campaign_id, 'name', campaign.name,
                              'days', (select jsonb_object_agg(day, settled_usd::text) from final),
                              'spent_usd', (select sum(settled_usd)::text from final))
      from run, campaign where exists (select from final)
)
select count(*)::int as settled from final;

-- name: campaigns_at_cap
-- What still runs today, once ads have spent what the day allows.
with today as (
    select (now() at time zone 'utc')::date as day
), spent as (
    select coalesce(sum(coalesce(l.settled_usd, l.seen_usd)), 0) as usd
      from today join tiktok_ledger l on l.workspace_id = :workspace_id::uuid and l.day = today.day and l.kind = 'ad_spend'
)
select distinct c.id, c.run_id, c.advertiser_id, c.campaign_id, c.name, e.receipt ->> 'vendor' as vendor, today.day,
       spent.usd as spent_usd, cap.cap_usd
  from today
 cross join spent
  join tiktok_caps cap
    on cap.workspace_id = :workspace_id::uuid and cap.scope = 'ad_day' and cap.scope_id = today.day::text
   and spent.usd >= cap.cap_usd
  join tiktok_ledger l on l.workspace_id = cap.workspace_id and l.day = today.day and l.kind = 'ad_spend'
  join tiktok_campaigns c on c.workspace_id = l.workspace_id and c.effect_id = l.effect_id and c.status = 'active'
  join tiktok_effects e on e.workspace_id = c.workspace_id and e.id = c.effect_id
 order by c.id;

-- name: pause_campaign
-- It was switched off at the vendor because of the day's cap. Told once: whoever comes second finds it paused.
with run as (
    select workspace_id, id, version from tiktok_workflow_runs where id = :run_id::uuid
), campaign as (
    update tiktok_campaigns c set status = 'paused' where c.id = :id::uuid and c.status = 'active'
    returning c.workspace_id, c.campaign_id, c.name
), moved as (
    update tiktok_workflow_runs r set version = r.version + 1 from run, campaign
     where r.workspace_id = run.workspace_id and r.id = run.id
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select run.workspace_id, run.id, run.version + 1, 'campaign.paused',
           jsonb_build_object('campaign_id', campaign.campaign_id, 'name', campaign.name, 'day', :day::date,
                              'spent_usd', :spent_usd::numeric::text, 'cap_usd', :cap_usd::numeric::text)
      from run, campaign
), alert as (
    insert into tiktok_alerts (workspace_id, id, run_id, agent_name, kind, severity, title, evidence, dedupe_key)
    select campaign.workspace_id, :alert_id::uuid, run.id, 'ad_spend', 'ad_day_cap', 'high',
           'The ad cap of ' || :day::date || ' is reached: paused ' || campaign.name,
           jsonb_build_object('campaign_id', campaign.campaign_id, 'spent_usd', :spent_usd::numeric::text,
                              'cap_usd', :cap_usd::numeric::text),
           'campaign:' || campaign.campaign_id || ':paused:' || :day::date
      from run, campaign
    on conflict (workspace_id, dedupe_key) do nothing
)
select campaign_id from campaign;

-- name: alert_unread_ad_spend
-- The vendor refuses to say what a campaign spent: its money stays held, and a person has to look.
insert into tiktok_alerts (workspace_id, id, run_id, agent_name, kind, severity, title, evidence, dedupe_key)
select c.workspace_id, :alert_id::uuid, c.run_id, 'ad_spend', 'ad_spend_unread', 'high',
       'What a campaign spends cannot be read: ' || c.name,
       jsonb_build_object('campaign_id', c.campaign_id, 'reason', :reason::text),
       'campaign:' || c.campaign_id || ':unread:' || (now() at time zone 'utc')::date
  from tiktok_campaigns c where c.id = :id::uuid
on conflict (workspace_id, dedupe_key) do nothing
returning id;

-- name: ad_spend_of_workspace
-- Its campaigns, newest first, each with its days.
select c.id, c.run_id, c.campaign_id, c.name, c.status, c.budget_usd, c.look_at,
       coalesce(jsonb_agg(jsonb_build_object('day', l.day, 'reserved_usd', l.reserved_usd::text,
                                             'seen_usd', l.seen_usd::text, 'settled_usd', l.settled_usd::text)
                          order by l.day) filter (where l.id is not null), '[]') as days
  from (select * from tiktok_campaigns order by created_at desc, id desc limit :limit::int) c
  left join tiktok_effects e on e.workspace_id = c.workspace_id and e.id = c.effect_id
  left join tiktok_ledger l on l.workspace_id = c.workspace_id and l.kind = 'ad_spend'
   and l.key in (select e.idempotency_key || '/' || n from generate_series(1, :most_days::int) n)
 group by c.id, c.run_id, c.campaign_id, c.name, c.status, c.budget_usd, c.look_at, c.created_at
 order by c.created_at desc, c.id desc;

-- name: ad_days_of_run
-- What ads of a run were reserved, have been seen to spend, and did spend, day by day.
select day, sum(reserved_usd) as reserved_usd, sum(seen_usd) as seen_usd, sum(settled_usd) as settled_usd,
       bool_and(settled_at is not null) as is_settled
  from tiktok_ledger where run_id = :run_id::uuid and kind = 'ad_spend' group by day order by day;
