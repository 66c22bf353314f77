# batch: tasks of one queue share a transaction, and are as good as alone in
# it.  One that fails, is cancelled or takes too long fails alone; what cannot
# be committed together is executed singly; nothing is lost or done twice.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('batch',
	'weir.max_workers' => 1,
	'weir.worker_idle_timeout' => "'1h'",
	restart_after_crash => 'on');
my $db = 'postgres';

$node->safe_psql($db, q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	CREATE TABLE seen (task_id bigint, n bigint);
	CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
	CREATE TABLE skew (k text);
	SELECT weir.create_queue('b', capacity => 100000, batch => 8, policy => '{"backoff_base": 0.01, "retry_budget": false}');
	SELECT weir.create_queue('s', capacity => 1000, batch => 8,
		settings => '{"default_transaction_isolation": "serializable"}')});
wait_scheduler($node, $db);
my $mark = 'INSERT INTO effect SELECT weir.current_task()';

sub quoted { return join ', ', map { "\$command\$$_\$command\$" } @_ }

# Short tasks, until so many are handed over at once that the last ones have
# shared a transaction: a queue whose tasks took long, on a busy machine for one,
# gets them one by one.
sub warm_up
{
	my ($queue) = @_;

	for (1 .. 50)
	{
		my $last = $node->safe_psql($db,
			"SELECT last_id FROM weir.enqueue_many('SELECT 1', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 304)), queue => '$queue')");
		drain($queue);
		return if $node->safe_psql($db,
			"SELECT count(*) = 8 FROM weir.run WHERE task_id > $last - 8 AND xid = (SELECT xid FROM weir.run WHERE task_id = $last)") eq 't';
	}
	die 'tasks do not share transactions';
}

# Enqueues commands while the queue is paused, and lets the only worker find
# them all; says their ids.
sub start
{
	my ($queue, @commands) = @_;
	my $list = quoted(@commands);

	warm_up($queue);
	$node->safe_psql($db, "SELECT weir.pause('$queue')");
	my @ids = split /\n/, $node->safe_psql($db,
		"SELECT weir.enqueue(c, queue => '$queue', max_attempts => 2) FROM unnest(ARRAY[$list]::text[]) WITH ORDINALITY u(c, i) ORDER BY i");
	$node->poll_query_until($db, "SELECT count(*) = 1 FROM weir.workers WHERE state = 'idle'")
	  or die 'the worker is not idle';
	$node->safe_psql($db, "SELECT weir.resume('$queue')");
	return @ids;
}

sub drain
{
	my ($queue) = @_;

	$node->safe_psql($db, "SELECT weir.drain('$queue', '10 min')") eq 't'
	  or die "queue $queue is not drained";
}

# The runs of these tasks: which attempt, what came of it, and in the how
# manieth of their transactions.
sub runs
{
	my $list = join ', ', @_;

	return join ' ', split /\n/, $node->safe_psql($db,
		"SELECT concat_ws(':', attempt, outcome, sqlstate, dense_rank() OVER (ORDER BY min))
		 FROM (SELECT *, min(task_id) OVER (PARTITION BY xid) FROM weir.run WHERE task_id IN ($list)) r
		 ORDER BY task_id, attempt");
}

# Executes tasks that a sub enqueues; returns their ids.  If their runs are not as
# expected it is tried again: what lies behind one that takes 4 ms, since the
# worker does not get a processor, is taken back.
sub are_runs
{
	my ($expected, $name, $enqueue) = @_;
	my @ids;

	for (1 .. 10)
	{
		@ids = $enqueue->();
		drain('b');
		last if runs(@ids) eq $expected;
	}
	is(runs(@ids), $expected, $name);
	return @ids;
}

# The same with commands.
sub is_batch
{
	my ($expected, $name, @commands) = @_;

	return are_runs($expected, $name, sub {
		$node->safe_psql($db, 'DELETE FROM child; DELETE FROM parent; DELETE FROM seen');
		return start('b', @commands);
	});
}

is_batch(join(' ', ('1:succeeded:1') x 6), 'six tasks share a transaction', ($mark) x 6);
is_batch(join(' ', ('1:succeeded:1') x 8, ('1:succeeded:2') x 4), 'not more than the queue allows', ($mark) x 12);
is_batch(join(' ', ('1:succeeded:1') x 5), 'five share one',
	('INSERT INTO seen SELECT weir.current_task(), count(*) FROM seen') x 5);
is($node->safe_psql($db, 'SELECT string_agg(n::text, $$ $$ ORDER BY task_id) FROM seen'),
	'0 1 2 3 4', 'each sees what those before it have done, and has its own number');

# One that fails.
is_batch(
	'1:succeeded:1 1:succeeded:1 1:failed:22012:2 1:succeeded:3 1:succeeded:3',
	'one that fails does so alone',
	$mark, $mark, "$mark; SELECT 1/0", $mark, $mark);
is_batch(
	'1:succeeded:1 1:failed:23503:2 1:succeeded:3',
	'so does one whose deferred constraints do not hold',
	$mark, 'INSERT INTO child VALUES (1)', $mark);
is_batch(
	'1:succeeded:1 1:succeeded:1 1:succeeded:2 1:succeeded:2',
	'constraints are checked at the end of each, unless it has said otherwise for itself',
	'INSERT INTO child VALUES (2); INSERT INTO parent VALUES (2)',
	'SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO parent VALUES (3)',
	'INSERT INTO child VALUES (4); INSERT INTO parent VALUES (4)', $mark);

# What one does to the session does not meet the next one.
is_batch(
	'1:succeeded:1 1:succeeded:2 1:succeeded:3', 'nor do temporary tables meet',
	('CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1') x 3);
is_batch(
	'1:succeeded:1 1:succeeded:1 1:succeeded:1', 'nor prepared statements',
	('PREPARE p AS SELECT 1; SET work_mem = 100; SET search_path = nowhere') x 3);
my @ids = is_batch('1:succeeded:1 1:succeeded:1', 'settings in one transaction',
	"SET work_mem = 100; SET timezone = 'Asia/Tokyo'; SET LOCAL search_path = nowhere; SELECT 1",
	"SELECT concat_ws(' ', current_setting('work_mem'), current_setting('timezone') = 'Asia/Tokyo', current_schema) AS s");
is($node->safe_psql($db, "SELECT weir.result($ids[1])->0->>'s'"), '4MB f public',
	'are those of the task alone');
is_batch(
	'1:succeeded:1 1:succeeded:2 1:succeeded:3',
	'what is not possible there is done singly, and is no failure',
	$mark, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1', $mark);

# Tasks with other settings, or in mode autocommit, do not join.
are_runs(
	'1:succeeded:1 1:succeeded:2 1:succeeded:2 1:succeeded:3 1:succeeded:4 1:succeeded:4',
	'only what is alike shares a transaction', sub {
		start('b');
		$node->safe_psql($db, "SELECT weir.pause('b')");
		my $ids = $node->safe_psql($db, q{
			SELECT weir.enqueue('SELECT 1', queue => 'b');
			SELECT weir.enqueue('SELECT 1', queue => 'b', settings => '{"work_mem": "1MB"}');
			SELECT weir.enqueue('SELECT 1', queue => 'b', settings => '{"work_mem": "1MB"}');
			SELECT weir.enqueue('SELECT 1', queue => 'b', mode => 'autocommit');
			SELECT weir.enqueue('SELECT 1', queue => 'b');
			SELECT weir.enqueue('SELECT 1', queue => 'b')});
		$node->safe_psql($db, "SELECT weir.resume('b')");
		return split /\n/, $ids;
	});

# A task that waits for a lock, in the middle of a batch.
my $lock = "$mark; SELECT pg_advisory_xact_lock(7)";
my $holder = $node->background_psql($db);

sub start_waiting
{
	my ($queue, @commands) = @_;

	for (1 .. 10)
	{
		$holder->query_safe('SELECT pg_advisory_lock(7)');
		my @ids = start($queue, @commands);
		$node->poll_query_until($db, 'SELECT count(*) = 1 FROM pg_locks WHERE locktype = $$advisory$$ AND NOT granted')
		  or die 'no task waits for the lock';
		return @ids
		  if $node->safe_psql($db, "SELECT count(*) FROM weir.run WHERE task_id >= $ids[0]") eq '0';
		# it is not in the middle: the first one took so long that it was alone
		$holder->query_safe('SELECT pg_advisory_unlock(7)');
		drain($queue);
	}
	die 'no task waits in the middle of a batch';
}

@ids = start_waiting('b', $mark, $lock, $mark);
is($node->safe_psql($db, "SELECT task_id FROM weir.workers"), $ids[1],
	'the worker shows the one that it is at');
$node->safe_psql($db, "SELECT weir.cancel($ids[0]); SELECT weir.cancel($ids[1])");
drain('b');
is(runs(@ids), '1:succeeded:1 1:cancelled:57014:2 1:succeeded:3',
	'it is cancelled alone; for the one before it that is too late');
$holder->query_safe('SELECT pg_advisory_unlock(7)');

@ids = start_waiting('b', $mark, $lock, $mark);
$node->safe_psql($db, 'SELECT pg_terminate_backend(pid) FROM weir.workers');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
drain('b');
is( $node->safe_psql($db, "SELECT string_agg(concat_ws(':', task_id - $ids[0], attempt, outcome, charged), ' ' ORDER BY task_id, attempt)
		FROM weir.run WHERE task_id >= $ids[0]"),
	'0:1:succeeded:t 1:1:interrupted:f 1:2:succeeded:t 2:1:succeeded:t',
	'when the worker is terminated all are given back, only the current one was interrupted');

# A timeout.
are_runs(
	'1:succeeded:1 1:succeeded:1 1:succeeded:2 1:timed_out:57014:3 1:succeeded:4',
	'a timeout is of one task', sub {
		my @first = start('b', $mark, $mark);

		drain('b');
		$node->safe_psql($db, "SELECT weir.pause('b')");
		my $ids = $node->safe_psql($db, qq{
			SELECT weir.enqueue('$mark', queue => 'b');
			SELECT weir.enqueue('$mark; SELECT pg_sleep(3600)', queue => 'b', timeout => '100ms', max_attempts => 1);
			SELECT weir.enqueue('$mark', queue => 'b')});
		$node->safe_psql($db, "SELECT weir.resume('b')");
		return (@first, split /\n/, $ids);
	});

# The commit fails: two transactions, each of which has read what the other
# writes.
@ids = start_waiting('s', q{INSERT INTO skew SELECT 'b' WHERE (SELECT count(*) FROM skew WHERE k = 'a') >= 0},
	$lock);
my $position = -s $node->logfile;
$node->safe_psql($db, q{
	BEGIN ISOLATION LEVEL SERIALIZABLE;
	INSERT INTO skew SELECT 'a' WHERE (SELECT count(*) FROM skew WHERE k = 'b') >= 0;
	COMMIT});
$holder->query_safe('SELECT pg_advisory_unlock(7)');
drain('s');
like(log_since($node, $position), qr/could not commit 2 tasks in one transaction/,
	'a batch cannot be committed');
is(runs(@ids), '1:succeeded:1 1:succeeded:2', 'its tasks are executed singly, in the same attempt');
is($node->safe_psql($db, 'SELECT string_agg(k, $$$$ ORDER BY k) FROM skew'), 'ab', 'once');

# The process is killed in the middle of a batch: it is the current task's
# fault.
@ids = start_waiting('b', $mark, $lock, $mark);
crash($node, $node->safe_psql($db, 'SELECT pid FROM weir.workers'));
queue_ready($node, $db);
drain('b');
is( $node->safe_psql($db, "SELECT string_agg(concat_ws(':', task_id - $ids[0], attempt, outcome, charged), ' ' ORDER BY task_id, attempt)
		FROM weir.run WHERE task_id >= $ids[0]"),
	'0:1:succeeded:t 1:1:crashed:t 1:2:succeeded:t 2:1:succeeded:t',
	'nobody but the current one is said to have crashed');
$holder->{run}->finish;

# Workers and schedulers are terminated, and tasks cancelled, under load; half
# of it is flushed together, too.
$node->safe_psql($db, q{SELECT weir.create_queue('g', capacity => 100000, batch => 32, durability => 'grouped')});
$node->safe_psql($db,
	"SELECT n FROM weir.enqueue_many('$mark', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 10000)), queue => '$_')")
  for 'b', 'g';
$node->safe_psql($db, q{
	DO $$
	DECLARE
		kind text;
		before bigint;
	BEGIN
		FOREACH kind IN ARRAY '{worker,scheduler,worker,cancel,worker,scheduler,cancel}'::text[] LOOP
			before := (SELECT count(*) FROM effect);
			-- or to the end, if this session has not got a processor for so long
			WHILE (SELECT count(*) FROM effect) < before + 500
				AND (SELECT sum(depth) > 0 FROM weir.queues) LOOP
			END LOOP;
			PERFORM pg_stat_clear_snapshot();
			IF kind = 'cancel' THEN
				PERFORM pg_cancel_backend(max(pid)) FROM pg_stat_activity
				WHERE backend_type = 'pg_weir worker';
			ELSE
				PERFORM pg_terminate_backend(max(pid)) FROM pg_stat_activity
				WHERE backend_type = 'pg_weir ' || kind;
			END IF;
		END LOOP;
	END $$});
wait_scheduler($node, $db);
drain('b');
drain('g');
is(ledger_faults($node, $db), '', 'the ledger is in order');
is( $node->safe_psql($db, q{
		SELECT count(*) > 20000, count(*) - count(DISTINCT task_id),
			   count(*) - (SELECT count(*) FROM weir.tasks WHERE state = 'succeeded' AND command LIKE 'INSERT INTO effect%')
		FROM effect}),
	't|0|0', 'each task has had its effect once');
is( $node->safe_psql($db, "SELECT count(*) FROM effect LEFT JOIN weir.run r ON r.task_id = effect.task_id AND outcome = 'succeeded' WHERE r.task_id IS NULL"),
	0, 'and has its run');
unlike(log_since($node), qr/PANIC|TRAP:/, 'no failed assertion');
$node->stop('fast');
done_testing();
