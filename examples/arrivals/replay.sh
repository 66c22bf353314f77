#!/bin/bash
# All arrivals through pg_weir: PRODUCERS sessions enqueue one task per
# arrival in a queue that holds CAPACITY, and wait when it is full; the tasks
# write arrivals.fact, which SLOTS of them may do at once.  With PACE each task
# takes that many seconds more.
#
# Needs what sequential.sh left, and pg_weir preloaded.  Lives through restarts
# of the server: see producer().  verify.sql looks at the result.
# shellcheck source=examples/arrivals/lib.sh
. "$(dirname "$0")/lib.sh"

producers=${PRODUCERS:-4}
capacity=${CAPACITY:-200}
slots=${SLOTS:-2}
max_attempts=${MAX_ATTEMPTS:-5}
timeout=${REPLAY_TIMEOUT:-900}
load='select arrivals.load($1)'
[ -z "${PACE:-}" ] || load+=" from pg_sleep($PACE)"

scratch=$(mktemp -d)
children=()
finish() {
  [ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

prepare() {
  sql -c 'create extension if not exists pg_weir'
  sql -v capacity="$capacity" -v slots="$slots" <<'SQL'
truncate arrivals.fact, arrivals.day_version, arrivals.load_log,
         arrivals.submitted, arrivals.replay;
select exists (select from weir.queues where name = 'arrivals') as there \gset
\o /dev/null
\if :there
  select weir.alter_queue('arrivals', capacity => :capacity);
\else
  -- who breaks so much on purpose does not want to wait for a budget
  select weir.create_queue('arrivals', 'adhoc', capacity => :capacity,
                           on_full => 'wait',
                           policy => '{"retry_budget": false}');
\endif
select weir.cap_table('arrivals.fact', slots => :slots);
\o
insert into arrivals.replay (started_at) values (clock_timestamp());
SQL
  sql -f "$here/cap_check.sql"
}

# submit N: what is not submitted of the N-th part of the arrivals, in order,
# one transaction each.
#
# The enqueue and the note that it happened are one transaction: whatever
# breaks the connection, and whenever, the note says whether the task is there.
# The enqueue has to run before the transaction has written anything, or it
# would not wait for room (it could wait for itself); INSERT needs the task's
# id before it can write the row, so it does.
submit() {
  PGAPPNAME="arrivals producer $1" sql -o /dev/null \
    -v part="$1" -v parts="$producers" -v max_attempts="$max_attempts" \
    -v load="$load" <<'SQL'
prepare submit (int) as
insert into arrivals.submitted (seq, task_id)
values ($1, weir.enqueue(:'load',
                         args => jsonb_build_array($1),
                         queue => 'arrivals',
                         tables => '{arrivals.fact}',
                         max_attempts => :max_attempts));
select format('execute submit (%s)', seq)
from arrivals.arrival a
where seq % :parts = :part
  and not exists (select from arrivals.submitted s where s.seq = a.seq)
order by seq
\gexec
SQL
}

# producer N: submits its part, again and again until nothing of it is left.
# Refusals come when the queue had no room for weir.max_wait, when the server
# restarts, and right after it, until the scheduler has counted the queue.
producer() {
  local errors=$scratch/errors.$1 gave_up=$((SECONDS + timeout))
  until submit "$1" 2>"$errors"; do
    if grep -qE 'ERROR: .*(does not exist|syntax error|permission denied|invalid)' "$errors"; then
      break
    fi
    [ "$SECONDS" -lt "$gave_up" ] || break
    cat "$errors" >>"$scratch/interruptions"
    sleep 0.2
  done
  if [ -s "$errors" ]; then
    sed "s/^/producer $1: /" "$errors" >&2
    return 1
  fi
}

# state: depth running loaded superseded refused slots total submitted, or
# nothing while the server is away.
state() {
  sql -F ' ' 2>/dev/null <<'SQL' || true
select coalesce(q.depth::text, '?'), coalesce(q.running::text, '?'),
       l.loaded, l.superseded,
       (select count(*) from weir.runs r join arrivals.submitted using (task_id)
        where r.final and r.outcome <> 'succeeded'),
       (select count(*) from weir.slots
        where resource like '%arrivals.fact' and pid is not null),
       (select count(*) from arrivals.arrival),
       (select count(*) from arrivals.submitted)
from weir.queues q,
     (select count(*) filter (where outcome = 'loaded') as loaded,
             count(*) filter (where outcome = 'superseded') as superseded
      from arrivals.load_log) l
where q.name = 'arrivals';
SQL
}

# tenths: the time, in tenths of a second.
tenths() { echo $((${EPOCHREALTIME/[.,]/} / 100000)); }

# watch: two lines per second, until all are submitted and the queue is empty.
watch() {
  local began line producing=1 pid at
  local depth running loaded superseded refused used total submitted
  began=$(tenths)
  while :; do
    line=$(state)
    at=$(($(tenths) - began))
    printf '%4d.%d s  ' $((at / 10)) $((at % 10))
    if [ -z "$line" ]; then
      echo 'the server is away'
    else
      read -r depth running loaded superseded refused used total submitted <<<"$line"
      printf 'queue %3s of %s  running %s  slots %s of %s  done %4d of %d (%d superseded, %d refused)\n' \
        "$depth" "$capacity" "$running" "$used" "$slots" \
        $((loaded + superseded + refused)) "$total" "$superseded" "$refused"
      if [ "$submitted" = "$total" ] && [ "$depth" = 0 ]; then
        return
      fi
    fi
    if [ $producing = 1 ]; then
      producing=0
      for pid in "${children[@]}"; do
        if kill -0 "$pid" 2>/dev/null; then producing=1; fi
      done
    elif [ -n "$line" ] && [ "$submitted" != "$total" ]; then
      die "the producers have ended, with $submitted of $total arrivals submitted"
    fi
    if [ $((at / 10)) -ge "$timeout" ]; then
      echo "what waits, and why:"
      sql -c "select t.task_id, t.state, w.*
              from weir.tasks t, lateral weir.why_waiting(t.task_id) w
              where t.queue = 'arrivals'
                and t.state in ('ready', 'blocked', 'scheduled', 'retrying')
              order by t.task_id limit 5" || true
      die "not done after $timeout s"
    fi
    sleep 0.5
  done
}

prepare
echo "$producers producers, a queue for $capacity, $(sql -c 'show weir.max_workers') workers," \
  "$slots slots on arrivals.fact"
for part in $(seq 0 $((producers - 1))); do
  producer "$part" &
  children+=($!)
done
watch
wait "${children[@]}"
children=()
# The end is when the last run ended, not when this script looked.
for try in 1 2 3 4 5 last; do
  if sql <<'SQL'; then break; fi
update arrivals.replay
set finished_at = (select max(finished_at) from weir.runs
                   join arrivals.submitted using (task_id));
select format('%s s; the sequential load took %s s',
              round(extract(epoch from r.finished_at - r.started_at), 2),
              e.seconds)
from arrivals.replay r, arrivals.expected e;
SQL
  [ $try != last ] || die "could not note the end of the replay"
  sleep 1
done
if [ -s "$scratch/interruptions" ]; then
  echo "what interrupted the producers:"
  sed -E 's/^psql:[^:]*:[0-9]*: //; s/^psql: //; s/^error: connection to server .* failed: //' \
    "$scratch/interruptions" | grep -E '^(ERROR|FATAL|server|No such|Connection)' |
    sort | uniq -c | sort -rn | head -n 8
fi
