# The bound of a queue is exact, whatever its producers do: many of them
# commit, roll back and use savepoints while its tasks end.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 3, max_connections => 40);
my ($ret, $out, $err);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	CREATE TABLE seen (queue text, capacity int, depth int, unfinished int);
	SELECT weir.create_queue('reject', capacity => 20);
	SELECT weir.create_queue('wait', capacity => 10, on_full => 'wait');
	SELECT weir.create_queue('few', capacity => 7);

	-- one try, undone or not: a full queue is not the end of the transaction
	CREATE FUNCTION try_one(queue text, fails bool) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM weir.enqueue('SELECT work()', queue => try_one.queue);
		IF fails THEN
			RAISE division_by_zero;
		END IF;
	EXCEPTION WHEN configuration_limit_exceeded OR division_by_zero THEN
	END $$;

	-- work takes a while, so that queues fill
	CREATE FUNCTION work() RETURNS void LANGUAGE sql AS $$
		INSERT INTO effect SELECT weir.current_task();
		-- sleep is the work
		SELECT pg_sleep(0.01)
	$$;

	-- what the view says of the queues, and what the ledger does
	CREATE FUNCTION sample_view() RETURNS void LANGUAGE sql AS $$
		INSERT INTO seen SELECT name, capacity, depth FROM weir.queues
		WHERE name IN ('reject', 'wait', 'few')
	$$;
	CREATE FUNCTION sample_ledger() RETURNS void LANGUAGE sql AS $$
		INSERT INTO seen SELECT q.name, q.capacity, 0,
			(SELECT count(*) FROM weir.task t
			 JOIN weir.environment v USING (environment_id)
			 WHERE v.queue_id = q.queue_id AND NOT EXISTS
				(SELECT FROM weir.run r WHERE r.task_id = t.task_id AND r.final))
		FROM weir.queue q WHERE q.name IN ('reject', 'wait', 'few')
	$$;
});

my %scripts = (
	# refused or not, kept or not
	'commit@6' => q{
		SELECT try_one('reject', false);
		BEGIN;
		SELECT try_one('few', false);
		SELECT try_one('few', true);
		COMMIT;
	},
	'rollback@4' => q{
		BEGIN;
		SELECT try_one('reject', false);
		SELECT outcome FROM weir.try_enqueue('SELECT 1', queue => 'few');
		SELECT outcome FROM weir.try_enqueue('SELECT 1', queue => 'wait');
		ROLLBACK;
	},
	'savepoint@4' => q{
		BEGIN;
		SAVEPOINT a;
		SELECT try_one('reject', false);
		SAVEPOINT b;
		SELECT try_one('few', false);
		RELEASE b;
		SELECT try_one('few', true);
		ROLLBACK TO a;
		SELECT try_one('reject', false);
		RELEASE a;
		SAVEPOINT c;
		SELECT try_one('reject', false);
		ROLLBACK TO c;
		COMMIT;
	},
	'wait@6' => q{
		SELECT weir.enqueue('SELECT work()', queue => 'wait');
	},
	'wait_rollback@2' => q{
		BEGIN;
		SELECT weir.enqueue('SELECT work()', queue => 'wait');
		ROLLBACK;
	},
	'wait_several@1' => q{
		SELECT weir.enqueue_many('SELECT work(), $1::int', '[[1],[2],[3],[4]]', queue => 'wait');
	},
	'cancel@1' => q{
		SELECT weir.cancel(task_id) FROM
			(SELECT task_id FROM weir.tasks WHERE state IN ('ready', 'running')
			 ORDER BY random() LIMIT 1) t;
	},
	'sample_view@4' => q{
		SELECT sample_view();
	},
	'sample_ledger@1' => q{
		SELECT sample_ledger();
	});
$node->pgbench('-n -c 16 -j 2 -T 12 --max-tries=1',
	0, [qr/processed/], [qr/^(?!.*(?:aborted|ERROR))/s],
	'producers that commit, roll back and use savepoints', \%scripts);

note($node->safe_psql('postgres',
		'SELECT queue, max(depth), max(unfinished), count(*) FROM seen GROUP BY queue'));
note($node->safe_psql('postgres',
		"SELECT name, refused, waited FROM weir.queues WHERE refused > 0"));
is( $node->safe_psql('postgres',
		'SELECT count(*) FROM seen WHERE depth > capacity OR unfinished > capacity'),
	0, 'no queue was ever fuller than its capacity, by the view or by the ledger');
is( $node->safe_psql('postgres',
		"SELECT string_agg(queue, ' ' ORDER BY queue) FROM
		 (SELECT queue FROM seen WHERE depth = capacity GROUP BY queue) s"),
	'few reject wait', 'each was full at times');
is( $node->safe_psql('postgres',
		"SELECT bool_and(refused > 0), bool_or(waited > 0 AND wait_time > '0') FROM weir.queues WHERE name IN ('reject', 'few', 'wait')"),
	't|t', 'and has refused, and made wait');
wait_drained($node, 'postgres');
my $tasks = $node->safe_psql('postgres',
	"SELECT count(*) FROM weir.runs WHERE outcome = 'succeeded'");
cmp_ok($tasks, '>', 100, "$tasks tasks were done");
exactly_once($node, 'postgres', 'effect', $tasks);
is( $node->safe_psql('postgres', "SELECT string_agg(DISTINCT outcome, ' ' ORDER BY outcome) FROM weir.runs"),
	'cancelled succeeded', 'and the others cancelled');

# Room is given in the order in which producers came.
$node->safe_psql('postgres',
	"SELECT weir.create_queue('line', capacity => 2, on_full => 'wait'); SELECT weir.pause('line')");
$node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 0', queue => 'line')") for 1 .. 2;

sub waiting_producers
{
	my ($n) = @_;

	$node->poll_query_until('postgres',
		"SELECT waiting_producers = $n FROM weir.queues WHERE name = 'line'")
	  or die "not $n producers in line";
}

sub producer
{
	my ($n, $before) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query_until(qr/asked/,
		"\\set VERBOSITY verbose\n\\echo asked\n$before;\nSELECT weir.enqueue('SELECT $n', queue => 'line');\n\\echo answered\n");
	return $session;
}

my @producers;
for my $n (1 .. 7)
{
	push @producers, producer($n, 'SET weir.max_wait = $$1h$$');
	waiting_producers($n);
}

# Some give up: the first, one in the middle, one that loses its connection.
sub backend_of
{
	my ($n) = @_;

	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE query LIKE '%SELECT $n''%queue => ''line''%' AND pid <> pg_backend_pid()");
}

is($node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . backend_of(1) . ')'),
	't', 'the head of the line is cancelled');
$producers[0]->query_until(qr/answered/, '');
like($producers[0]->{stderr}, qr/57014/, 'it hears of that');
is($node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . backend_of(3) . ')'),
	't', 'another is cancelled');
$producers[2]->query_until(qr/answered/, '');
is($node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . backend_of(5) . ')'),
	't', 'another is terminated');
waiting_producers(4);
is($node->safe_psql('postgres', "SELECT depth FROM weir.queues WHERE name = 'line'"),
	2, 'the depth is as it was');

# Others have a limit of their own.
for my $limit (
	[ "SET weir.max_wait = '200ms'", qr/53400.*queue "line" is full/s ],
	[ "SET statement_timeout = '200ms'", qr/57014/ ],
	[ "SET lock_timeout = '200ms'", qr/55P03|53400/ ],
	[ "BEGIN; INSERT INTO effect VALUES (0)", qr/53400.*has written already/s ])
{
	my $session = producer(0, $limit->[0]);
	$session->query_until(qr/answered/, '');
	like($session->{stderr}, $limit->[1], "not for ever: $limit->[0]");
	$session->{run}->finish;
}
waiting_producers(4);
($ret, $out, $err) = $node->psql('postgres',
	"SELECT outcome, retry_after > '0' FROM weir.try_enqueue('SELECT 1', queue => 'line')");
is($out, 'rejected|t', 'weir.try_enqueue() never waits');

$node->safe_psql('postgres', "SELECT weir.resume('line')");
for my $n (2, 4, 6, 7)
{
	$producers[$n - 1]->query_until(qr/answered/, '');
	is($producers[$n - 1]->{stderr}, '', "producer $n has got room");
}
is( $node->safe_psql('postgres',
		"SELECT string_agg(command, ', ' ORDER BY task_id) FROM weir.tasks WHERE queue = 'line'"),
	'SELECT 0, SELECT 0, SELECT 2, SELECT 4, SELECT 6, SELECT 7',
	'first come, first served');
$_->{run}->finish for @producers;
wait_drained($node, 'postgres');
waiting_producers(0);
is(ledger_faults($node, 'postgres'), '', 'nothing is lost');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 22275"),
	0, 'nobody is left in a line');

# Who drains a queue and is terminated does not keep it closed.
$node->safe_psql('postgres',
	"SELECT weir.pause('line'); SELECT weir.enqueue('SELECT 8', queue => 'line')");
my $drainer = $node->background_psql('postgres', on_error_stop => 0);
$drainer->query_until(qr/asked/, "\\echo asked\nSELECT weir.drain('line');\n");
my $drains = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT weir.drain%' AND state = 'active' AND wait_event_type = 'Extension'";
$node->poll_query_until('postgres', $drains, '1') or die 'nobody drains';
is($node->safe_psql('postgres', "SELECT waiting_producers FROM weir.queues WHERE name = 'line'"),
	'0', 'who drains a queue does not wait for room');
($ret, $out, $err) = $node->psql('postgres', "SELECT weir.enqueue('SELECT 9', queue => 'line')");
like($err, qr/queue "line" is being drained/, 'no new tasks while a queue is drained');
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT weir.drain%'");
$node->poll_query_until('postgres', $drains =~ s/ AND state.*//r, '0')
  or die 'somebody still drains';
ok($node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 9', queue => 'line')"),
	'new ones when who drained it is terminated');
$drainer->{run}->finish;
$node->safe_psql('postgres', "SELECT weir.resume('line')");
wait_drained($node, 'postgres');

# A session that ends in the middle of a transaction gives its room back.
$node->safe_psql('postgres', "SELECT weir.pause('line')");
my $session = $node->background_psql('postgres');
$session->query_safe("BEGIN; SELECT weir.enqueue('SELECT 1', queue => 'line'); SAVEPOINT a; SELECT weir.enqueue('SELECT 2', queue => 'line')");
is($node->safe_psql('postgres', "SELECT depth FROM weir.queues WHERE name = 'line'"),
	2, 'uncommitted tasks count');
$session->query_safe('ROLLBACK TO a');
is($node->safe_psql('postgres', "SELECT depth FROM weir.queues WHERE name = 'line'"),
	1, 'until their savepoint is rolled back');
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'ROLLBACK TO a' OR query LIKE 'ROLLBACK TO a%'");
ok( $node->poll_query_until('postgres',
		"SELECT depth = 0 FROM weir.queues WHERE name = 'line'"),
	'or their session ends');
$session->{run}->finish;

# Refused for good: PREPARE TRANSACTION could keep its place for ever.
($ret, $out, $err) = $node->psql('postgres',
	"BEGIN; SELECT weir.enqueue('SELECT 1', queue => 'line'); PREPARE TRANSACTION 'p'");
like($err, qr/cannot PREPARE a transaction that has used pg_weir/, 'no PREPARE TRANSACTION');
is($node->safe_psql('postgres', "SELECT depth FROM weir.queues WHERE name = 'line'"),
	0, 'and its room is free');

unlike(log_since($node), qr/PANIC|TRAP:|was terminated by signal/, 'no process crashed');
$node->stop;
done_testing();
