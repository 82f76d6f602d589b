\set id random(1, 200000)
\set next random(1, 200000)
update floor_steps set status = 1, attempt = attempt + 1, leased_until = now() + interval '30 s' where id = :id;
begin;
update floor_steps set status = 2, completed_at = now(), leased_until = null where id = :id;
update floor_steps set waiting_on = waiting_on - 1 where id = :next;
insert into floor_documents values (:id, :document::jsonb, :document::jsonb);
end;
