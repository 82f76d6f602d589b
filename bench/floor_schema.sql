-- The floor's tables: a narrow step that is updated, and documents of about 1 KB that are only inserted.
drop table if exists floor_documents, floor_steps;
create table floor_steps (
    id           bigint primary key,
    status       smallint not null default 0,
    attempt      integer not null default 0,
    waiting_on   integer not null default 0,
    leased_until timestamptz,
    completed_at timestamptz
) with (fillfactor = 70);
create table floor_documents (step_id bigint not null, input jsonb not null, output jsonb not null);
insert into floor_steps (id) select generate_series(1, 200000);
vacuum analyze floor_steps;
checkpoint;
