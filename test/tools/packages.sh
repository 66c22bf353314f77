#!/bin/bash
# Install the packages that a set of goals needs: only those that are missing,
# by name.  Prints the pg_config of the server to use as its last line.
#
#   packages.sh demo|suites|check       each has more than the one before
#   packages.sh bench                   demo, and the peers that apt has
#
# A server that PG_CONFIG names and that has its headers is used as it is.
# Otherwise the distribution's PostgreSQL is installed, without making a
# cluster of it.
set -u
# shellcheck source=test/tools/lib.sh
. "$(dirname "$0")/lib.sh"
set_name=${1:?}
config=${PG_CONFIG:-pg_config}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

updated=
update() {
  [ -n "$updated" ] && return
  say "apt-get update" >&2
  $sudo apt-get update -q </dev/null >/dev/null 2>&1 || say "apt-get update failed" >&2
  updated=1
}

available() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

if ! command -v dpkg-query >/dev/null; then
  pg_usable "$config" || die "this is no Debian: install PostgreSQL with its server headers, gcc, make, perl, IPC::Run, pg_prove, pgTAP, cppcheck and pg_bsd_indent, and set PG_CONFIG"
  "$config" --bindir >/dev/null && command -v "$config"
  exit
fi

sudo=
is_root || sudo="sudo -n"
if pg_usable "$config"; then
  major=$(pg_major "$config")
  case $("$config" --bindir) in
    /usr/lib/postgresql/*) debian=yes ;;
    *) debian=no ;;
  esac
else
  [ "$config" = pg_config ] || die "\"$config\" is not the pg_config of a server with its headers"
  major=${PG_MAJOR:-$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)}
  if [ -z "$major" ]; then
    update
    major=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
  fi
  [ -n "$major" ] || die "no PostgreSQL among the packages that apt knows"
  debian=yes
  config=/usr/lib/postgresql/$major/bin/pg_config
fi

wanted=(gcc libc6-dev make perl)
optional=()
[ $debian = yes ] && wanted+=("postgresql-$major" "postgresql-server-dev-$major")
[ $debian = yes ] && optional+=("postgresql-$major-cron")
if [ "$set_name" = bench ]; then
  # another Node may be there already; the measurements bring their own
  command -v npm >/dev/null || optional+=(npm)
  [ $debian = yes ] && optional+=("postgresql-$major-pgq3")
elif [ "$set_name" != demo ]; then
  wanted+=(libipc-run-perl libtap-parser-sourcehandler-pgtap-perl)
  [ $debian = yes ] && wanted+=("postgresql-$major-pgtap")
fi
[ "$set_name" = check ] && optional+=(cppcheck pg-bsd-indent)

missing=()
for package in "${wanted[@]}"; do
  installed "$package" || missing+=("$package")
done
for package in ${optional[@]+"${optional[@]}"}; do
  installed "$package" && continue
  # without any list nothing seems to be available
  available make || update
  if available "$package"; then missing+=("$package"); fi
done

if [ ${#missing[@]} -gt 0 ]; then
  if [ -n "$sudo" ] && ! $sudo true 2>/dev/null; then
    die "please install as root: apt-get install ${missing[*]}"
  fi
  update
  say "installing packages: ${missing[*]}" >&2
  # The server's package would make and start a cluster: not for a test.
  conf=/etc/postgresql-common/createcluster.conf
  $sudo mkdir -p /etc/postgresql-common
  if [ ! -e $conf ] && [[ " ${missing[*]} " == *" postgresql-$major "* ]]; then
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      postgresql-common </dev/null >/dev/null 2>&1
  fi
  if [ -e $conf ]; then
    $sudo cp -p $conf $conf.weir-saved
    echo 'create_main_cluster = false' | $sudo tee -a $conf >/dev/null
  fi
  log=$(mktemp)
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    "${missing[@]}" </dev/null >"$log" 2>&1
  rc=$?
  if [ -e $conf.weir-saved ]; then $sudo mv $conf.weir-saved $conf; fi
  [ $rc = 0 ] || tail -n 30 "$log" >&2
  rm -f "$log"
  [ $rc = 0 ] || die "apt-get could not install ${missing[*]}"
fi

pg_usable "$config" || die "\"$config\" is not the pg_config of a server with its headers"
# Debian's pg_config on the path is a wrapper; the real one knows where it is.
echo "$("$config" --bindir)/pg_config"
