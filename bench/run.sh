#!/bin/bash
# Measure pg_weir and its peers, in turn, on one throw-away server.  Called by
# "make bench", inside a sandbox; leaves README.md with the figures of this run
# as results/bench.md, its plots in results/plots, and every single figure in
# results/measures.tsv.
#
#   BENCH_SCALE=small (default)     about 20 minutes; full: some hours
#   BENCH_ROUNDS=5                  rounds; the long scenarios do with a third
#   BENCH_ONLY="each latency"       some of the scenarios; the figures of the
#                                   others stay as they are in README.md
#
# See README.md beside this file for what is compared and why.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/tools/lib.sh
. "$here/../test/tools/lib.sh"

scale=${BENCH_SCALE:-small}
# shellcheck disable=SC2034 # used by the files of the scenarios
case $scale in
  tiny) tasks=2000 many=10000 singles=800 bulk=10000 starts=50 future=100000 deep=200000 before=4 held=8 idle=5 ;;
  small) tasks=20000 many=100000 singles=8000 bulk=100000 starts=250 future=1000000 deep=1000000 before=8 held=24 idle=30 ;;
  full) tasks=100000 many=500000 singles=40000 bulk=500000 starts=1000 future=1000000 deep=10000000 before=60 held=600 idle=60 ;;
  *) die "BENCH_SCALE is small or full" ;;
esac
rounds=${BENCH_ROUNDS:-5}
long_rounds=$(((rounds + 2) / 3))

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PGOPTIONS='-c client_min_messages=warning'
measures=$scratch/measures
: >"$measures"
round=0
turn=1
current=
failures=0
# shellcheck source=bench/lib.sh
. "$here/lib.sh"
# shellcheck source=bench/cases.sh
. "$here/cases.sh"
# shellcheck source=bench/table.sh
. "$here/table.sh"
for file in ours peers floor drain enqueue latency waiting snapshot depth graph failures idle enforce capped adaptive classes fairness wal; do
  # shellcheck source=/dev/null
  . "$here/$file.sh"
done
PATH="$(dirname "$PG_CONFIG"):$PATH"
# a copied server does not bring the headers of libpq: Debian's place
cc -O2 -o "$scratch/listener" "$here/listener.c" -I/usr/include/postgresql \
  -I"$("$PG_CONFIG" --includedir)" -L"$("$PG_CONFIG" --libdir)" -lpq
build_floor
install_peers

only=${BENCH_ONLY:-${scenarios[*]} wal}
wanted() { [[ " $only " == *" $1 "* ]]; }

machine() {
  echo "- $(nproc) processors ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)), $(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB, $(uname -sr);" \
    "$("$PG_CONFIG" --version), fsync on, $(pg_test_fsync -s 1 -f "$PGDATA/fsync_test" 2>/dev/null |
      awk '$1 == "fdatasync" { print $(NF - 1); exit }') us for an fdatasync of 8 kB"
  echo "- peers: $(peer_versions)"
  echo "- scale \"$scale\", $rounds rounds, $long_rounds of the long scenarios, $(date -u +%F)"
}

# The peers do not want what pg_weir does not have: one configuration for all.
# What a checkpoint in the middle would cost is not the subject.
configure max_wal_size=32GB checkpoint_timeout=1h shared_buffers=1GB jit=off log_checkpoints=off \
  weir.max_workers=8 weir.max_tasks=$((deep + 2000000))

machine >"$scratch/machine"
for ((round = 1; round <= rounds; round++)); do
  for scenario in "${scenarios[@]}"; do
    wanted "$scenario" || continue
    [ -z "${long[$scenario]:-}" ] || [ "$round" -le "$long_rounds" ] || continue
    say "round $round of $rounds, $(date +%T)" >&2
    run_scenario "$scenario"
  done
done

mkdir -p results "$scratch/sections"
mv "$scratch/machine" "$scratch/sections/"
for scenario in "${scenarios[@]}" wal; do
  wanted "$scenario" || continue
  "report_$scenario" >"$scratch/sections/$scenario"
done
{
  head_row scenario against target "measured (lowest - highest)" met
  printf '%s' "$targets"
} >"$scratch/sections/targets"
cp "$measures" results/measures.tsv
"$here/page.pl" "$here/README.md" "$scratch/sections" >results/bench.md
cat "$scratch/sections/targets"
[ "$failures" = 0 ] || die "$failures cases have failed"
