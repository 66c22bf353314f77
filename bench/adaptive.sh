# Caps that adapt: a table with a best number of tasks, found by sweeping and by
# the limit itself.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

long_scenario adaptive "$((singles / 8)) tasks that each update two of 8 rows in random order, and keep them for a moment; 8 workers"
for slots in 1 2 3 4 6 8; do
  compare adaptive "fixed$slots" "cap $slots" contended "$slots" off 0 0
done
compare adaptive act "cap 8, adaptive => 'act'" contended 8 act 0 "$((singles / 2))"
compare adaptive changed "the same, after other tasks had raised it" contended 8 act "$((singles / 4))" "$((singles / 2))"

# contended SLOTS ADAPTIVE CALM SETTLE: so many tasks without conflicts come first,
# then so many for the limit to settle, before those that are measured
contended() {
  local n=$((singles / 8))
  weir_database off
  # sleep is the work: what a task does while it has its rows
  ask "CREATE TABLE hot (id int PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 20);
    INSERT INTO hot SELECT i, 0 FROM generate_series(1, 8) i;
    CREATE PROCEDURE move() LANGUAGE plpgsql AS \$\$
    BEGIN
      PERFORM pg_sleep(0.01);
      FOR i IN 1 .. 2 LOOP
        UPDATE hot SET n = n + 1 WHERE id = 1 + floor(random() * 8)::int;
        PERFORM pg_sleep(0.01);
      END LOOP;
    END \$\$"
  ask "SELECT weir.cap_table('hot', slots => $1, adaptive => '$2')" >/dev/null
  weir_queue bench "$many"
  [ "$3" = 0 ] || moves "$3" "SELECT pg_sleep(0.02)"
  [ "$4" = 0 ] || moves "$4" "CALL move()"
  fill_moves "$n" "CALL move()"
  clock_weir bench "$n"
  note limit "$(ask "SELECT coalesce(adaptive_limit, slots) FROM weir.resources")"
  note deadlocks "$(ask "SELECT count(*) FROM weir.runs WHERE sqlstate = '40P01'")"
  expect 0 "SELECT count(*) FROM weir.dead_letters" "tasks that have failed"
}

# fill_moves N COMMAND: into the paused queue
fill_moves() {
  ask "SELECT weir.enqueue_many('$2', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $1)), queue => 'bench',
    tables => '{hot}', max_attempts => 100, settings => '{\"deadlock_timeout\": \"100ms\"}')" >/dev/null
}

# moves N COMMAND: the same, executed and not measured
moves() {
  fill_moves "$1" "$2"
  ask "SELECT weir.resume('bench')" >/dev/null
  ask "SELECT 1 / weir.drain('bench')::int" >/dev/null
  ask "SELECT weir.pause('bench')" >/dev/null
}

report_adaptive() {
  local case fixed="fixed1 fixed2 fixed3 fixed4 fixed6 fixed8"
  head_row "" "tasks/s" "lowest - highest" "limit at the end" "deadlocks"
  for case in ${cases[adaptive]}; do
    row "${label[adaptive,$case]}" "$(median adaptive "$case" rate)" "$(spread adaptive "$case" rate)" \
      "$(median adaptive "$case" limit)" "$(median adaptive "$case" deadlocks)"
  done
  echo
  bars adaptive rate "tasks/s"
  target_ratio "adaptive limit" "the best fixed cap" ">= 0.9" adaptive act rate adaptive "$fixed"
  target_ratio "adaptive limit, after a change" "the best fixed cap" ">= 0.9" adaptive changed rate adaptive "$fixed"
}
