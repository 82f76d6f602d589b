-- Control of runs: cancel, pause and resume; and runs that begin where an earlier one stood.

create type pause_scope as enum ('run', 'workflow', 'workspace');
create type fork_kind as enum ('restart', 'redrive', 'fork');

alter table tiktok_workflow_runs
    add column cancelled_by       text,
    add column cancel_reason      text,
    add column paused_scope       pause_scope,
    add column paused_by          text,
    add column pause_reason       text,
    add column fork_kind          fork_kind,
    add column forked_from_run_id uuid,
    add column forked_at_steps    text[],
    add foreign key (workspace_id, forked_from_run_id) references tiktok_workflow_runs (workspace_id, id);
create index tiktok_workflow_runs_forks on tiktok_workflow_runs (workspace_id, forked_from_run_id)
    where forked_from_run_id is not null;
comment on column tiktok_workflow_runs.paused_scope is
    'what was paused: this run alone, its workflow, or the whole workspace; resuming that one resumes it';
comment on column tiktok_workflow_runs.forked_at_steps is
    'the steps from which on this run does again what the earlier one did; all before them are taken over';

alter table tiktok_workflow_steps
    add column cancel_requested_at timestamptz,
    add column taken_from          uuid,
    add column earlier_steps       uuid[];
comment on column tiktok_workflow_steps.cancel_requested_at is
    'set with the run''s, so that a step at work finds it in its own row';
comment on column tiktok_workflow_steps.taken_from is
    'the step of an earlier run whose output this one has, without having run';
comment on column tiktok_workflow_steps.earlier_steps is
    'the steps of earlier runs that this one does again, nearest first: their journals answer its calls';

-- What is paused beyond single runs. A run that starts under one of these starts paused.
create table tiktok_pauses (
    workspace_id  uuid not null,
    scope         pause_scope not null check (scope <> 'run'),
    workflow_slug text not null check ((workflow_slug = '') = (scope = 'workspace')),
    paused_by     text not null,
    reason        text,
    paused_at     timestamptz not null default now()
);
alter table tiktok_pauses add primary key (workspace_id, scope, workflow_slug);

alter table tiktok_pauses enable row level security;
alter table tiktok_pauses force row level security;
create policy own_workspace on tiktok_pauses to army_app
    using (workspace_id = app_workspace_id()) with check (workspace_id = app_workspace_id());
create policy every_workspace on tiktok_pauses to army_unscoped using (true) with check (true);
grant select, insert, update, delete on tiktok_pauses to army_app;
