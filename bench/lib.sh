# Common to the measurements: the server under them, and what is written down.
# Sourced by run.sh, not run.
# shellcheck shell=bash disable=SC2034,SC2154

# ask SQL: one value, from the database under measurement
ask() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }

# as_server SQL: the same, while that database may not be there
as_server() { PGDATABASE=postgres ask "$1"; }

restart_server() {
  pg_ctl -D "$PGDATA" -l "$WEIR_LOG" -m fast -w -t 600 restart >/dev/null
}

# configure NAME=VALUE...: restart the server with these settings
configure() {
  local setting
  for setting in "$@"; do
    as_server "ALTER SYSTEM SET ${setting%%=*} = '${setting#*=}'"
  done
  restart_server
}

# fresh_database SYNCHRONOUS_COMMIT: each case has a new one, so that none
# inherits the bloat of another
fresh_database() {
  as_server 'DROP DATABASE IF EXISTS bench WITH (FORCE)'
  as_server 'CREATE DATABASE bench'
  as_server "ALTER DATABASE bench SET synchronous_commit = $1"
  export PGDATABASE=bench
}

# settle: pay for what came before, outside of the measurement
settle() { ask 'VACUUM ANALYZE' && ask 'CHECKPOINT'; }

# ---------------------------------------------------------------------
# What is measured.  A measure is a line: round, with the turn in it, scenario,
# case, metric, value.

# note METRIC VALUE: of the case that is being measured
note() { printf '%s\t%s\t%s\t%s\n' "$round.$turn" "$current" "$1" "$2" >>"$measures"; }

# absent WHY: this case cannot be measured here, and the page says why
absent() {
  note absent "not there: $1"
  say "  not there: $1" >&2
  exit 0
}

# ticks PID...: microseconds on a processor, those of ended children included
ticks() {
  local pid
  for pid in "$@"; do
    # names may contain blanks; utime, stime, cutime, cstime are 14 to 17
    sed 's/^[0-9]* (.*) //' "/proc/$pid/stat" 2>/dev/null || true
  done |
    awk -v hertz="$(getconf CLK_TCK)" '
      { ticks += $12 + $13 + $14 + $15 }
      END { printf "%.0f\n", ticks * 1e6 / hertz }'
}

# server_ticks: of all processes of the server
server_ticks() {
  local postmaster
  postmaster=$(head -n 1 "$PGDATA/postmaster.pid")
  # shellcheck disable=SC2046
  ticks "$postmaster" $(cat "/proc/$postmaster/task/$postmaster/children")
}

# begin_costs, end_costs N: what the server spends meanwhile, per task
begin_costs() {
  costs_wal=$(ask 'SELECT pg_current_wal_insert_lsn()')
  costs_cpu=$(server_ticks)
}
end_costs() {
  local cpu
  cpu=$(server_ticks)
  note cpu "$(per_task $((cpu - costs_cpu)) "$1")"
  note wal "$(ask "SELECT round((pg_current_wal_insert_lsn() - '$costs_wal') / $1)")"
}

per_task() { awk -v all="$1" -v n="$2" 'BEGIN { printf "%.1f\n", all / n }'; }

# client N COMMAND...: run a client, and note its time on a processor per task
client() {
  local n=$1 used TIMEFORMAT='%3U %3S'
  shift
  { time "$@" 2>"$scratch/client.err"; } 2>"$scratch/client.time" || {
    cat "$scratch/client.err" >&2
    return 1
  }
  used=$(awk '{ printf "%.0f", ($1 + $2) * 1e6 }' "$scratch/client.time")
  note client "$(per_task "$used" "$n")"
}

# bench_clients N CLIENTS FILE: N transactions of pgbench in all; their rate
bench_clients() {
  client "$1" pgbench -n -M prepared -c "$2" -j 2 -t $(($1 / $2)) -f "$3" |
    sed -n 's/^tps = \([0-9]*\).*without.*/\1/p'
}

# clocked N SQL...: how many per second, N at the end of these statements
clocked() {
  local n=$1 sql
  shift
  {
    echo 'SELECT clock_timestamp() AS begun \gset'
    for sql in "$@"; do echo "$sql \\g /dev/null"; done
    echo "SELECT round($n / extract(epoch FROM clock_timestamp() - :'begun'));"
  } | psql -XqAt -v ON_ERROR_STOP=1
}

# percentiles: p50, p90, p99 and max of the milliseconds on the input
percentiles() {
  local p50 p90 p99 max
  read -r p50 p90 p99 max < <(sort -g | awk '{ v[NR] = $1 }
    function at(p) { return v[int(p * (NR - 1)) + 1] }
    END { if (NR) printf "%.3f %.3f %.3f %.3f\n", at(.5), at(.9), at(.99), at(1) }')
  [ -n "$max" ] || die "nothing was measured"
  note p50 "$p50"
  note p90 "$p90"
  note p99 "$p99"
  note max "$max"
}

# expect VALUE SQL WHAT: a measurement of work that was not done is none
expect() {
  local found
  found=$(ask "$2")
  [ "$found" = "$1" ] || die "$current: $3: $found instead of $1"
}
