-- Runs inside of runs: what holds the outer one holds them too, and so does the cap of the step that waits for them.

alter type pause_scope add value 'outer_run';
comment on column tiktok_workflow_runs.paused_scope is
    'what was paused: this run alone, its workflow, the whole workspace, or the run that it is inside of; run: by itself, whatever else holds it too';

alter table tiktok_workflow_runs add column outer_step_ids uuid[];
comment on column tiktok_workflow_runs.outer_step_ids is
    'the step that waits for this run, and those that wait for the runs it is inside of: their caps bound it';
alter table tiktok_ledger add column outer_step_ids uuid[];
comment on column tiktok_ledger.outer_step_ids is 'steps of outer runs whose caps held the money';
