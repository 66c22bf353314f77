# Short tasks are handed over before the worker is free: what lies in an inbox
# is taken back when it has to wait, and is neither lost nor executed twice.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('ahead', 'weir.max_workers' => 2,
	'weir.worker_idle_timeout' => '1h');
my $db = 'postgres';
$node->safe_psql($db, 'CREATE EXTENSION pg_weir; CREATE TABLE effect (n int)');
wait_scheduler($node, $db);

# Enqueues so many tasks that leave their number; the last of them is returned.
my $numbers = 0;

sub number
{
	my ($n) = @_;
	my $first = $numbers + 1;

	$numbers += $n;
	return $node->safe_psql($db,
		"SELECT last_id FROM weir.enqueue_many('INSERT INTO effect VALUES (\$1)',
		   (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series($first, $numbers) i))");
}

sub drained
{
	my ($what) = @_;

	is($node->safe_psql($db, "SELECT bool_and(weir.drain(name, '10 min')) FROM weir.queues"), 't',
		"$what: everything ends");
	is($node->safe_psql($db,
			"SELECT count(*) FROM weir.tasks t WHERE (SELECT count(*) FROM weir.runs r
			   WHERE r.task_id = t.task_id AND r.final) <> 1"),
		'0', "$what: and once");
}

# Once the pace of the queue is known several tasks are handed over at once.
number(2000);
drained('short tasks');
is($node->safe_psql($db, 'SELECT count(*), count(DISTINCT n) FROM effect'),
	'2000|2000', 'each has left its effect once');
cmp_ok(
	$node->safe_psql($db,
		'SELECT max(n) FROM (SELECT count(*) AS n FROM weir.runs GROUP BY worker_pid, ready_at) x'),
	'>', 1, 'a worker gets several at once');

# So are those with slots, whose caps are kept.
$node->safe_psql($db, q{
	SELECT format('CREATE TABLE capped_%s ()', i) FROM generate_series(1, 20) i \gexec
	SELECT weir.cap_table(format('capped_%s', i)::regclass, slots => 1 + i % 2) FROM generate_series(1, 20) i;
	SELECT weir.enqueue_many('SELECT 1', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 100)),
		tables => ARRAY[format('capped_%s', i)::regclass]) FROM generate_series(1, 20) i});
drained('short tasks with slots');
cmp_ok(
	$node->safe_psql($db,
		"SELECT max(n) FROM (SELECT count(*) AS n FROM weir.runs
		 WHERE tables IS NOT NULL GROUP BY worker_pid, ready_at) x"),
	'>', 1, 'a worker gets several with slots at once');
is( $node->safe_psql($db, q{
		SELECT max(n) > 1 FROM (SELECT count(*) AS n FROM weir.runs
		WHERE tables <@ (SELECT array_agg(format('public.capped_%s', i)) FROM generate_series(2, 20, 2) i)
		GROUP BY worker_pid, ready_at, tables) x}),
	't', 'several with the same slot, too');
cap_kept($node, $db, 'public.capped_1', 2, 1);
cap_kept($node, $db, 'public.capped_2', 1, 1);

# A slot that lies behind a task which takes long goes to one who can use it.
my $holder = $node->background_psql($db);
$holder->query_safe('SELECT pg_advisory_lock(7)');
$node->safe_psql($db, q{
	SELECT weir.enqueue_many('SELECT CASE WHEN $1 THEN pg_advisory_xact_lock(7) END',
		jsonb_build_array(jsonb_build_array(i = 5)), queue => 'backfill',
		tables => ARRAY[format('capped_%s', i)::regclass]) FROM generate_series(1, 20) i;
	SELECT weir.enqueue('SELECT 1', queue => 'daily', tables => ARRAY[format('capped_%s', i)::regclass])
	FROM generate_series(1, 20) i WHERE i <> 5});
ok( $node->poll_query_until($db,
		"SELECT count(*) = 38 FROM weir.runs WHERE class IN ('daily', 'backfill')"),
	'no slot waits behind a task that takes long');
$node->safe_psql($db, q{SELECT weir.cancel(task_id) FROM weir.running});
drained('slots behind one that takes long');

# A task that was given a slot and has not begun, because its worker stands
# still: a session gets the slot, and one that waits in line is not passed by.
$node->poll_query_until($db, "SELECT count(*) = 2 FROM weir.workers WHERE state = 'idle'")
  or die 'no idle workers';
my @stopped = split /\n/, $node->safe_psql($db, 'SELECT pid FROM weir.workers');
kill 'STOP', @stopped;
my $given = $node->safe_psql($db, "SELECT weir.enqueue('SELECT 1', tables => ARRAY['capped_2'::regclass])");
ok( $node->poll_query_until($db, "SELECT cause = 'inbox' FROM weir.why_waiting($given)"),
	'a task is given to a worker that stands still');
my $session = $node->background_psql($db);
$session->query_safe("BEGIN; SELECT weir.acquire('capped_2', '0')");
my $line = $node->background_psql($db);
my $in_line = $line->query_safe('SELECT pg_backend_pid()');
$line->query_until(qr/^waits$/m, "\\echo waits\nSELECT weir.acquire('capped_2', '3min');\n");
ok( $node->poll_query_until($db, "SELECT waiting_sessions = 1 FROM weir.resources WHERE resource = 'public.capped_2'"),
	'a session waits in line');
kill 'STOP', $in_line;
$session->query_safe('COMMIT');
kill 'CONT', @stopped;
ok( $node->poll_query_until($db, "SELECT NOT EXISTS (SELECT FROM weir.waiting WHERE task_id = $given AND cause = 'inbox')"),
	'the worker has tried');
is($node->safe_psql($db, "SELECT state FROM weir.tasks WHERE task_id = $given"), 'ready',
	'the task has not passed the line');
kill 'CONT', $in_line;
$line->quit;
$session->quit;
drained('a task behind a line');

# So does one whose resource is paused meanwhile, by a task in the other worker.
$node->poll_query_until($db, "SELECT count(*) = 2 FROM weir.workers WHERE state = 'idle'")
  or die 'no idle workers';
@stopped = split /\n/, $node->safe_psql($db, 'SELECT pid FROM weir.workers');
kill 'STOP', @stopped;
my ($pauses, $held_back) = split /\n/, $node->safe_psql($db, q{
	SELECT weir.cap_resource('api', slots => 2) \g /dev/null
	SELECT weir.enqueue('SELECT weir.retry_after($1, $2::interval)', '["api", "1 hour"]', resources => '{api}');
	SELECT weir.enqueue('SELECT 1', resources => '{api}')});
ok( $node->poll_query_until($db, "SELECT count(*) = 2 FROM weir.waiting WHERE cause = 'inbox' AND task_id IN ($pauses, $held_back)"),
	'two workers that stand still have a task each');
my $first = $node->safe_psql($db, "SELECT holder FROM weir.waiting WHERE cause = 'inbox' AND task_id = $pauses");
kill 'CONT', $first;
ok( $node->poll_query_until($db, "SELECT paused_by = $pauses FROM weir.resources WHERE resource = 'api'"),
	'the first pauses the resource');
kill 'CONT', @stopped;
ok( $node->poll_query_until($db, "SELECT count(*) = 0 FROM weir.waiting WHERE cause = 'inbox' AND task_id IN ($pauses, $held_back)"),
	'the other worker has tried');
is($node->safe_psql($db, "SELECT state FROM weir.tasks WHERE task_id = $held_back"), 'ready',
	'its task does not start');
ok( $node->poll_query_until($db, "SELECT bool_or(cause = 'rate' AND holder = 'task $pauses' AND eta > now() + '50 min') FROM weir.why_waiting($held_back)"),
	'but waits for the end of the pause');
$node->safe_psql($db, "SELECT weir.cancel_many('{$pauses,$held_back}')");
drained('a pause');

# A task that waits for a lock: the other worker executes all the others.
my $last = $node->safe_psql($db,
	"SELECT last_id FROM weir.enqueue_many('SELECT CASE WHEN \$1 THEN pg_advisory_xact_lock(7) END',
	   (SELECT jsonb_agg(jsonb_build_array(i = 5)) FROM generate_series(1, 200) i))");
ok( $node->poll_query_until($db,
		"SELECT count(*) = 199 FROM weir.runs WHERE task_id > $last - 200"),
	'tasks do not wait behind one that takes long');
# the last run is in the ledger a moment before its worker has done with it
ok($node->poll_query_until($db, 'SELECT array_agg(task_id) = ARRAY[' . ($last - 195) . '::bigint] FROM weir.running'),
	'which still runs');

# One that is to come behind it is cancelled, and so is the one that runs.
is($node->safe_psql($db, "SELECT weir.cancel($last - 195)"), '1',
	'the long one is cancelled');
is($node->safe_psql($db, "SELECT outcome FROM weir.wait($last - 195, '60 s')"),
	'cancelled', 'while it waits');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
$holder->quit;
drained('a long one among them');
is($node->safe_psql($db,
		"SELECT outcome, count(*) FROM weir.runs WHERE task_id > $last - 200 GROUP BY 1 ORDER BY 1"),
	"cancelled|1\nsucceeded|199", 'nothing else was cancelled');

# Cancels that meet tasks in all states: sleep is the work, or all of it would be
# done before the first of them, which comes while they cannot start.
number(20);
drained('some more');
$last = $node->safe_psql(
	$db, "SELECT weir.pause('adhoc') \\g /dev/null
	SELECT first_id AS low, last_id FROM weir.enqueue_many('SELECT pg_sleep(0.0005)',
	   (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 3000))) \\gset
	SELECT weir.cancel(:low), weir.resume('adhoc') \\g /dev/null\n"
	  . join("\n", map { "SELECT weir.cancel_many(array_agg(:low + i * 3::bigint)) FROM generate_series($_, $_ + 9) i \\g /dev/null" }
		  map { $_ * 10 } 0 .. 99)
	  . "\nSELECT :last_id");
drained('cancels in between');
is($node->safe_psql($db,
		"SELECT count(*) FROM weir.runs WHERE task_id > $last - 3000 AND (outcome NOT IN ('succeeded', 'cancelled')
		   OR outcome = 'cancelled' AND (task_id - $last + 2999) % 3 <> 0)"),
	'0', 'only what was to be cancelled was');
cmp_ok(
	$node->safe_psql($db,
		"SELECT count(*) FROM weir.runs WHERE task_id > $last - 3000 AND outcome = 'cancelled'"),
	'>', 0, 'and some of it was');

# Workers and schedulers that are terminated with full inboxes.
number(8000);
$node->safe_psql($db, q{
	DO $$
	DECLARE
		kind text;
		before bigint;
	BEGIN
		FOREACH kind IN ARRAY '{worker,scheduler,worker,worker,scheduler}'::text[] LOOP
			before := (SELECT count(*) FROM effect);
			-- or to the end, if this session has not got a processor for so long
			WHILE (SELECT count(*) FROM effect) < before + 300
				AND (SELECT sum(depth) > 0 FROM weir.queues) LOOP
			END LOOP;
			PERFORM pg_stat_clear_snapshot();
			PERFORM pg_terminate_backend((SELECT max(pid) FROM pg_stat_activity
				WHERE backend_type = 'pg_weir ' || kind));
		END LOOP;
	END $$});
wait_scheduler($node, $db);
drained('terminated processes');
is($node->safe_psql($db, 'SELECT count(*), count(DISTINCT n) FROM effect'),
	"$numbers|$numbers", 'each has left its effect once');

$node->stop;
done_testing();
