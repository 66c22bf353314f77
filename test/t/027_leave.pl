# A worker that leaves as soon as its task is committed, while the scheduler is
# busy with what another one has reported: what waits for the task goes on.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 2,
	'weir.generation_size' => 100);
my $session = $node->background_psql('postgres');

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE ROLE other;
	CREATE ROLE hasty LOGIN;
	ALTER ROLE hasty SET lock_timeout = '200ms';
	SELECT weir.create_queue('held');
	SELECT weir.grant_queue('held', 'hasty');
	SELECT weir.pause('held');
});

# In the first generation: a task that ends when its table of runs is locked,
# so that its run can be neither recorded nor looked up.
my $stuck = $node->safe_psql('postgres', q{
	SET ROLE hasty;
	SELECT weir.enqueue($command$
		DO $$ BEGIN
			LOOP
				EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE relation = 'weir.run_1'::regclass
								  AND mode = 'AccessExclusiveLock' AND granted);
			END LOOP;
		END $$ $command$, queue => 'held', max_attempts => 1)});
$node->safe_psql('postgres', q{
	SELECT weir.enqueue_many('SELECT 1', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 150)), queue => 'held')});
is( $node->safe_psql('postgres', "SELECT sum(weir.cancel(task_id)) FROM weir.tasks WHERE task_id > $stuck"),
	150, 'the next ids are in another generation');

# There: a task that ends while the scheduler looks that one up, and takes its
# worker along.
my $parent = $node->safe_psql('postgres', q{
	SELECT weir.enqueue($command$
		DO $$ BEGIN
			LOOP
				PERFORM pg_stat_clear_snapshot();
				EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_weir scheduler'
								  AND state = 'active' AND query = 'looking up a task');
			END LOOP;
		END $$;
		SET ROLE other$command$)});
my $child = $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 1', after => ARRAY[$parent]::bigint[])");

wait_running($node, 'postgres', 1);
$node->safe_psql('postgres', q{SELECT weir.resume('held')});
wait_running($node, 'postgres', 2);
is( $node->safe_psql('postgres', qq{
		SELECT (SELECT slot FROM weir._show_workers() WHERE task_id = $parent)
			 < (SELECT slot FROM weir._show_workers() WHERE task_id = $stuck)}),
	't', 'its worker is looked at before that of the other');
$session->query_safe('BEGIN; LOCK TABLE weir.run_1 IN ACCESS EXCLUSIVE MODE');
is( $node->safe_psql('postgres', "SELECT outcome FROM weir.wait($child, '60 s')"),
	'succeeded', 'the child of a task whose worker has left runs');
$session->query_safe('COMMIT');
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

$session->quit;
$node->stop;
done_testing();
