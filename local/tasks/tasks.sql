-- The local queue's own file. The product's data is in Postgres, not here.

-- name: schema
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 4000;
BEGIN EXCLUSIVE;
CREATE TABLE IF NOT EXISTS queue (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    message BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS task (
    id INTEGER PRIMARY KEY,
    queue_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    due REAL NOT NULL,
    created REAL NOT NULL,
    message BLOB,              -- NULL: the task is over
    dispatches INTEGER NOT NULL DEFAULT 0,
    responses INTEGER NOT NULL DEFAULT 0,
    executions INTEGER NOT NULL DEFAULT 0,
    first_at REAL NOT NULL DEFAULT 0,
    last_at REAL NOT NULL DEFAULT 0,
    previous INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    done_at REAL               -- the name is reserved for a day from here
);
CREATE UNIQUE INDEX IF NOT EXISTS task_name ON task (queue_id, name);
COMMIT;

-- name: insert_task
-- No row comes back if the name is taken. A name whose reservation has ended is used again.
INSERT INTO task (queue_id, name, due, created, message)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (queue_id, name) DO UPDATE
   SET due = excluded.due,
       created = excluded.created,
       message = excluded.message,
       dispatches = 0,
       responses = 0,
       executions = 0,
       first_at = 0,
       last_at = 0,
       previous = 0,
       reason = '',
       done_at = NULL
 WHERE task.done_at < ?
RETURNING id;

-- name: finish_task
UPDATE task SET done_at = ?, message = NULL WHERE id = ?;

-- name: save_task
UPDATE task
   SET due = ?, dispatches = ?, responses = ?, executions = ?, first_at = ?, last_at = ?, previous = ?, reason = ?
 WHERE id = ?;

-- name: last_id
SELECT coalesce(max(id), 0) FROM task;

-- name: forget_names
DELETE FROM task WHERE id > ? AND id <= ? AND done_at < ?;

-- name: put_queue
INSERT INTO queue (name, message)
VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET message = excluded.message
RETURNING id;

-- name: delete_tasks
DELETE FROM task WHERE queue_id = ?;

-- name: delete_queue
DELETE FROM queue WHERE id = ?;

-- name: purge_tasks
UPDATE task SET done_at = ?, message = NULL WHERE queue_id = ? AND done_at IS NULL;

-- name: all_queues
SELECT id, name, message FROM queue ORDER BY name;

-- name: open_tasks
SELECT id, name, due, created, dispatches, responses, executions, first_at, last_at, previous, reason
  FROM task
 WHERE queue_id = ? AND done_at IS NULL;

-- name: find_task
SELECT id, done_at IS NOT NULL
  FROM task
 WHERE queue_id = ? AND name = ? AND (done_at IS NULL OR done_at >= ?);

-- name: task_message
SELECT message FROM task WHERE id = ?;
