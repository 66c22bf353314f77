# Common to the scripts beside it: sourced, not run.
# shellcheck shell=bash

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

# The ordinary user who runs servers and tests when root calls: PostgreSQL
# refuses to run as root.
TEST_USER=weir_test

ensure_test_user() {
  id "$TEST_USER" >/dev/null 2>&1 && return
  say "creating the user $TEST_USER, who runs the servers of the tests"
  useradd --system --user-group --no-create-home --home-dir /nonexistent \
    --shell /bin/sh "$TEST_USER"
}

# as_test_user COMMAND...: as TEST_USER when root, else as oneself.
as_test_user() {
  if is_root; then
    setpriv --reuid="$TEST_USER" --regid="$TEST_USER" --init-groups -- "$@"
  else
    "$@"
  fi
}

# run_child COMMAND...: run it so that a signal to this script reaches all
# that it started, and wait for it.  At a terminal it stays in the foreground.
CHILD=
run_child() {
  if [ -t 0 ]; then
    "$@"
    return
  fi
  env --default-signal=INT,QUIT setsid "$@" <&0 &
  CHILD=$!
  local rc=0
  wait "$CHILD" || rc=$?
  CHILD=
  return "$rc"
}

end_child() {
  [ -n "$CHILD" ] || return 0
  kill -TERM -- "-$CHILD" 2>/dev/null || kill -TERM "$CHILD" 2>/dev/null
  wait "$CHILD" 2>/dev/null
  CHILD=
}

# stop_servers DIR: end every server whose data directory is below DIR.  The
# process must have that directory as its own: a stale file names nobody.
stop_servers() {
  local file dir pid
  find "$1" -name postmaster.pid 2>/dev/null | while read -r file; do
    dir=$(dirname "$file")
    pid=$(head -n 1 "$file")
    if [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$dir" ]; then
      say "stopping a server that was left behind in $dir"
      kill -QUIT "$pid"
      for _ in $(seq 100); do
        [ -d "/proc/$pid" ] || break
        sleep 0.1
      done
    fi
  done
}

# pg_usable CONFIG: does this pg_config belong to a server with its headers?
pg_usable() {
  local pgxs bindir
  pgxs=$("$1" --pgxs 2>/dev/null) && [ -f "$pgxs" ] || return 1
  bindir=$("$1" --bindir) && [ -x "$bindir/postgres" ] &&
    [ -d "$("$1" --includedir-server)" ]
}

pg_major() { "$1" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'; }
