# The floor: the cheapest loop in C, without any queue.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

build_floor() {
  # shellcheck disable=SC2046
  cc -O2 -shared -fPIC -Wall $("$PG_CONFIG" --cppflags) \
    -I"$("$PG_CONFIG" --includedir-server)" -o "$scratch/floor.so" "$here/floor.c"
  chmod 755 "$scratch" "$scratch/floor.so"
}

# drain_floor VARIANT WORKERS N bare|keyed: rows like those of weir.run, without
# or with its key
drain_floor() {
  fresh_database on
  ask 'CREATE EXTENSION pg_weir'
  ask 'CREATE TABLE floor (LIKE weir.run)'
  ask 'DROP EXTENSION pg_weir'
  [ "$4" = bare ] || ask 'ALTER TABLE floor ADD PRIMARY KEY (task_id, attempt)'
  ask "CREATE FUNCTION floor_run(text, text, regclass, int, int) RETURNS void
    LANGUAGE c AS '$scratch/floor.so'"
  settle
  begin_costs
  note rate "$(clocked "$3" "SELECT floor_run('$scratch/floor.so', '$1', 'floor', $2, $3)")"
  end_costs "$3"
  expect "$3" 'SELECT count(*) FROM floor' "rows of the floor"
}
