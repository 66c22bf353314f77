# Common to the measurements: sourced by run.sh, not run.
# shellcheck shell=bash
: "${measures:?}"

# ask SQL: one value, from the database under measurement
ask() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }

# configure NAME=VALUE...: restart the server with these settings
configure() {
  local setting
  for setting in "$@"; do
    ask "ALTER SYSTEM SET ${setting%%=*} = '${setting#*=}'"
  done
  pg_ctl -D "$PGDATA" -l "$WEIR_LOG" -m fast -w restart >/dev/null
}

# fresh_database SYNCHRONOUS_COMMIT: each measurement has a new one, so that
# none inherits the bloat of another
fresh_database() {
  PGDATABASE=postgres ask 'DROP DATABASE IF EXISTS bench'
  PGDATABASE=postgres ask 'CREATE DATABASE bench'
  PGDATABASE=postgres ask "ALTER DATABASE bench SET synchronous_commit = $1"
  export PGDATABASE=bench
}

# settle: pay for what came before, outside the measurement
settle() { ask 'VACUUM ANALYZE' && ask 'CHECKPOINT'; }

# server_ticks: the time on a processor of all processes of the server, those
# that have ended included
server_ticks() {
  local postmaster pid
  postmaster=$(head -n 1 "$PGDATA/postmaster.pid")
  # utime, stime, cutime, cstime are 14 to 17; names may contain blanks
  for pid in $postmaster $(cat "/proc/$postmaster/task/$postmaster/children"); do
    sed 's/^[0-9]* (.*) //' "/proc/$pid/stat" 2>/dev/null || true
  done |
    awk -v hertz="$(getconf CLK_TCK)" '
      { ticks += $12 + $13 + $14 + $15 }
      END { printf "%.0f\n", ticks * 1e6 / hertz }'
}

# note MEASUREMENT VALUE
note() { printf '%s\t%s\n' "$1" "$2" >>"$measures"; }

# begin_costs, end_costs MEASUREMENT TASKS: what the server spends meanwhile,
# on a processor and in WAL, per task
begin_costs() {
  costs_wal=$(ask 'SELECT pg_current_wal_insert_lsn()')
  costs_cpu=$(server_ticks)
}
end_costs() {
  local cpu
  cpu=$(server_ticks)
  note "$1 cpu" "$(((cpu - costs_cpu) / $2))"
  note "$1 wal" "$(ask "SELECT round((pg_current_wal_insert_lsn() - '$costs_wal') / $2)")"
}

# values MEASUREMENT: all of them, in ascending order
values() { awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$measures" | sort -g; }

# median, spread MEASUREMENT
median() {
  values "$1" | awk '{ v[NR] = $1 }
    END { if (NR == 0) print "-"
          else print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2) }'
}
spread() { values "$1" | awk 'NR == 1 { low = $1 } { high = $1 } END { print low " - " high }'; }

# ratio OURS THEIRS: of the medians
ratio() { awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN { if (b > 0) printf "%.2f", a / b; else print "-" }'; }
