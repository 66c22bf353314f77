#!/bin/bash
# cppcheck sees what compilers do not warn of
command -v cppcheck >/dev/null || { echo "cppcheck is not installed" && exit 77; }
mapfile -d '' files < <(find src test/sim -name '*.c' -print0 2>/dev/null)
[ ${#files[@]} -gt 0 ] || exit 0
major=$("${PG_CONFIG:-pg_config}" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
cppcheck --quiet --error-exitcode=1 -j2 --enable=warning,portability --std=c99 \
  --inline-suppr --suppress=missingInclude -Isrc --include=test/lint/cppcheck.h \
  -DPG_WEIR_VERSION='""' -DPG_VERSION_NUM="${major:-15}0000" "${files[@]}"
