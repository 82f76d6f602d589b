-- What the agents read and write.

create table tiktok_brands (
    workspace_id uuid not null,
    id           uuid not null,
    name         text not null,
    voice        text not null default '',
    guidelines   text not null default '',
    banned_terms text[] not null default '{}',
    created_at   timestamptz not null default now(),
    primary key (workspace_id, id)
);

create table tiktok_accounts (
    workspace_id   uuid not null,
    id             uuid not null,
    handle         text not null,
    nickname       text,
    followers      bigint,
    following      bigint,
    likes_received bigint,
    posts_total    bigint,
    verified       boolean,
    source         text not null,
    as_of          timestamptz not null,
    updated_at     timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, handle)
);

create table tiktok_metrics (
    workspace_id   uuid not null,
    id             uuid not null,
    account_handle text not null,
    as_of          timestamptz not null,
    agent_run_id   uuid,
    values         jsonb not null,
    created_at     timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, account_handle, as_of),
    foreign key (workspace_id, agent_run_id) references tiktok_agent_runs (workspace_id, id)
);

create table tiktok_alerts (
    workspace_id uuid not null,
    id           uuid not null,
    run_id       uuid,
    agent_run_id uuid,
    agent_name   text not null,
    kind         text not null,
    severity     text not null check (severity in ('low', 'medium', 'high')),
    title        text not null,
    evidence     jsonb not null default '{}',
    dedupe_key   text not null,
    status       text not null default 'open' check (status in ('open', 'acknowledged', 'closed')),
    created_at   timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, dedupe_key),
    foreign key (workspace_id, run_id) references tiktok_workflow_runs (workspace_id, id),
    foreign key (workspace_id, agent_run_id) references tiktok_agent_runs (workspace_id, id)
);
create index tiktok_alerts_newest on tiktok_alerts (workspace_id, created_at desc);
