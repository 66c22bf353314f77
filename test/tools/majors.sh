#!/bin/bash
# Build and test on the later PostgreSQL majors, each in a root of its own.
#
#   majors.sh [MAJOR...]        default: 17 18
#
# A root is a minimal Debian made by debootstrap in MAJORS_DIR (default
# /var/cache/pg_weir), a few hundred MB each, kept for the next time; the
# packages are installed inside it.  Needs root, and the right to mount.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/tools/lib.sh
. "$here/lib.sh"
source_tree=$(cd "$here/../.." && pwd)
dir=${MAJORS_DIR:-/var/cache/pg_weir}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
is_root || die "needs root: debootstrap and chroot"
[ $# -gt 0 ] || set -- 17 18

# No debootstrap of this release need know the next ones: sid's script does.
suite_of() {
  case $1 in
    15) echo bookworm ;;
    17) echo trixie ;;
    18) echo forky ;;
    *) die "no Debian release known that has PostgreSQL $1" ;;
  esac
}

if ! command -v debootstrap >/dev/null; then
  say "installing debootstrap"
  apt-get update -q </dev/null >/dev/null 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    debootstrap </dev/null >/dev/null || die "could not install debootstrap"
fi

# A namespace of its own for mounts and processes: nothing is left of either.
in_root() {
  local root=$1
  shift
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child sh -c '
    root=$1; shift
    mount -t proc proc "$root/proc" &&
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm" &&
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      LC_ALL=C.UTF-8 SUITES="$SUITES" REGRESS="${REGRESS-}" ISOLATION="${ISOLATION-}" \
      PROVE_TESTS="${PROVE_TESTS-}" "$@"' sh "$root" "$@" </dev/null
}
export SUITES="${SUITES:-regress isolation pgtap tap}"

total=0
bad=()
for major in "$@"; do
  suite=$(suite_of "$major") || exit 1
  root=$dir/$major
  echo
  say "PostgreSQL $major, Debian $suite, in $root"
  if [ ! -e "$root/.complete" ]; then
    say "debootstrap: a minute or two"
    rm -rf "$root"
    mkdir -p "$root"
    script=/usr/share/debootstrap/scripts/$suite
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    if ! debootstrap --variant=minbase "$suite" "$root" "$mirror" "$script" \
      >"$root.log" 2>&1; then
      tail -n 20 "$root.log"
      die "debootstrap $suite failed"
    fi
    # a mirror may lag behind a release that is not stable yet
    echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/90mirror"
    touch "$root/.complete"
  fi
  mkdir -p "$root/dev/shm"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
  if ! in_root "$root" sh -c 'command -v make' >/dev/null; then
    in_root "$root" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends make' \
      >"$root.log" 2>&1 || { tail -n 20 "$root.log" && die "no make in $root"; }
  fi

  rm -rf "$root/src/pg_weir" && mkdir -p "$root/src/pg_weir"
  tar -C "$source_tree" --exclude=./.git --exclude='*.o' --exclude='*.d' \
    --exclude='*.so' --exclude=./.flags -cf - . | tar -C "$root/src/pg_weir" --no-same-owner -xf -
  # shellcheck disable=SC2016
  in_root "$root" sh -c 'cd /src/pg_weir && exec test/tools/sandbox.sh -a suites -- test/tools/check.sh' ||
    bad+=("$major")
  total=$((total + 1))
done

echo
[ ${#bad[@]} = 0 ] || say "failed on: ${bad[*]}"
echo "$((total - ${#bad[@]})) majors passed, ${#bad[@]} failed"
[ ${#bad[@]} = 0 ]
