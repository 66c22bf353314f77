-- The simulated days as a picture, drawn from the ledger: a lane for each
-- worker, a bar for each run, a mark for each deadline.

set client_min_messages = warning;

with span as (
    select mode, min(began_at) as low,
           greatest(max(ended_at), (select max(r.finished_at)
                                    from arrivals.run_days r
                                    where r.mode = d.mode and r.kind = 'daily'))
               as high,
           row_number() over (order by mode) - 1 as block
    from arrivals.simulated_day d group by mode
), lane as (
    select mode, worker_pid, row_number() over (partition by mode
                                                order by min(started_at)) as lane
    from arrivals.run_days group by mode, worker_pid
), scale as (
    select 1200 / max(extract(epoch from high - low)) as k,
           (select max(lane) from lane) * 18 + 50 as height
    from span
), bar as (
    select format('<rect x="%s" y="%s" width="%s" height="14" fill="%s"><title>%s task %s, %s</title></rect>',
                  round(90 + c.k * extract(epoch from r.started_at - s.low), 1),
                  s.block * c.height + 25 + l.lane * 18,
                  greatest(1, round(c.k * extract(epoch from
                      least(r.finished_at, s.high) - r.started_at), 1)),
                  case when r.outcome = 'preempted' then '#d33'
                       when r.kind = 'daily' and r.finished_at <= r.due_at
                           then '#2a2'
                       when r.kind = 'daily' then '#f80'
                       when r.kind = 'three years' then '#9bd'
                       when r.kind = 'late' then '#57a' else '#bbb' end,
                  r.kind, r.task_id, r.outcome) as svg
    from arrivals.run_days r
    join span s using (mode)
    join lane l using (mode, worker_pid)
    cross join scale c
    where r.started_at < s.high
    union all
    select format('<line x1="%s" x2="%1$s" y1="%s" y2="%s" stroke="#000"/>',
                  round(90 + c.k * extract(epoch from p.due_at - s.low), 1),
                  s.block * c.height + 36, s.block * c.height + c.height - 14)
    from arrivals.promised p join span s using (mode) cross join scale c
    where p.due_at is not null and p.due_at < s.high
    union all
    select format('<text x="%s" y="%s" fill="#888" font-size="10">%s</text>',
                  round(90 + c.k * extract(epoch from d.began_at - s.low), 1),
                  s.block * c.height + 36, to_char(d.published_on, 'DD.MM.'))
    from arrivals.simulated_day d join span s using (mode) cross join scale c
    union all
    select format('<text x="4" y="%s">%s</text>', s.block * c.height + 24, s.mode)
    from span s cross join scale c
)
select format('<svg xmlns="http://www.w3.org/2000/svg" width="1310" height="%s" '
              'font-family="sans-serif" font-size="14">'
              '<rect width="1310" height="%1$s" fill="#fff"/>%s'
              '<text x="90" y="%s">green: daily run in time, orange: too late, '
              'light blue: three years, dark blue: late file, red: preempted, '
              'grey: lookup; a black line is a deadline</text></svg>',
              (select count(*) from span) * c.height + 30,
              (select string_agg(svg, '') from bar),
              (select count(*) from span) * c.height + 20)
from scale c;
