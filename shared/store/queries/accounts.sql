-- Connected accounts. A move of one names the version of the secret that was seen: whoever was overtaken changes nothing.

-- name: save_account
-- Sent just after lock_pauses. Connects an account, or connects it again with new tokens.
with kept as (
    insert into tiktok_connected_accounts as a (workspace_id, id, vendor, external_id, handle, brand_id, scopes, secret_ref,
                                                is_renewable, access_expires_at, refresh_expires_at, connected_by)
    values (:workspace_id::uuid, :id::uuid, :vendor::account_vendor, :external_id::text, :handle::text,
            :brand_id::uuid, :scopes::text[], :secret_ref::text, :is_renewable::boolean, :access_expires_at::timestamptz,
            :refresh_expires_at::timestamptz, :connected_by::text)
    on conflict (workspace_id, id) do update
       set handle = excluded.handle, brand_id = excluded.brand_id, scopes = excluded.scopes, status = 'connected',
           why = null, secret_ref = excluded.secret_ref, is_renewable = excluded.is_renewable,
           access_expires_at = excluded.access_expires_at,
           refresh_expires_at = excluded.refresh_expires_at, renewing_until = null,
           connected_by = excluded.connected_by, connected_at = now(), updated_at = now()
    returning *
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, workspace_id,
           (select coalesce(max(seq), 0) + 1 from tiktok_outbox where subject_id = :workspace_id::uuid),
           'account.connected', jsonb_strip_nulls(jsonb_build_object(
               'account_id', id, 'vendor', vendor, 'handle', handle, 'external_id', external_id, 'by', connected_by))
      from kept
)
select id, status, connected_at from kept;

-- name: disconnect_account
-- Sent just after lock_pauses. The row stays, without its secret. No row back: it is not there, or was disconnected before.
with gone as (
    update tiktok_connected_accounts a
       set status = 'disconnected', secret_ref = null, renewing_until = null, updated_at = now(),
           why = 'disconnected by ' || :by::text
     where a.workspace_id = :workspace_id::uuid and a.id = :account_id::uuid and a.status <> 'disconnected'
    returning *
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, workspace_id,
           (select coalesce(max(seq), 0) + 1 from tiktok_outbox where subject_id = :workspace_id::uuid),
           'account.disconnected', jsonb_strip_nulls(jsonb_build_object(
               'account_id', id, 'vendor', vendor, 'handle', handle, 'external_id', external_id, 'by', :by::text))
      from gone
)
select id from gone;

-- name: account
select id, vendor, external_id, handle, brand_id, scopes, status, why, secret_ref, access_expires_at, refresh_expires_at,
       connected_by, connected_at, updated_at
  from tiktok_connected_accounts where workspace_id = :workspace_id::uuid and id = :account_id::uuid;

-- name: accounts
-- Every account of the workspace as people see it: a token that nothing can renew any more is expired, whether or not
-- anyone has tried it.
select id, vendor, external_id, handle, brand_id, scopes,
       case when status = 'connected' and access_expires_at < now()
                 and not (is_renewable and coalesce(refresh_expires_at > now(), true))
            then 'expired' else status end as status,
       why, access_expires_at, refresh_expires_at, connected_by, connected_at, updated_at
  from tiktok_connected_accounts
 where (:before::timestamptz is null or connected_at < :before::timestamptz)
 order by connected_at desc limit :limit::int;

-- name: accounts_for
-- The accounts of a vendor, with the brand of the run that asks, and whether each token runs out within the margin.
with run as (
    select brief_jsonb ->> 'brand_id' as brand_id from tiktok_workflow_runs
     where workspace_id = :workspace_id::uuid
       and id = coalesce(:run_id::uuid, (select workflow_run_id from tiktok_agent_runs
                                          where workspace_id = :workspace_id::uuid and id = :agent_run_id::uuid))
)
select id, vendor, external_id, handle, brand_id::text, status, why, secret_ref, is_renewable,
       (select brand_id from run) as run_brand_id,
       coalesce(access_expires_at < now(), false) as is_over,
       coalesce(access_expires_at < now() + make_interval(secs => :margin_s::float8), false) as is_due
  from tiktok_connected_accounts
 where workspace_id = :workspace_id::uuid and vendor = :vendor::account_vendor
 order by connected_at, id limit 1000;

-- name: claim_renewal
-- One executor renews an account's tokens at a time. No row: another is at it, or has done it, or the account is ended.
update tiktok_connected_accounts
   set renewing_until = now() + make_interval(secs => :lease_s::float8), updated_at = now()
 where workspace_id = :workspace_id::uuid and id = :account_id::uuid and secret_ref = :secret_ref::text
   and status = 'connected' and coalesce(renewing_until < now(), true)
returning id;

-- name: keep_renewed
-- The new version takes the place of the one that was seen. Even where another has meanwhile given the account up: these
-- tokens are good. No row: it was disconnected, connected again, or renewed by another.
update tiktok_connected_accounts
   set secret_ref = :new_ref::text, status = 'connected', why = null, renewing_until = null,
       is_renewable = :is_renewable::boolean, access_expires_at = :access_expires_at::timestamptz,
       refresh_expires_at = coalesce(:refresh_expires_at::timestamptz, refresh_expires_at), updated_at = now()
 where workspace_id = :workspace_id::uuid and id = :account_id::uuid and secret_ref = :secret_ref::text
returning id;

-- name: leave_renewal
-- Nothing came of it, and the next one may try at once.
update tiktok_connected_accounts set renewing_until = null
 where workspace_id = :workspace_id::uuid and id = :account_id::uuid and secret_ref = :secret_ref::text
returning id;

-- name: lose_account
-- Sent just after lock_pauses. Its tokens work no more: the state says so, and so do an event and an alert. A version that
-- is not that of the row any more loses nothing.
with lost as (
    update tiktok_connected_accounts
       set status = :status::account_status, why = :why::text, renewing_until = null, updated_at = now()
     where workspace_id = :workspace_id::uuid and id = :account_id::uuid and secret_ref = :secret_ref::text
       and status = 'connected'
    returning *
), told as (
    insert into tiktok_outbox (workspace_id, subject_id, seq, kind, payload)
    select workspace_id, workspace_id,
           (select coalesce(max(seq), 0) + 1 from tiktok_outbox where subject_id = :workspace_id::uuid),
           'account.lost', jsonb_strip_nulls(jsonb_build_object(
               'account_id', id, 'vendor', vendor, 'handle', handle, 'external_id', external_id, 'status', status,
               'why', why))
      from lost
), alert as (
    insert into tiktok_alerts (workspace_id, id, agent_name, kind, severity, title, evidence, dedupe_key)
    select workspace_id, :alert_id::uuid, 'accounts', 'account_lost', 'high',
           'Connect this account again: ' || vendor || ' ' || coalesce('@' || handle, external_id),
           jsonb_build_object('account_id', id, 'why', why), 'account:' || id || ':lost:' || secret_ref
      from lost
    on conflict (workspace_id, dedupe_key) do nothing
)
select id from lost;
