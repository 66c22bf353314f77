#!/bin/bash
# the policy is state and time in, decisions out: it compiles without a server, so that the simulator runs the very same code
set -u
bad=0
if grep -nE '^[[:space:]]*#[[:space:]]*include' src/policy/*.[ch] 2>/dev/null |
  grep -vE '"policy/[a-z_]+\.h"|<(stdint|stdbool|stddef|string|limits|math|assert|stdlib|inttypes)\.h>'; then
  echo "src/policy may include its own headers and those of standard C that need no system"
  bad=1
fi
if grep -nE '\b(time|clock|clock_gettime|gettimeofday|rand|random|printf|GetCurrentTimestamp) *\(' \
  src/policy/*.[ch] 2>/dev/null; then
  echo "src/policy has no clock, no chance of its own and no output"
  bad=1
fi
for file in src/policy/*.c; do
  [ -f "$file" ] || continue
  "${CC:-cc}" -std=gnu99 -fsyntax-only -Wall -Wextra -Werror -Wno-unused-parameter \
    -Wno-sign-compare -Wno-missing-field-initializers -Isrc "$file" || bad=1
done
exit $bad
