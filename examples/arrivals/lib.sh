# Common to the scripts beside it: sourced, not run.
# shellcheck shell=bash
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PGCLIENTENCODING=UTF8 PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning"

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# psql without the user's own settings; stops at the first error.
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

# input_file: the file of arrivals, or nothing when they are to be made up.
input_file() {
  local file=${ARRIVALS_FILE-$here/../../../shared/data/arrivals_regioni.csv.gz}
  if [ "${ARRIVALS_FILE-}" = none ]; then return; fi
  if [ -r "$file" ]; then
    (cd "$(dirname "$file")" && printf '%s/%s\n' "$PWD" "${file##*/}")
  elif [ -n "${ARRIVALS_FILE-}" ]; then
    die "cannot read ARRIVALS_FILE \"$file\""
  fi
}

# load_input: the schema, with the arrivals in it; ARRIVALS_LIMIT of them when
# that is set.
load_input() {
  local file
  file=$(input_file)
  sql -f "$here/schema.sql"
  if [ -z "$file" ]; then
    say "Input: made-up arrivals (generate.sql);" \
      "the real file belongs in ../shared/data beside the project"
    sql -f "$here/generate.sql"
  else
    say "Input: $file"
    case $file in
      *.gz) gzip -dc "$file" ;;
      *) cat "$file" ;;
    esac | sql -c '\copy arrivals.arrival from stdin with (format csv, header match)'
  fi
  if [ -n "${ARRIVALS_LIMIT:-}" ]; then
    sql -v limit="$ARRIVALS_LIMIT" -f "$here/limit.sql"
  fi
  sql -c 'vacuum analyze arrivals.arrival'
}
