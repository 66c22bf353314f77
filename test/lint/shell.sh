#!/bin/bash
# the shell linter finds the unquoted name with a space in it before a user does
command -v shellcheck >/dev/null || { echo "shellcheck is not installed" && exit 77; }
find . -name .git -prune -o -type f \( -name '*.sh' -o -path './.ci/run' \) -print0 |
  xargs -0 shellcheck -x -S warning
