# A drain with a REPEATABLE READ snapshot held: what an analytic query of an
# hour does to a queue.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# What is there must last for all that time at the highest rate.
supply=$(((before + held) * 36000))

long_scenario snapshot "Jobs per second, a snapshot held from second $before on"
compare snapshot skip "SKIP LOCKED, 16 clients" snapshot_skip
compare snapshot graphile "graphile-worker" snapshot_graphile
compare snapshot weir "pg_weir, 8 workers" snapshot_weir held
compare snapshot free "pg_weir, without the snapshot" snapshot_weir free

# hold_snapshot: takes it when the time has come, and keeps it to the end.  Who
# sleeps in a statement has a snapshot, too, so before that the shell does.
hold_snapshot() {
  # sleep is the work
  {
    sleep "$before"
    echo 'BEGIN ISOLATION LEVEL REPEATABLE READ;'
    echo 'SELECT count(*) FROM pg_class;'
    echo "SELECT pg_sleep($held + 60);"
  } | psql -Xq >/dev/null 2>&1 &
  holder=$!
}

# note_series: lines of second and jobs done in it; the rates before and with
# the snapshot, and in the first and the last quarter of it
note_series() {
  local second jobs
  sort -n >"$scratch/series"
  while read -r second jobs; do note "second $second" "$jobs"; done <"$scratch/series"
  mean 2 "$before" before
  mean $((before + 2)) $((before + held)) rate
  mean $((before + 2)) $((before + held / 4)) first
  mean $((before + held * 3 / 4)) $((before + held)) last
  [ -z "$holder" ] || kill "$holder"
  [ -z "$holder" ] || wait "$holder" || true
}
mean() {
  note "$3" "$(awk -v from="$1" -v to="$2" '$1 >= from && $1 <= to { sum += $2; n++ }
    END { if (n) printf "%.0f\n", sum / n; else print 0 }' "$scratch/series")"
}

snapshot_skip() {
  fresh_database on
  fill_skip $supply
  settle
  hold_snapshot
  pgbench -n -M prepared -c 16 -j 2 -T $((before + held)) -P 1 -f "$here/skip_locked.pgbench" 2>&1 |
    sed -n 's/^progress: \([0-9.]*\) s, \([0-9.]*\) tps.*/\1\t\2/p' >"$scratch/progress"
  note_series <"$scratch/progress"
}

snapshot_graphile() {
  need_npm
  fresh_database on
  peer graphile migrate
  fill_graphile noop $((supply / 9))
  settle
  hold_snapshot
  peer graphile series $((before + held)) plain sql >"$scratch/progress"
  note_series <"$scratch/progress"
}

# snapshot_weir held|free: the depth is looked at each second; the first second
# starts the workers.
snapshot_weir() {
  local second holder=
  weir_database on
  weir_queue bench $supply
  fill_weir bench $supply
  settle
  [ "$1" = free ] || hold_snapshot
  {
    echo "SELECT weir.resume('bench'), clock_timestamp() AS begun, $supply AS depth \gset"
    for ((second = 1; second <= before + held; second++)); do
      echo "
SELECT pg_sleep(greatest(0, extract(epoch FROM :'begun'::timestamptz + $second * interval '1 second' - clock_timestamp()))) \g /dev/null
SELECT :depth - depth AS jobs, depth FROM weir.queues WHERE name = 'bench' \gset
\echo $second :jobs :depth"
    done
  } | psql -Xq -v ON_ERROR_STOP=1 >"$scratch/progress"
  [ "$(tail -n 1 "$scratch/progress" | cut -d " " -f 3)" -gt 0 ] || die "the supply has run out"
  note_series < <(cut -d " " -f 1,2 "$scratch/progress")
}

report_snapshot() {
  local case
  head_row "" "jobs/s before" "with the snapshot" "ratio" "last quarter to first"
  for case in ${cases[snapshot]}; do
    if [ -n "$(why_absent snapshot "$case")" ]; then
      row "${label[snapshot,$case]}" "$(why_absent snapshot "$case")" "" "" ""
    else
      row "${label[snapshot,$case]}" "$(median snapshot "$case" before)" "$(median snapshot "$case" rate)" \
        "$(fall "$case" before rate)" "$(fall "$case" first last)"
    fi
  done
  echo
  plot_series
  target_ratio "drain with a snapshot held for $held s" "the drain without, same seconds" ">= 0.95" snapshot weir rate snapshot free
  target "drain with a snapshot held for $held s" "last quarter to first" ">= 0.95" "$(fall weir first last)"
}

# fall CASE METRIC METRIC: the second in terms of the first
fall() {
  awk -v a="$(median snapshot "$1" "$2")" -v b="$(median snapshot "$1" "$3")" \
    'BEGIN { if (a > 0) printf "%.2f\n", b / a; else print "-" }'
}

plot_series() {
  local case
  {
    echo "title ${title[snapshot]}"
    echo "x second"
    echo "y jobs/s"
    for case in ${cases[snapshot]}; do
      echo "series ${label[snapshot,$case]}"
      awk -F '\t' -v case="$case" 'int($1) == 1 && $2 == "snapshot" && $3 == case && $4 ~ /^second / {
        sub("second ", "", $4); print $4, $5 }' "$measures"
    done
  } | plot snapshot "${title[snapshot]}"
}
