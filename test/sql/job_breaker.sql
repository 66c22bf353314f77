-- Circuit breakers of jobs: said in the policy, held by a resource of the job.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
set timezone = 'UTC';
set datestyle = 'ISO';
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await.sql

-- Its source fails once a day is asked for, until it is mended.
create role regress_jb login;
create table jb_source (fails boolean);
insert into jb_source values (true);
create table jb_fact (day date, said text);
grant select on jb_source to regress_jb;
grant all on jb_fact to regress_jb;
create function jb_load(day timestamptz) returns void language plpgsql as $$
begin
    if (select fails from jb_source) then
        raise exception using errcode = '08006', message = 'no answer';
    end if;
    insert into jb_fact values (day, 'loaded');
end $$;
select weir.create_queue('jb', 'backfill', max_running => 1, policy => '{"max_attempts": 1}');
select weir.grant_queue('jb', 'regress_jb'), weir.grant_queue('daily', 'regress_jb');
grant execute on function weir.create_job to regress_jb;

-- Who may not cap resources may have a breaker for a job of his own.
set role regress_jb;
select pg_temp.refused($$select weir.cap_resource('job:jb', 1)$$);
select weir.create_job('jb', 'select jb_load($1)', '1 day', timezone => 'UTC', starts_at => '2024-05-01', backfill_queue => 'jb',
    policy => '{"max_attempts": 1, "breaker": {"failure_count_threshold": 5, "sliding_window_size": 10, "wait_duration_in_open_state": "1 hour"}}');
reset role;
call pg_temp.await($$select count(*) = 1 from weir.breakers where job = 'jb'$$);
select resource, state, job from weir.breakers where job is not null;

-- Five failures in ten seconds open it, and the other days wait.
set role regress_jb;
select weir.backfill('jb', '2024-05-01', '2024-05-09') > 0;
reset role;
call pg_temp.await($$select state = 'open' from weir.breakers where job = 'jb'$$);
call pg_temp.await($$select running = 0 and depth = 3 from weir.queues where name = 'jb'$$);
select state, calls, failures from weir.breakers where job = 'jb';
select distinct cause, holder, detail, eta > now() + '59 minutes' as told_when from weir.waiting where queue = 'jb';
select policy, resources from weir.tasks where queue = 'jb' limit 1;
select count(*) from jb_fact;

-- With a fallback they do not wait; the ledger says what was executed.
set role regress_jb;
select weir.alter_job('jb', policy => '{"breaker": {"on_open": "fallback", "fallback": "insert into jb_fact values ($1, ''unknown'')", "wait_duration_in_open_state": "1 hour", "ramp_up": "0 s"}}');
reset role;
select weir.drain('jb', '30s');
select day, said from jb_fact order by day;
select outcome, fallback, count(*) from weir.runs where queue = 'jb' group by 1, 2 order by 1, 2;
create role regress_jb_other;
set role regress_jb_other;
select policy from weir.jobs where name = 'jb';
select breaker from weir.breakers where job = 'jb';
reset role;

-- By hand, and mended.
set role regress_jb;
select weir.set_breaker('job:jb', 'closed', 'mended');
reset role;
update jb_source set fails = false;
call pg_temp.await($$select state = 'closed' from weir.breakers where job = 'jb'$$);
set role regress_jb;
select weir.backfill('jb', '2024-05-09', '2024-05-10') > 0;
reset role;
select weir.drain('jb', '30s');
select day, said from jb_fact order by day desc limit 1;

-- What is refused, and what is taken away.
\pset tuples_only on
set role regress_jb;
select pg_temp.refused($$select weir.alter_job('jb', policy => '{"breaker": {"failures": 5}}')$$);
select pg_temp.refused($$select weir.alter_job('jb', policy => '{"breaker": 5}')$$);
select pg_temp.refused($$select weir.alter_job('jb', policy => '{"breaker": {"failure_count_threshold": 0}}')$$);
select pg_temp.refused($$select weir.create_job(repeat('j', 60), 'select 1', '1 day', policy => '{"breaker": {}}')$$);
reset role;
select weir.cap_resource('job:taken', 1);
set role regress_jb;
select pg_temp.refused($$select weir.create_job('taken', 'select 1', '1 day', policy => '{"breaker": {}}')$$);
\pset tuples_only off
select count(*) from weir.breakers where job = 'jb';
select weir.alter_job('jb', reset => '{policy}');
select policy from weir.jobs where name = 'jb';
select count(*) from weir.resources where resource like 'job:jb';
select weir.alter_job('jb', policy => '{"breaker": {}}');
-- what was removed by hand is there again, and what is another's is left alone
reset role;
select weir.uncap_resource('job:jb');
set role regress_jb;
select weir.alter_job('jb', priority => 1);
reset role;
select owner from weir.resources where resource = 'job:jb';
select weir.uncap_resource('job:jb');
select weir.cap_resource('job:jb', 1);
set role regress_jb;
select weir.drop_job('jb') >= 0;
reset role;
select resource from weir.resources where resource like 'job:%' order by 1;
select weir.uncap_resource('job:taken'), weir.uncap_resource('job:jb');
revoke all on function weir.create_job from regress_jb;
select weir.revoke_queue('jb', 'regress_jb'), weir.revoke_queue('daily', 'regress_jb');
select weir.drop_queue('jb');
drop function jb_load(timestamptz);
drop table jb_source, jb_fact;
drop role regress_jb, regress_jb_other;
