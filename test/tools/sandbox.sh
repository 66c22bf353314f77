#!/bin/bash
# Run a command in a private copy of this tree, with a private installation
# of the server that has the copy's pg_weir in it, as an ordinary user.
#
#   sandbox.sh [-a] SET -- COMMAND...          SET: demo, suites, check, bench
#
# Nothing of the machine changes but missing packages (by apt) and, when root
# calls, one user without rights: the system's server keeps the pg_weir that
# it has, and several sandboxes run side by side.  The copy is needed anyway:
# the ordinary user may not be able to read the clone.  -a compiles with
# warnings as errors and with assertions.  The command finds PG_CONFIG and
# PATH set to the private server, the data that lies in ../shared/data beside
# the clone at the same place beside the copy, and a copy of ARRIVALS_FILE,
# when that names a file.  WORK=<folder> keeps the
# sandbox for the next time, so that only what changed is compiled again.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/tools/lib.sh
. "$here/lib.sh"
source_tree=$(cd "$here/../.." && pwd)

flags=()
if [ "${1:-}" = -a ]; then
  flags=(WERROR=1 ASSERT=1)
  shift
fi
set_name=${1:?which set of packages}
[ "${2:-}" = -- ] || die "usage: sandbox.sh [-a] demo|suites|check|bench -- COMMAND..."
shift 2

unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
unset PGHOST PGPORT PGUSER PGDATABASE PGDATA PGSERVICE PGOPTIONS PGPASSWORD
export LC_ALL=C.UTF-8
umask 022

say "packages"
system_config=$("$here/packages.sh" "$set_name") || exit 1
say "server: $("$system_config" --version), $system_config"

kept=${WORK:-}
if [ -n "$kept" ]; then
  mkdir -p "$kept" && work=$(cd "$kept" && pwd)
else
  base=${TMPDIR:-/tmp}
  is_root && base=/tmp
  work=$(mktemp -d "$base/pg_weir.XXXXXX") || exit 1
fi

finish() {
  local rc=$?
  trap - EXIT INT TERM
  end_child
  stop_servers "$work"
  for made in results output_iso regression.diffs regression.out; do
    if [ -e "$work/tree/$made" ] && [ -w "$source_tree" ]; then
      rm -rf "${source_tree:?}/$made"
      cp -R "$work/tree/$made" "$source_tree/$made"
    fi
  done
  [ -n "$kept" ] || rm -rf "$work"
  exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The tree: everything but what is built; objects of a kept sandbox stay.
say "private copy in $work"
mkdir -p "$work/tree" "$work/home" "$work/tmp"
find "$work/tree" -type f ! -name '*.[od]' ! -name .flags -delete
tar -C "$source_tree" --exclude=./.git --exclude='*.o' --exclude='*.d' \
  --exclude='*.so' --exclude='*.bc' --exclude=./.flags --exclude=./results \
  --exclude=./output_iso --exclude=./tmp_check --exclude=./regression.* \
  -cf - . 2>/dev/null | tar -C "$work/tree" --no-same-owner -xf - || exit 1
if [ -d "$source_tree/../shared/data" ]; then
  mkdir -p "$work/shared"
  cp -R --no-preserve=mode "$source_tree/../shared/data" "$work/shared/"
fi
if [ -f "${ARRIVALS_FILE:-}" ]; then
  mkdir -p "$work/arrivals"
  cp --no-preserve=mode -- "$ARRIVALS_FILE" "$work/arrivals/"
  export ARRIVALS_FILE="$work/arrivals/${ARRIVALS_FILE##*/}"
fi

# The server: its programs find their other folders relative to their own
# place, so copies of the programs beside links to the rest will do.
if [ ! -d "$work/pg" ]; then
  bindir=$("$system_config" --bindir)
  libdir=$("$system_config" --pkglibdir)
  sharedir=$("$system_config" --sharedir)
  incdir=$("$system_config" --includedir-server)
  private="$work/pg"
  mkdir -p "$private$bindir" "$private$libdir" "$private$sharedir/extension" \
    "$private$(dirname "$incdir")"
  cp -L "$bindir"/* "$private$bindir/"
  ln -s "$libdir"/* "$private$libdir/"
  for file in "$sharedir"/*; do
    [ "${file##*/}" = extension ] || ln -s "$file" "$private$sharedir/"
  done
  ln -s "$sharedir"/extension/* "$private$sharedir/extension/"
  ln -s "$incdir" "$private$incdir"
  # what the system has of pg_weir is not what is tested
  rm -f "$private$libdir"/pg_weir* "$private$sharedir"/extension/pg_weir*
  rm -f "$private$libdir/bitcode"
  mkdir "$private$libdir/bitcode"
  ln -s "$libdir"/bitcode/* "$private$libdir/bitcode/"
  rm -f "$private$libdir"/bitcode/pg_weir*
fi
PG_CONFIG="$work/pg$("$system_config" --bindir)/pg_config"
export PG_CONFIG
export PATH="${PG_CONFIG%/*}:$PATH" HOME="$work/home" TMPDIR="$work/tmp"

if is_root; then
  ensure_test_user
  chown -R "$TEST_USER:$TEST_USER" "$work"
fi
cd "$work/tree" || exit 1

say "building and installing into the private server ${flags[*]-}"
log="$work/build.log"
if ! as_test_user make -j"$(nproc)" PG_CONFIG="$PG_CONFIG" \
  ${flags[@]+"${flags[@]}"} all >"$log" 2>&1 ||
  ! as_test_user make PG_CONFIG="$PG_CONFIG" ${flags[@]+"${flags[@]}"} \
    install >>"$log" 2>&1; then
  grep -vE '^(gcc|clang) ' "$log" | tail -n 100
  if [[ $set_name = demo || $set_name = bench ]]; then die "the build failed"; fi
  echo
  echo "the build failed"
  echo "0 passed, 1 failed"
  exit 1
fi

run() {
  if is_root; then
    run_child setpriv --reuid="$TEST_USER" --regid="$TEST_USER" --init-groups -- "$@"
  else
    run_child "$@"
  fi
}
run "$@"
