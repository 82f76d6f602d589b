-- The three roles. None can log in: logins are granted one of them, by name, per environment.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['army_owner', 'army_app', 'army_unscoped'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I nologin nosuperuser nobypassrls', wanted);
        end if;
    end loop;
    if not pg_has_role(current_user, 'army_owner', 'set') then
        execute format('grant army_owner to %I', current_user);
    end if;
end
$$;
grant usage, create on schema public to army_owner;
