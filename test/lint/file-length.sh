#!/bin/bash
# a file is one concept: more than 600 lines are two
find src sql/parts test/sim test/tools test/t test/sql test/pgtap bench \
  -type f \( -name '*.[ch]' -o -name '*.sql' -o -name '*.p[lm]' -o -name '*.sh' \) 2>/dev/null |
  while read -r file; do
    n=$(wc -l <"$file")
    [ "$n" -le 600 ] || echo "$file: $n lines"
  done | { ! grep . ; }
