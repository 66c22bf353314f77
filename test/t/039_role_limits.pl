# Limits of roles under load: no role has more unfinished or running tasks than
# it may, over crashes and restarts, and starts follow the weights.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 4);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE ROLE small LOGIN SUPERUSER;
	CREATE ROLE large LOGIN SUPERUSER;
	SELECT weir.create_queue('q', capacity => 10000);
	SELECT weir.limit_role('large', max_queued => 60, max_running => 2);
});

my $produce = {
	'039_role_limits' => q{
		SET ROLE large;
		BEGIN;
		SELECT weir.try_enqueue('SELECT pg_sleep(0.001)', queue => 'q');
		DO $$ BEGIN
			PERFORM weir.try_enqueue('SELECT pg_sleep(0.001)', queue => 'q');
			RAISE 'undone';
		EXCEPTION WHEN raise_exception THEN NULL;
		END $$;
		DO $$ BEGIN
			PERFORM weir.enqueue_many('SELECT $1::int', '[[1], [2]]', queue => 'q');
		EXCEPTION WHEN configuration_limit_exceeded THEN NULL;
		END $$;
		COMMIT;
		SELECT CASE WHEN count(*) > 60 THEN 1 / (count(*) - count(*)) END FROM weir.tasks
		WHERE owner = 'large' AND state IN ('ready', 'running', 'retrying');
	}};

# Producers without end against a small quota.
$node->safe_psql('postgres', q{SELECT weir.pause('q')});
# a limit is in force when the scheduler has read it, and counted
$node->poll_query_until('postgres', q{SELECT unfinished = 0 FROM weir.role_limits})
  or die 'the limit is not in force';
$node->pgbench('--no-vacuum --client=4 --transactions=40',
	0, [qr/processed: 160/], [qr/^$/],
	'producers of a limited role', $produce);
cmp_ok($node->safe_psql('postgres', q{SELECT unfinished FROM weir.role_limits}),
	'<=', 60, 'no more unfinished tasks than allowed');
is(ledger_faults($node, 'postgres'), '', 'and as many as the ledger has');

# The server is killed, and the scheduler.
for my $how ('server', 'scheduler')
{
	$node->safe_psql('postgres', q{
		SET ROLE large;
		SELECT weir.try_enqueue('SELECT pg_sleep(0.05)', queue => 'q') FROM generate_series(1, 70)});
	is($node->safe_psql('postgres', q{SELECT unfinished FROM weir.role_limits}),
		60, "before the $how is killed the quota is used up");
	if ($how eq 'server')
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		my $pid = scheduler_pid($node, 'postgres');

		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
		wait_scheduler($node, 'postgres', $pid);
	}
	queue_ready($node, 'postgres');
	is( $node->safe_psql('postgres', q{
			SET ROLE large;
			SELECT outcome FROM weir.try_enqueue('SELECT 1', queue => 'q')}),
		'rejected', 'after that it is so still');
	is(ledger_faults($node, 'postgres'), '', 'by the ledger, too');
	$node->safe_psql('postgres', q{
		SELECT weir.cancel_many(array_agg(task_id)) FROM (
			SELECT task_id FROM weir.tasks WHERE state = 'ready' LIMIT 10) t});
	ok( $node->poll_query_until('postgres',
			q{SELECT unfinished = 50 FROM weir.role_limits}),
		'and what is cancelled makes room');
}

# Two at a time, though there are four workers, and another role passes by.
$node->safe_psql('postgres', q{
	SET ROLE small;
	SELECT weir.enqueue_many('SELECT pg_sleep(0.001), $1::int',
		(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 40) i), queue => 'q');
	RESET ROLE;
	SELECT weir.resume('q')});
wait_drained($node, 'postgres', 'all have run');
my ($most) = most_runs($node, 'postgres', "r.owner = 'large'");
is($most, 2, 'two tasks of the limited role at once');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

# Starts follow the weights.
$node->safe_psql('postgres', q{
	SELECT weir.limit_role('large', weight => 1), weir.limit_role('small', weight => 9);
	SELECT weir.pause('q');
	SET ROLE large;
	SELECT weir.enqueue_many('SELECT pg_sleep(0.005), $1::int',
		(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 300) i), queue => 'q', reason => 'share');
	SET ROLE small;
	SELECT weir.enqueue_many('SELECT pg_sleep(0.005), $1::int',
		(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 300) i), queue => 'q', reason => 'share');
	RESET ROLE;
	SELECT weir.resume('q')});
wait_drained($node, 'postgres', 'all have run');
my $first = $node->safe_psql('postgres', q{
	SELECT count(*) FILTER (WHERE owner = 'small') FROM (
		SELECT r.owner FROM weir.runs r JOIN weir.tasks t USING (task_id)
		WHERE t.reason = 'share' ORDER BY r.ready_at, r.started_at LIMIT 200) f});
note("$first of 200");
cmp_ok($first, '>=', 115, 'of the first starts most are those of the role with the larger weight');
cmp_ok($first, '<', 200, 'and not all');

# Limits are dumped and restored.
my $dump = "$PostgreSQL::Test::Utils::tmp_check/role_limits.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-1', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'copy' ], 'is restored');
is($node->safe_psql('copy', 'SELECT role, weight FROM weir.role_limits ORDER BY role'),
	"large|1\nsmall|9", 'with the limits');

$node->stop;
done_testing();
