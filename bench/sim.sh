#!/bin/bash
# Measure the policy alone, in the simulator: no server, no peers.  Called by
# "make bench-sim"; leaves README.md with the figures of this run as
# results/bench.md and its plots in results/plots.  About ten minutes;
# BENCH_TASKS=100000000 is the number of tasks over simulated days.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/tools/lib.sh
. "$here/../test/tools/lib.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p results "$scratch/sections"
measures=$scratch/table
# shellcheck source=bench/table.sh
. "$here/table.sh"

say "building" >&2
make -s -C "$here/../test/sim" BUILD="$scratch/build" "$scratch/build/scale"
say "what decisions cost: some minutes" >&2
"$scratch/build/scale" scale | sed -n 's/^# *//p' | tee "$scratch/table" >&2
say "simulated days: some minutes" >&2
"$scratch/build/scale" days "${BENCH_TASKS:-100000000}" | tee "$scratch/days" >&2
grep -q '^ok' "$scratch/days" || die "the simulation has failed"

# Columns of the table: load, workers, resources, shared, queues, owners, depth,
# blocked, future, add_ns, start_ns, starts/s, worst_us, bytes.  What grows in a
# load is the column of that number.
declare -A column=([workers]=2 [resources]=3 [shared]=3 [queues]=5 [buckets]=6
  [depth]=7 [shuffled]=7 [warehouse]=7 [blocked]=8 [future]=9)
declare -A meaning=(
  [depth]="waiting tasks, added in order of rank"
  [shuffled]="waiting tasks, in random order"
  [warehouse]="waiting tasks, on 100,000 resources"
  [blocked]="tasks blocked"
  [future]="tasks for a future time"
  [workers]="workers"
  [resources]="resources, one for each task"
  [shared]="resources, and one that all need"
  [buckets]="buckets of 1,000,000 tasks"
  [queues]="queues")
tasks="depth shuffled warehouse blocked future"
shape="workers resources shared buckets queues"

# points LOAD COLUMN: "number value" each
points() { awk -v load="$1" -v x="${column[$1]}" -v y="$2" '$1 == load { print $x, $y }' "$scratch/table"; }

# growth NAME COLUMN TITLE UNIT LOAD...: a plot of what grows with what
growth() {
  local load
  {
    echo "title $3"
    echo "x number"
    echo "y $4"
    echo logx
    echo logy
    for load in "${@:5}"; do
      echo "series ${meaning[$load]}"
      points "$load" "$2"
    done
  } | plot "$1" "$3"
}

{
  head_row "what grows" from to "ns per decision" "growth for each tenfold" "bytes per waiting task, with its buckets"
  for load in $tasks $shape; do
    row "${meaning[$load]}" "$(points "$load" 11 | awk 'NR == 1 { print $1 }')" \
      "$(points "$load" 11 | awk 'END { print $1 }')" \
      "$(points "$load" 11 | awk '{ printf "%s%d", (NR > 1 ? ", " : ""), $2 }')" \
      "$(points "$load" 11 | awk 'NR == 1 { a = $2 } END { printf "%.2f", exp(log($2 / a) / (NR - 1)) }')" \
      "$(points "$load" 14 | awk 'END { print $2 }')"
  done
  echo
  # shellcheck disable=SC2086
  growth sim_tasks 11 "A decision, by the number of tasks" ns $tasks
  # shellcheck disable=SC2086
  growth sim_shape 11 "A decision, by the shape of the warehouse" ns $shape
  growth sim_memory 14 "Memory per waiting task, with its buckets" bytes depth future warehouse buckets
  echo "Simulated days: $(sed -n 's/^ok 1 - //p' "$scratch/days");"
  sed -n 's/^# //p' "$scratch/days" | paste -sd ';' | sed 's/;/; /g; s/$/./'
} >"$scratch/sections/sim"
"$here/page.pl" "$here/README.md" "$scratch/sections" | tee results/bench.md |
  sed -n '/^<!-- measured: sim -->/,/^<!-- end -->/p'
