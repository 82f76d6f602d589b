-- Approvals, effects in escrow, money, waiting without compute, and the flow of steps that are not plain.

-- Flow: what a step expects of those before it, the items of a for_each, runs inside of runs.
alter table tiktok_workflow_runs
    add column parent_run_id  uuid,
    add column parent_step_id uuid;
comment on column tiktok_workflow_runs.parent_step_id is
    'the step of another run that started this one as its sub-workflow, and waits for it';

alter table tiktok_workflow_steps
    add column failed_before  integer not null default 0,
    add column skipped_before integer not null default 0,
    add column parent_step_id uuid,
    add column item           jsonb,
    add column wake_key       text,
    add column wait_until     timestamptz;
comment on column tiktok_workflow_steps.failed_before is
    'how many of the steps it depends on failed, or were skipped because one failed';
comment on column tiktok_workflow_steps.skipped_before is
    'how many of the steps it depends on were skipped because of their own condition';
comment on column tiktok_workflow_steps.parent_step_id is 'the for_each step that this is one item of';
comment on column tiktok_workflow_steps.wake_key is 'what a waiting step waits for: a signal of this key wakes it';
comment on column tiktok_workflow_steps.wait_until is 'when a waiting step goes on without its signal; null: never';
create index tiktok_workflow_steps_waiting on tiktok_workflow_steps (workspace_id, wake_key) where status = 'waiting';

-- What was sent to a key that a step waits for, or will.
create table tiktok_signals (
    workspace_id uuid not null,
    wake_key     text not null check (length(wake_key) between 1 and 200),
    payload      jsonb,
    source       text not null,
    received_at  timestamptz not null default now(),
    primary key (workspace_id, wake_key)
);

-- Gates: an approval that was asked for. The proposal is what the approver sees; the digest is what a decision binds to.
create type gate_kind as enum ('approval', 'budget');
create type gate_status as enum ('open', 'approved', 'rejected', 'cancelled');
create type gate_expiry as enum ('approve', 'reject', 'branch', 'escalate');
create table tiktok_gates (
    workspace_id      uuid not null,
    id                uuid not null,
    run_id            uuid not null,
    step_id           uuid not null,
    kind              gate_kind not null default 'approval',
    status            gate_status not null default 'open',
    title             text not null,
    proposal          jsonb not null,
    digest            text not null,
    revision          integer not null default 1,
    amount_usd        numeric(14,8) check (amount_usd >= 0),
    released_usd      numeric(14,8) check (released_usd between 0 and amount_usd),
    cost_so_far_usd   numeric(14,8) not null default 0,
    requested_by      text not null,
    role              text not null,
    quorum            integer not null default 1 check (quorum >= 1),
    self_approval     boolean not null default true,
    up_to_usd         numeric(14,8) check (up_to_usd >= 0),
    decisions         jsonb not null default '[]',
    on_expiry         gate_expiry,
    expires_at        timestamptz,
    remind_every_s    bigint check (remind_every_s > 0),
    reminders         integer not null default 0,
    created_at        timestamptz not null default now(),
    decided_at        timestamptz,
    primary key (workspace_id, id),
    foreign key (workspace_id, run_id) references tiktok_workflow_runs (workspace_id, id),
    foreign key (workspace_id, step_id) references tiktok_workflow_steps (workspace_id, id),
    check ((status = 'open') = (decided_at is null)),
    check ((expires_at is null) = (on_expiry is null))
);
create unique index tiktok_gates_one_open_of_a_step on tiktok_gates (workspace_id, step_id) where status = 'open';
create index tiktok_gates_of_step on tiktok_gates (workspace_id, step_id);
create index tiktok_gates_open on tiktok_gates (workspace_id, created_at desc) where status = 'open';
comment on column tiktok_gates.role is 'who may decide: any_workspace_member, or a role of the token';
comment on column tiktok_gates.up_to_usd is 'the most money that this role may release; more needs an owner';
comment on column tiktok_gates.decisions is
    'who decided what, when and why: [{"by", "decision", "at", "note", "digest", "up_to_usd"}], oldest first';

-- What a gate showed before: a decision that names an older digest is told what has changed since.
create table tiktok_gate_revisions (
    workspace_id uuid not null,
    gate_id      uuid not null,
    revision     integer not null,
    proposal     jsonb not null,
    digest       text not null,
    revised_by   text not null,
    created_at   timestamptz not null default now(),
    primary key (workspace_id, gate_id, revision),
    foreign key (workspace_id, gate_id) references tiktok_gates (workspace_id, id)
);

-- Effects in escrow: what an agent would do to the world. Each is done once, by its own task, after a gate released it.
create type effect_status as enum ('proposed', 'released', 'doing', 'done', 'refused', 'unknown');
create table tiktok_effects (
    workspace_id    uuid not null,
    id              uuid not null,
    run_id          uuid not null,
    step_id         uuid not null,
    agent_run_id    uuid,
    place           integer not null,
    kind            text not null,
    key             text not null,
    title           text not null,
    payload         jsonb not null,
    digest          text not null,
    idempotency_key text not null,
    amount_usd      numeric(14,8) check (amount_usd >= 0),
    released_usd    numeric(14,8) check (released_usd between 0 and amount_usd),
    gate_id         uuid,
    status          effect_status not null default 'proposed',
    attempt         integer not null default 0,
    failures        integer not null default 0,
    leased_until    timestamptz,
    not_before      timestamptz,
    wake_at         timestamptz,
    generation      integer not null default 0,
    progress        jsonb not null default '{}',
    receipt         jsonb,
    error_class     text,
    error_message   text,
    created_at      timestamptz not null default now(),
    released_at     timestamptz,
    completed_at    timestamptz,
    primary key (workspace_id, id),
    unique (workspace_id, step_id, key),
    unique (workspace_id, idempotency_key),
    foreign key (workspace_id, run_id) references tiktok_workflow_runs (workspace_id, id),
    foreign key (workspace_id, step_id) references tiktok_workflow_steps (workspace_id, id),
    foreign key (workspace_id, agent_run_id) references tiktok_agent_runs (workspace_id, id),
    foreign key (workspace_id, gate_id) references tiktok_gates (workspace_id, id),
    check ((status = 'done') = (receipt is not null)),
    check ((status in ('done', 'refused')) = (completed_at is not null)),
    check ((status = 'doing') = (leased_until is not null))
);
create index tiktok_effects_of_run on tiktok_effects (workspace_id, run_id);
create index tiktok_effects_of_gate on tiktok_effects (workspace_id, gate_id);
create index tiktok_effects_due on tiktok_effects (wake_at) where wake_at is not null;
comment on column tiktok_effects.idempotency_key is 'the same in every attempt; it goes to the vendor';
comment on column tiktok_effects.progress is 'the vendor''s ids of what an attempt has begun';
comment on column tiktok_effects.wake_at is 'when the sweep makes a new wake-up, should the last one be lost';

alter type pause_scope add value 'effects';
alter table tiktok_pauses drop constraint tiktok_pauses_check;
alter table tiktok_pauses add check ((workflow_slug <> '') = (scope = 'workflow'));

-- Money. A cap holds its own counter: what is reserved and not settled, and what was spent. The ledger is its proof.
create type cap_scope as enum ('step', 'run', 'brief', 'workspace_day', 'ad_day');
create table tiktok_caps (
    workspace_id uuid not null,
    scope        cap_scope not null,
    scope_id     text not null,
    cap_usd      numeric(14,8) not null check (cap_usd >= 0),
    used_usd     numeric(14,8) not null default 0 check (used_usd >= 0),
    set_by       text not null,
    updated_at   timestamptz not null default now(),
    primary key (workspace_id, scope, scope_id)
);
comment on column tiktok_caps.scope_id is
    'the id of the step, run or brief; of a day its date (UTC), and the empty text for the cap that each day begins with';
create type ledger_kind as enum ('model', 'ad_spend');
create table tiktok_ledger (
    workspace_id uuid not null,
    id           uuid not null,
    kind         ledger_kind not null,
    agent_run_id uuid,
    effect_id    uuid,
    step_id      uuid,
    run_id       uuid,
    brief_id     uuid,
    day          date not null default (now() at time zone 'utc')::date,
    key          text,
    reserved_usd numeric(14,8) not null check (reserved_usd >= 0),
    settled_usd  numeric(14,8) check (settled_usd >= 0),
    created_at   timestamptz not null default now(),
    settled_at   timestamptz,
    primary key (workspace_id, id),
    unique (workspace_id, kind, key),
    foreign key (workspace_id, run_id) references tiktok_workflow_runs (workspace_id, id),
    foreign key (workspace_id, effect_id) references tiktok_effects (workspace_id, id),
    check ((settled_usd is null) = (settled_at is null))
);
create index tiktok_ledger_of_run on tiktok_ledger (workspace_id, run_id);
create index tiktok_ledger_of_brief on tiktok_ledger (workspace_id, brief_id);
create index tiktok_ledger_of_day on tiktok_ledger (workspace_id, day, kind);
comment on table tiktok_ledger is 'one row per reservation; settled_usd is what it came to, null while it is open';
comment on column tiktok_ledger.key is 'of a charge that may be asked for twice: the second one finds the first';

alter table tiktok_agent_steps add column reservation_id uuid;
comment on column tiktok_agent_steps.reservation_id is 'the ledger row that held the money for this call, if a cap applied';

-- What the agents of a campaign read and write.
create table tiktok_posts (
    workspace_id   uuid not null,
    id             uuid not null,
    account_handle text not null,
    run_id         uuid,
    effect_id      uuid,
    publish_id     text,
    post_id        text,
    url            text,
    caption        text not null default '',
    privacy_level  text,
    asset          jsonb not null default '{}',
    status         text not null default 'published'
                   check (status in ('publishing', 'published', 'removed')),
    posted_at      timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, effect_id),
    foreign key (workspace_id, run_id) references tiktok_workflow_runs (workspace_id, id),
    foreign key (workspace_id, effect_id) references tiktok_effects (workspace_id, id)
);
create index tiktok_posts_newest on tiktok_posts (workspace_id, posted_at desc);

create table tiktok_campaigns (
    workspace_id  uuid not null,
    id            uuid not null,
    run_id        uuid,
    effect_id     uuid,
    advertiser_id text not null,
    campaign_id   text not null,
    adgroup_ids   text[] not null default '{}',
    ad_ids        text[] not null default '{}',
    name          text not null,
    objective     text not null,
    budget_usd    numeric(14,8) not null check (budget_usd >= 0),
    status        text not null check (status in ('paused', 'active', 'ended')),
    created_at    timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, effect_id),
    foreign key (workspace_id, run_id) references tiktok_workflow_runs (workspace_id, id),
    foreign key (workspace_id, effect_id) references tiktok_effects (workspace_id, id)
);

create table tiktok_products (
    workspace_id uuid not null,
    id           uuid not null,
    product_id   text not null,
    title        text not null,
    description  text not null default '',
    listing      jsonb not null default '{}',
    updated_at   timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, product_id)
);

create table tiktok_messages (
    workspace_id    uuid not null,
    id              uuid not null,
    run_id          uuid,
    effect_id       uuid,
    creator         text not null,
    conversation_id text not null,
    message_id      text not null,
    body            text not null,
    sent_at         timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, effect_id),
    foreign key (workspace_id, run_id) references tiktok_workflow_runs (workspace_id, id),
    foreign key (workspace_id, effect_id) references tiktok_effects (workspace_id, id)
);

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array['tiktok_signals', 'tiktok_gates', 'tiktok_gate_revisions', 'tiktok_effects',
                                        'tiktok_caps', 'tiktok_ledger', 'tiktok_posts', 'tiktok_campaigns',
                                        'tiktok_products', 'tiktok_messages']
    loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format('create policy own_workspace on %I to army_app'
                       ' using (workspace_id = app_workspace_id())'
                       ' with check (workspace_id = app_workspace_id())', tenant_table);
        execute format('create policy every_workspace on %I to army_unscoped using (true) with check (true)',
                       tenant_table);
        execute format('grant select, insert, update on %I to army_app', tenant_table);
    end loop;
end
$$;
-- The sweep wakes effects whose task was lost, and sees no more of them than that.
grant select (workspace_id, id, run_id, status, leased_until, not_before, wake_at, generation) on tiktok_effects
   to army_unscoped;
grant update (wake_at, generation) on tiktok_effects to army_unscoped;

create or replace function hold_step_line() returns trigger
    language plpgsql
    as $$
declare
    is_legal boolean := old.status = new.status or case old.status
        when 'pending' then new.status in ('queued', 'skipped', 'cancelled')
        when 'queued' then new.status in ('running', 'skipped', 'cancelled')
        when 'running' then new.status in ('queued', 'waiting', 'pending_approval', 'succeeded', 'failed', 'cancelled')
        when 'waiting' then new.status in ('queued', 'skipped', 'cancelled')
        when 'pending_approval' then new.status in ('queued', 'waiting', 'skipped', 'cancelled')
        else false
    end;
begin
    if not is_legal then
        raise exception 'step % may not move from % to %', old.id, old.status, new.status
            using errcode = 'check_violation';
    end if;
    if (new.leased_until is not null) <> (new.status = 'running')
        or (new.completed_at is not null) <> (new.status in ('succeeded', 'failed', 'skipped', 'cancelled')) then
        raise exception 'step % cannot be % with leased_until % and completed_at %',
            old.id, new.status, new.leased_until, new.completed_at using errcode = 'check_violation';
    end if;
    return new;
end
$$;

-- What a released effect is stays so; done and refused are final.
create function hold_effect_line() returns trigger
    language plpgsql
    as $$
begin
    if not (old.status = new.status or case old.status
        when 'proposed' then new.status in ('released', 'refused')
        when 'released' then new.status in ('doing', 'refused')
        when 'doing' then new.status in ('released', 'done', 'refused', 'unknown')
        when 'unknown' then new.status in ('released', 'done', 'refused')
        else false
    end) then
        raise exception 'effect % may not move from % to %', old.id, old.status, new.status
            using errcode = 'check_violation';
    end if;
    if old.status <> 'proposed' and (old.digest <> new.digest or old.payload <> new.payload) then
        raise exception 'effect % was released: it may not change', old.id using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger only_legal_effect_moves before update of status, payload, digest on tiktok_effects
    for each row execute function hold_effect_line();

-- A gate that was decided stays decided.
create function hold_gate_line() returns trigger
    language plpgsql
    as $$
begin
    if old.status <> 'open' and (old.status <> new.status or old.digest <> new.digest) then
        raise exception 'gate % was decided', old.id using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger decided_gates_stay before update on tiktok_gates for each row execute function hold_gate_line();
