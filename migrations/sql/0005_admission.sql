-- Fairness: of each workspace only so many steps are let in at once. The others wait in its backlog, without a task.

create type wake_up_state as enum ('admitted', 'backlog', 'timed');
alter table tiktok_wake_ups
    add column state    wake_up_state not null default 'admitted',
    add column priority smallint not null default 0;
comment on column tiktok_wake_ups.state is
    'admitted: it has a task, or is at work; backlog: ready, and let in when there is room; timed: due at wake_at';
comment on column tiktok_wake_ups.priority is 'that of its run: the higher is let in first';
drop index tiktok_wake_ups_due;
create index tiktok_wake_ups_due on tiktok_wake_ups (wake_at) where state <> 'backlog';
create index tiktok_wake_ups_admitted on tiktok_wake_ups (workspace_id) where state = 'admitted';
create index tiktok_wake_ups_backlog on tiktok_wake_ups (workspace_id, priority desc, wake_at, step_id)
    where state = 'backlog';

alter table tiktok_workflow_runs
    add column priority smallint not null default 0;
comment on column tiktok_workflow_runs.priority is 'of two runs of a workspace that wait, the higher is let in first';
