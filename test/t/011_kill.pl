# Workers and schedulers are terminated, commands cancelled and the server
# stopped without grace, again and again under load: every task has its effect
# exactly once, and the cap of the table is kept all the time.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $tasks = 0;
my $node = weir_node('main', 'weir.max_workers' => 5);

# A failure is retried at once, and as often as it takes.
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE fact (task_id bigint);
	CREATE TABLE free (task_id bigint);
	SELECT weir.cap_table('fact', 2);
	SELECT weir.alter_queue('adhoc', policy => '{"backoff_base": 0.01, "backoff_cap": 0.05, "max_attempts": 1000, "retry_budget": false}');
	SELECT weir.alter_queue('daily', policy => '{"retry_budget": false}');
});

# Enqueues half of the tasks with the capped table, half without.  Each checks
# that its process holds a slot, before and after its work.
$node->safe_psql('postgres', q{
	CREATE FUNCTION holds_slot(held regclass, cap int) RETURNS void
	LANGUAGE plpgsql AS $$
	BEGIN
		IF NOT EXISTS (SELECT FROM pg_locks
					   WHERE locktype = 'advisory' AND objsubid = 22273 AND granted
					   AND pid = pg_backend_pid() AND classid = held
					   AND objid < cap::oid) THEN
			RAISE feature_not_supported USING MESSAGE = 'no slot is held';
		END IF;
	END $$;
	CREATE FUNCTION load(n int) RETURNS void LANGUAGE sql AS $load$
		SELECT weir.enqueue($$SELECT holds_slot('fact', 2);
				INSERT INTO fact SELECT weir.current_task();
				-- sleep is the work
				SELECT pg_sleep(0.02);
				SELECT holds_slot('fact', 2)$$, tables => '{fact}')
		FROM generate_series(1, n / 2);
		SELECT weir.enqueue('INSERT INTO free SELECT weir.current_task(); SELECT pg_sleep(0.005)')
		FROM generate_series(1, n / 2);
	$load$});

# The state of the random numbers tells which run it was.
my $seed = $ENV{WEIR_SEED} // time;
srand $seed;
note("WEIR_SEED=$seed");

# Does something to a process of some kind, if there is one.
my %done;

sub disturb
{
	my ($what, $function, $where) = @_;

	my $hit = $node->safe_psql('postgres',
		"SELECT count($function(pid)) FROM (SELECT pid FROM pg_stat_activity
		 WHERE backend_type LIKE 'pg_weir %' AND $where ORDER BY random() LIMIT 1) p");
	$done{$what} += $hit;
}

sub left
{
	return $node->safe_psql('postgres',
		"SELECT coalesce(sum(depth), -1) FROM weir.queues");
}

my @ways = (
	[ 'worker terminated', 'pg_terminate_backend', "backend_type = 'pg_weir worker'" ],
	[ 'worker terminated', 'pg_terminate_backend', "backend_type = 'pg_weir worker' AND state = 'active'" ],
	[ 'command cancelled', 'pg_cancel_backend', "backend_type = 'pg_weir worker' AND state = 'active'" ],
	[ 'command cancelled', 'pg_cancel_backend', "backend_type = 'pg_weir worker' AND state = 'active'" ],
	[ 'scheduler terminated', 'pg_terminate_backend', "backend_type = 'pg_weir scheduler'" ]);

# Loads, each but the last cut off by an immediate stop in the middle of it.
my $position = -s $node->logfile;
for my $round (1 .. 5)
{
	# more, if it comes to its end before all has been done to it
	for my $n (200, (40) x 20)
	{
		disturb(@{ $ways[ rand @ways ] }) if $n == 40;
		my $left = $n == 40 ? left() : 0;
		next if $left < 0 || $left >= 50;
		$node->safe_psql('postgres', "SELECT load($n)");
		$tasks += $n;
	}
	if ($round < 5)
	{
		my $left = left();
		$node->stop('immediate');
		$node->start;
		queue_ready($node, 'postgres');
		my $after = left();
		cmp_ok($after, '<=', $left, "after immediate stop $round there are no more tasks than before")
		  if $left >= 0;
		$done{stopped} += 1 if $after > 0;
	}
}
wait_drained($node, 'postgres');
note("$done{$_} times $_") for sort keys %done;
ok($done{stopped}, 'the server was stopped while tasks were left');
ok($done{'worker terminated'} > 3, 'workers were terminated');
ok($done{'scheduler terminated'} > 1, 'schedulers were terminated');

$node->safe_psql('postgres', 'CREATE VIEW effect AS TABLE fact UNION ALL TABLE free');
exactly_once($node, 'postgres', 'effect', $tasks);
is( $node->safe_psql('postgres',
		"SELECT string_agg(DISTINCT outcome || ' ' || coalesce(sqlstate, ''), ', ') FROM weir.runs
		 WHERE outcome NOT IN ('succeeded', 'interrupted') AND sqlstate IS DISTINCT FROM '57014'"),
	'', 'attempts ended in no other way');
is($node->safe_psql('postgres', 'SELECT count(*) FROM weir.dead_letters'),
	0, 'no dead letters');
cap_kept($node, 'postgres', 'public.fact', 2, 2);
slots_free($node, 'postgres');
unlike(log_since($node, $position), qr/PANIC|TRAP:|was terminated by signal/,
	'no process crashed');

# SIGTERM gives an attempt back, it does not count against max_attempts; a
# cancel from outside does.
my $task = $node->safe_psql('postgres',
	q{SELECT weir.enqueue('SELECT pg_sleep(3600)', max_attempts => 1)});
for my $attempt (1 .. 3)
{
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM weir.running WHERE task_id = $task AND attempt = $attempt")
	  or die "attempt $attempt does not run";
	$node->safe_psql('postgres',
		"SELECT pg_terminate_backend(pid) FROM weir.running WHERE task_id = $task");
}
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM weir.running WHERE task_id = $task AND attempt = 4")
  or die 'attempt 4 does not run';
$node->safe_psql('postgres',
	"SELECT pg_cancel_backend(pid) FROM weir.running WHERE task_id = $task");
is( $node->safe_psql('postgres',
		"SELECT attempt, outcome, final FROM weir.wait($task)"),
	'4|failed|t',
	'terminated three times, which costs nothing; cancelled by somebody, which costs the only attempt');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM weir.runs WHERE task_id = $task AND outcome = 'interrupted' AND NOT charged"),
	3, 'and it is written so');

# A task that terminates its own worker does not do so for ever.
my $suicide = $node->safe_psql('postgres',
	q{SELECT weir.enqueue('SELECT pg_terminate_backend(pg_backend_pid())', max_attempts => 1)});
is( $node->safe_psql('postgres', qq{
		SELECT outcome, final FROM weir.wait($suicide, '1 min');
		SELECT string_agg(outcome || ' ' || charged, ', ' ORDER BY attempt) FROM weir.runs WHERE task_id = $suicide}),
	"interrupted|t\ninterrupted false, interrupted false, interrupted false, interrupted true",
	'a task that terminates its worker is given back three times, and then a dead letter');

# The server is killed without any goodbye, its processes all at once, as a
# container is: nobody can tell who is to blame, so nobody is.
my $victim = $node->safe_psql('postgres',
	q{SELECT weir.enqueue('INSERT INTO free SELECT weir.current_task(); SELECT pg_sleep(3600)')});
wait_running($node, 'postgres', 1);
my @pids = split /\n/,
  $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
my $data = $node->data_dir;
my ($postmaster) = slurp_file("$data/postmaster.pid") =~ /\A(\d+)/;
kill 9, $postmaster, @pids;
$node->{_pid} = undef;
for my $pid ($postmaster, @pids) { wait_gone($pid) }
$node->start;
wait_running($node, 'postgres', 1);
is( $node->safe_psql('postgres', "SELECT task_id, attempt FROM weir.running"),
	"$victim|1", 'the task runs again, in the same attempt');
is( $node->safe_psql('postgres', "SELECT count(*) FROM weir.runs WHERE outcome = 'crashed'"),
	0, 'nobody is said to have crashed');
$node->stop('immediate');
done_testing();
