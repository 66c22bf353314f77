#!/bin/bash
# Build and test on the later PostgreSQL majors, each in a root of its own.
#
#   majors.sh [MAJOR...]        default: 17 18
#
# A root is a minimal Debian made by debootstrap in MAJORS_DIR (default
# /var/cache/pg_weir), 1.5 GB each with the packages that are installed inside
# it, and kept for the next time.  Needs root, and the right to mount.  SUITES
# and what narrows them are as for check.sh.  The output ends with a line for
# each major, and "N passed, N failed" for all of them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/tools/lib.sh
. "$here/lib.sh"
source_tree=$(cd "$here/../.." && pwd)
dir=${MAJORS_DIR:-/var/cache/pg_weir}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
export SUITES="${SUITES:-regress isolation pgtap examples tap}"
is_root || die "needs root: debootstrap and chroot"
[ $# -gt 0 ] || set -- 17 18

release_of() {
  case $1 in
    15) echo bookworm ;;
    17) echo trixie ;;
    18) echo forky ;;
    *) die "no Debian release known that has PostgreSQL $1" ;;
  esac
}

install_debootstrap() {
  command -v debootstrap >/dev/null && return
  say "installing debootstrap"
  apt-get update -q </dev/null >/dev/null 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    debootstrap </dev/null >/dev/null 2>&1 || die "could not install debootstrap"
}

# in_root COMMAND...: in namespaces of its own for mounts and processes, of
# which nothing is left.
in_root() {
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child sh -c '
    root=$1; shift
    mount -t proc proc "$root/proc" &&
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm" &&
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PG_MAJOR="$PG_MAJOR" \
      SUITES="$SUITES" REGRESS="${REGRESS-}" ISOLATION="${ISOLATION-}" \
      PROVE_TESTS="${PROVE_TESTS-}" "$@"' sh "$root" "$@" </dev/null
}

# logged COMMAND...: its output goes to the root's log, and is shown if it fails.
logged() {
  "$@" >"$root.log" 2>&1 && return
  tail -n 20 "$root.log"
  return 1
}

# make_root RELEASE: one that was not finished is made anew.
make_root() {
  # no debootstrap of this release need know the next ones: sid's script does
  local script=/usr/share/debootstrap/scripts/$1
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
  say "debootstrap: a minute or two"
  rm -rf "$root" && mkdir -p "$root" &&
    logged debootstrap --variant=minbase --include=make "$1" "$root" "$mirror" "$script" ||
    return
  # a mirror may lag behind a release that is not stable yet
  cat >"$root/etc/apt/apt.conf.d/90root" <<'APT'
Acquire::Check-Valid-Until "false";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };
APT
  mkdir -p "$root/dev/shm"
  touch "$root/.complete"
}

# copy_tree: this tree without what is built, and the data beside it.
copy_tree() {
  rm -rf "$root/src" && mkdir -p "$root/src/pg_weir" &&
    tar -C "$source_tree" --exclude=./.git --exclude='*.o' --exclude='*.d' \
      --exclude='*.so' --exclude=./.flags -cf - . |
    tar -C "$root/src/pg_weir" --no-same-owner -xf - || return
  if [ -d "$source_tree/../shared/data" ]; then
    mkdir -p "$root/src/shared" &&
      cp -RL --no-preserve=mode "$source_tree/../shared/data" "$root/src/shared/"
  fi
}

# test_major MAJOR: leaves the counts in the tally.
test_major() {
  local root=$dir/$1 release passed failed
  PG_MAJOR=$1
  release=$(release_of "$1") || return
  echo
  say "PostgreSQL $1, Debian $release, in $root"
  mkdir -p "$dir"
  # one at a time in a root
  exec 9>"$root.lock"
  flock 9
  passed=0 failed=1
  if { [ -e "$root/.complete" ] || make_root "$release"; } && copy_tree; then
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
    # shellcheck disable=SC2016
    in_root sh -c 'dpkg --configure -a >/dev/null
      cd /src/pg_weir && exec test/tools/sandbox.sh -a suites -- test/tools/check.sh' |
      tee "$root.out"
    read -r passed failed < <(sed -n \
      '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$root.out") ||
      passed=0 failed=1
  fi
  echo "PostgreSQL $1: $passed $failed" >>"$tally"
}

tally=$(mktemp)
trap 'rm -f "$tally"' EXIT
export PG_MAJOR
install_debootstrap
for major in "$@"; do
  test_major "$major"
done

echo
awk '{ printf "%s %s %6d passed %6d failed\n", $1, $2, $3, $4; p += $3; f += $4 }
     END { printf "\n%d passed, %d failed\n", p, f; exit f > 0 || p == 0 }' "$tally"
