-- Statements are prepared once a connection, and reach rows by their whole keys. Two things made that dearer than it is.

-- With many small workspaces and one large one, the planner takes the average for all: it believes that a workspace has
-- a handful of rows, reads all of them by the first column of a key, and throws away all but the one that was asked
-- for. Told that a workspace may hold the whole table, it always goes by the whole key.
do $$
declare one text;
begin
    for one in select table_name from information_schema.columns
                where table_schema = 'public' and column_name = 'workspace_id' order by 1
    loop
        execute format('alter table %I alter column workspace_id set (n_distinct = 1)', one);
    end loop;
end $$;

-- Each analyze makes every connection plan its statements again, which costs more than a step does. Tables that only
-- grow are analysed each time they have doubled; updates here leave nothing in indexes, so vacuum may wait as well.
alter table tiktok_workflow_steps set (autovacuum_analyze_scale_factor = 1, autovacuum_vacuum_threshold = 2000,
                                       autovacuum_vacuum_scale_factor = 0.5, autovacuum_vacuum_insert_scale_factor = 1);
alter table tiktok_workflow_runs  set (autovacuum_analyze_scale_factor = 1, autovacuum_vacuum_threshold = 2000,
                                       autovacuum_vacuum_scale_factor = 0.5, autovacuum_vacuum_insert_scale_factor = 1);
alter table tiktok_agent_runs     set (autovacuum_analyze_scale_factor = 1, autovacuum_vacuum_threshold = 2000,
                                       autovacuum_vacuum_scale_factor = 0.5, autovacuum_vacuum_insert_scale_factor = 1);
alter table tiktok_outbox         set (autovacuum_analyze_scale_factor = 1, autovacuum_vacuum_insert_scale_factor = 1);
