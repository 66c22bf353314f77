# pg_weir: filled and emptied.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# weir_database SYNCHRONOUS_COMMIT
weir_database() {
  fresh_database "$1"
  ask 'CREATE EXTENSION pg_weir'
}

# weir_queue NAME CAPACITY [OPTION => VALUE]...: paused, so that it can be filled
weir_queue() {
  local option
  for option in "${@:3}"; do
    [ "$(ask "SELECT bool_or('${option%%=*}' = ANY (proargnames)) FROM pg_proc WHERE oid::regproc::text = 'weir.create_queue'")" = t ] ||
      absent "queues have no option \"${option%%=*}\""
  done
  ask "SELECT weir.create_queue('$1', capacity => $2${3:+, $(join_with ', ' "${@:3}")}); SELECT weir.pause('$1')" >/dev/null
}

join_with() {
  local by=$1 all=$2 word
  for word in "${@:3}"; do all+=$by$word; done
  printf '%s' "$all"
}

# fill_weir QUEUE N [ARGUMENT => VALUE] [COMMAND]: no-op tasks, if nothing else is
# said, in pieces of 100,000
fill_weir() {
  local left=$2 some
  while [ "$left" -gt 0 ]; do
    some=$((left < 100000 ? left : 100000))
    echo "SELECT weir.enqueue_many('${4:-SELECT 1}', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $some)), queue => '$1'${3:+, $3}) \\g /dev/null"
    left=$((left - some))
  done | psql -Xq -v ON_ERROR_STOP=1
}

# clock_weir QUEUE N: the clock runs from resume to depth 0, the start of the
# workers included
clock_weir() {
  begin_costs
  note rate "$(clocked "$2" "SELECT weir.resume('$1')" "SELECT 1 / weir.drain('$1')::int")"
  end_costs "$2"
}

# run_weir N: the clock runs until the tasks that are there have succeeded
run_weir() {
  settle
  clock_weir bench "$1"
  expect "$1" "SELECT count(*) FROM weir.run WHERE outcome = 'succeeded'" "tasks that succeeded"
}

# drain_weir SYNCHRONOUS_COMMIT N [OPTION=>VALUE]...
drain_weir() {
  weir_database "$1"
  weir_queue bench "$2" "${@:3}"
  fill_weir bench "$2"
  run_weir "$2"
}
