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
-- The sweep wakes steps and nothing else.
grant select, update on tiktok_workflow_steps to army_unscoped;
grant select on tiktok_workflow_runs to army_unscoped;

-- Terminal states are absorbing, and only listed moves happen, whatever a statement says.
create function refuse_move() returns trigger
    language plpgsql
    as $$
begin
    raise exception '% % may not move from % to %', tg_table_name, old.id, old.status, new.status
        using errcode = 'check_violation';
end
$$;

create trigger only_legal_run_moves
    before update of status on tiktok_workflow_runs
    for each row
    when (old.status is distinct from new.status and old.status <> 'running')
    execute function refuse_move();

create trigger only_legal_step_moves
    before update of status on tiktok_workflow_steps
    for each row
    when (old.status is distinct from new.status and (old.status, new.status) not in (
        ('pending', 'queued'), ('pending', 'skipped'), ('pending', 'cancelled'),
        ('queued', 'running'), ('queued', 'skipped'), ('queued', 'cancelled'),
        ('running', 'queued'), ('running', 'waiting'), ('running', 'pending_approval'),
        ('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelled'),
        ('waiting', 'queued'), ('waiting', 'cancelled'),
        ('pending_approval', 'succeeded'), ('pending_approval', 'failed'), ('pending_approval', 'cancelled')
    ))
    execute function refuse_move();
