#!/bin/bash
# Run a command against a throw-away server with pg_weir preloaded.
#
#   cluster.sh [-d DATABASE] [-c NAME=VALUE]... [-l LOGFILE] -- COMMAND...
#
# The server listens on a socket in its own temporary folder only.  The
# command finds PGHOST, PGPORT, PGUSER (postgres, the superuser), PGDATABASE
# (created, without the extension; default: postgres), PGDATA and WEIR_LOG.
# The server is stopped and the folder removed at the end, whatever happens;
# when the command fails, the tail of the server's log is shown.  -l also
# keeps the log.  Not as root: sandbox.sh is for that, and brings the server
# that has this tree's pg_weir installed.
set -u
# shellcheck source=test/tools/lib.sh
. "$(dirname "$0")/lib.sh"

database=postgres
keep_log=
settings=()
while getopts d:c:l: opt; do
  case $opt in
    d) database=$OPTARG ;;
    c) settings+=("$OPTARG") ;;
    l) keep_log=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || die "no command"
is_root && die "a server cannot run as root: use test/tools/sandbox.sh demo -- $0 ..."

config=${PG_CONFIG:-pg_config}
bindir=$("$config" --bindir) || die "\"$config\" does not run: set PG_CONFIG"
pkglibdir=$("$config" --pkglibdir)
[ -f "$pkglibdir/pg_weir.so" ] || die "pg_weir is not installed in $pkglibdir"

dir=$(mktemp -d "${TMPDIR:-/tmp}/weir.XXXXXX") || exit 1
started=
finish() {
  local rc=$?
  trap - EXIT INT TERM
  end_child
  if [ -n "$started" ]; then
    "$bindir/pg_ctl" -D "$dir/data" -m fast -w -t 60 stop >/dev/null 2>&1 || {
      echo "== the server did not stop within 60 s"
      rc=1
    }
  fi
  stop_servers "$dir"
  if [ "$rc" != 0 ] && [ -f "$dir/log" ]; then
    echo "== the command ended with $rc; the last lines of the server's log:"
    tail -n 60 "$dir/log"
  fi
  if [ -n "$keep_log" ] && [ -f "$dir/log" ]; then cp "$dir/log" "$keep_log"; fi
  rm -rf "$dir"
  exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

unset PGSERVICE PGOPTIONS PGPASSFILE PGHOSTADDR PGSSLMODE PGAPPNAME
export PGHOST=$dir PGPORT=54321 PGUSER=postgres PGDATABASE=postgres
export PGDATA=$dir/data WEIR_LOG=$dir/log

"$bindir/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 \
  --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 || {
  cat "$dir/initdb.log"
  die "initdb failed"
}

preload=pg_weir
[ -f "$pkglibdir/pg_cron.so" ] && preload=pg_weir,pg_cron
{
  echo "listen_addresses = ''"
  echo "unix_socket_directories = '$dir'"
  echo "port = $PGPORT"
  echo "shared_preload_libraries = '$preload'"
  [ "$preload" = pg_weir ] || echo "cron.database_name = '${CRON_DATABASE:-postgres}'"
  echo "max_connections = 100"
  echo "max_worker_processes = 32"
  echo "weir.max_workers = 8"
  echo "fsync = on"
  echo "log_line_prefix = '%m [%p] %b %d '"
  echo "log_timezone = 'UTC'"
  for setting in ${settings[@]+"${settings[@]}"}; do
    echo "${setting%%=*} = '${setting#*=}'"
  done
} >>"$dir/data/postgresql.conf"

started=1
"$bindir/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start >/dev/null 2>&1 ||
  die "the server did not start"
if [ "$database" != postgres ]; then
  "$bindir/createdb" "$database" || die "could not create database $database"
  export PGDATABASE=$database
fi

run_child "$@"
