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

-- An effect that was begun at the vendor when its run ended is not known to be undone.
create or replace function hold_effect_line() returns trigger
    language plpgsql
    as $$
begin
    if not (old.status = new.status or case old.status
        when 'proposed' then new.status in ('released', 'refused')
        when 'released' then new.status in ('doing', 'refused', 'unknown')
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

-- An index whose condition names the status makes Postgres write every index of the table at each move of a step.
drop index tiktok_workflow_steps_waiting;
create index tiktok_workflow_steps_waiting on tiktok_workflow_steps (workspace_id, wake_key)
    where wake_key is not null;

-- Runs inside of runs share the cap of the outermost one.
alter table tiktok_workflow_runs add column root_run_id uuid;
comment on column tiktok_workflow_runs.root_run_id is 'the outermost run that this one is inside of: its cap bounds both';
alter table tiktok_ledger add column root_run_id uuid;
comment on column tiktok_ledger.root_run_id is 'the run whose cap held the money: the outermost one';
