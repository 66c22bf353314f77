# Unique keys under load and over crashes: at no time are two unfinished tasks
# of one key, and none keeps its key when it has ended, however it ends.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 3, 'weir.max_crashes' => 1,
	max_connections => 40, restart_after_crash => 'on', deadlock_timeout => '50ms');

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE ROLE leaves LOGIN;
	CREATE TABLE told (key text, outcome text);
	GRANT INSERT ON told TO PUBLIC;
	SELECT weir.create_queue('load', capacity => 12);
	SELECT weir.create_queue('other', capacity => 12, on_full => 'wait');

	-- one wish, with whatever action, undone or not
	CREATE FUNCTION wish(queue text, action text, fails bool) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		key text := 'k' || (random() * 8)::int;
	BEGIN
		INSERT INTO told SELECT key, outcome
		FROM weir.try_enqueue('SELECT 1 / (weir.current_task() % 4)', queue => wish.queue,
			unique_key => key, on_conflict => action);
		IF fails THEN
			RAISE division_by_zero;
		END IF;
	EXCEPTION WHEN unique_violation OR division_by_zero THEN
	END $$;
	CREATE FUNCTION wish_many(args jsonb, action text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM weir.enqueue_many('SELECT $1::int', args, queue => 'other', unique_key => 'k$1', on_conflict => action);
	EXCEPTION WHEN configuration_limit_exceeded THEN
	END $$;
});

# Every way to submit, cancel and bring back, on few keys.
my %scripts = (
	'skip@4' => q{
		SELECT wish('load', 'skip', false);
		SELECT wish('other', 'join', random() < 0.3);
	},
	'replace@4' => q{
		BEGIN;
		SELECT wish('load', 'replace', random() < 0.3);
		SELECT wish('other', 'replace', false);
		END;
	},
	'many@3' => q{
		SELECT wish_many('[[1], [3], [5], [7]]', 'skip');
		SELECT wish_many('[[6], [5], [4], [3]]', 'replace');
		SELECT wish('load', 'error', false);
	},
	'undone@2' => q{
		BEGIN;
		SELECT wish('load', 'replace', false);
		SAVEPOINT s;
		SELECT wish('other', 'skip', false);
		ROLLBACK TO s;
		SELECT wish('load', 'skip', false);
		ROLLBACK;
	},
	'control@2' => q{
		SELECT weir.cancel(task_id) FROM weir.tasks WHERE state = 'ready' AND unique_key IS NOT NULL LIMIT 1;
		DO $$ BEGIN
			PERFORM weir.retry(max(task_id)) FROM weir.tasks WHERE state = 'discarded' HAVING count(*) > 0;
		EXCEPTION WHEN unique_violation OR serialization_failure OR configuration_limit_exceeded THEN
		END $$;
	});
$node->pgbench('--no-vacuum --client=15 --jobs=2 --transactions=150 --max-tries=20',
	0, [qr/actually processed/], [qr/^$/s], 'many sessions and few keys', \%scripts);
wait_drained($node, 'postgres');
is($node->safe_psql('postgres', 'SELECT count(*) FROM weir.unique_key'), 0, 'all keys are free');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
is( $node->safe_psql('postgres', q{SELECT string_agg(DISTINCT outcome, ',' ORDER BY outcome) FROM told WHERE outcome <> 'rejected'}),
	'accepted,duplicate,joined,replaced', 'all outcomes were told');

# A task that ran did so while it was the unfinished one of its key.
is( $node->safe_psql('postgres', q{
	WITH run AS (
		SELECT t.unique_key, r.started_at, r.finished_at
		FROM weir.runs r JOIN weir.tasks t USING (task_id)
		WHERE t.unique_key IS NOT NULL AND r.started_at IS NOT NULL
	), edge AS (
		SELECT unique_key, started_at AS at, 1 AS step FROM run
		UNION ALL
		SELECT unique_key, finished_at, -1 FROM run
	), level AS (
		SELECT sum(step) OVER (PARTITION BY unique_key ORDER BY at, step ROWS UNBOUNDED PRECEDING) AS n
		FROM edge
	)
	SELECT max(n) FROM level}), 1, 'two tasks of one key never ran at once');

# A crash of the server: who was in the middle of it has the key still.
$node->safe_psql('postgres', q{SELECT weir.pause('load')});
$node->safe_psql('postgres', q{
	SELECT weir.enqueue('SELECT 1', queue => 'load', unique_key => 'kept');
	SELECT weir.enqueue('SELECT pg_sleep(3600)', queue => 'other', unique_key => 'killed', reason => 'killed');
});
ok( $node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM weir.running r JOIN weir.tasks t USING (task_id) WHERE t.unique_key = 'killed'}),
	'it runs');
my $pid = $node->safe_psql('postgres', 'SELECT pid FROM weir.running');
crash($node, $pid);
ok( $node->poll_query_until('postgres', q{SELECT state = 'discarded' FROM weir.tasks WHERE reason = 'killed'}),
	'what crashed the server is a dead letter');
is( $node->safe_psql('postgres', 'SELECT unique_key FROM weir.unique_key'), 'kept',
	'its key is free, that of the task which waits is not');
is( $node->safe_psql('postgres',
		q{SELECT outcome FROM weir.try_enqueue('SELECT 1', queue => 'load', unique_key => 'kept')}),
	'duplicate', 'and is respected');
$node->safe_psql('postgres', q{SELECT weir.resume('load')});
wait_drained($node, 'postgres', 'it runs after that');

# Ends that the scheduler writes: the role is gone.
$node->safe_psql('postgres', q{SELECT weir.pause('load'); SELECT weir.grant_queue('load', 'leaves')});
$node->safe_psql('postgres',
	q{SELECT weir.enqueue('SELECT 1', queue => 'load', unique_key => 'left')},
	extra_params => [ '-U', 'leaves' ]);
$node->safe_psql('postgres', q{ALTER ROLE leaves NOLOGIN; SELECT weir.resume('load')});
wait_drained($node, 'postgres', 'a task whose role may not log in any more ends');
is($node->safe_psql('postgres', 'SELECT count(*) FROM weir.unique_key'), 0, 'and its key is free');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

$node->stop;
done_testing();
