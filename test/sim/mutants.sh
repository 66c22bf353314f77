#!/bin/bash
# Is the simulator able to fail?  Plants one fault at a time into a copy of the
# policy and expects the simulator, or a unit test, to find it.
#
#   mutants.sh BUILD
#
# The faults are in the file "mutants": program, with arguments if not the usual
# ones, source file, what it is about, and a sed expression, separated by bars.
# An expression that changes nothing is a failure too: the source has moved on.
set -u
ulimit -c 0
cd "$(dirname "$0")" || exit 1
build=$1
mkdir -p "$build/mutant/policy"
number=0
failed=0

result() {
  number=$((number + 1))
  [ "$1" = 0 ] || failed=1
  [ "$1" = 0 ] || printf 'not '
  printf 'ok %d - %s\n' "$number" "$2"
}

while IFS='|' read -r program file about expression; do
  case $program in '' | '#'*) continue ;; esac
  read -r program arguments <<<"$program"
  source=../../src/policy/$file
  copy=$build/mutant/policy/$file
  object=$build/mutant/${file%.c}.o
  sed -e "$expression" "$source" >"$copy"
  if cmp -s "$source" "$copy"; then
    result 1 "mutant not applied: $about"
    continue
  fi
  # shellcheck disable=SC2086
  if ! $CC $CFLAGS -Wno-error -w -c -o "$object" "$copy"; then
    result 1 "mutant does not compile: $about"
    continue
  fi
  objects=()
  for other in $(make -s "BUILD=$build" "objects-$program"); do
    [ "$(basename "$other")" = "$(basename "$object")" ] || objects+=("$other")
  done
  # shellcheck disable=SC2086
  $CC $CFLAGS -o "$build/mutant/$program" "$object" "${objects[@]}" || exit 1
  [ "$program" != sim ] || arguments=${arguments:-check 1 1000 1000}
  # a mutant may loop for ever; that is noticed too
  # shellcheck disable=SC2086
  { timeout 40 "$build/mutant/$program" $arguments >"$build/mutant/out" 2>&1; } 2>/dev/null
  status=$?
  if [ "$status" = 0 ]; then
    result 1 "not noticed: $about"
  else
    result 0 "noticed: $about ($(grep -m1 -oE 'seed.*|not ok.*|[Aa]ssert.*|Segm.*' \
      "$build/mutant/out" | cut -c1-60))"
  fi
done <mutants
echo "1..$number"
exit "$failed"
