-- name: counters
-- The next transaction id counts transactions that wrote; the WAL position counts bytes written.
select pg_snapshot_xmax(pg_current_snapshot())::text as next_xid,
       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as wal_bytes
