# Scenarios and their cases: declared by the files of the scenarios, run in
# turn.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

declare -a scenarios=()
declare -A title=() cases=() label=() command=() long=() prepare=() repeated=()

# scenario NAME TITLE
scenario() {
  scenarios+=("$1")
  title[$1]=$2
}

# long_scenario NAME TITLE: one that takes so long that fewer rounds must do
long_scenario() {
  scenario "$1" "$2"
  long[$1]=yes
}

# compare SCENARIO CASE LABEL COMMAND...: the order here is that of the table
compare() {
  local scenario=$1 case=$2
  label[$scenario,$case]=$3
  shift 3
  command[$scenario,$case]=$*
  cases[$scenario]+=" $case"
}

# run_case SCENARIO CASE: a failure is told, and the others go on
run_case() {
  local words rc=0
  read -ra words <<<"${command[$1,$2]}"
  current=$(printf '%s\t%s' "$1" "$2")
  say "$1: ${label[$1,$2]}" >&2
  # another case may have crashed the server
  until pg_isready -q; do sleep 0.2; done
  # "set -e" would be off in a command that is tested
  set +e
  (
    set -e
    "${words[@]}"
  )
  rc=$?
  set -e
  [ $rc = 0 ] && return
  note absent "failed: see the output of the run"
  failures=$((failures + 1))
}

# run_scenario NAME: its cases in turn, beginning with another in each round;
# some prepare them once, and then let them take several turns
run_scenario() {
  local names i turns=${repeated[$1]:-1}
  read -ra names <<<"${cases[$1]}"
  ${prepare[$1]:-true}
  for ((turn = 1; turn <= turns; turn++)); do
    for ((i = 0; i < ${#names[@]}; i++)); do
      run_case "$1" "${names[(i + round + turn) % ${#names[@]}]}"
    done
  done
}
