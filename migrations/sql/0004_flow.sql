-- The flow of steps that are not plain, as far as 0003_approvals.sql did not foresee it.

alter table tiktok_workflow_runs
    add column depth integer not null default 0;
comment on column tiktok_workflow_runs.depth is 'how many runs this one is inside of';
create index tiktok_workflow_runs_of_parent on tiktok_workflow_runs (workspace_id, parent_run_id)
    where parent_run_id is not null;

alter table tiktok_workflow_steps
    add column lost  integer not null default 0,
    add column items integer;
comment on column tiktok_workflow_steps.lost is
    'counts the executors that died doing this step: claims that took over after a lease had ended';
comment on column tiktok_workflow_steps.items is
    'how many items a for_each step was spread into; then its sources are the ids of those steps, in order';
comment on column tiktok_workflow_steps.failures is
    'counts business failures only: a crash, a refusal of our own platform and a yield consume no attempt';
