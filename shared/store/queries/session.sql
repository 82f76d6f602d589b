-- name: enter_workspace
-- The first statement of every transaction. Local to it: nothing is left on the connection.
select set_config('app.workspace_id', :workspace_id::uuid::text, true)

-- name: what_this_role_can
-- A role that could step over the wall is refused at start-up.
select current_user::text as name,
       r.rolsuper as is_superuser,
       r.rolbypassrls as bypasses_rls,
       exists (select from pg_class c
                where c.relowner = r.oid and c.relkind in ('r', 'p') and c.relname like 'tiktok\_%') as owns_tables
  from pg_roles r
 where r.rolname = current_user

-- name: listen_for_run_ends
listen run_ended

-- name: stop_listening
unlisten *
