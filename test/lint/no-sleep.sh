#!/bin/bash
# a test that sleeps to let something happen is slow and still fails on a busy machine: wait for the thing itself
# A sleep that is a task's work, or a lock's holder, is marked "sleep is the work"
# on its line or on the line above.
for file in test/sql/*.sql test/sql/include/*.sql test/isolation/specs/*.spec test/t/*.p[lm] test/pgtap/*.sql; do
  [ -f "$file" ] || continue
  awk -v file="$file" '
    /(^|[^_a-zA-Z$])(pg_sleep(_for|_until)?|u?sleep)[ \t]*\(|^[ \t]*u?sleep[ \t]+[0-9$]/ {
      if ($0 !~ /sleep is the work/ && above !~ /sleep is the work/ && $0 !~ /enqueue|fan_out/)
        { printf "%s:%d: %s\n", file, FNR, $0; bad = 1 }
    }
    { above = $0 }
    END { exit bad }' "$file" || bad=1
done
exit "${bad:-0}"
