-- What became of the simulated days, from the ledger: both ways side by side.

\pset border 1
\pset footer off
set client_min_messages = warning;

\echo
\echo Each day: its daily run against the deadline, and the months of the three years that were done
select d.n as day, d.published_on as published,
       max(x.verdict) filter (where d.mode = 'classes') as "classes",
       max(d.months_done) filter (where d.mode = 'classes') as months,
       max(x.verdict) filter (where d.mode = 'one class') as "one class",
       max(d.months_done) filter (where d.mode = 'one class') as months
from arrivals.simulated_day d
left join lateral (
    select case when r.finished_at <= r.due_at then 'met, ' else 'missed, ' end
           || round(abs(extract(epoch from r.due_at - r.finished_at)), 1)
           || case when r.finished_at <= r.due_at then ' s before'
                   else ' s late' end as verdict
    from arrivals.run_days r
    where r.mode = d.mode and r.n = d.n and r.kind = 'daily'
    and r.outcome = 'succeeded') x on true
group by d.n, d.published_on
order by d.n;

\echo What else happened on each day: what was done of the three years, who began before
\echo the daily run though it came later or waited already, preemptions and the work that
\echo they cost, and the seconds that tasks waited, by cause
select d.mode, d.n as day,
       round(100.0 * d.months_done / 36) || ' %' as "three years",
       o.overtaken, x.preempted, x.lost_s, w.waited
from arrivals.simulated_day d
left join arrivals.run_order o using (mode, n)
left join arrivals.day_waits w using (mode, n)
cross join lateral (
    select count(*) as preempted,
           coalesce(round(extract(epoch from sum(r.finished_at - r.started_at)),
                          1), 0) as lost_s
    from arrivals.run_days r
    where r.mode = d.mode and r.outcome = 'preempted'
    and r.finished_at >= d.began_at and r.finished_at < d.ended_at) x
order by d.mode, d.n;

\echo In all
select r.mode,
       count(*) filter (where r.kind = 'daily' and r.outcome = 'succeeded'
                        and r.finished_at <= r.due_at) as met,
       count(*) filter (where r.kind = 'daily' and r.outcome = 'succeeded'
                        and r.finished_at > r.due_at) as missed,
       count(*) filter (where r.outcome = 'preempted') as preempted,
       round(extract(epoch from sum(r.finished_at - r.started_at)
                     filter (where r.outcome = 'preempted')), 1) as lost_s,
       round(100 * extract(epoch from sum(r.finished_at - r.started_at)
                           filter (where r.outcome = 'preempted'))
             / extract(epoch from sum(r.finished_at - r.started_at)), 1)
           as lost_percent,
       count(*) filter (where r.kind = 'lookup') as lookups,
       round(extract(epoch from percentile_cont(0.95) within group (
           order by r.finished_at - t.enqueued_at)
           filter (where r.kind = 'lookup'))::numeric, 2) as lookup_p95_s
from arrivals.run_days r
join weir.tasks t on t.task_id = r.task_id
group by r.mode
order by r.mode;

\echo Why tasks waited, in seconds of waiting
select mode, kind, string_agg(cause || ' ' || round(seconds::numeric, 1), ', '
                              order by seconds desc) as waited
from (select mode, kind, cause, sum(seconds) as seconds
      from arrivals.seen_waiting group by mode, kind, cause) w
group by mode, kind
order by mode, kind;

\echo Each column is half a second, each row a worker, as the ledger has it:
\echo D daily run, b three years, l late file, - lookup, x preempted
with span as (
    select mode, min(began_at) as low,
           greatest(max(ended_at), (select max(r.finished_at)
                                    from arrivals.run_days r
                                    where r.mode = d.mode and r.kind = 'daily'))
               as high
    from arrivals.simulated_day d group by mode
), lane as (
    select mode, worker_pid, row_number() over (partition by mode
                                                order by min(started_at)) as lane
    from arrivals.run_days group by mode, worker_pid
)
select s.mode, l.lane,
       string_agg(coalesce(x.mark, '.'), '' order by g.at) as picture
from span s
join lane l using (mode)
cross join lateral generate_series(s.low, s.high, '0.5 s') g(at)
left join lateral (
    select case when r.outcome = 'preempted' then 'x'
                when r.kind = 'daily' then 'D'
                when r.kind = 'three years' then 'b'
                when r.kind = 'late' then 'l' else '-' end as mark
    from arrivals.run_days r
    where r.mode = s.mode and r.worker_pid = l.worker_pid
    and r.started_at < g.at + interval '0.5 s' and r.finished_at >= g.at
    order by r.kind = 'lookup', r.kind <> 'daily', r.started_at limit 1) x on true
group by s.mode, l.lane
order by s.mode, l.lane;
