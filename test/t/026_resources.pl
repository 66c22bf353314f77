# Named resources under stress and over restarts: those made after a template
# are forgotten and made again while tasks and sessions use them, and never is
# one used by more than its cap says; rates hold over restarts.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 6, 'weir.max_resources' => 40);
my $psql = sub { $node->safe_psql('postgres', @_) };

$psql->(q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE seen (tenant int, task_id bigint);
	CREATE TABLE counter (tenant int PRIMARY KEY, n int);
	INSERT INTO counter SELECT i, 0 FROM generate_series(0, 1000) i;
	SELECT weir.cap_resource('tenant:*', slots => 1), weir.cap_resource('pool', slots => 3);
	SELECT weir.alter_queue('adhoc', capacity => 100000);
	-- loses an addition if another uses the tenant at the same time
	CREATE FUNCTION use(who int) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		was int;
	BEGIN
		SELECT n INTO was FROM counter WHERE tenant = who;
		-- sleep is the work
		PERFORM pg_sleep(0.001);
		UPDATE counter SET n = was + 1 WHERE tenant = who;
		INSERT INTO seen VALUES (who, weir.current_task());
	END $$;
	CREATE PROCEDURE try(who int) LANGUAGE plpgsql AS $$
	BEGIN
		IF weir.try_acquire_resource('tenant:' || who) THEN
			COMMIT AND CHAIN;
			IF weir.try_acquire_resource('tenant:' || who) THEN
				PERFORM use(who);
			END IF;
		END IF;
	END $$;
});
queue_ready($node, 'postgres');

# Far more tenants than there is room for, some of them often; every reload
# has the scheduler forget those that nobody uses.
my $bench = PostgreSQL::Test::Utils::tempdir() . '/tenants.pgbench';
append_to_file($bench, q{
\set tenant random(1, 12)
\set rare random(100, 1000)
SELECT weir.enqueue('SELECT use($1)', jsonb_build_array(:tenant), resources => ARRAY['tenant:' || :tenant, 'pool']);
CALL try(:tenant);
CALL try(:rare);
SELECT pg_reload_conf();
});
$node->command_ok(
	[ 'pgbench', '-n', '-c', '3', '-t', '150', '--max-tries=1000', '-f', $bench, 'postgres' ],
	'tenants come and go');
wait_drained($node, 'postgres');
is($psql->(q{SELECT string_agg(DISTINCT outcome || ' ' || coalesce(message, ''), ', ') FROM weir.runs}),
	'succeeded ', 'all tasks have succeeded');
is($psql->('SELECT count(*) FROM counter LEFT JOIN (SELECT tenant, count(*) AS n FROM seen GROUP BY 1) s USING (tenant) WHERE counter.n <> coalesce(s.n, 0)'),
	0, 'no tenant was used by two');
is($psql->(q{
	WITH run AS (SELECT t.resources[1] AS tenant, r.started_at, r.finished_at
				 FROM weir.runs r JOIN weir.tasks t USING (task_id))
	SELECT count(*) FROM run a JOIN run b
		ON a.tenant = b.tenant AND a.started_at < b.started_at AND b.started_at < a.finished_at}),
	0, 'nor does the ledger say so');
cap_kept($node, 'postgres', 'pool', 3, 1);
is($psql->('SELECT count(*) FROM seen WHERE task_id IS NOT NULL'), 450, 'all tasks have run');
slots_free($node, 'postgres');
ok( $node->poll_query_until('postgres',
		q{SELECT pg_reload_conf() AND count(*) = 0 FROM weir.resources WHERE template IS NOT NULL}),
	'what nobody uses is forgotten');

# Where there is no room for another one it is said so.
my ($ret, $out, $err) = $node->psql('postgres', q{
	BEGIN;
	SELECT weir.try_acquire_resource('tenant:' || i) FROM generate_series(1, 41) i;
});
like($err, qr/too many resources are in use.*weir\.max_resources/s, 'the table of resources is full');
ok( $node->poll_query_until('postgres',
		q{SELECT pg_reload_conf() AND count(*) = 0 FROM weir.resources WHERE template IS NOT NULL}),
	'and empty again');

# A rate: the one token is taken; over a restart of the scheduler and of the
# server it does not come back.
sub waits_for_rate
{
	my ($when) = @_;
	my $task = $psql->(q{SELECT weir.enqueue('SELECT 1', resources => '{hourly}')});

	ok($node->poll_query_until('postgres', qq{SELECT cause = 'rate' AND eta > now() + '50 min'
			FROM weir.why_waiting($task) LIMIT 1}), "a rate holds $when");
	$psql->("SELECT weir.cancel($task)");
}
$psql->(q{SELECT weir.cap_resource('hourly', rate => 1, per => '1 hour')});
my $first = $psql->(q{SELECT weir.enqueue('SELECT 1', resources => '{hourly}')});
is($psql->("SELECT outcome FROM weir.wait($first)"), 'succeeded', 'a new bucket is full');
waits_for_rate('after that');
my $scheduler = $psql->('SELECT scheduler_pid FROM weir.status');
$psql->("SELECT pg_terminate_backend($scheduler)");
ok($node->poll_query_until('postgres', "SELECT scheduler = 'running' AND scheduler_pid <> $scheduler FROM weir.status"),
	'the scheduler is another one');
waits_for_rate('when the scheduler was restarted');
# Tasks that only the ledger knows need what they needed.
$psql->(q{
	SELECT weir.cap_resource('one', slots => 1);
	SELECT weir.pause_all();
	SELECT weir.enqueue_many('SELECT use(0)', '[[],[],[],[],[],[],[],[]]', resources => '{one,tenant:0}');
});
$node->restart;
queue_ready($node, 'postgres');
$psql->('TRUNCATE seen');
$psql->('SELECT weir.resume_all()');
wait_drained($node, 'postgres');
is($psql->(q{SELECT count(DISTINCT task_id) FROM seen}), 8, 'tasks that were read from the ledger ran one by one');
waits_for_rate('when the server was restarted');
slots_free($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
$node->stop;

done_testing();
