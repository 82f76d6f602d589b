-- The wall between workspaces. Postgres holds it, whatever a query forgets:
-- army_app sees the rows of the workspace it named in this transaction, and naming none raises;
-- army_unscoped is the second, named role for the few things that cross workspaces (the sweep).

create function app_workspace_id() returns uuid
    language plpgsql stable parallel safe
    as $$
declare
    named text := current_setting('app.workspace_id', true);
begin
    if named is null or named = '' then
        raise exception 'no workspace is set: begin with set_config(''app.workspace_id'', …, true)'
            using errcode = 'insufficient_privilege';
    end if;
    return named::uuid;
end
$$;

do $$
declare
    tenant_table text;
begin
    for tenant_table in
        select c.relname
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
         where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
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

grant usage on schema public to army_app, army_unscoped;
grant execute on function app_workspace_id() to army_app, army_unscoped;
grant delete on tiktok_wake_ups to army_app;
-- The sweep sees which steps to wake, and of a step no more than where it stands.
grant select, update on tiktok_wake_ups to army_unscoped;
grant select (workspace_id, id, status, leased_until, not_before) on tiktok_workflow_steps to army_unscoped;

-- Terminal states are absorbing, only listed moves happen, and a state means what it says, whatever a statement does.
create function hold_run_line() returns trigger
    language plpgsql
    as $$
begin
    if old.status <> new.status and old.status <> 'running' then
        raise exception 'run % may not move from % to %', old.id, old.status, new.status
            using errcode = 'check_violation';
    end if;
    if new.status = 'succeeded' and new.steps_open <> 0 or (new.completed_at is null) <> (new.status = 'running') then
        raise exception 'run % cannot be % with % steps open and completed_at %',
            old.id, new.status, new.steps_open, new.completed_at using errcode = 'check_violation';
    end if;
    return new;
end
$$;

create function hold_step_line() returns trigger
    language plpgsql
    as $$
declare
    is_legal boolean := old.status = new.status or case old.status
        when 'pending' then new.status in ('queued', 'skipped', 'cancelled')
        when 'queued' then new.status in ('running', 'skipped', 'cancelled')
        when 'running' then new.status in ('queued', 'waiting', 'pending_approval', 'succeeded', 'failed', 'cancelled')
        when 'waiting' then new.status in ('queued', 'cancelled')
        when 'pending_approval' then new.status in ('succeeded', 'failed', 'cancelled')
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

create trigger only_legal_run_moves before update of status on tiktok_workflow_runs
    for each row execute function hold_run_line();
create trigger only_legal_step_moves before update of status on tiktok_workflow_steps
    for each row execute function hold_step_line();
