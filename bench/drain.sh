# The drain: how long until a full queue is empty.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# Each task a transaction of its own, flushed; the peers with the same SQL
# no-op, and with what does nothing at all.
scenario each "Drain of $(with_commas "$tasks") tasks, own transaction each, each flushed"
compare each skip "SKIP LOCKED, 16 clients" drain_skip on sql "$tasks"
compare each skip_own "the same, nothing executed" drain_skip on own "$tasks"
compare each graphile "graphile-worker" drain_graphile on sql "$tasks" plain
compare each graphile_own "the same, nothing executed" drain_graphile on own "$tasks" plain
compare each local "graphile-worker, local queue, batched completion" drain_graphile on sql "$tasks" local
compare each local_own "the same, nothing executed" drain_graphile on own "$tasks" local
compare each pgboss "pg-boss, batches of 100" drain_pgboss on sql "$tasks"
compare each pgboss_own "the same, nothing executed" drain_pgboss on own "$tasks"
compare each pgq "PgQ, batches of 500, no record per event" drain_pgq on sql "$tasks"
compare each pgq_own "the same, nothing executed" drain_pgq on own "$tasks"
compare each floor "floor, 8 workers" drain_floor each 8 "$tasks" bare
compare each floor_keyed "floor with the key of weir.run, 8 workers" drain_floor each 8 "$tasks" keyed
compare each weir "pg_weir, 8 workers" drain_weir on "$tasks"

# Peers that execute the tasks one by one and keep an outcome of each.
peers="skip graphile local pgboss"

report_each() {
  costs_table each skip task
  target_ratio "drain, each flushed, 8 workers" "SKIP LOCKED" ">= 2" each weir rate each skip
  target_ratio "drain, each flushed, 8 workers" "graphile-worker" ">= 5" each weir rate each graphile
  target_ratio "drain, each flushed, 8 workers" floor ">= 0.8" each weir rate each floor
}

# The flush shared: own transactions, but as many as come in a few milliseconds
# wait for one.
scenario grouped "Drain of $(with_commas "$many") tasks, own transaction each, the flush shared"
compare grouped floor8 "floor, one flush per 100, 8 workers" drain_floor grouped 8 "$many" bare
compare grouped floor2 "floor, one flush per 100, 2 workers" drain_floor grouped 2 "$many" bare
compare grouped keyed2 "floor with the key of weir.run, 2 workers" drain_floor grouped 2 "$many" keyed
compare grouped weir "pg_weir, durability => 'grouped', 8 workers" \
  drain_weir on "$many" "durability=>'grouped'"

report_grouped() {
  costs_table grouped floor2 task
  target_ratio "drain, grouped durability" "best peer" ">= 4" grouped weir rate each "$peers"
  target_ratio "drain, grouped durability" floor ">= 0.6" grouped weir rate grouped "floor2 floor8"
}

# Several tasks in one transaction, a subtransaction each.
scenario batch "Drain of $(with_commas "$many") tasks, 32 in a transaction"
compare batch floor8 "floor, 8 workers" drain_floor batch 8 "$many" bare
compare batch floor2 "floor, 2 workers" drain_floor batch 2 "$many" bare
compare batch keyed2 "floor with the key of weir.run, 2 workers" drain_floor batch 2 "$many" keyed
compare batch weir "pg_weir, batch => 32, 8 workers" drain_weir on "$many" "batch=>32"

report_batch() {
  costs_table batch floor2 task
  target_ratio "drain, batch 32" "best peer" ">= 5" batch weir rate each "$peers"
  target_ratio "drain, batch 32" floor ">= 0.5" batch weir rate batch "floor2 floor8"
}

# Without waiting for the disk: what the processors allow.
scenario off "Drain of $(with_commas "$tasks") tasks, synchronous_commit off"
compare off skip "SKIP LOCKED, 16 clients" drain_skip off sql "$tasks"
compare off graphile "graphile-worker" drain_graphile off sql "$tasks" plain
compare off local "graphile-worker, local queue, batched completion" drain_graphile off sql "$tasks" local
compare off pgboss "pg-boss, batches of 100" drain_pgboss off sql "$tasks"
compare off weir "pg_weir, 8 workers" drain_weir off "$tasks"

report_off() { costs_table off skip task; }
