-- name: due_to_wake
-- The sweep's one question, across workspaces: the steps and the effects whose wake-up is overdue, oldest first, a
-- bounded number of each; those of other sweeps in flight are passed over. A step that is leased or held back for longer
-- is looked at again when that ends; the others are woken, under a new generation, so that the new task is never refused
-- as a duplicate of the lost one. One statement, because a tick that finds nothing is what an idle system costs.
with recursive overdue_step as (
    select workspace_id, step_id from tiktok_wake_ups
     where wake_at <= now() and state <> 'backlog' order by wake_at limit :limit::int for no key update skip locked
), looked_at as (
    select o.workspace_id, o.step_id,
           case when s.status = 'running' then s.leased_until else s.not_before end as busy_until
      from overdue_step o
      join tiktok_workflow_steps s on s.workspace_id = o.workspace_id and s.id = o.step_id
     where length(o.step_id::text) = 36 -- as in claim_steps
), step as (
    update tiktok_wake_ups w
       set generation = w.generation + case when coalesce(l.busy_until <= now(), true) then 1 else 0 end,
           wake_at = greatest(l.busy_until, now()) + make_interval(secs => :grace_s::float8),
           state = case when coalesce(l.busy_until <= now(), true) then 'admitted' else w.state end
      from looked_at l
     where w.workspace_id = l.workspace_id and w.step_id = l.step_id
    returning w.workspace_id, w.workflow_run_id as run_id, w.step_id as id, w.generation,
              coalesce(l.busy_until <= now(), true) as is_woken
), behind as ( -- workspaces with a backlog, each found by one look into the index
    (select workspace_id from tiktok_wake_ups where state = 'backlog' order by workspace_id limit 1)
     union all
    select (select w.workspace_id from tiktok_wake_ups w
             where w.state = 'backlog' and w.workspace_id > behind.workspace_id order by w.workspace_id limit 1)
      from behind where behind.workspace_id is not null
), chosen as (
    select b.workspace_id, b.step_id
      from behind
     cross join lateral (select greatest(0, :most::int - count(*))::int as steps
                           from (select from tiktok_wake_ups a
                                  where a.state = 'admitted' and a.workspace_id = behind.workspace_id
                                  limit :most::int) admitted) room
     cross join lateral (select w.workspace_id, w.step_id from tiktok_wake_ups w
                          where w.state = 'backlog' and w.workspace_id = behind.workspace_id
                          order by w.priority desc, w.wake_at, w.step_id limit room.steps) b
     where behind.workspace_id is not null limit :limit::int
), let_in as (
    update tiktok_wake_ups w
       set state = 'admitted', generation = w.generation + 1,
           wake_at = now() + make_interval(secs => :grace_s::float8)
      from chosen c
     where w.workspace_id = c.workspace_id and w.step_id = c.step_id and w.state = 'backlog'
    returning w.workspace_id, w.workflow_run_id as run_id, w.step_id as id, w.generation, true as is_woken
), overdue_effect as (
    select workspace_id, id from tiktok_effects
     where wake_at <= now() order by wake_at limit :limit::int for no key update skip locked
), effect as (
    update tiktok_effects e
       set generation = e.generation + 1, wake_at = now() + make_interval(secs => :grace_s::float8)
      from overdue_effect o
     where e.workspace_id = o.workspace_id and e.id = o.id and length(o.id::text) = 36 -- as in claim_steps
    returning e.workspace_id, e.run_id, e.id, e.generation
)
select 'step' as subject, workspace_id, run_id, id, generation, is_woken from step
 union all
select 'admitted', workspace_id, run_id, id, generation, is_woken from let_in
 union all
select 'effect', workspace_id, run_id, id, generation, true from effect;
