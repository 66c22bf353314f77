# A graph of tasks: what its edges cost, when it is submitted and when it runs.
# Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

scenario graph "A graph of $(with_commas "$many") tasks"
compare graph none "no edges" graph_run 0
compare graph layers "in ten layers, 4 edges each" graph_run 4

# graph_tasks N EDGES: as an argument of weir.submit(); each task waits for so
# many of the layer before its own
graph_tasks() {
  local width=$(($1 / 10))
  echo "(SELECT jsonb_agg(jsonb_build_object('key', i::text, 'command', 'SELECT 1', 'queue', 'bench', 'after',
     CASE WHEN i >= $width AND $2 > 0 THEN
       ARRAY(SELECT ((i / $width - 1) * $width + (i * 7919 + k * 104729) % $width)::text FROM generate_series(1, $2) k) END))
   FROM generate_series(0, $1 - 1) i)"
}

# graph_run EDGES
graph_run() {
  weir_database off
  weir_queue bench "$many"
  ask "CREATE TABLE graph AS SELECT $(graph_tasks "$many" "$1") AS tasks"
  note submit "$(clocked "$many" "SELECT count(*) FROM graph, weir.submit(tasks)")"
  until [ "$(ask "SELECT blocked + ready = $many FROM weir.queues WHERE name = 'bench'")" = t ]; do
    sleep 0.1
  done
  note edges "$(ask "SELECT coalesce(sum(cardinality(after)), 0) FROM weir.task")"
  run_weir "$many"
}

report_graph() {
  local case
  if ! measured graph; then return; fi
  head_row "" edges "submitted, tasks/s" "run, tasks/s" "lowest - highest" "CPU us per task" "WAL bytes per task"
  for case in none layers; do
    row "${label[graph,$case]}" "$(with_commas "$(median graph $case edges)")" "$(median graph $case submit)" \
      "$(median graph $case rate)" "$(spread graph $case rate)" "$(median graph $case cpu)" "$(median graph $case wal)"
  done
  echo
  awk -v with="$(median graph layers cpu)" -v without="$(median graph none cpu)" -v n="$many" \
    -v edges="$(median graph layers edges)" \
    'BEGIN { printf "An edge costs %.2f us of CPU when its parent ends.\n", (with - without) * n / edges }'
}
