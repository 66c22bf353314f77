#!/bin/bash
# a type that typedefs.list does not know is indented as if it were a product: "make typedefs" brings the list up to date
missing=$(comm -13 <(LC_ALL=C sort typedefs.list) <(test/tools/typedefs.pl | LC_ALL=C sort)) || exit 1
[ -z "$missing" ] && exit 0
echo "typedefs.list lacks: ${missing//$'\n'/ }"
exit 1
