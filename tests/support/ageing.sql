-- Time that has passed, as the owner, past the wall: rows move back, no clock is shifted.

-- name: age_gates
update tiktok_gates set created_at = created_at - make_interval(secs => :seconds::float8),
                        expires_at = expires_at - make_interval(secs => :seconds::float8)
 where run_id = :run_id::uuid and status = 'open';

-- name: age_wake_ups
update tiktok_wake_ups set wake_at = wake_at - make_interval(secs => :seconds::float8)
 where workflow_run_id = :run_id::uuid;

-- name: age_steps
update tiktok_workflow_steps set started_at = started_at - make_interval(secs => :seconds::float8),
                                 wait_until = wait_until - make_interval(secs => :seconds::float8)
 where workflow_run_id = :run_id::uuid and started_at is not null and completed_at is null;

-- name: age_not_before
update tiktok_workflow_steps set not_before = not_before - make_interval(secs => :seconds::float8)
 where workflow_run_id = :run_id::uuid and status = 'queued';

-- name: age_effects
update tiktok_effects set leased_until = leased_until - make_interval(secs => :seconds::float8),
                          not_before = not_before - make_interval(secs => :seconds::float8),
                          wake_at = wake_at - make_interval(secs => :seconds::float8)
 where run_id = :run_id::uuid;

-- name: age_run
update tiktok_workflow_runs set started_at = started_at - make_interval(secs => :seconds::float8)
 where id = :run_id::uuid;

-- name: alerts
select kind, severity, title, evidence from tiktok_alerts where run_id = :run_id::uuid order by created_at, kind;
