# Daily runs beside a backfill that takes every worker: what they lose by it,
# and what it gets.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

scenario classes "Daily runs beside a backfill"
compare classes alone "daily runs alone" classes_daily none
compare classes plain "beside as many busy sessions as there are other workers" classes_daily sessions
compare classes beside "beside a backfill" classes_daily backfill
compare classes reserved "the same, one worker reserved" classes_daily backfill reserved
compare classes bulk "the backfill alone" classes_bulk

# As many workers as processors: what runs does not share one.
classes_workers=$(nproc)
classes_rate=5
classes_daily_sql='SELECT count(*) FROM generate_series(1, 100000)'
classes_chunk_sql='SELECT count(*) FROM generate_series(1, 300000)'

# classes_database: two queues, and so many workers that are there already
classes_database() {
  configure "weir.max_workers=$classes_workers"
  weir_database on
  ask "SELECT weir.create_queue('day', class => 'daily')" >/dev/null
  ask "SELECT weir.create_queue('bulk', class => 'backfill', capacity => 100000)" >/dev/null
  ask "SELECT n FROM weir.enqueue_many('$classes_chunk_sql', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 8 * $classes_workers)), queue => 'bulk')" >/dev/null
  ask "SELECT 1 / weir.drain('bulk')::int" >/dev/null
}

# classes_fill: more chunks than there is time for
classes_fill() {
  ask "SELECT n FROM weir.enqueue_many('$classes_chunk_sql', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 50000)), queue => 'bulk')" >/dev/null
}

# classes_report QUEUE SINCE: how long its runs took, and their rate
classes_report() {
  note run "$(ask "SELECT round((1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)))::numeric, 3)
    FROM weir.runs WHERE queue = '$1' AND started_at >= '$2'")"
  note rate "$(ask "SELECT round(count(*) / extract(epoch FROM clock_timestamp() - '$2'), 2)
    FROM weir.runs WHERE queue = '$1' AND started_at >= '$2'")"
}

# classes_daily BESIDE [reserved]: a daily run every 200 ms, whatever is beside
classes_daily() {
  local since pids=() i
  classes_database
  [ -z "${2:-}" ] || ask "SELECT weir.set_class('daily', reserved => 1)" >/dev/null
  echo "SELECT weir.enqueue('$classes_daily_sql', queue => 'day');" >"$scratch/day.sql"
  echo "$classes_chunk_sql;" >"$scratch/chunk.sql"
  case $1 in
    backfill) classes_fill ;;
    sessions)
      for ((i = 1; i < classes_workers; i++)); do
        pgbench -n -c 1 -T 3600 -f "$scratch/chunk.sql" >/dev/null 2>&1 &
        pids+=($!)
      done
      ;;
  esac
  since=$(ask "SELECT clock_timestamp()")
  pgbench -n -c 1 -R $classes_rate -t "$starts" -f "$scratch/day.sql" >/dev/null
  ask "SELECT 1 / weir.drain('day')::int" >/dev/null
  [ ${#pids[@]} = 0 ] || kill "${pids[@]}"
  expect "$starts" "SELECT count(*) FROM weir.runs WHERE queue = 'day' AND outcome = 'succeeded'" "daily runs"
  ask "SELECT 1000 * extract(epoch FROM r.started_at - t.enqueued_at) FROM weir.runs r
    JOIN weir.tasks t USING (task_id) WHERE t.queue = 'day'" >"$scratch/delays"
  percentiles <"$scratch/delays"
  note p95 "$(sort -g "$scratch/delays" | awk '{ v[NR] = $1 } END { printf "%.3f\n", v[int(.95 * (NR - 1)) + 1] }')"
  classes_report day "$since"
  [ "$1" != backfill ] || {
    note chunk "$(ask "SELECT round((1000 * percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)))::numeric, 3)
      FROM weir.runs WHERE queue = 'bulk' AND started_at >= '$since'")"
    note chunks "$(ask "SELECT round(count(*) / extract(epoch FROM clock_timestamp() - '$since'), 2)
      FROM weir.runs WHERE queue = 'bulk' AND started_at >= '$since'")"
  }
  configure weir.max_workers=8
}

# classes_bulk: the same chunks, for as long, and nothing else
classes_bulk() {
  local since
  classes_database
  since=$(ask "SELECT clock_timestamp()")
  classes_fill
  # sleep is the work: chunks are executed for so long
  sleep $((starts / classes_rate))
  classes_report bulk "$since"
  configure weir.max_workers=8
}

# classes_used: in each round chunks done, by those that there was time for.  A
# worker that has no daily run has time; how long one takes is known from those
# alone.
classes_used() {
  local used
  used=$(awk -F '\t' -v OFS='\t' -v workers="$classes_workers" '
    $2 == "classes" { value[$1, $3, $4] = $5; rounds[$1] }
    END {
      for (round in rounds)
        for (i = split("beside reserved", names, " "); i > 0; i--) {
          busy = value[round, names[i], "rate"] * value[round, "alone", "run"] / 1000 / workers
          idle = value[round, "bulk", "rate"] * (1 - busy)
          if (idle > 0 && (round, names[i], "chunks") in value)
            print round, "classes", names[i], "used", value[round, names[i], "chunks"] / idle
        }
    }' "$measures")
  printf '%s\n' "$used" >>"$measures"
}

report_classes() {
  local case
  classes_used
  head_row "" "start delay p50, ms" p95 "lowest - highest" longest "run, ms" "lowest - highest" "chunks/s" \
    "of the idle capacity" "lowest - highest"
  for case in ${cases[classes]}; do
    [ "$case" != bulk ] || { row "${label[classes,bulk]}" "" "" "" "" "" "" "$(median classes bulk rate)" "" "" && continue; }
    row "${label[classes,$case]}" "$(median classes "$case" p50)" \
      "$(median classes "$case" p95)" "$(spread classes "$case" p95)" "$(median classes "$case" max)" \
      "$(median classes "$case" run)" "$(spread classes "$case" run)" "$(median classes "$case" chunks)" \
      "$(median classes "$case" used)" "$(spread classes "$case" used)"
  done
  echo
  echo "A chunk takes $(median classes beside chunk) ms (p90). $classes_workers workers, $classes_rate daily runs per second."
  echo
  target "classes" "start delay beside a backfill, p95, ms" "<= 100" "$(median classes beside p95)" "$(spread classes beside p95)"
  target_ratio "classes" "run time beside a backfill to that beside busy sessions" "<= 1.1" classes beside run classes plain
  target "classes" "share of the idle capacity that a backfill uses" ">= 0.9" "$(median classes beside used)" "$(spread classes beside used)"
}
