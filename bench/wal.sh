# WAL of a no-op task from enqueue to ledger: what the drain and the enqueue
# have written.  Nothing of its own is measured.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154
report_wal() {
  local enqueue
  head_row "bytes per task" "enqueue" "run" "both"
  for enqueue in single4 bulk; do
    row "$([ $enqueue = bulk ] && echo "in bulk" || echo singly)" "$(median $enqueue weir wal)" \
      "$(median each weir wal)" "$(both_wal $enqueue)"
  done
  echo
  target "WAL" "bytes per no-op task, enqueued singly" "<= 400" "$(both_wal single4)"
  target "WAL" "bytes per no-op task, enqueued in bulk" "<= 400" "$(both_wal bulk)"
}

both_wal() {
  awk -v a="$(median "$1" weir wal)" -v b="$(median each weir wal)" \
    'BEGIN { if (a == "-" || b == "-") print "-"; else print a + b }'
}
