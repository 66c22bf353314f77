#!/bin/bash
# Measure pg_weir against a plain queue, in turn, on one throw-away server.
# Called by "make bench", inside a sandbox; prints Markdown, which is also left
# in results/bench.md.
#
#   BENCH_SCALE=short (default)     20,000 tasks, 3 repetitions, about 2 minutes
#   BENCH_SCALE=full                200,000 tasks, 3 repetitions, about 10 minutes
#   BENCH_ONLY="drain latency enqueue"
#
# See README.md beside this file for what is compared and why.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/tools/lib.sh
. "$here/../test/tools/lib.sh"

case ${BENCH_SCALE:-short} in
  short) tasks=20000 starts=500 singles=4000 bulk=100000 times=3 ;;
  full) tasks=200000 starts=500 singles=20000 bulk=400000 times=3 ;;
  *) die "BENCH_SCALE is short or full" ;;
esac
only=${BENCH_ONLY:-drain latency enqueue}
wanted() { [[ " $only " == *" $1 "* ]]; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PGOPTIONS='-c client_min_messages=warning'
measures=$scratch/measures
: >"$measures"
# shellcheck source=bench/lib.sh
. "$here/lib.sh"
# shellcheck source=bench/drain.sh
. "$here/drain.sh"
# shellcheck source=bench/latency.sh
. "$here/latency.sh"
# shellcheck source=bench/enqueue.sh
. "$here/enqueue.sh"
PATH="$(dirname "$PG_CONFIG"):$PATH"
# a copied server does not bring the headers of libpq: Debian's place
cc -O2 -o "$scratch/listener" "$here/listener.c" -I/usr/include/postgresql \
  -I"$("$PG_CONFIG" --includedir)" -L"$("$PG_CONFIG" --libdir)" -lpq

machine() {
  echo "$(nproc) processors ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)), $(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB, $(uname -sr);" \
    "$("$PG_CONFIG" --version), fsync on, $(pg_test_fsync -s 1 -f "$PGDATA/fsync_test" 2>/dev/null |
      awk '$1 == "fdatasync" { print $(NF - 1); exit }') us for an fdatasync of 8 kB"
}

# what a checkpoint in the middle would cost is not the subject
settings=(max_wal_size=16GB checkpoint_timeout=1h shared_buffers=512MB
  jit=off)
configure "${settings[@]}"
for ((round = 1; round <= times; round++)); do
  say "round $round of $times" >&2
  configure weir.max_workers=8
  if wanted drain; then measure_drain; fi
  if wanted latency; then measure_latency; fi
  if wanted enqueue; then measure_enqueue; fi
  if wanted drain; then
    configure weir.max_workers=2
    measure_drain_few
  fi
done

mkdir -p results
{
  echo "$(machine). Medians of $times runs in turn."
  echo
  if wanted drain; then report_drain; fi
  if wanted latency; then report_latency; fi
  if wanted enqueue; then report_enqueue; fi
} | tee results/bench.md
