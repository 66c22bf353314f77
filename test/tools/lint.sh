#!/bin/bash
# Run every house rule of test/lint, the indentation check and cppcheck, as
# TAP.  A rule is a program in test/lint that prints what is wrong and ends
# with 1 for it; its second line says why the rule is there.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=test/tools/lib.sh
. test/tools/lib.sh
export PG_CONFIG=${PG_CONFIG:-pg_config} LC_ALL=C.UTF-8

n=0
failed=0
report() { # STATUS NAME OUTPUT
  n=$((n + 1))
  case $1 in
    0) echo "ok $n - $2" ;;
    77) echo "ok $n - $2 # SKIP $3" ;;
    *)
      failed=$((failed + 1))
      echo "not ok $n - $2"
      printf '%s\n' "$3" | sed 's/^/#   /'
      ;;
  esac
}

output=$(test/tools/indent.pl --check 2>&1)
report $? "pg_bsd_indent leaves the code as it is" "$output"
for rule in test/lint/*.[sp][hl]; do
  output=$("$rule" 2>&1)
  report $? "$(basename "${rule%.*}"): $(sed -n '2s/^# *//p' "$rule")" "$output"
done
echo "1..$n"
[ "$failed" = 0 ]
