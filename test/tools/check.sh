#!/bin/bash
# Run the suites and count.  Called by "make check" inside a sandbox.
#
# SUITES names those to run (default: all, in this order); REGRESS, ISOLATION
# and PROVE_TESTS narrow the suite of that name.  The last line of the output
# is "N passed, N failed"; the status is 1 when anything failed.
set -u
# shellcheck source=test/tools/lib.sh
. "$(dirname "$0")/lib.sh"
export PG_CONFIG=${PG_CONFIG:-pg_config}

all="lint sim regress isolation pgtap examples tap"
read -r -a suites <<<"${SUITES:-$all}"
here=$(cd "$(dirname "$0")" && pwd)

# suite NAME COMMAND...: run it, show it, count it.
suite() {
  local name=$1
  shift
  rm -f "$scratch/status"
  {
    "$@" 2>&1
    echo $? >"$scratch/status"
  } | "$here/tally.pl" "$name" "$scratch/tally" "$scratch/status"
}

# pgxs WHAT...: the part of make installcheck that the arguments leave over
pgxs() { make -s PG_CONFIG="$PG_CONFIG" installcheck "$@"; }

any() { [ -e "$1" ]; }

step_failed=' pg_weir (launcher|scheduler) .*ERROR: '

# The suites that need a server, inside cluster.sh.
in_cluster() {
  local name example
  for name in "$@"; do
    case $name in
      regress)
        any test/sql/*.sql || { say "regress: no files yet" && continue; }
        say "regress: pg_regress over test/sql"
        suite regress pgxs ISOLATION= TAP_TESTS= \
          ${REGRESS:+REGRESS="$REGRESS"} || cat regression.diffs 2>/dev/null
        ;;
      isolation)
        any test/isolation/specs/*.spec || { say "isolation: no files yet" && continue; }
        say "isolation: pg_isolation_regress over test/isolation/specs"
        suite isolation pgxs REGRESS= TAP_TESTS= \
          ${ISOLATION:+ISOLATION="$ISOLATION"} || cat output_iso/regression.diffs 2>/dev/null
        ;;
      pgtap)
        any test/pgtap/*.sql || { say "pgtap: no files yet" && continue; }
        say "pgtap: pg_prove over test/pgtap"
        if ! createdb weir_pgtap || ! psql -qX -v ON_ERROR_STOP=1 -d weir_pgtap \
          -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION pg_weir'; then
          suite pgtap false
          continue
        fi
        suite pgtap pg_prove --verbose -d weir_pgtap test/pgtap/*.sql
        ;;
      examples)
        any examples/*/test.sh || { say "examples: no files yet" && continue; }
        for example in examples/*/test.sh; do
          name=$(basename "$(dirname "$example")")
          say "example $name: $example"
          createdb "weir_$name"
          PGDATABASE=weir_$name suite "example:$name" bash "$example"
          # each would take one of the databases that the server allows
          dropdb "weir_$name"
        done
        ;;
    esac
  done
  # A crash or a failed assertion that no test noticed is a failure too, and so
  # is what a scheduler could not do: it logs that and goes on.  (That somebody
  # else has written the end of a task is the key at its work.  That a table was
  # locked for 100 ms, as one test does and a busy machine makes it, is tried
  # again.)  Tests that mean to have such things are TAP tests, with servers of
  # their own.
  if grep -aE "TRAP:|PANIC: |was terminated by signal|$step_failed" "$WEIR_LOG" |
    grep -vE 'due to (administrator command|lock timeout)|"run_[0-9]+_pkey"' >"$scratch/crashes"; then
    say "the server's log tells of a crash, or of a step that failed:"
    cat "$scratch/crashes"
    echo "server_log 0 1" >>"$scratch/tally"
  fi
}

if [ "${1:-}" = --in-cluster ]; then
  shift
  scratch=$1
  shift
  touch "$scratch/started"
  in_cluster "$@"
  # cluster.sh shows the server's log when something failed
  awk '$3 > 0 { bad = 1 } END { exit bad }' "$scratch/tally"
  exit
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
: >"$scratch/tally"

clustered=()
for name in "${suites[@]}"; do
  case $name in
    lint)
      say "lint: indentation, house rules, cppcheck"
      suite lint "$here/lint.sh"
      ;;
    sim)
      if any test/sim/Makefile; then
        say "sim: unit tests of the policy, and the simulator"
        suite sim make -s -C test/sim check
      else
        say "sim: no files yet"
      fi
      ;;
    regress | isolation | pgtap | examples) clustered+=("$name") ;;
    tap) ;;
    *) die "no suite \"$name\"; there are: $all" ;;
  esac
done

if [ ${#clustered[@]} -gt 0 ]; then
  say "throw-away server for: ${clustered[*]}"
  "$here/cluster.sh" -- "$here/check.sh" --in-cluster "$scratch" "${clustered[@]}" ||
    [ -e "$scratch/started" ] || echo "server 0 1" >>"$scratch/tally"
fi

if [[ " ${suites[*]} " == *" tap "* ]]; then
  if any test/t/*.pl; then
    say "tap: prove over test/t, each test with servers of its own"
    # also the life of a session that a test keeps: a busy machine needs longer
    export PG_TEST_TIMEOUT_DEFAULT=${PG_TEST_TIMEOUT_DEFAULT:-600}
    suite tap pgxs REGRESS= ISOLATION= PROVE_FLAGS="--verbose --timer" \
      ${PROVE_TESTS:+PROVE_TESTS="$PROVE_TESTS"} || {
      say "the last lines of the logs of the tests that failed (tmp_check/log):"
      # a test that died has no plan
      { grep -lE '(^|s\) )not ok|# Looks like' tmp_check/log/regress_log_*
        grep -LE '(^|s\) )1\.\.[0-9]+$' tmp_check/log/regress_log_*; } | sort -u |
        while read -r log; do
          echo "-- $log"
          tail -n 40 "$log"
          for server in tmp_check/log/"$(basename "${log#*regress_log_}")"_*.log; do
            [ -f "$server" ] && echo "-- $server" && tail -n 40 "$server"
          done
        done
    }
  else
    say "tap: no files yet"
  fi
fi

echo
awk '{ printf "%-24s %6d passed %6d failed\n", $1, $2, $3; p += $2; f += $3 }
     END { printf "\n%d passed, %d failed\n", p, f; exit f > 0 }' "$scratch/tally"
