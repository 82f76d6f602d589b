-- name: due_to_wake
-- The sweep's one question, across workspaces: the steps and the effects whose wake-up is overdue, oldest first, a
-- bounded number of each; those of other sweeps in flight are passed over. A step that is leased or held back for longer
-- is looked at again when that ends; the others are woken, under a new generation, so that the new task is never refused
-- as a duplicate of the lost one. One statement, because a tick that finds nothing is what an idle system costs.
with overdue_step as (
    select workspace_id, step_id from tiktok_wake_ups
     where wake_at <= now() order by wake_at limit :limit::int for no key update skip locked
), looked_at as (
    select o.workspace_id, o.step_id,
           case when s.status = 'running' then s.leased_until else s.not_before end as busy_until
      from overdue_step o
      join tiktok_workflow_steps s on s.workspace_id = o.workspace_id and s.id = o.step_id
     where length(o.step_id::text) = 36 -- as in succeed_step
), step as (
    update tiktok_wake_ups w
       set generation = w.generation + case when coalesce(l.busy_until <= now(), true) then 1 else 0 end,
           wake_at = greatest(l.busy_until, now()) + make_interval(secs => :grace_s::float8)
      from looked_at l
     where w.workspace_id = l.workspace_id and w.step_id = l.step_id
    returning w.workspace_id, w.workflow_run_id as run_id, w.step_id as id, w.generation,
              coalesce(l.busy_until <= now(), true) as is_woken
), overdue_effect as (
    select workspace_id, id from tiktok_effects
     where wake_at <= now() order by wake_at limit :limit::int for no key update skip locked
), effect as (
    update tiktok_effects e
       set generation = e.generation + 1, wake_at = now() + make_interval(secs => :grace_s::float8)
      from overdue_effect o
     where e.workspace_id = o.workspace_id and e.id = o.id and length(o.id::text) = 36 -- as in succeed_step
    returning e.workspace_id, e.run_id, e.id, e.generation
)
select 'step' as subject, workspace_id, run_id, id, generation, is_woken from step
 union all
select 'effect', workspace_id, run_id, id, generation, true from effect;
