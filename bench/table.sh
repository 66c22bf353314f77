# Medians, spreads, ratios; tables and plots of them.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# of_rounds HOW SCENARIO CASES METRIC [SCENARIO CASES]: the median of what the
# rounds measured, or "low - high".  CASES may be several, of which the best
# one of each round counts.  With a second scenario: the ratio of the two in
# each round.  Where they are many: the median closely, or the interval in which
# it is with a probability of 95 %.
of_rounds() {
  awk -F '\t' -v how="$1" -v scenario="$2" -v cases=" $3 " -v metric="$4" \
    -v base="${5:-}" -v base_cases=" ${6:-} " '
    $4 != metric { next }
    $2 == scenario && index(cases, " " $3 " ") && (!($1 in over) || $5 > over[$1]) { over[$1] = $5 }
    $2 == base && index(base_cases, " " $3 " ") && (!($1 in under) || $5 > under[$1]) { under[$1] = $5 }
    END {
      for (round in over) {
        if (base == "") v[++n] = over[round] + 0
        else if (under[round] > 0) v[++n] = over[round] / under[round]
      }
      if (n == 0) { print "-"; exit }
      for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
      format = how == "closely" || how == "interval" ? "%.3f" : base != "" ? "%.2f" : v[n] >= 100 ? "%.0f" : "%.4g"
      low = 1
      if (how == "interval" && n / 2 - 0.98 * sqrt(n) > 1)
        low = int(n / 2 - 0.98 * sqrt(n))
      if (how == "median" || how == "closely")
        printf format "\n", n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
      else
        printf format " - " format "\n", v[low], v[n + 1 - low]
    }' "$measures"
}
median() { of_rounds median "$@"; }
spread() { of_rounds spread "$@"; }

# measured SCENARIO: was it?
measured() { awk -F '\t' -v name="$1" '$2 == name { found = 1 } END { exit !found }' "$measures"; }

# why_absent SCENARIO CASE
why_absent() {
  awk -F '\t' -v s="$1" -v c="$2" '$2 == s && $3 == c && $4 == "absent" { print $5; exit }' "$measures"
}

# with_commas NUMBER: 1000000 as 1,000,000
with_commas() { sed ':more; s/\B[0-9]\{3\}\>/,&/; t more' <<<"$1"; }

# row CELL...
row() {
  printf '|'
  printf ' %s |' "$@"
  printf '\n'
}

# head_row CELL...: the head of a table
head_row() {
  row "$@"
  printf '|'
  printf -- '---|%.0s' "$@"
  printf '\n'
}

# costs_table SCENARIO REFERENCE WHAT: a row per case, the ratio to the
# reference in the same round
costs_table() {
  local case why
  head_row "" "$3s/s" "lowest - highest" "to ${label[$1,$2]}" \
    "server CPU, us/$3" "client CPU, us/$3" "WAL, bytes/$3"
  for case in ${cases[$1]}; do
    why=$(why_absent "$1" "$case")
    if [ -n "$why" ]; then
      row "${label[$1,$case]}" "$why" "" "" "" "" ""
      continue
    fi
    row "${label[$1,$case]}" "$(median "$1" "$case" rate)" "$(spread "$1" "$case" rate)" \
      "$(median "$1" "$case" rate "$1" "$2")" "$(median "$1" "$case" cpu)" \
      "$(median "$1" "$case" client)" "$(median "$1" "$case" wal)"
  done
  echo
  bars "$1" rate "$3s/s"
}

# times_table SCENARIO: percentiles of milliseconds
times_table() {
  local case why
  head_row "ms" p50 p90 p99 longest
  for case in ${cases[$1]}; do
    why=$(why_absent "$1" "$case")
    if [ -n "$why" ]; then
      row "${label[$1,$case]}" "$why" "" "" ""
    else
      row "${label[$1,$case]}" "$(median "$1" "$case" p50)" "$(median "$1" "$case" p90)" \
        "$(median "$1" "$case" p99)" "$(median "$1" "$case" max)"
    fi
  done
  echo
}

# plot NAME: of the description on the input, and the link to it
plot() {
  mkdir -p results/plots
  "$here/plot.pl" >"results/plots/$1.svg"
  printf '![%s](plots/%s.svg)\n\n' "$2" "$1"
}

# bars SCENARIO METRIC UNIT: medians, and how they spread
bars() {
  local case name=$1
  {
    echo "title ${title[$1]}"
    echo "x $3"
    for case in ${cases[$1]}; do
      [ -z "$(why_absent "$1" "$case")" ] || continue
      printf 'bar\t%s\t%s\t%s\n' "${label[$1,$case]}" "$(median "$1" "$case" "$2")" \
        "$(spread "$1" "$case" "$2" | sed 's/ - /\t/')"
    done
  } | plot "$name" "${title[$1]}"
}

# target SCENARIO WHAT WANTED VALUE [RANGE]: a row of the table of targets;
# WANTED is ">= 2" or "< 400"
targets=
target() {
  local met
  [ "$4" != - ] || { targets+="$(row "$1" "$2" "$3" - "")"$'\n' && return; }
  met=$(awk -v v="$4" -v wanted="$3" 'BEGIN {
    split(wanted, w, " ")
    print (w[1] == ">=" ? v >= w[2] : v <= w[2]) ? "yes" : "no" }')
  targets+="$(row "$1" "$2" "$3" "$4${5:+ ($5)}" "$met")"$'\n'
}

# target_ratio TEXT WHAT WANTED SCENARIO CASES METRIC SCENARIO CASES
target_ratio() {
  target "$1" "$2" "$3" "$(median "${@:4}")" "$(spread "${@:4}")"
}
