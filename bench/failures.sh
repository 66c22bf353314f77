# When things fail: what a circuit breaker costs each start, and what retries
# make of the load.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

scenario breaker "A circuit breaker in the way of $(with_commas "$many") tasks"
compare breaker none "no resource" breaker_run none
compare breaker slots "a resource with 64 slots" breaker_run "slots=>64"
compare breaker time "and a breaker that counts by time" \
  breaker_run "slots=>64,breaker=>'{\"sliding_window_type\":\"time_based\"}'"
compare breaker calls "or one that counts the last calls" \
  breaker_run "slots=>64,breaker=>'{\"sliding_window_type\":\"count_based\"}'"

# breaker_run LIMITS
breaker_run() {
  weir_database off
  weir_queue bench "$many"
  if [ "$1" = none ]; then
    fill_weir bench "$many"
  else
    ask "SELECT weir.cap_resource('api', $1)" >/dev/null
    fill_weir bench "$many" "resources => '{api}'"
  fi
  run_weir "$many"
}

report_breaker() {
  local case
  if ! measured breaker; then return; fi
  head_row "" "tasks/s" "lowest - highest" "CPU us per task"
  for case in none slots time calls; do
    row "${label[breaker,$case]}" "$(median breaker $case rate)" "$(spread breaker $case rate)" \
      "$(median breaker $case cpu)"
  done
  echo
  awk -v with="$(median breaker time cpu)" -v without="$(median breaker slots cpu)" \
    'BEGIN { printf "A breaker costs %.2f us of CPU for each start.\n", with - without }'
}

storming=$((many / 50))
scenario storm "$(with_commas "$storming") tasks that call what is down, at most five attempts each"
compare storm free "without a budget" storm_run false
compare storm budget "with the default budget" storm_run '{}'

# storm_run BUDGET: until nothing can start any more
storm_run() {
  weir_database off
  weir_queue bench "$storming" \
    "policy=>'{\"max_attempts\":5,\"backoff_base\":0.01,\"backoff_cap\":0.1,\"retry_budget\":$1}'"
  ask "CREATE FUNCTION down() RETURNS void LANGUAGE plpgsql AS
    \$\$ BEGIN RAISE SQLSTATE '08006' USING MESSAGE = 'it is down'; END \$\$"
  ask "SELECT n FROM weir.enqueue_many('SELECT down()',
    (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $storming)), queue => 'bench')" >/dev/null
  settle
  ask "SELECT weir.resume('bench')" >/dev/null
  until [ "$(ask "SELECT blocked = depth AND running = 0 AND EXISTS (SELECT FROM weir.run) FROM weir.queues WHERE name = 'bench'")" = t ]; do
    sleep 0.2
  done
  note calls "$(ask 'SELECT count(*) FROM weir.run')"
  note factor "$(ask "SELECT round(count(*)::numeric / $storming, 2) FROM weir.run")"
  note dead "$(ask 'SELECT count(*) FROM weir.run WHERE final')"
}

report_storm() {
  local case
  if ! measured storm; then return; fi
  head_row "" calls "load factor" "lowest - highest" "in the dead letters"
  for case in free budget; do
    row "${label[storm,$case]}" "$(median storm $case calls)" "$(median storm $case factor)" \
      "$(spread storm $case factor)" "$(median storm $case dead)"
  done
}
