-- The engine's tables. workspace_id leads every key; foreign keys are composite, so that no child can point into
-- another workspace. Row-level security is enabled and forced by 0001_wall.sql.
--
-- Primary keys are added last, after the other indexes of their table: between indexes that look equally cheap, as all
-- do while a table is empty, Postgres takes the one made last, and statements here name whole primary keys.

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
    trigger_type        text not null check (trigger_type in ('manual', 'webhook', 'schedule', 'api')),
    trigger_event_id    text,
    status              text not null default 'running'
                        check (status in ('running', 'succeeded', 'failed', 'cancelled')),
    budget_usd          numeric(14, 8) check (budget_usd >= 0),
    version             integer not null default 0,
    steps_total         integer not null check (steps_total >= 1),
    steps_open          integer not null check (steps_open >= 0),
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
    foreign key (workspace_id, brief_id) references tiktok_briefs (workspace_id, id),
    constraint succeeded_means_no_step_is_open check (status <> 'succeeded' or steps_open = 0),
    constraint completed_at_says_it_is_final check ((completed_at is null) = (status = 'running'))
) with (fillfactor = 70);
create index tiktok_workflow_runs_newest on tiktok_workflow_runs (workspace_id, started_at desc);
alter table tiktok_workflow_runs add primary key (workspace_id, id);
comment on column tiktok_workflow_runs.version is 'counts the events of this run: the next one gets version + 1';

create table tiktok_workflow_steps (
    workspace_id    uuid not null,
    id              uuid not null,
    workflow_run_id uuid not null,
    idx             integer not null check (idx >= 0),
    key             text not null,
    agent_name      text not null,
    label           text not null,
    definition      jsonb not null,
    depends_on      text[] not null,
    successors      uuid[] not null,
    sources         uuid[] not null,
    status          text not null default 'pending'
                    check (status in ('pending', 'queued', 'running', 'waiting', 'pending_approval',
                                      'succeeded', 'failed', 'skipped', 'cancelled')),
    waiting_on      integer not null check (waiting_on >= 0),
    attempt         integer not null default 0,
    failures        integer not null default 0,
    generation      integer not null default 0,
    leased_until    timestamptz,
    not_before      timestamptz,
    wake_at         timestamptz,
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
    foreign key (workspace_id, workflow_run_id) references tiktok_workflow_runs (workspace_id, id),
    constraint lease_means_running check ((leased_until is not null) = (status = 'running')),
    constraint completed_at_says_it_is_final check
        ((completed_at is not null) = (status in ('succeeded', 'failed', 'skipped', 'cancelled')))
) with (fillfactor = 60);
create index tiktok_workflow_steps_to_wake on tiktok_workflow_steps (wake_at) where wake_at is not null;
alter table tiktok_workflow_steps add primary key (workspace_id, id);
comment on column tiktok_workflow_steps.successors is 'ids of the steps that wait for this one';
comment on column tiktok_workflow_steps.sources is 'ids of the steps whose outputs this one reads';
comment on column tiktok_workflow_steps.attempt is 'counts claims, and is the fence: a settle that names another changes nothing';
comment on column tiktok_workflow_steps.failures is 'counts business failures only: a crash consumes no attempt of the retry policy';
comment on column tiktok_workflow_steps.generation is 'part of the wake-up''s task name, so that waking again is never refused as a duplicate';
comment on column tiktok_workflow_steps.wake_at is 'when the sweep makes a new wake-up, should the last one be lost; null: nothing to wake';

create table tiktok_agent_runs (
    workspace_id     uuid not null,
    id               uuid not null,
    workflow_run_id  uuid,
    step_id          uuid,
    attempt          integer not null default 1,
    brand_id         uuid,
    agent_name       text not null,
    trigger_type     text not null check (trigger_type in ('manual', 'webhook', 'schedule', 'api')),
    trigger_event_id text,
    status           text not null default 'running'
                     check (status in ('pending', 'running', 'succeeded', 'failed', 'skipped')),
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
    sha256       text not null check (length(sha256) = 64),
    body         text not null,
    created_at   timestamptz not null default now()
);
alter table tiktok_texts add primary key (workspace_id, sha256);

-- Trace and journal in one: what a call asked, what it answered, what it cost, and whether it need be made again.
create table tiktok_agent_steps (
    workspace_id          uuid not null,
    agent_run_id          uuid not null,
    idx                   integer not null check (idx >= 0),
    id                    uuid not null,
    workflow_run_id       uuid,
    step_id               uuid,
    kind                  text not null
                          check (kind in ('llm_call', 'tool_call', 'provider_call', 'skill_call', 'db_write')),
    label                 text not null,
    call_digest           text not null,
    occurrence            integer not null default 0,
    outcome               text not null
                          check (outcome in ('started', 'paid', 'reused', 'in_doubt', 'wasted', 'failed')),
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

-- Plans made for an empty table are bad for a full one: these tables are analysed soon, which makes plans anew.
alter table tiktok_workflow_runs set (autovacuum_analyze_scale_factor = 0.05);
alter table tiktok_workflow_steps set (autovacuum_analyze_scale_factor = 0.05);
alter table tiktok_agent_runs set (autovacuum_analyze_scale_factor = 0.05);
alter table tiktok_agent_steps set (autovacuum_analyze_scale_factor = 0.05);
