# The peers: what is installed of them, and how they are filled and emptied.
# Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# install_peers: those from npm, at the versions of package.json; the rest
# comes with the sandbox.  What cannot be had is told by the cases.
install_peers() {
  npm_missing=
  mkdir "$scratch/peers"
  cp "$here"/package.json "$here"/*.mjs "$scratch/peers/"
  command -v npm >/dev/null || { npm_missing="npm is not installed" && return; }
  say "peers from npm" >&2
  (cd "$scratch/peers" && npm install --no-audit --no-fund --no-package-lock >npm.log 2>&1) ||
    { npm_missing="npm could not install it" && tail -n 5 "$scratch/peers/npm.log" >&2 && return; }
  PATH="$scratch/peers/node_modules/.bin:$PATH"
  node -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)' ||
    npm_missing="it needs Node 22"
}

# peer PROGRAM ARGUMENT...: one of the programs of npm's peers
need_npm() { [ -z "$npm_missing" ] || absent "$npm_missing"; }
peer() { node "$scratch/peers/$1.mjs" "${@:2}"; }

need_pgq() {
  [ "$(as_server "SELECT count(*) FROM pg_available_extensions WHERE name = 'pgq'")" = 1 ] ||
    absent "the server has no PgQ (package postgresql-NN-pgq3)"
}

peer_versions() {
  local version
  version=$(as_server "SELECT default_version FROM pg_available_extensions WHERE name = 'pgq'")
  echo "PgQ ${version:-(not there)}; $([ -z "$npm_missing" ] &&
    sed -n 's/^ *"\(graphile-worker\|pg-boss\|node\)": "\(.*[0-9]\)".*/\1 \2/p' "$here/package.json" |
    paste -sd , | sed 's/,/, /g' || echo "graphile-worker and pg-boss (not there: $npm_missing)")"
}

# what a program of npm's printed: the rate, and its time on a processor
note_peer() {
  local rate client
  read -r rate client <<<"$1"
  note rate "$rate"
  note client "$client"
}

# ---------------------------------------------------------------------
# A table, and rows that are claimed with SKIP LOCKED and deleted

fill_skip() { psql -Xq -v ON_ERROR_STOP=1 -v jobs="$1" -f "$here/skip_locked.sql"; }

# drain_skip SYNCHRONOUS_COMMIT NOOP N: as many transactions as jobs
drain_skip() {
  local clients=16 n=$3
  n=$((n / clients * clients))
  fresh_database "$1"
  fill_skip $n
  settle
  [ "$2" = sql ] && cp "$here/skip_locked.pgbench" "$scratch/statement"
  [ "$2" = own ] && grep -v '^SELECT 1;' "$here/skip_locked.pgbench" >"$scratch/statement"
  begin_costs
  note rate "$(bench_clients $n $clients "$scratch/statement")"
  end_costs $n
  expect 0 'SELECT count(*) FROM job' "jobs left"
}

# ---------------------------------------------------------------------
# graphile-worker

# fill_graphile NAME N [QUEUES]: jobs of a named queue run one at a time
fill_graphile() {
  local queue=NULL
  [ -z "${3:-}" ] || queue="'queue ' || i % $3"
  ask "SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
    SELECT ROW('$1', '{}'::json, $queue, NULL, NULL, NULL, NULL, NULL)::graphile_worker.job_spec
    FROM generate_series(1, $2) i))" >/dev/null
}

# drain_graphile SYNCHRONOUS_COMMIT NOOP N HOW [QUEUES]
drain_graphile() {
  need_npm
  fresh_database "$1"
  hot_row
  peer graphile migrate
  fill_graphile warm 500
  fill_graphile noop "$3" "${5:-}"
  settle
  begin_costs
  note_peer "$(peer graphile drain "$3" "$4" "$2")"
  end_costs "$3"
  expect 0 'SELECT count(*) FROM graphile_worker.jobs' "jobs left"
}

# ---------------------------------------------------------------------
# pg-boss

# drain_pgboss SYNCHRONOUS_COMMIT NOOP N [KEYS]
drain_pgboss() {
  need_npm
  fresh_database "$1"
  hot_row
  peer pgboss fill "$3" "${4:-}"
  settle
  begin_costs
  note_peer "$(peer pgboss drain "$3" "$2")"
  end_costs "$3"
  expect "$3" "SELECT count(*) FROM pgboss.job WHERE name = 'noop' AND state = 'completed'" "jobs completed"
}

# ---------------------------------------------------------------------
# PgQ: a consumer takes batches of events; nothing is kept of a single one

pgq_database() {
  need_pgq
  fresh_database "$1"
  ask 'CREATE EXTENSION pgq'
  psql -Xq -v ON_ERROR_STOP=1 -f "$here/pgq.sql"
}

# drain_pgq SYNCHRONOUS_COMMIT NOOP N
drain_pgq() {
  pgq_database "$1"
  ask "CALL fill($3)"
  settle
  begin_costs
  note rate "$(clocked "$3" "CALL consume('$2', $3)")"
  end_costs "$3"
}
