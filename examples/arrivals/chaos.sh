#!/bin/bash
# The replay while workers and producers are killed with SIGTERM or cancelled,
# and the server is stopped with "-m immediate" and started again RESTARTS
# times; then verify.sql.  What is hit follows from SEED.
#
# Restarts need PGDATA, and pg_ctl in the PATH or in PG_CTL; without PGDATA
# there are none.
# shellcheck source=examples/arrivals/lib.sh
. "$(dirname "$0")/lib.sh"

seed=${SEED:-20200224}
restarts=${RESTARTS:-5}
# a cancelled run is charged to its task, and no task shall run out of attempts
export MAX_ATTEMPTS=${MAX_ATTEMPTS:-1000}
# on a fast machine the replay would be over before anything can hit it
export PACE=${PACE:-0.01}
[ -n "${PGDATA:-}" ] || restarts=0
pg_ctl=${PG_CTL:-pg_ctl}

scratch=$(mktemp -d)
touch "$scratch"/{terminate,cancel}.{worker,producer}
children=()
finish() {
  [ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

restart_server() {
  local command=("$pg_ctl" -D "$PGDATA" -m immediate -w -t 60)
  if [ -n "${WEIR_LOG:-}" ]; then command+=(-l "$WEIR_LOG"); fi
  command+=(restart)
  if [ "$(id -u)" = 0 ]; then
    command=(setpriv "--reuid=$(stat -c %U "$PGDATA")"
      "--regid=$(stat -c %G "$PGDATA")" --init-groups -- "${command[@]}")
  fi
  "${command[@]}" >/dev/null 2>&1 || die "the server did not start again"
}

# hit ACTION WHOM: one backend at work, chosen by RANDOM; prints how many.
hit() {
  local call=pg_cancel_backend pids='select pid from weir.workers where task_id is not null'
  if [ "$1" = terminate ]; then call=pg_terminate_backend; fi
  if [ "$2" = producer ]; then
    pids="select pid from pg_stat_activity where datname = current_database()
          and application_name like 'arrivals producer%'"
  fi
  sql -v lot="$RANDOM" 2>/dev/null <<SQL || echo 0
with at_work as materialized ($pids),
     one as (select pid from at_work order by pid
             offset :lot % greatest(1, (select count(*) from at_work)) limit 1)
select count(*) filter (where $call(pid)) from one;
SQL
}

# hit_on: hits somebody, again and again, and counts in files.
hit_on() {
  RANDOM=$((seed % 32768))
  local action whom
  while :; do
    case $((RANDOM % 8)) in
      0 | 1 | 2) action=terminate whom=worker ;;
      3 | 4 | 5) action=cancel whom=worker ;;
      6) action=terminate whom=producer ;;
      7) action=cancel whom=producer ;;
    esac
    hit "$action" "$whom" >>"$scratch/$action.$whom"
    sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
  done
}

# runs OUTCOME SQLSTATE: how many runs of the replay ended so.
runs() {
  sql -v outcome="$1" -v state="$2" <<'SQL'
select count(*) from weir.runs join arrivals.submitted using (task_id)
where outcome = :'outcome' and sqlstate = :'state';
SQL
}

# interrupt: terminates workers until a run is lost by it, since many a run
# has ended by the time that its worker takes the signal.
interrupt() {
  local before
  before=$(runs interrupted 57P01 2>/dev/null) || return 0
  for _ in $(seq 20); do
    hit terminate worker >>"$scratch/terminate.worker"
    [ "$(runs interrupted 57P01 2>/dev/null || echo 0)" -le "$before" ] || return 0
  done
}

hits() { awk '{ n += $1 } END { print n + 0 }' "$scratch/$1"; }

# reach PART PARTS: waits until that part of the arrivals is done, and prints
# how many that are; fails when the replay is over.  The server waits, so that
# no time is lost between two looks: a second at most, since the replay may
# have ended meanwhile.
reach() {
  local finished
  while kill -0 "$replay" 2>/dev/null; do
    finished=$(sql -v part="$1" -v parts="$2" 2>/dev/null <<'SQL'
create temporary view progress as
select s.n - q.depth as done
from (select count(*) as n from arrivals.submitted) s, weir.queues q
where q.name = 'arrivals' and s.n > 0;
select set_config('arrivals.goal', (count(*) * :part / :parts)::text, false)
from arrivals.arrival \g /dev/null
do $$ begin
    for look in 1 .. 100 loop
        exit when (select done >= current_setting('arrivals.goal')::bigint
                   from progress);
        perform pg_sleep(0.01);
    end loop;
end; $$;
select done from progress
where done >= current_setting('arrivals.goal')::bigint;
SQL
    ) || sleep 0.2
    if [ -n "$finished" ]; then
      echo "$finished"
      return
    fi
  done
  return 1
}

# what an earlier replay left would look like progress
sql -c 'truncate arrivals.submitted'
"$here/replay.sh" &
replay=$!
children+=("$replay")
hit_on &
children+=($!)
for restart in $(seq "$restarts"); do
  finished=$(reach "$restart" $((restarts + 1))) ||
    die "the replay was over after $((restart - 1)) of $restarts restarts"
  echo "           pg_ctl -m immediate restart, $restart of $restarts, at $finished"
  restart_server
  interrupt
done
wait "$replay" || die "the replay failed under chaos"
kill "${children[1]}"
children=()
printf 'chaos: %d workers terminated (%d at work), %d cancelled (%d at work), ' \
  "$(hits terminate.worker)" "$(runs interrupted 57P01)" \
  "$(hits cancel.worker)" "$(runs failed 57014)"
printf '%d producers terminated, %d cancelled, %d restarts\n' \
  "$(hits terminate.producer)" "$(hits cancel.producer)" "$restarts"
psql -XqAt -v slots="${SLOTS:-2}" -f "$here/verify.sql"
