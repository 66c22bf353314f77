# Jobs: a backfill survives crashes, the loss of the scheduler and a session
# that locks the job; what is done stays done when retention drops its runs,
# and in a copy.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', restart_after_crash => 'on', 'weir.max_workers' => 3, 'weir.generation_size' => 100);
weir_database($node, 'jobs');
$node->safe_psql('jobs', q{
	CREATE TABLE day (day date, task_id bigint);
	-- what is to be done from that time on waits for a lock
	CREATE TABLE gate (at timestamptz);
	INSERT INTO gate VALUES ('infinity');
	CREATE FUNCTION passes(begin_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		IF begin_at >= (SELECT at FROM gate) THEN
			PERFORM pg_advisory_xact_lock_shared(50);
		END IF;
		RETURN true;
	END $$;
	-- sleep is the work
	SELECT weir.create_job('history', $$INSERT INTO day SELECT date($1), weir.current_task() FROM pg_sleep(0.02) WHERE passes($1)$$,
		'1 day', starts_at => '2100-01-01', timezone => 'UTC', tables => '{day}', max_attempts => 10);
});

# Submits a backfill of n days from a date.
sub backfill
{
	my ($from, $n, $more) = @_;

	return $node->safe_psql('jobs', sprintf
		"SELECT weir.backfill('history', '%s UTC', timestamptz '%s UTC' + interval '%d days' %s)", $from, $from, $n, $more // '');
}

# Holds up what is to be done from some time on, until the gate is opened or
# the server has crashed: a backfill is met in the middle, whatever the time
# that it takes until somebody looks.
my $gate;

sub shut_gate
{
	my ($time) = @_;

	$gate = $node->background_psql('jobs');
	$gate->query_safe('SELECT pg_advisory_lock(50)');
	$node->safe_psql('jobs', "UPDATE gate SET at = timestamptz '$time UTC'");
}

sub open_gate
{
	$gate->quit;
	$node->safe_psql('jobs', "UPDATE gate SET at = 'infinity'");
}

# Waits until so many chunks of it are done.
sub wait_done
{
	my ($backfill, $n) = @_;

	$node->poll_query_until('jobs',
		"SELECT done >= $n AND state = 'running' FROM weir.backfills WHERE backfill_id = $backfill")
	  or die "backfill $backfill does not come to $n chunks";
}

# Tests that it finishes, with each of the days exactly once.
sub finishes
{
	my ($backfill, $from, $n, $what) = @_;

	ok( $node->poll_query_until('jobs',
			"SELECT state = 'finished' FROM weir.backfills WHERE backfill_id = $backfill"),
		"$what: it finishes")
	  or diag($node->safe_psql('jobs', "SELECT * FROM weir.backfills WHERE backfill_id = $backfill"));
	is( $node->safe_psql('jobs', "SELECT done, failed, skipped FROM weir.backfills WHERE backfill_id = $backfill"),
		"$n|0|0", "$what: all chunks are done");
	is( $node->safe_psql('jobs', "SELECT count(*), count(DISTINCT day) FROM day WHERE day >= '$from' AND day < date '$from' + $n"),
		"$n|$n", "$what: each interval was done exactly once");
}

# The server dies in the middle.
shut_gate('2020-01-11');
my $backfill = backfill('2020-01-01', 60);
wait_done($backfill, 10);
$node->stop('immediate');
$node->start;
queue_ready($node, 'jobs');
open_gate();
finishes($backfill, '2020-01-01', 60, 'crash of the server');

# The same with chunks of several intervals, which are done together or not at
# all.
$node->safe_psql('jobs', q{
	CREATE TABLE hour (at timestamptz, task_id bigint);
	SELECT weir.create_job('wide', $$INSERT INTO hour SELECT at, weir.current_task()
		FROM generate_series($1::timestamptz, $2::timestamptz - interval '1 minute', '1 hour') at,
		-- sleep is the work
		pg_sleep(0.02 + 0 * extract(epoch FROM at)) WHERE passes(at)$$,
		'1 hour', starts_at => '2100-01-01', timezone => 'UTC', max_attempts => 10, chunk_target => '200 ms');
});
shut_gate('2020-01-05');
my $wide = $node->safe_psql('jobs', q{SELECT weir.backfill('wide', '2020-01-01 UTC', '2020-01-11 UTC', max_running => 2)});
wait_done($wide, 20);
$node->stop('immediate');
$node->start;
queue_ready($node, 'jobs');
open_gate();
ok($node->poll_query_until('jobs', "SELECT state = 'finished' FROM weir.backfills WHERE backfill_id = $wide"),
	'crash between chunks: it finishes');
is( $node->safe_psql('jobs', "SELECT done, failed, skipped FROM weir.backfills WHERE backfill_id = $wide"),
	'240|0|0', 'crash between chunks: all intervals are done');
is( $node->safe_psql('jobs', q{SELECT count(*), count(DISTINCT at), count(DISTINCT task_id) < 240 FROM hour}),
	'240|240|t', 'crash between chunks: each interval was done exactly once');

# A chunk that has crashed the server too often is not run again one by one: its
# intervals have failed, and the others go on.
$node->append_conf('postgresql.conf', 'weir.max_crashes = 1');
$node->reload;
$node->safe_psql('jobs', q{
	-- sleep is the work
	SELECT weir.create_job('deadly', $$SELECT pg_sleep(CASE WHEN '2020-01-01 02:00 UTC' >= $1::timestamptz
		AND '2020-01-01 02:00 UTC' < $2::timestamptz THEN 600 ELSE 0 END)$$,
		'1 hour', starts_at => '2100-01-01', timezone => 'UTC', chunk_target => '1 hour');
});
my $deadly = $node->safe_psql('jobs', q{SELECT weir.backfill('deadly', '2020-01-01 00:00 UTC', '2020-01-01 05:00 UTC', max_running => 1)});
my $chunk = q{FROM weir.workers w JOIN weir.intervals i USING (task_id) WHERE i.job = 'deadly' AND i.interval_start = '2020-01-01 02:00 UTC'};
$node->poll_query_until('jobs', "SELECT count(*) = 1 $chunk") or die 'the chunk does not run';
is($node->safe_psql('jobs', q{SELECT max(n) FROM (SELECT count(*) AS n FROM weir.intervals WHERE job = 'deadly' GROUP BY task_id) c WHERE n < 3}),
	2, 'a chunk of two intervals runs');
crash($node, $node->safe_psql('jobs', "SELECT w.pid $chunk"));
queue_ready($node, 'jobs');
ok($node->poll_query_until('jobs', "SELECT state = 'finished' FROM weir.backfills WHERE backfill_id = $deadly"),
	'a chunk that crashes the server: its backfill finishes');
is( $node->safe_psql('jobs', "SELECT done, failed FROM weir.backfills WHERE backfill_id = $deadly"),
	'3|2', 'a chunk that crashes the server: the others are done');
$node->append_conf('postgresql.conf', 'weir.max_crashes = 2');
$node->reload;

# A process of it dies in the middle, by a signal.
shut_gate('2020-04-11');
$backfill = backfill('2020-04-01', 60, ', max_running => 2');
wait_done($backfill, 10);
my $pid = $node->safe_psql('jobs', 'SELECT max(pid) FROM weir.workers WHERE pid IS NOT NULL');
crash($node, $pid);
queue_ready($node, 'jobs');
open_gate();
finishes($backfill, '2020-04-01', 60, 'crash of a worker');

# The scheduler is lost.
shut_gate('2020-07-06');
$backfill = backfill('2020-07-01', 60);
wait_done($backfill, 5);
$pid = scheduler_pid($node, 'jobs');
$node->safe_psql('jobs', "SELECT pg_terminate_backend($pid)");
wait_scheduler($node, 'jobs', $pid);
open_gate();
finishes($backfill, '2020-07-01', 60, 'loss of the scheduler');

# A session keeps the job locked: no chunk follows, but other tasks run; when
# it ends, also without having changed anything, the chunks do.
shut_gate('2020-10-06');
$backfill = backfill('2020-10-01', 30, ', max_running => 2');
my $session = $node->background_psql('jobs');
$session->query_safe(q{BEGIN; SELECT count(*) FROM weir.run_due('history')});
open_gate();
ok( $node->poll_query_until('jobs', "SELECT in_queue = 0 AND state = 'running' FROM weir.backfills WHERE backfill_id = $backfill"),
	'a job that is locked: its backfill waits');
is( $node->safe_psql('jobs', q{
		SELECT weir.enqueue('SELECT 1') AS id \gset
		SELECT outcome FROM weir.wait(:id, '60s')}),
	'succeeded', 'a job that is locked: other tasks run');
$session->query_safe('ROLLBACK');
$session->quit;
finishes($backfill, '2020-10-01', 30, 'a job that was locked');

# Cancelled in the middle: nothing starts any more after it has returned.
shut_gate('2021-01-06');
$backfill = backfill('2021-01-01', 200);
wait_done($backfill, 5);
$node->safe_psql('jobs', "SELECT weir.cancel_backfill($backfill)");
my $after = $node->safe_psql('jobs', 'SELECT clock_timestamp()');
open_gate();
wait_drained($node, 'jobs', 'a cancelled backfill: what runs ends');
is( $node->safe_psql('jobs', "SELECT count(*) FROM weir.runs WHERE started_at > '$after'"),
	0, 'a cancelled backfill: nothing has started after that');

# A job is dropped while its backfill runs (sleep is the work).
$node->safe_psql('jobs', q{SELECT weir.create_job('gone', 'SELECT pg_sleep(0.02), passes($1)', '1 hour', starts_at => '2100-01-01', timezone => 'UTC')});
shut_gate('2021-01-01 08:00');
$backfill = $node->safe_psql('jobs', q{SELECT weir.backfill('gone', '2021-01-01 UTC', '2021-01-20 UTC')});
wait_done($backfill, 3);
$node->safe_psql('jobs', q{SELECT weir.drop_job('gone')});
open_gate();
wait_drained($node, 'jobs', 'a job that is dropped: its tasks end');
is( $node->safe_psql('jobs', "SELECT state, in_queue FROM weir.backfills WHERE backfill_id = $backfill"),
	'cancelled|0', 'a job that is dropped: its backfill is cancelled');

# Retention drops the runs of the first generations; their intervals stay done.
my $done = q{SELECT exec, currency, count(*), count(first_done_at) FROM weir.intervals WHERE job = 'history' GROUP BY 1, 2 ORDER BY 1, 2};
my $before = $node->safe_psql('jobs', $done);
like($before, qr/^done\|current\|2\d\d\|/, 'there are many intervals that are done');
$node->safe_psql('jobs', q{SELECT count(*) FROM weir.enqueue_many('SELECT $1::int', (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 200) i))});
wait_drained($node, 'jobs', 'the first generations are full');
$node->append_conf('postgresql.conf', 'weir.retention = 30min');
$node->reload;
# (as if half an hour had passed, and it were time to look)
$node->safe_psql('jobs', q{CREATE FUNCTION later() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		UPDATE weir.generation SET closed_at = closed_at - interval '1 hour'
		WHERE state = 'closed' AND closed_at > now() - interval '30 minutes';
		RETURN pg_reload_conf() AND (SELECT count(*) >= 2 FROM weir.generation WHERE state = 'dropped');
	END $$});
ok($node->poll_query_until('jobs', 'SELECT later()'), 'retention drops generations');
cmp_ok($node->safe_psql('jobs', q{SELECT count(*) FROM weir.interval_end}), '>=', 100, 'with runs of intervals');
is($node->safe_psql('jobs', $done), $before, 'and the intervals are what they were');
is( $node->safe_psql('jobs', q{SELECT count(*) FROM weir.preview_backfill('history', '2020-01-01 UTC', '2020-03-01 UTC') WHERE action = 'run'}),
	0, 'nothing of it would be run again');
is( $node->safe_psql('jobs', q{SELECT percent FROM weir.backfills WHERE backfill_id = 1}), '100.0', 'and backfills tell what they told');
$node->append_conf('postgresql.conf', 'weir.retention = 0');
$node->reload;

# A copy has the jobs, and goes on with the backfills when it is adopted.
$node->safe_psql('jobs', q{SELECT weir.create_job('seen', 'SELECT 1', '1 day', starts_at => '2100-01-01 UTC', timezone => 'UTC',
	fingerprint => 'SELECT $1, $2')});
$node->safe_psql('jobs', q{SELECT weir.backfill('seen', '2020-01-01 UTC', '2020-01-02 UTC')});
$node->poll_query_until('jobs', 'SELECT count(*) = 1 FROM weir.input_fingerprint');
$node->safe_psql('jobs', q{SELECT weir.pause('backfill')});
$backfill = backfill('2022-01-01', 30);
my @tables = qw(job interval interval_end stale input_fingerprint backfill backfill_interval backfill_step);
my %was = map { $_ => $node->safe_psql('jobs', "SELECT * FROM weir.$_ ORDER BY 1, 2, 3") } @tables;
my $dump = $node->basedir . '/jobs.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('jobs') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE template0');
$node->command_ok([ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, '-d', $node->connstr('copy') ], 'restore');
is($node->safe_psql('copy', "SELECT * FROM weir.$_ ORDER BY 1, 2, 3"), $was{$_}, "the copy has $_") for @tables;
$node->poll_query_until('copy', "SELECT scheduler = 'not_adopted' FROM weir.status");
is($node->safe_psql('copy', "SELECT done, state FROM weir.backfills WHERE backfill_id = $backfill"), '0|running', 'nothing runs in the copy');
$node->safe_psql('copy', q{SELECT weir.adopt('keep')});
queue_ready($node, 'copy');
$node->safe_psql('copy', q{SELECT weir.resume('backfill')});
ok( $node->poll_query_until('copy', "SELECT state = 'finished' AND done = 30 FROM weir.backfills WHERE backfill_id = $backfill"),
	'the copy goes on with the backfill when it is adopted');
# One that is to do nothing of what is left ends the backfills, too.
$node->safe_psql('postgres', 'CREATE DATABASE other TEMPLATE template0');
$node->command_ok([ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, '-d', $node->connstr('other') ], 'another restore');
$node->poll_query_until('other', "SELECT scheduler = 'not_adopted' FROM weir.status");
$node->safe_psql('other', q{SELECT weir.adopt('cancel')});
queue_ready($node, 'other');
is( $node->safe_psql('other', "SELECT state, state_reason, in_queue FROM weir.backfills WHERE backfill_id = $backfill"),
	'cancelled|adopt|0', "adopt('cancel') ends the backfills");
$node->safe_psql('jobs', q{SELECT weir.resume('backfill')});
finishes($backfill, '2022-01-01', 30, 'the original');
is(ledger_faults($node, 'copy'), '', 'the ledger of the copy is in order');

$node->stop;
done_testing();
