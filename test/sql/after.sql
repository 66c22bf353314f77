-- Tasks that wait for others.

\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
set client_min_messages = warning;

create function pg_temp.refused(command text) returns text
language plpgsql as $$
begin
    execute command;
    return 'not refused';
exception when others then
    return regexp_replace(sqlstate || ' ' || sqlerrm, '\d{6,}', 'N');
end $$;

-- The tasks of this file by their reasons.
create view family as
select t.reason, t.state, (select string_agg(p.reason, ',' order by p.reason) from weir.tasks p where p.task_id = any (t.after)) as after,
       r.outcome, regexp_replace(r.actor, '\d+', 'N') as actor, r.reason as why, r.started_at is not null as started
from weir.tasks t left join weir.runs r on r.task_id = t.task_id and r.attempt = t.attempts
where t.queue = 'dag' order by t.task_id;

create table steps (step text, at serial);
select weir.create_queue('dag', capacity => 1000);
select weir.create_queue('open');

-- A diamond in one transaction; ids of the same statement, too.
begin;
select weir.enqueue($$insert into steps values ('a')$$, queue => 'dag', reason => 'a') as a \gset
select weir.enqueue($$insert into steps values ('b')$$, queue => 'dag', after => array[:a], reason => 'b') as b \gset
select weir.enqueue($$insert into steps values ('c')$$, queue => 'dag', after => array[:a, :a], reason => 'c') as c \gset
select weir.enqueue($$insert into steps values ('d')$$, queue => 'dag', after => array[:c, :b], reason => 'd') as d \gset
select weir.enqueue($$insert into steps values ('f')$$, queue => 'dag', reason => 'f',
    after => array[weir.enqueue($$insert into steps values ('e')$$, queue => 'dag', after => array[:d], reason => 'e')]) as f \gset
select reason, state, after from family;
commit;
select weir.drain('dag', '30s');
select string_agg(step, '' order by at) in ('abcdef', 'acbdef') from steps;
select reason, state, after, outcome from family;
-- Each began after its parents had ended.
select count(*) from weir.runs r join weir.tasks t using (task_id) join weir.runs p on p.task_id = any (t.after)
where t.queue = 'dag' and r.started_at < p.finished_at;

-- Parents that have ended already: nothing to wait for.
select weir.enqueue('select 1', queue => 'open', after => array[:a, :f]) as id \gset
select outcome from weir.wait(:id, '30s');
select weir.enqueue('select 1', queue => 'open', after => '{}') as id \gset
select outcome from weir.wait(:id, '30s');
select after is null from weir.tasks where task_id = :id;

-- What a parent's failure means.
select weir.enqueue('select 1/0', queue => 'dag', reason => 'fails') as fails \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:fails], reason => 'cancel') as cancel \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:cancel], reason => 'cancel, too') as cancel2 \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:cancel2], on_parent_failure => 'run', reason => 'run') as run \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:fails, :run], on_parent_failure => 'wait', reason => 'wait') as wait \gset
select outcome from weir.wait(:run, '30s');
select reason, state, outcome, actor, why, started from family where reason in ('fails', 'cancel', 'cancel, too', 'run', 'wait');
select cause, holder = 'task ' || :fails as holder, detail from weir.why_waiting(:wait);
select state, cause, holder = 'task ' || :fails as holder from weir.waiting where task_id = :wait;
-- Children come to a parent that has failed already.
select weir.enqueue('select 1', queue => 'dag', after => array[:fails], reason => 'late') as late \gset
select outcome, reason from weir.wait(:late, '30s');
select weir.enqueue('select 1', queue => 'dag', after => array[:fails], on_parent_failure => 'run', reason => 'late, runs') as late \gset
select outcome from weir.wait(:late, '30s');
-- It is brought back, and fails again; then the next attempt succeeds.
create table divisor as select 0 as n;
select weir.enqueue('select 1 / n from divisor', queue => 'dag', reason => 'divides') as divides \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:divides], on_parent_failure => 'wait', reason => 'patient') as patient \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:divides], reason => 'impatient') as impatient \gset
select outcome from weir.wait(:divides, '30s');
select weir.retry(:divides);
select outcome from weir.wait(:divides, '30s');
select state from weir.tasks where task_id = :patient;
update divisor set n = 1;
select weir.retry(:divides);
select outcome from weir.wait(:patient, '30s');
-- A child that was cancelled comes back when its parent has succeeded, and
-- ends again while it has not.
select weir.retry(:impatient);
select outcome, attempt from weir.wait(:impatient, '30s');
select weir.retry(:cancel);
select outcome, attempt from weir.wait(:cancel, '30s');
do $$ begin
    while (select blocked <> 1 from weir.queues where name = 'dag') loop
        commit;
    end loop;
end $$;
select weir.cancel(:wait);

-- Cancel of a parent that waits, and of one that runs: in a cascade.
select weir.pause('dag');
select weir.enqueue('select 1', queue => 'dag', reason => 'p') as p \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:p], reason => 'p1') as p1 \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:p1], reason => 'p2') as p2 \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:p1], on_parent_failure => 'run', reason => 'p3') as p3 \gset
select cause, holder = 'task ' || :p as holder, detail from weir.why_waiting(:p1) where cause = 'dependency';
select weir.cancel(:p, 'enough');
select outcome from weir.wait(:p2, '30s');
select reason, state, actor, why from family where reason in ('p', 'p1', 'p2', 'p3');
select depth from weir.queues where name = 'dag';
-- The middle of a chain.
select weir.enqueue('select 1', queue => 'dag', after => array[:p3], reason => 'q1') as q1 \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:q1], reason => 'q2') as q2 \gset
select weir.cancel(:q1);
select outcome, reason from weir.wait(:q2, '30s');
select weir.resume('dag');
select outcome from weir.wait(:p3, '30s');

-- A queue timeout counts from the end of the parents; run_at holds besides.
select weir.pause('dag');
select weir.enqueue('select 1', queue => 'open', run_at => '2100-01-01', reason => 'far') as far \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:far], queue_timeout => '1 ms', on_parent_failure => 'run', reason => 'short') as short \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:far], run_at => '2100-01-01', on_parent_failure => 'run', reason => 'later') as later \gset
select weir.enqueue('select 1', queue => 'dag', queue_timeout => '1 ms') as id \gset
select outcome from weir.wait(:id, '30s');
select reason, state from family where reason in ('short', 'later');
select expires_at from weir.tasks where task_id = :short;
select weir.cancel(:far);
select outcome from weir.wait(:short, '30s');
select state from weir.tasks where task_id = :later;
select weir.cancel(:later);
select weir.resume('dag');

-- A parent that expires has failed.
select weir.pause('dag');
select weir.enqueue('select 1', queue => 'dag', queue_timeout => '1 ms') as id \gset
select weir.enqueue('select 1', queue => 'dag', after => array[:id]) as child \gset
select outcome, reason from weir.wait(:child, '30s');
select weir.resume('dag');

-- Many children of one, many parents of one, a chain.
select weir.enqueue('select 1', queue => 'dag') as root \gset
select first_id, last_id, n from weir.enqueue_many('select $1::int', (select jsonb_agg(jsonb_build_array(i)) from generate_series(1, 300) i),
    queue => 'dag', after => array[:root]) \gset
select weir.enqueue('select 1', queue => 'dag', after => (select array_agg(i) from generate_series(:first_id, :last_id) i)) as leaf \gset
do $$
declare
    id bigint := (select max(task_id) from weir.tasks);
begin
    for i in 1..50 loop
        id := weir.enqueue('select 1', queue => 'dag', after => array[id], reason => 'chain');
    end loop;
end $$;
select weir.drain('dag', '60s');
select bool_and(outcome = 'succeeded'), count(*) from weir.runs where task_id >= :root;
select count(*) from weir.runs r join weir.tasks t using (task_id) join weir.runs p on p.task_id = any (t.after)
where t.task_id >= :root and r.started_at < p.finished_at;

-- Bad values.
select pg_temp.refused(command) from unnest(array[
    $$select weir.enqueue('select 1', after => '{999999999999}')$$,
    $$select weir.enqueue('select 1', after => '{0}')$$,
    $$select weir.enqueue('select 1', after => '{-1}')$$,
    $$select weir.enqueue('select 1', after => '{null}')$$,
    $$select weir.enqueue('select 1', after => array(select i::bigint from generate_series(1, 1001) i))$$,
    $$select weir.enqueue('select 1', on_parent_failure => 'ignore')$$,
    $$select weir.enqueue('select 1', after => '{1}', on_parent_failure => '')$$
]) command;
-- An earlier step may make what the later one needs.
select weir.enqueue('create table made as select 1 as one', queue => 'open') as id \gset
select weir.enqueue('select * from made', queue => 'open', after => array[:id]) as id \gset
select outcome, result from weir.wait(:id, '30s');

select weir.drain('open', '30s');
select weir.drop_queue('dag'), weir.drop_queue('open');
drop view family;
drop table steps, divisor, made;
