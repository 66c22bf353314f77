-- Simulated days: the arrivals as they were published, a day in a few seconds.
-- days.sh calls arrivals.simulate() once for each way to share the server.

\set ON_ERROR_STOP on
set client_min_messages = warning;
set search_path = arrivals, pg_catalog;

create table clock (
    began date not null,
    day_seconds float8 not null,
    run_seconds float8 not null,
    chunk_seconds float8 not null,
    due_seconds float8 not null
);
comment on table clock is
    'one row: the first simulated day, how long a day takes, and how long the '
    'work of a daily run and of a chunk takes besides the loading';

create table simulated_day (
    mode text not null,
    n int not null,
    published_on date not null,
    began_at timestamptz not null,
    ended_at timestamptz,
    months_done int,
    primary key (mode, n)
);
comment on table simulated_day is
    'the days of a simulation, and what was done of the three years at the end '
    'of each';

create table simulation (
    mode text primary key,
    job text not null unique
);
comment on table simulation is
    'the job that loads three years; each simulation has a new one';

create table promised (
    mode text not null,
    n int not null,
    kind text not null check (kind in ('daily', 'late', 'lookup')),
    task_id bigint not null unique,
    due_at timestamptz
);
comment on table promised is
    'the tasks: the newest day, what came late or corrects an older day, and '
    'lookups';

create table seen_waiting (
    mode text not null,
    n int not null,
    kind text not null,
    cause text not null,
    seconds float8 not null
);
comment on table seen_waiting is
    'why tasks waited, looked at every half second, before the next lookup';

-- worked: takes as long as real work would; ends at once when the clock has
-- stopped.
create function worked(daily boolean)
returns void
language sql volatile
set search_path = arrivals, pg_catalog, pg_temp
as $$
    select pg_sleep(case when daily then run_seconds else chunk_seconds end)
    from clock;
$$;

-- load_months: what had been published of these days before the simulation
-- began.  What cannot be read is passed over, as in the sequential load.
create function load_months(from_time timestamptz, to_time timestamptz)
returns int
language plpgsql volatile
set search_path = arrivals, pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    loaded int := 0;
    arrival int;
begin
    for arrival in
        select seq from arrival
        where day >= from_time::date and day < to_time::date
        and published_at < (select began from clock)
        order by seq
    loop
        begin
            perform load(arrival);
            loaded := loaded + 1;
        exception when data_exception then
            null;
        end;
    end loop;
    perform worked(false);
    return loaded;
end;
$$;

-- submit: one arrival.  The newest day is the daily run, with a deadline; what
-- is late, or corrects an older day, is bulk.
create procedure submit(mode text, n int, seq int, newest boolean)
language plpgsql
as $$
declare
    due timestamptz := clock_timestamp()
        + (select due_seconds from arrivals.clock) * interval '1 second';
    task bigint;
begin
    if mode = 'one class' then
        task := weir.enqueue('select arrivals.load($1), arrivals.worked($2)',
                             jsonb_build_array(seq, newest),
                             queue => 'backfill', tables => '{arrivals.fact}');
    elsif newest then
        task := weir.enqueue('select arrivals.load($1), arrivals.worked($2)',
                             jsonb_build_array(seq, newest),
                             queue => 'daily', tables => '{arrivals.fact}',
                             deadline => due,
                             policy => (select jsonb_build_object(
                                                   'estimate', run_seconds)
                                        from arrivals.clock));
    else
        task := weir.enqueue('select arrivals.load($1), arrivals.worked($2)',
                             jsonb_build_array(seq, newest),
                             queue => 'backfill', tables => '{arrivals.fact}');
    end if;
    insert into arrivals.promised
    values (mode, n, case when newest then 'daily' else 'late' end, task,
            case when newest then due end);
end;
$$;

-- look: a lookup, and why everything waits.
create procedure look(mode text, n int)
language plpgsql
as $$
declare
    lookup bigint := weir.enqueue('select count(*), max(day) from arrivals.fact',
                                  queue => case when mode = 'one class'
                                                then 'backfill' else 'adhoc' end);
begin
    insert into arrivals.promised values (mode, n, 'lookup', lookup);
    insert into arrivals.seen_waiting
    select look.mode, look.n, coalesce(p.kind, 'three years'), w.cause, 0.5
    from weir.waiting w
    left join arrivals.promised p on p.task_id = w.task_id
    where w.task_id <> lookup;
end;
$$;

-- simulate: the days, one after another, with the three years before them
-- being loaded beside.
create procedure simulate(mode text, job text)
language plpgsql
as $$
declare
    d record;
    a record;
    day_end timestamptz;
begin
    for d in
        select published_at::date as published_on,
               row_number() over (order by published_at::date) as n
        from arrivals.arrival
        where published_at >= (select began from arrivals.clock)
        group by 1 order by 1
    loop
        insert into arrivals.simulated_day
        values (mode, d.n, d.published_on, clock_timestamp());
        day_end := clock_timestamp() + (select day_seconds from arrivals.clock)
            * interval '1 second';
        for a in
            select seq, day = max(day) over () as newest
            from arrivals.arrival
            where published_at::date = d.published_on
            order by seq
        loop
            call arrivals.submit(mode, d.n::int, a.seq, a.newest);
        end loop;
        commit;
        while clock_timestamp() < day_end loop
            call arrivals.look(mode, d.n::int);
            commit;
            perform pg_sleep(0.5);
        end loop;
        update arrivals.simulated_day s
        set ended_at = clock_timestamp(),
            months_done = (select b.done from weir.backfills b
                           where b.job = simulate.job)
        where s.mode = simulate.mode and s.n = d.n;
        commit;
    end loop;
end;
$$;

-- run_days: everything that ran in a simulation, with its kind.
create view run_days as
select coalesce(p.mode, s.mode) as mode,
       coalesce(p.kind, 'three years') as kind, p.n, p.due_at,
       r.task_id, r.attempt, r.outcome, r.worker_pid, r.started_at,
       r.finished_at
from weir.runs r
join weir.tasks t using (task_id)
left join promised p using (task_id)
left join simulation s using (job)
where (p.task_id is not null or s.job is not null)
and r.started_at is not null;

-- run_order: each daily run, how many others that write the same table began
-- after it had been submitted and before it began itself.  No clock has a part in
-- that: a machine that is busy makes them all later.
create view run_order as
select d.mode, d.n, d.task_id,
       (select count(*) from run_days o
        where o.mode = d.mode and o.kind in ('three years', 'late')
        and o.started_at between t.enqueued_at and d.started_at) as overtaken
from run_days d
join weir.tasks t using (task_id)
where d.kind = 'daily' and d.outcome = 'succeeded';

-- day_waits: of a day, how long tasks waited for what.
create view day_waits as
select mode, n, string_agg(cause || ' ' || round(seconds::numeric, 1), ', '
                           order by seconds desc, cause) as waited
from (select mode, n, cause, sum(seconds) as seconds
      from seen_waiting group by mode, n, cause) w
group by mode, n;

reset search_path;
