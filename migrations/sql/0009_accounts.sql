-- The accounts that a workspace has connected: for whom its agents read and its effects act. The tokens are elsewhere; a
-- row holds a reference to one version of a secret.

create type account_vendor as enum ('tiktok', 'tiktok_business', 'tiktok_ads', 'tiktok_shop');
create type account_status as enum ('connected', 'expired', 'needs_reconnect', 'disconnected');

create table tiktok_connected_accounts (
    workspace_id       uuid not null,
    id                 uuid not null,
    vendor             account_vendor not null,
    external_id        text not null,
    handle             text,
    brand_id           uuid,
    scopes             text[] not null default '{}',
    status             account_status not null default 'connected',
    why                text,
    secret_ref         text,
    is_renewable       boolean not null,
    access_expires_at  timestamptz,
    refresh_expires_at timestamptz,
    renewing_until     timestamptz,
    connected_by       text not null,
    connected_at       timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, vendor, external_id),
    foreign key (workspace_id, brand_id) references tiktok_brands (workspace_id, id),
    check ((secret_ref is null) = (status = 'disconnected'))
);
comment on column tiktok_connected_accounts.external_id is
    'the vendor''s own id: an open_id, an advertiser id, a shop id';
comment on column tiktok_connected_accounts.brand_id is 'the one brand that it is of; null: of the workspace';
comment on column tiktok_connected_accounts.secret_ref is
    'one version of a secret; whoever changes the row names the version that it has seen';
comment on column tiktok_connected_accounts.is_renewable is 'there is a refresh token';
comment on column tiktok_connected_accounts.renewing_until is
    'an executor renews the tokens until then; past: it was lost on the way';

alter table tiktok_connected_accounts enable row level security;
alter table tiktok_connected_accounts force row level security;
create policy own_workspace on tiktok_connected_accounts to army_app
    using (workspace_id = app_workspace_id()) with check (workspace_id = app_workspace_id());
create policy every_workspace on tiktok_connected_accounts to army_unscoped using (true) with check (true);
grant select, insert, update on tiktok_connected_accounts to army_app;
alter table tiktok_connected_accounts alter column workspace_id set (n_distinct = 1);
