-- Fairness between workspaces: a workspace has only so many steps with a task or at work. Its other ready steps wait in its
-- backlog and are let in as the first ones end, so one workspace's ten thousand steps never stand before another's ten.

-- name: admit_steps
-- Lets steps of the workspace in, as many as there is room for: the most urgent first, then those that wait longest.
-- What several admit at once may exceed the limit by a few; nothing depends on its being exact.
with room as (
    select greatest(0, :most::int - count(*))::int as steps
      from (select from tiktok_wake_ups where state = 'admitted' limit :most::int) admitted
), chosen as (
    select workspace_id, step_id from tiktok_wake_ups
     where state = 'backlog'
     order by workspace_id, priority desc, wake_at, step_id limit (select steps from room)
       for no key update skip locked
)
update tiktok_wake_ups w
   set state = 'admitted', generation = w.generation + 1, wake_at = now() + make_interval(secs => :grace_s::float8)
  from chosen where w.workspace_id = chosen.workspace_id and w.step_id = chosen.step_id
returning w.workflow_run_id as run_id, w.step_id, w.generation;
