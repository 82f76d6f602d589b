-- The engine's tables. workspace_id leads every key; foreign keys are composite, so that no child can point into
-- another workspace. Row-level security is enabled and forced by 0001_wall.sql.
--
-- Primary keys are added last, after the other indexes of their table: between indexes that look equally cheap, as all
-- do while a table is empty, Postgres takes the one made last, and statements here name whole primary keys.

-- Types, not CHECK constraints: Postgres reads a check's text anew for every statement that writes a row.
create type run_status as enum ('running', 'succeeded', 'failed', 'cancelled');
create type step_status as enum ('pending', 'queued', 'running', 'waiting', 'pending_approval',
                                 'succeeded', 'failed', 'skipped', 'cancelled');
create type agent_run_status as enum ('pending', 'running', 'succeeded', 'failed', 'skipped');
create type trigger_type as enum ('manual', 'webhook', 'schedule', 'api');
create type call_kind as enum ('llm_call', 'tool_call', 'provider_call', 'skill_call', 'db_write');
create type call_outcome as enum ('started', 'paid', 'reused', 'in_doubt', 'wasted', 'failed');

create table tiktok_briefs (
    workspace_id    uuid not null,
    id              uuid not null,
    brand_id        uuid,
    outcome         text not null,
    handle          text not null check (length(handle) between 1 and 64),
    target_type     text not null check (target_type in ('own_brand', 'third_party')),
    notes           text,
    dataset         text,
    budget_usd      numeric(14, 8) check (budget_usd >= 0),
    fields          jsonb not null default '{}',
    status          text not null default 'pending' check (status in ('pending', 'dispatched')),
    idempotency_key text,
    request_digest  text not null,
    created_by      text not null,
    created_at      timestamptz not null default now(),
    unique (workspace_id, idempotency_key)
);
create index tiktok_briefs_newest on tiktok_briefs (workspace_id, created_at desc);
alter table tiktok_briefs add primary key (workspace_id, id);

-- Definitions never change: a changed one has another digest, and a run goes on with the one it pinned.
create table tiktok_workflows (
    workspace_id uuid not null,
    digest       text not null,
    slug         text not null,
    version      integer not null check (version >= 1),
    name         text not null,
    description  text not null,
    dag_jsonb    jsonb not null,
    is_stored    boolean not null default false,
    created_at   timestamptz not null default now()
);
create index tiktok_workflows_newest on tiktok_workflows (workspace_id, slug, version desc, created_at desc);
create unique index tiktok_workflows_one_of_a_version on tiktok_workflows (workspace_id, slug, version)
    where is_stored;
alter table tiktok_workflows add primary key (workspace_id, digest);
comment on column tiktok_workflows.is_stored is
    'true: posted by a user, and preferred to the seeded one of the same slug; false: written when a run pinned it';

create table tiktok_workflow_runs (
    workspace_id        uuid not null,
    id                  uuid not null,
    workflow_slug       text not null,
    workflow_version    integer not null,
    definition_digest   text not null,
    brief_id            uuid,
    brief_jsonb         jsonb not null,
    trigger_type        trigger_type not null,
    trigger_event_id    text,
    status              run_status not null default 'running',
    budget_usd          numeric(14, 8),
    version             integer not null default 0,
    steps_total         integer not null,
    steps_open          integer not null,
    paused_at           timestamptz,
    cancel_requested_at timestamptz,
    report_md           text,
    error_class         text,
    error_message       text,
    total_cost_usd      numeric(14, 8),
    total_latency_ms    bigint,
    created_by          text not null,
    idempotency_key     text,
    request_digest      text not null,
    started_at          timestamptz not null default now(),
    completed_at        timestamptz,
    unique (workspace_id, idempotency_key),
    foreign key (workspace_id, definition_digest) references tiktok_workflows (workspace_id, digest),
    foreign key (workspace_id, brief_id) references tiktok_briefs (workspace_id, id)
) with (fillfactor = 70);
create index tiktok_workflow_runs_newest on tiktok_workflow_runs (workspace_id, started_at desc);
alter table tiktok_workflow_runs add primary key (workspace_id, id);
comment on column tiktok_workflow_runs.version is 'counts the events of this run: the next one gets version + 1';

create table tiktok_workflow_steps (
    workspace_id    uuid not null,
    id              uuid not null,
    workflow_run_id uuid not null,
    idx             integer not null,
    key             text not null,
    agent_name      text not null,
    label           text not null,
    definition      jsonb not null,
    depends_on      text[] not null,
    successors      uuid[] not null,
    sources         uuid[] not null,
    status          step_status not null default 'pending',
    waiting_on      integer not null,
    attempt         integer not null default 0,
    failures        integer not null default 0,
    leased_until    timestamptz,
    not_before      timestamptz,
    input_jsonb     jsonb,
    output_jsonb    jsonb,
    agent_run_id    uuid,
    cost_usd        numeric(14, 8),
    latency_ms      bigint,
    error_class     text,
    error_message   text,
    queued_at       timestamptz,
    started_at      timestamptz,
    completed_at    timestamptz,
    unique (workspace_id, workflow_run_id, key),
    unique (workspace_id, workflow_run_id, idx),
    foreign key (workspace_id, workflow_run_id) references tiktok_workflow_runs (workspace_id, id)
) with (fillfactor = 60);
alter table tiktok_workflow_steps add primary key (workspace_id, id);
comment on column tiktok_workflow_steps.successors is 'ids of the steps that wait for this one';
comment on column tiktok_workflow_steps.sources is 'ids of the steps whose outputs this one reads';
comment on column tiktok_workflow_steps.attempt is 'counts claims, and is the fence: a settle that names another changes nothing';
comment on column tiktok_workflow_steps.failures is 'counts business failures only: a crash consumes no attempt of the retry policy';
comment on column tiktok_workflow_steps.output_jsonb is
    'null where an agent ran: its agent run holds the input and the output, once';

-- What the sweep looks at: one narrow row for each step that is queued or running, none for the others. So a parked
-- step costs the sweep nothing, and no update of a step touches an index.
create table tiktok_wake_ups (
    workspace_id    uuid not null,
    step_id         uuid not null,
    workflow_run_id uuid not null,
    wake_at         timestamptz not null,
    generation      integer not null default 0
) with (fillfactor = 70);
create index tiktok_wake_ups_due on tiktok_wake_ups (wake_at);
alter table tiktok_wake_ups add primary key (workspace_id, step_id);
comment on column tiktok_wake_ups.wake_at is 'when the sweep makes a new wake-up, should the last one be lost';
comment on column tiktok_wake_ups.generation is
    'part of the name of the sweep''s task, so that waking again is never refused as a duplicate';

create table tiktok_agent_runs (
    workspace_id     uuid not null,
    id               uuid not null,
    workflow_run_id  uuid,
    step_id          uuid,
    attempt          integer not null default 1,
    brand_id         uuid,
    agent_name       text not null,
    trigger_type     trigger_type not null,
    trigger_event_id text,
    status           agent_run_status not null default 'running',
    input_jsonb      jsonb not null,
    output_jsonb     jsonb,
    started_at       timestamptz not null default now(),
    completed_at     timestamptz,
    error_message    text,
    cost_usd         numeric(14, 8),
    latency_ms       bigint,
    model_used       text,
    foreign key (workspace_id, step_id) references tiktok_workflow_steps (workspace_id, id)
) with (fillfactor = 70);
create index tiktok_agent_runs_of_step on tiktok_agent_runs (workspace_id, step_id);
alter table tiktok_agent_runs add primary key (workspace_id, id);

-- Long texts, once each: a system prompt is the same in a thousand calls.
create table tiktok_texts (
    workspace_id uuid not null,
    sha256       text not null,
    body         text not null,
    created_at   timestamptz not null default now()
);
alter table tiktok_texts add primary key (workspace_id, sha256);

-- Trace and journal in one: what a call asked, what it answered, what it cost, and whether it need be made again.
create table tiktok_agent_steps (
    workspace_id          uuid not null,
    agent_run_id          uuid not null,
    idx                   integer not null,
    id                    uuid not null,
    workflow_run_id       uuid,
    step_id               uuid,
    kind                  call_kind not null,
    label                 text not null,
    call_digest           text not null,
    occurrence            integer not null default 0,
    outcome               call_outcome not null,
    reused_from           uuid,
    model                 text,
    system_prompt         text,
    system_prompt_sha256  text,
    user_prompt           text,
    user_prompt_sha256    text,
    response_text         text,
    input_tokens          integer,
    output_tokens         integer,
    cache_read_tokens     integer,
    cache_write_tokens    integer,
    cache_write_1h_tokens integer,
    thinking_tokens       integer,
    cost_usd              numeric(14, 8) not null default 0,
    cost_known            boolean not null default true,
    price_version         text,
    provider_request_id   text,
    attempts              integer not null default 1,
    note                  text,
    input_jsonb           jsonb,
    output_jsonb          jsonb,
    started_at            timestamptz not null default now(),
    completed_at          timestamptz,
    latency_ms            bigint,
    error_message         text,
    foreign key (workspace_id, agent_run_id) references tiktok_agent_runs (workspace_id, id)
);
alter table tiktok_agent_steps add primary key (workspace_id, agent_run_id, idx);
create index tiktok_agent_steps_of_step on tiktok_agent_steps (workspace_id, workflow_run_id, step_id);

-- What there is to tell, written with the move it tells of. seq has no repeats within a subject.
create table tiktok_outbox (
    workspace_id uuid not null,
    subject_id   uuid not null,
    seq          integer not null,
    kind         text not null,
    payload      jsonb not null default '{}',
    created_at   timestamptz not null default now()
);
alter table tiktok_outbox add primary key (workspace_id, subject_id, seq);

-- A brief is read by every step and never changes: kept aside, so that counting a run's steps does not copy it.
alter table tiktok_workflow_runs alter column brief_jsonb set storage external;
alter table tiktok_workflow_runs set (toast_tuple_target = 256);

-- Plans made for an empty table are bad for a full one: these tables are analysed soon, which makes plans anew.
alter table tiktok_workflow_runs set (autovacuum_analyze_scale_factor = 0.05);
alter table tiktok_workflow_steps set (autovacuum_analyze_scale_factor = 0.05);
alter table tiktok_agent_runs set (autovacuum_analyze_scale_factor = 0.05);
alter table tiktok_agent_steps set (autovacuum_analyze_scale_factor = 0.05);
