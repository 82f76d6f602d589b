-- What is told of the outbox: to the audit (Pub/Sub) and to the mirror (Firestore). A run's events are numbered without
-- gaps, in the order of their commits; so a number says what was told, and the outbox itself never changes.

create table tiktok_tellings (
    workspace_id  uuid not null,
    subject_id    uuid not null,
    published_seq integer not null default 0,
    mirrored_seq  integer not null default 0,
    chain_head    text,
    claimed_by    uuid,
    claimed_until timestamptz,
    claims        integer not null default 0,
    told_at       timestamptz,
    failures      integer not null default 0,
    due_at        timestamptz,
    generation    integer not null default 0
) with (fillfactor = 70);
create index tiktok_tellings_due on tiktok_tellings (due_at) where due_at is not null;
alter table tiktok_tellings add primary key (workspace_id, subject_id);
comment on column tiktok_tellings.published_seq is 'events up to here are acknowledged by the audit topic';
comment on column tiktok_tellings.mirrored_seq is 'what events up to here changed is in the mirror';
comment on column tiktok_tellings.chain_head is 'hash of the event that published_seq names: the next one carries it';
comment on column tiktok_tellings.claimed_by is 'the drain at work; until claimed_until nobody else tells of this subject';
comment on column tiktok_tellings.due_at is 'when the sweep looks after it: a drain that died or failed, or events that were missed';
comment on column tiktok_tellings.generation is
    'part of the name of the sweep''s task, so that asking again is never refused as a duplicate';

-- The hash of each event as it was published: an outbox that was changed since does not fit it any more.
create table tiktok_audit_links (
    workspace_id uuid not null,
    subject_id   uuid not null,
    seq          integer not null,
    hash         text not null
);
alter table tiktok_audit_links add primary key (workspace_id, subject_id, seq);

-- How far the sweep has looked for events that nobody has told. One row, of no workspace.
create table tiktok_telling_mark (told_to timestamptz not null);
insert into tiktok_telling_mark values ('-infinity');

-- The outbox only grows, in the order of time: an index of ranges of pages costs next to nothing.
create index tiktok_outbox_by_time on tiktok_outbox using brin (created_at) with (pages_per_range = 32);

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array['tiktok_tellings', 'tiktok_audit_links'] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format('create policy own_workspace on %I to army_app'
                       ' using (workspace_id = app_workspace_id())'
                       ' with check (workspace_id = app_workspace_id())', tenant_table);
        execute format('create policy every_workspace on %I to army_unscoped using (true) with check (true)',
                       tenant_table);
    end loop;
end
$$;
grant select, insert, update on tiktok_tellings to army_app;
grant select, insert on tiktok_audit_links to army_app;
-- The sweep sees that there is something to tell, and not what.
grant select (workspace_id, subject_id, seq, created_at) on tiktok_outbox to army_unscoped;
grant select (workspace_id, subject_id, published_seq, mirrored_seq, due_at, generation),
      insert (workspace_id, subject_id, due_at, generation),
      update (due_at, generation)
   on tiktok_tellings to army_unscoped;
grant select, update on tiktok_telling_mark to army_unscoped;
