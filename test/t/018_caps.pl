# Caps under stress: tasks with one and two capped tables, in both modes, and
# foreign sessions that take slots beside them, while workers, schedulers and
# sessions are terminated.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 8, max_connections => 40);
my %cap = (one => 1, two => 2, three => 3);
my $tasks = 900;

# Under the cap of one, reading a counter and writing it back a little later
# loses nothing; each addition leaves a row.  A slot lost in the middle is an
# error, and an addition lost shows in the end.
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE one (n int);
	INSERT INTO one VALUES (0);
	CREATE TABLE two (task_id bigint);
	CREATE TABLE three (task_id bigint);
	CREATE TABLE added (who text);
	CREATE TABLE sampled (name text, held int, highest int, doubled int);
	SELECT weir.cap_table('one', 1), weir.cap_table('two', 2), weir.cap_table('three', 3, reserved => 1);
	SELECT weir.alter_queue('adhoc', policy => '{"backoff_base": 0.01, "backoff_cap": 0.05, "max_attempts": 1000, "retry_budget": false}');
	SELECT weir.alter_queue('daily', policy => '{"retry_budget": false}');

	CREATE FUNCTION holds(held regclass) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF NOT EXISTS (SELECT FROM pg_locks
					   WHERE locktype = 'advisory' AND objsubid = 22273 AND granted
					   AND pid = pg_backend_pid() AND classid = held) THEN
			RAISE feature_not_supported USING MESSAGE = 'no slot of ' || held || ' is held';
		END IF;
	END $$;
	CREATE FUNCTION add(who text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		was int;
	BEGIN
		PERFORM holds('one');
		SELECT n INTO was FROM one;
		-- sleep is the work
		PERFORM pg_sleep(0.002);
		UPDATE one SET n = was + 1;
		INSERT INTO added VALUES (who);
		PERFORM holds('one');
	END $$;
	CREATE FUNCTION try_add() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF weir.try_acquire('one') THEN
			PERFORM add('session');
		END IF;
	END $$;
	-- holds a slot already, so that it is not made to wait for another
	CREATE FUNCTION take_both() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM weir.acquire('three', '20s');
		PERFORM holds('three');
		BEGIN
			PERFORM weir.acquire('two', '20s');
			PERFORM holds('two');
		EXCEPTION WHEN lock_not_available THEN
		END;
		PERFORM holds('three');
	END $$;
	-- all slots at one moment: how many, the highest, and held twice
	CREATE FUNCTION sample() RETURNS void LANGUAGE sql AS $$
		INSERT INTO sampled
		SELECT classid::regclass::text, count(*), max(objid::int), count(*) - count(DISTINCT objid)
		FROM pg_locks
		WHERE locktype = 'advisory' AND objsubid = 22273 AND granted AND mode = 'ExclusiveLock'
		AND objid < 64::oid
		GROUP BY classid
	$$;
	CREATE FUNCTION load(n int) RETURNS void LANGUAGE plpgsql AS $load$
	BEGIN
		FOR i IN 1 .. n / 6 LOOP
			PERFORM weir.enqueue($$SELECT add('task')$$, tables => '{one}');
			PERFORM weir.enqueue($$SELECT add('both'), holds('two')$$, tables => '{two,one}');
			PERFORM weir.enqueue($$SELECT holds('two'), holds('three');
				-- sleep is the work
				SELECT pg_sleep(0.004);
				SELECT holds('two'), holds('three')$$, tables => '{three,two}');
			PERFORM weir.enqueue($$SELECT holds('three'); SELECT pg_sleep(0.004); SELECT holds('three')$$,
				tables => '{three}', queue => 'daily', max_attempts => 1000, policy => '{"backoff_base": 0.01}');
			PERFORM weir.enqueue($$DO 'BEGIN PERFORM holds($q$two$q$); COMMIT; PERFORM holds($q$two$q$); ROLLBACK; PERFORM holds($q$two$q$); END'$$,
				tables => '{two}', mode => 'autocommit', max_attempts => 1000);
			PERFORM weir.enqueue($$SELECT add('autocommit')$$,
				tables => '{one}', mode => 'autocommit', max_attempts => 1000);
		END LOOP;
	END $load$;
});
$node->safe_psql('postgres', "SELECT load($tasks)");

my %scripts = (
	'wait_one' => "BEGIN;\nSELECT weir.acquire('one', '20s');\nSELECT add('session');\nCOMMIT;\n",
	'wait_two' => "BEGIN;\nSELECT weir.acquire('two', '20s');\n\\sleep 3 ms\nSELECT holds('two');\nROLLBACK;\n",
	'try_one' => "SELECT try_add();\n",
	'both' => "SELECT take_both();\n",
	'savepoint' => "BEGIN;\nSAVEPOINT a;\nSELECT weir.acquire('three', '20s');\nROLLBACK TO a;\nSELECT holds('three');\nCOMMIT;\n",
	'sample' => "SELECT sample();\n");
my @files;
for my $name (sort keys %scripts)
{
	my $file = $node->basedir . "/$name";
	append_to_file($file, $scripts{$name});
	push @files, '-f', $file;
}

# Six clients in one run, whose sessions survive, six in another, of which
# some are terminated.
my ($out1, $out2, $err1, $err2) = ('', '', '', '');
my @pgbench = ('pgbench', '-n', '-c', 6, '-T', 12, @files);
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
my @ways = (
	[ 'worker terminated', "backend_type = 'pg_weir worker' AND state = 'active'" ],
	[ 'worker terminated', "backend_type = 'pg_weir worker'" ],
	[ 'session terminated', "application_name = 'victim' AND state <> 'idle'" ],
	[ 'scheduler terminated', "backend_type = 'pg_weir scheduler'" ]);
my $times = 0;
my $hand = $node->background_psql('postgres');
while ($calm->pumpable)
{
	my ($what, $where) = @{ $ways[ $times % 19 == 18 ? 3 : $times % 9 == 8 ? 2 : rand 2 ] };
	$times++;
	$done{$what} += $hand->query_safe(
		"SELECT count(pg_terminate_backend(pid)) FROM
		 (SELECT pid FROM pg_stat_activity WHERE $where ORDER BY random() LIMIT 1) p");
	# the load is to last as long as the sessions
	$hand->query_safe("SELECT load(120)")
	  if $hand->query_safe("SELECT counted AND (SELECT sum(depth) < 200 FROM weir.queues) FROM weir.status") eq 't';
	# sleep is the work: so many signals a second and not more
	$hand->query_safe('SELECT pg_sleep(0.05)');
	$calm->pump_nb;
	$victims->pump_nb if $victims->pumpable;
}
$hand->quit;
$calm->finish;
is($calm->result(0), 0, 'the sessions that were left alone had no error');
diag($err1) if $calm->result(0) != 0;
$victims->finish;
like($err2, qr/terminating connection due to administrator command/,
	'some of the others were terminated');
note("$done{$_} times $_") for sort keys %done;
cmp_ok($done{$_}, '>', 0, $_) for sort keys %done;

wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
is( $node->safe_psql('postgres',
		"SELECT DISTINCT outcome, sqlstate, message FROM weir.runs WHERE outcome NOT IN ('succeeded', 'interrupted')"),
	'', 'no task missed a slot');
is($node->safe_psql('postgres', 'SELECT count(*) FROM weir.dead_letters'), 0, 'no dead letters');
is( $node->safe_psql('postgres', 'SELECT (SELECT n FROM one) - (SELECT count(*) FROM added)'),
	0, 'no addition is lost');
note($node->safe_psql('postgres', 'SELECT who, count(*) FROM added GROUP BY 1 ORDER BY 1'));
is( $node->safe_psql('postgres', "SELECT string_agg(DISTINCT who, ' ' ORDER BY who) FROM added"),
	'autocommit both session task', 'tasks of all kinds and sessions have added');
is( $node->safe_psql('postgres',
		"SELECT (SELECT count(*) FROM added WHERE who IN ('task', 'both'))
		 - (SELECT count(*) FROM weir.tasks WHERE state = 'succeeded' AND mode = 'transaction' AND command LIKE '%add(%')"),
	0, 'and each task in mode transaction once');
for my $table (sort keys %cap)
{
	cap_kept($node, 'postgres', "public.$table", $cap{$table}, $cap{$table});
	is( $node->safe_psql('postgres',
			"SELECT count(*) FILTER (WHERE held > $cap{$table} OR highest >= $cap{$table} OR doubled > 0),
					max(held) = $cap{$table}
			 FROM sampled WHERE name = '$table'"),
		'0|t',
		"pg_locks never showed more than $cap{$table} slots of $table, and at times all of them");
}
slots_free($node, 'postgres');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid IN (22273, 22274, 22275)"),
	0, 'no lock of ours is left');

# When the configuration cannot be read, what is known of the caps stays in
# force, and it is tried again without being told.
my $caps = "SELECT string_agg(id::regclass || ' ' || slots, ', ' ORDER BY slots, id) FROM weir._show_resources() WHERE slots > 0";
my $known = 'one 1, two 2, three 3';
my $position = -s $node->logfile;
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE weir.cap');
my $pid = wait_scheduler($node, 'postgres');
$node->safe_psql('postgres', "SELECT weir.pause('backfill')");
$node->wait_for_log(qr/canceling statement due to lock timeout/, $position);
is($node->safe_psql('postgres', $caps), $known, 'caps are in force while they cannot be read');
$locker->query_safe('ROLLBACK');
is( $node->safe_psql('postgres', "SELECT weir.acquire('three', '0')"), '', 'what could not be read is read later');
$node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 1', queue => 'backfill')");
ok( $node->poll_query_until('postgres',
		"SELECT blocked = 1 FROM weir.queues WHERE name = 'backfill'"),
	'and followed');
is(scheduler_pid($node, 'postgres'), $pid, 'by the same scheduler');

# A new scheduler that cannot read them starts nothing.
$locker->query_safe('BEGIN; LOCK TABLE weir.cap');
$position = -s $node->logfile;
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$node->wait_for_log(qr/canceling statement due to lock timeout/, $position);
is($node->safe_psql('postgres', $caps), $known, 'a new scheduler changes nothing, either');
my $capped = $node->safe_psql('postgres',
	q{SELECT weir.enqueue('SELECT holds($$one$$)', tables => '{one}')});
is( $node->safe_psql('postgres', "SELECT scheduler <> 'running', (SELECT count(*) FROM weir.runs WHERE task_id = $capped) FROM weir.status"),
	't|0', 'and starts nothing');
$locker->quit;
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($capped)"), 'succeeded',
	'until it could read them');
$node->safe_psql('postgres', "SELECT weir.uncap_table('three'); SELECT weir.cap_table('two', 1)");
ok( $node->poll_query_until('postgres', "SELECT ($caps) = 'one 1, two 1'"),
	'caps change and go as they are told');

unlike(log_since($node), qr/PANIC|TRAP:|was terminated by signal/, 'no process crashed');
$node->stop;
done_testing();
