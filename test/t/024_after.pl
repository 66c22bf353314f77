# Tasks that wait for others, over crashes and restarts: no child runs before
# its parents have ended, and none is forgotten.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 3,
	'weir.generation_size' => 400);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	CREATE FUNCTION work() RETURNS void LANGUAGE sql AS $$
		-- sleep is the work
		SELECT pg_sleep(0.01)
	$$;
	SELECT weir.create_queue('dag', capacity => 10000);

	-- a graph: each task waits for up to three of the fifty before it
	CREATE PROCEDURE grow(n int, work text DEFAULT '') LANGUAGE plpgsql AS $$
	DECLARE
		ids bigint[];
		id bigint;
	BEGIN
		FOR i IN 1..n LOOP
			id := weir.enqueue('INSERT INTO effect SELECT weir.current_task() + 0 / (weir.current_task() % 97)' || work,
				queue => 'dag',
				after => (SELECT array_agg(ids[greatest(1, i - 1 - (random() * 50)::int)])
						  FROM generate_series(1, (random() * 3)::int) WHERE i > 1),
				on_parent_failure => (ARRAY['cancel', 'wait', 'run'])[1 + (random() * 2)::int]);
			ids := ids || id;
			IF i % 40 = 0 THEN
				COMMIT;
			END IF;
		END LOOP;
	END $$;
});

# Tasks that have not become what their parents make of them, by the ledger.
my $misfits = q{
	WITH t AS MATERIALIZED (SELECT task_id, state, after, on_parent_failure FROM weir.tasks)
	SELECT t.task_id, t.state, t.on_parent_failure, d.states
	FROM t, LATERAL (SELECT array_agg(DISTINCT d.state) AS states
					 FROM t d WHERE d.task_id = ANY (t.after)) d
	WHERE t.after IS NOT NULL AND CASE
		WHEN d.states <@ ARRAY['succeeded'] THEN t.state NOT IN ('succeeded', 'discarded')
		WHEN t.on_parent_failure = 'cancel' AND d.states && ARRAY['discarded', 'cancelled'] THEN t.state <> 'cancelled'
		WHEN t.on_parent_failure = 'wait' OR d.states && ARRAY['blocked'] THEN t.state <> 'blocked'
		ELSE t.state NOT IN ('succeeded', 'discarded') END
	LIMIT 10};

# Waits until everything that can go on without help has ended, and looks at
# what has become of it.
sub settled
{
	my ($what) = @_;

	ok( $node->poll_query_until('postgres', q{
			SELECT count(*) = 0 FROM weir.tasks WHERE state IN ('scheduled', 'ready', 'running', 'retrying')}),
		"$what: nothing runs");
	ok( $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM ($misfits) m"),
		"$what: each task has become what its parents make of it")
	  or diag($node->safe_psql('postgres', $misfits));
	is(ledger_faults($node, 'postgres'), '', "$what: the ledger is in order");
	is( $node->safe_psql('postgres', q{
			SELECT count(*) FROM weir.tasks t FULL JOIN effect e USING (task_id)
			WHERE (t.state = 'succeeded') IS DISTINCT FROM (e.task_id IS NOT NULL)}),
		0, "$what: what has succeeded has run once");
}

$node->safe_psql('postgres', 'CALL grow(600)');
settled('a graph');

# The same in a storm: the server is killed in the middle, twice.
$node->safe_psql('postgres', q{SELECT weir.pause('dag'); CALL grow(600, '; SELECT work()'); SELECT weir.resume('dag')});
for (1 .. 2)
{
	my $done = $node->safe_psql('postgres', 'SELECT count(*) FROM effect');

	$node->poll_query_until('postgres', "SELECT count(*) > $done + 20 FROM effect")
	  or die 'nothing runs';
	$node->stop('immediate');
	$node->start;
	queue_ready($node, 'postgres');
}
settled('a graph over crashes');

# Only the scheduler dies.
$node->safe_psql('postgres', q{SELECT weir.pause('dag'); CALL grow(300); SELECT weir.resume('dag')});
my $scheduler = $node->safe_psql('postgres', 'SELECT scheduler_pid FROM weir.status');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($scheduler)");
ok( $node->poll_query_until('postgres',
		"SELECT scheduler = 'running' AND scheduler_pid <> $scheduler FROM weir.status"),
	'the scheduler was replaced');
settled('a graph over a new scheduler');

# What waits for a failed task waits after a restart, too; with the retry it
# goes on.
my $failed = $node->safe_psql('postgres', q{
	SELECT p FROM weir.tasks t, unnest(t.after) p JOIN weir.tasks d ON d.task_id = p
	WHERE t.state = 'blocked' AND t.on_parent_failure = 'wait' AND d.state = 'discarded' LIMIT 1});
isnt($failed, '', 'some task waits for a failed one');
$node->restart;
queue_ready($node, 'postgres');
settled('a restart');
is( $node->safe_psql('postgres', qq{
		SELECT bool_and(cause = 'dependency' AND holder ~ 'task $failed') FROM weir.waiting w JOIN weir.tasks t USING (task_id)
		WHERE $failed = ANY (t.after) AND t.on_parent_failure = 'wait'}),
	't', 'the view says for whom it waits');
$node->safe_psql('postgres', "SELECT weir.cancel(task_id, 'given up') FROM weir.tasks WHERE state = 'blocked'");
wait_drained($node, 'postgres', 'what is blocked can be cancelled');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

# A session ends what the scheduler is to end, too, before that has looked: the
# child of a task that was cancelled.
my ($parent, $child) = split /\|/, $node->safe_psql('postgres', q{
	SELECT p, weir.enqueue('SELECT 1', after => ARRAY[p])
	FROM weir.enqueue('SELECT 1', run_at => now() + '1 day') p});
$node->poll_query_until('postgres', 'SELECT sum(blocked) = 1 FROM weir.queues') or die 'no task is blocked';
my $pid = $node->safe_psql('postgres', 'SELECT scheduler_pid FROM weir.status');
my $position = -s $node->logfile;
kill 'STOP', $pid;
$node->safe_psql('postgres', "SELECT weir.cancel($_)") for $parent, $child;
kill 'CONT', $pid;
my $next = $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 1')");
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($next, '1 min')"), 'succeeded', 'the scheduler has seen it');
is( $node->safe_psql('postgres', "SELECT string_agg(state, ' ') FROM weir.tasks WHERE task_id IN ($parent, $child)"),
	'cancelled cancelled', 'both are cancelled');
unlike(log_since($node, $position), qr/ERROR/, 'and nobody has tried to end one twice');

$node->stop;
done_testing();
