# Caps that bind every session, under stress: plain statements, MERGE, COPY,
# TRUNCATE and tasks write two capped tables, while sessions and processes of ours are
# terminated and the caps change.  One cap lets nobody through, the other
# records whom it does.  WEIR_STRESS says for how many seconds.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 6, max_connections => 60,
	deadlock_timeout => '100ms', 'weir.max_wait' => '20s');

# Adding to a counter by way of a subquery loses something as soon as two do it
# at once, or one on an old snapshot.  Each writer of a table takes an advisory
# lock that tells so, to be compared with who holds a slot.
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE one (n int);
	INSERT INTO one VALUES (0);
	CREATE TABLE two (n int) PARTITION BY RANGE (n);
	CREATE TABLE two_1 PARTITION OF two FOR VALUES FROM (0) TO (10);
	CREATE TABLE two_2 PARTITION OF two FOR VALUES FROM (10) TO (20);
	CREATE TABLE added (who text);
	CREATE TABLE missed (who text, state text);
	CREATE TABLE sampled (name text, held int, writers int);
	CREATE TABLE stranger (at timestamptz, name text, pid int, transaction text);
	-- the cap of two that is in force for sure, and since when; no cap while it changes
	CREATE TABLE in_force (wanted int, cap int, since timestamptz);
	INSERT INTO in_force VALUES (2);
	CREATE TABLE excess (slot int, cap int, since timestamptz, began timestamptz, at timestamptz);
	SELECT weir.alter_queue('adhoc', policy => '{"backoff_base": 0.01, "backoff_cap": 0.05, "max_attempts": 1000, "retry_budget": false}');
	SELECT weir.alter_queue('daily', policy => '{"retry_budget": false}');

	CREATE FUNCTION says_so() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_advisory_xact_lock_shared(42, coalesce(
			(SELECT inhparent::oid::int FROM pg_inherits WHERE inhrelid = TG_RELID), TG_RELID::int));
		RETURN NULL;
	END $$;
	CREATE TRIGGER says_so BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON one EXECUTE FUNCTION says_so();
	CREATE TRIGGER says_so BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON two EXECUTE FUNCTION says_so();
	CREATE TRIGGER says_so BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON two_1 EXECUTE FUNCTION says_so();

	-- refused for want of a slot or of time: that is told, and nothing is done
	CREATE FUNCTION try(who text, command text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE command;
	EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
		INSERT INTO missed VALUES (who, SQLSTATE);
	END $$;
	CREATE FUNCTION add(who text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		UPDATE one SET n = (SELECT n FROM one) + 1;
		INSERT INTO added VALUES (who);
	END $$;
	-- Who has a slot beyond the cap has begun before that came into force.  When
	-- they began is read before the slots are: the same process may have begun
	-- again in between, but not earlier.
	CREATE FUNCTION find_excess() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		before in_force;
		began jsonb;
		held excess[];
	BEGIN
		SELECT * INTO before FROM in_force;
		SELECT jsonb_object_agg(a.pid, coalesce(d.dispatched_at, a.xact_start)) INTO began
		FROM pg_stat_activity a
		LEFT JOIN weir._show_workers() w ON w.pid = a.pid
		LEFT JOIN weir._show_assigned() d ON d.task_id = w.task_id
		WHERE a.backend_type = 'client backend' AND a.xact_start IS NOT NULL OR d.dispatched_at IS NOT NULL;
		held := ARRAY(
			SELECT ROW(l.objid::int, before.cap, before.since, b.began, clock_timestamp())::excess
			FROM pg_locks l CROSS JOIN LATERAL (SELECT (began ->> l.pid::text)::timestamptz) b (began)
			WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 22273
			AND l.classid = 'two'::regclass AND l.objid < 64::oid);
		IF before IS NOT DISTINCT FROM (SELECT f FROM in_force f) THEN
			INSERT INTO sampled SELECT 'in force', cardinality(held), before.cap WHERE before.cap < 3;
			INSERT INTO excess SELECT * FROM unnest(held) f WHERE f.slot >= f.cap AND f.began > f.since;
		END IF;
	END $$;
	CREATE FUNCTION sample() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		s record;
	BEGIN
		FOR s IN
			WITH l AS MATERIALIZED (SELECT * FROM pg_locks WHERE locktype = 'advisory' AND granted)
			SELECT t.name, w.writer, w.transaction,
				   (SELECT count(*) FROM l WHERE l.objsubid = 22273 AND l.classid = t.name::regclass
					AND l.objid < 64::oid) AS held,
				   -- a transaction that ends gives up the lock of its number before others
				   EXISTS (SELECT FROM pg_locks v WHERE v.locktype = 'virtualxid' AND v.granted AND v.virtualtransaction = w.transaction)
				   AND NOT EXISTS (
					SELECT FROM l WHERE l.objsubid = 22273 AND l.classid = t.name::regclass
					AND l.objid < 64::oid AND l.pid = w.pid) AS strange, w.pid
			FROM (VALUES ('one'), ('two')) t (name)
			LEFT JOIN LATERAL (SELECT l.pid AS writer, l.pid, l.virtualtransaction AS transaction FROM l
				WHERE l.objsubid = 2 AND l.classid = 42::oid AND l.objid = t.name::regclass) w ON true
		LOOP
			INSERT INTO sampled VALUES (s.name, s.held, (s.writer IS NOT NULL)::int);
			IF s.strange THEN
				INSERT INTO stranger VALUES (clock_timestamp(), s.name, s.pid, s.transaction);
			END IF;
		END LOOP;
		PERFORM find_excess();
	END $$;
	CREATE FUNCTION load(n int) RETURNS void LANGUAGE plpgsql AS $load$
	BEGIN
		FOR i IN 1 .. n / 4 LOOP
			PERFORM weir.enqueue($$SELECT add('task')$$, tables => '{one}', queue => 'daily', max_attempts => 1000, policy => '{"backoff_base": 0.01}');
			PERFORM weir.enqueue($$SELECT add('undeclared')$$, max_attempts => 1000);
			PERFORM weir.enqueue($$INSERT INTO two VALUES (1)$$, tables => '{two}', queue => 'daily', max_attempts => 1000, policy => '{"backoff_base": 0.01}');
			PERFORM weir.enqueue($$DO 'BEGIN INSERT INTO two VALUES (2); COMMIT; INSERT INTO two VALUES (3); END'$$,
				tables => '{two}', mode => 'autocommit', queue => 'daily', max_attempts => 1000);
		END LOOP;
	END $load$;
	SELECT weir.cap_table('one', 1, enforce => 'everyone', if_unsafe_to_wait => 'error');
	SELECT weir.cap_table('two', 2, enforce => 'everyone');
});
$node->poll_query_until('postgres', "SELECT count(*) = 2 FROM weir._show_resources()");

my %scripts = (
	'add' => "SELECT try('add', \$\$SELECT add('session')\$\$);\n",
	'add_late' => "BEGIN;\nINSERT INTO added SELECT 'late' WHERE false;\nCREATE TEMP TABLE t (a int) ON COMMIT DROP;\n"
	  . "SELECT try('late', \$\$SELECT add('late')\$\$);\nCOMMIT;\n",
	'insert' => "SELECT try('insert', 'INSERT INTO two VALUES (4), (14)');\n",
	'leaf' => "BEGIN;\nSELECT try('leaf', 'INSERT INTO two_1 VALUES (5)');\n\\sleep 2 ms\nCOMMIT;\n",
	'copy' => "SELECT try('copy', \$\$COPY two FROM PROGRAM 'echo 6'\$\$);\n",
	'merge' => "SELECT try('merge', 'MERGE INTO two USING (VALUES (4), (16)) s (m) ON n = m"
	  . " WHEN MATCHED THEN UPDATE SET n = 5 WHEN NOT MATCHED THEN INSERT VALUES (m)');\n",
	'update' => "SELECT try('update', 'UPDATE two SET n = 4 WHERE n = 6');\n",
	'cte' => "SELECT try('cte', 'WITH w AS (INSERT INTO two VALUES (15) RETURNING n) SELECT * FROM w');\n",
	'refresh' => "BEGIN;\nSELECT try('refresh', 'DELETE FROM two WHERE n = 99');\n"
	  . "SELECT try('refresh', 'TRUNCATE two');\nSELECT try('refresh', 'INSERT INTO two VALUES (7)');\nCOMMIT;\n",
	'both' => "BEGIN;\nSELECT try('both', 'INSERT INTO two VALUES (8)');\nSELECT try('both', \$\$SELECT add('both')\$\$);\nCOMMIT;\n",
	'htob' => "BEGIN;\nSELECT try('htob', \$\$SELECT add('both')\$\$);\nSELECT try('htob', 'INSERT INTO two VALUES (9)');\nROLLBACK;\n",
	'patient' => "BEGIN;\nSELECT try('patient', \$\$SELECT weir.acquire('one', '20s')\$\$);\nSELECT try('patient', \$\$SELECT add('acquired')\$\$);\nCOMMIT;\n",
	'sample' => "SELECT sample();\n");
my @files;
for my $name (sort keys %scripts)
{
	my $file = $node->basedir . "/$name";
	append_to_file($file, $scripts{$name});
	push @files, '-f', $file;
}

my ($out1, $out2, $err1, $err2) = ('', '', '', '');
my $seconds = $ENV{WEIR_STRESS} // 20;
my @pgbench = ('pgbench', '-n', '-M', 'prepared', '-c', 8, '-T', $seconds, @files);
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGAPPNAME} = 'calm';
my $calm = IPC::Run::start([ @pgbench, 'postgres' ], '>', \$out1, '2>', \$err1);
$ENV{PGAPPNAME} = 'victim';
my $victims = IPC::Run::start([ @pgbench, 'postgres' ], '>', \$out2, '2>', \$err2);
delete $ENV{PGAPPNAME};

my %done;
my $seed = $ENV{WEIR_SEED} // time;
srand $seed;
note("WEIR_SEED=$seed");
my $times = 0;
my $schedulers = 0;
my $hand = $node->background_psql('postgres');
$hand->set_query_timer_restart;
while ($calm->pumpable)
{
	# one that goes on failing is started again later and later, unless the
	# launcher does not know that it has failed before
	my $again = $times % 50 == 39;
	my $what = $again && $schedulers % 4 == 3 ? "backend_type IN ('pg_weir launcher', 'pg_weir scheduler')"
	  : $again ? "backend_type = 'pg_weir scheduler'"
	  : $times % 7 == 6 ? "application_name = 'victim' AND state <> 'idle'"
	  : "backend_type = 'pg_weir worker'";
	$schedulers++ if $again;
	$done{$what} += $hand->query_safe(
		"SELECT count(pg_terminate_backend(pid)) FROM
		 (SELECT pid FROM pg_stat_activity WHERE $what ORDER BY random() LIMIT " . ($again ? 2 : 1) . ') p');
	$hand->query_safe(q{
		UPDATE in_force f SET cap = f.wanted, since = clock_timestamp() FROM weir._show_resources() r
		WHERE f.cap IS NULL AND r.kind = 22273 AND r.id = 'two'::regclass AND r.slots = f.wanted});
	if ($times % 5 == 0 && $hand->query_safe("SELECT counted FROM weir.status") =~ /t/)
	{
		# to another one, or it would seem to be in force at once
		$hand->query_safe("SELECT weir.cap_table('two', wanted) FROM in_force WHERE cap IS NULL")
		  if $hand->query_safe(q{UPDATE in_force SET cap = NULL, wanted = 1 + (wanted + floor(random() * 2)::int) % 3
			WHERE cap IS NOT NULL RETURNING wanted}) ne '';
		$hand->query_safe("SELECT load(20) FROM weir.status WHERE (SELECT sum(depth) < 60 FROM weir.queues)");
	}
	$times++;
	# sleep is the work: so many signals a second and not more
	$hand->query_safe('SELECT pg_sleep(0.1)');
	$calm->pump_nb;
	$victims->pump_nb if $victims->pumpable;
}
$hand->quit;
$calm->finish;
is($calm->result(0), 0, 'the sessions that were left alone came to their end');
diag($err1) if $calm->result(0) != 0;
$victims->finish;
note("$done{$_} times $_") for sort keys %done;
cmp_ok($done{$_}, '>', 0, $_) for sort keys %done;
like($out1, qr/number of transactions actually processed: [1-9]\d{2}/, 'there was something to be seen');
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

is( $node->safe_psql('postgres', 'SELECT (SELECT n FROM one) - (SELECT count(*) FROM added)'),
	0, 'no addition is lost');
note($node->safe_psql('postgres', 'SELECT who, count(*) FROM added GROUP BY 1 ORDER BY 1'));
note($node->safe_psql('postgres', 'SELECT who, state, count(*) FROM missed GROUP BY 1, 2 ORDER BY 1, 2'));
is( $node->safe_psql('postgres', "SELECT string_agg(DISTINCT who, ' ' ORDER BY who) FROM added"),
	'acquired both late session task undeclared', 'all kinds have added');
is( $node->safe_psql('postgres',
		"SELECT name, max(held), sum(writers) > 20 FROM sampled GROUP BY 1 HAVING name = 'one' ORDER BY 1"),
	'one|1|t', 'pg_locks never showed more than one slot of one');
is( $node->safe_psql('postgres', "SELECT max(held) <= 3 AND sum(writers) > 20 FROM sampled WHERE name = 'two'"),
	't', 'nor more than the highest cap of two');

is($node->safe_psql('postgres', 'SELECT * FROM excess ORDER BY at LIMIT 5'), '', 'and none beyond the cap that was in force');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM sampled WHERE name = 'in force' AND held > 0"),
	'>', 0, 'which was seen when it was lower than it can be');
cap_kept($node, 'postgres', 'public.one', 1, 1);
# as high as it ever was
cap_kept($node, 'postgres', 'public.two', 3, 1);

# A lock that is being released can outlast the slot by a moment: only who is
# seen twice has written without one.
my $strangers = "SELECT count(*) FROM (SELECT FROM stranger WHERE name = '%s'
	GROUP BY pid, transaction HAVING max(at) - min(at) > '5 ms') s";
is($node->safe_psql('postgres', sprintf($strangers, 'one')), 0, 'nobody wrote one without a slot');
my ($let, $events) = split /\|/, $node->safe_psql('postgres',
	"SELECT let_through, (SELECT count(*) FROM weir.events WHERE kind = 'let_through' AND relation = 'public.two')
	 FROM weir.resources WHERE resource = 'public.two'");
my $seen = $node->safe_psql('postgres', sprintf($strangers, 'two'));
note("let through: $let, events: $events, seen: $seen");
cmp_ok($seen, '<=', $let, 'nobody wrote two without a slot but for who was let through');
cmp_ok($events, '>', 0, 'which left events');
is( $node->safe_psql('postgres', "SELECT let_through FROM weir.resources WHERE resource = 'public.one'"),
	0, 'nobody was let through where that is refused');
slots_free($node, 'postgres');
is( $node->safe_psql('postgres', 'SELECT sum(beside) FROM weir.resources'), 0, 'and nobody is beside them');
unlike(log_since($node), qr/PANIC|TRAP:|was terminated by signal/, 'no process crashed');
$node->stop;
done_testing();
