-- The order in which tasks start: priority, deadline, age, run_at.  With
-- max_running => 1 one starts after the other; a paused queue is filled first.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql

create table ran (i serial, what text);
create function note(what text) returns void language sql
    as $$ insert into ran (what) values (what) $$;
-- In the order of the starts, and no two at once.
create view started as
select t.args->>0 as what,
       r.started_at >= coalesce(lag(r.finished_at) over (order by r.started_at), r.started_at) as one_by_one
from weir.runs r join weir.tasks t using (task_id)
where t.queue = 'one' and t.command = 'select note($1)'
order by r.started_at;
select weir.create_queue('one', max_running => 1);

-- First come, first served.
select weir.pause('one');
select n from weir.enqueue_many('select note($1)', '[["a"], ["b"], ["c"], ["d"]]', 'one');
select weir.enqueue('select note($1)', '["e"]', 'one') > 0;
select state, count(*) from weir.tasks where queue = 'one' group by state;
call pg_temp.await($$select depth = 5 and ready + blocked = 5 and running = 0 from weir.queues where name = 'one'$$);
select weir.resume('one');
select weir.drain('one', '30s');
select * from started;
select string_agg(what, ' ' order by i) from ran;

-- Lower priority goes first, age decides among equals.
truncate ran;
select weir.pause('one');
select count(weir.enqueue('select note($1)', jsonb_build_array('p' || p || '.' || i), 'one', priority => p))
from generate_series(1, 2) i, unnest(array[5, -5, 0, 1000000, -1000000]) p;
select weir.resume('one');
select weir.drain('one', '30s');
select string_agg(what, ' ' order by i) from ran;

-- Earlier deadlines go first in class daily.
select weir.create_queue('one_daily', class => 'daily', max_running => 1);
truncate ran;
select weir.pause('one_daily');
select weir.enqueue('select note($1)', '["day 3"]', 'one_daily', deadline => now() + '3 days') > 0,
       weir.enqueue('select note($1)', '["day 1"]', 'one_daily', deadline => now() + '1 day') > 0,
       weir.enqueue('select note($1)', '["day 2"]', 'one_daily', deadline => now() + '2 days') > 0,
       weir.enqueue('select note($1)', '["overdue"]', 'one_daily', deadline => now() - interval '1 day') > 0;
select weir.resume('one_daily');
select weir.drain('one_daily', '30s');
select string_agg(what, ' ' order by i) from ran;

-- run_at holds a task back, and those behind it go on.
truncate ran;
select weir.pause('one');
select weir.enqueue('select note($1)', '["tomorrow"]', 'one', run_at => now() + '1 day') as tomorrow \gset
select weir.enqueue('select note($1)', '["now"]', 'one', run_at => now()) > 0,
       weir.enqueue('select note($1)', '["past"]', 'one', run_at => now() - interval '1 day', priority => 1) > 0;
select weir.resume('one');
-- the two that are due run, the other does not
call pg_temp.await($$select depth = 1 and delayed = 1 from weir.queues where name = 'one'$$);
select state, run_at > now() as later from weir.tasks where task_id = :tomorrow;
select weir.enqueue('select note($1)', '["soon"]', 'one', run_at => clock_timestamp() + '200 milliseconds') as soon \gset
select outcome from weir.wait(:soon, '30s');
select started_at >= t.run_at as not_before from weir.runs r join weir.tasks t using (task_id) where task_id = :soon;
select string_agg(what, ' ' order by i) from ran;
select weir.cancel(:tomorrow);

-- expedite changes the order of what waits.
truncate ran;
select weir.pause('one');
select weir.enqueue('select note($1)', '["1"]', 'one') as t1,
       weir.enqueue('select note($1)', '["2"]', 'one') as t2,
       weir.enqueue('select note($1)', '["3"]', 'one') as t3 \gset
select weir.expedite(:t3, priority => -10);
select weir.expedite_many(array[:t1], priority => 10);
select weir.resume('one');
select weir.drain('one', '30s');
select string_agg(what, ' ' order by i) from ran;
-- In a transaction that rolls back it changes nothing.
truncate ran;
select weir.pause('one');
select weir.enqueue('select note($1)', '["1"]', 'one') as t1,
       weir.enqueue('select note($1)', '["2"]', 'one') as t2 \gset
begin;
select weir.expedite(:t2, -10);
rollback;
select weir.resume('one');
select weir.drain('one', '30s');
select string_agg(what, ' ' order by i) from ran;


-- A daily task: an earlier deadline, or a later one, takes its place among the
-- others; priority is a head start of ten minutes at most.
truncate ran;
select weir.pause('one_daily');
select weir.enqueue('select note($1)', '["day 3"]', 'one_daily', deadline => now() + '3 days') as d3,
       weir.enqueue('select note($1)', '["day 1"]', 'one_daily', deadline => now() + '1 day') as d1,
       weir.enqueue('select note($1)', '["day 2"]', 'one_daily', deadline => now() + '2 days') as d2,
       weir.enqueue('select note($1)', '["day 2 and 5 min"]', 'one_daily', deadline => now() + '2 days 5 minutes') as d2_5,
       weir.enqueue('select note($1)', '["day 2 and 20 min"]', 'one_daily', deadline => now() + '2 days 20 minutes') as d2_20 \gset
select weir.expedite(:d3, deadline => now() + '12 hours'), weir.expedite(:d1, deadline => now() + '4 days');
select weir.expedite_many(array[:d2_5, :d2_20], priority => -1000000);
select weir.resume('one_daily');
select weir.drain('one_daily', '120s');
select string_agg(what, ', ' order by i) from ran;
-- One of an interval: the task has another deadline, the interval is due as before.
truncate ran;
select weir.create_job('one', 'select note(extract(epoch from $1::timestamptz)::bigint::text)', '1 day', timezone => 'UTC',
    starts_at => date_trunc('minute', now()) - interval '3 days 12 hours', queue => 'one_daily', due => '10 days');
select weir.pause('one_daily');
create temp table due as select row_number() over (order by interval_start) as n, * from weir.run_due('one');
select weir.expedite(task_id, deadline => now() + '1 day') from due where n = 3;
select d.n, i.due_at - i.interval_end as due, i.timeliness from due d join weir.intervals i using (task_id) order by d.n;
select weir.resume('one_daily');
select weir.drain('one_daily', '120s');
select string_agg(d.n::text, ' ' order by r.i) from ran r join due d on extract(epoch from d.interval_start)::bigint::text = r.what;
select weir.drop_job('one');

select weir.drop_queue('one'), weir.drop_queue('one_daily');
drop view started;
drop function note;
drop table ran;
