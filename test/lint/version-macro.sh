#!/bin/bash
# differences between servers are in src/compat.h alone, so that the rest reads as if there were one
if grep -rnE 'PG_VERSION_NUM|PG_MAJORVERSION' src test/sim --include='*.[ch]' 2>/dev/null |
  grep -v '^src/compat\.h:'; then
  exit 1
fi
exit 0
