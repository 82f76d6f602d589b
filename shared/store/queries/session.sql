-- name: enter_workspace
-- The first statement of every transaction. Local to it: nothing is left on the connection.
select set_config('app.workspace_id', :workspace_id::uuid::text, true)

-- name: what_this_role_can
-- A role that could step over the wall is refused at start-up.
select current_user::text as name,
       r.rolsuper as is_superuser,
       r.rolbypassrls as bypasses_rls,
       exists (select from pg_class c
                where c.relkind in ('r', 'p') and c.relname like 'tiktok\_%'
                  and pg_has_role(r.oid, c.relowner, 'member')) as owns_tables,
       (select count(*) from pg_roles g
         where g.rolname in ('army_app', 'army_unscoped') and pg_has_role(r.oid, g.oid, 'member')) > 1 as has_both
  from pg_roles r
 where r.rolname = current_user

-- name: listen_for_run_ends
listen run_ended

-- name: stop_listening
unlisten *
