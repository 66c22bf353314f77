# The adaptive limit of a table: it goes down where tasks wait for one another,
# and up again where they do not; it binds tasks, if it is to act, and says so.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

# a tick is ten samples
my $node = weir_node('main', 'weir.lock_sample_interval' => '10ms', 'weir.max_workers' => 8,
	'log_statement' => 'none');

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE hot (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO hot VALUES (1, 0);
	CREATE TABLE calm (id int);
	SELECT weir.create_queue('load', capacity => 100000);
});

# Fills the queue with tasks of one kind, instead of those that are in it.
sub load
{
	my ($command, $table) = @_;

	$node->safe_psql('postgres', qq{
		SELECT count(weir.cancel(task_id)) FROM weir.tasks WHERE state = 'ready' AND queue = 'load'});
	$node->safe_psql('postgres', qq{
		SELECT weir.enqueue_many('$command', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 5000)),
			queue => 'load', tables => '{$table}')});
}

sub limit_becomes
{
	my ($condition, $what) = @_;

	ok($node->poll_query_until('postgres',
			"SELECT $condition FROM weir.resources WHERE resource = 'public.hot'"), $what)
	  or diag($node->safe_psql('postgres', 'SELECT * FROM weir.resources'));
}

# sleep is the work
my $conflict = 'WITH u AS (UPDATE hot SET n = n + 1 WHERE id = 1 RETURNING n) SELECT pg_sleep(0.02) FROM u';
# sleep is the work
my $peace = 'SELECT pg_sleep(0.02)';

# Observing: one step is told, and nothing is held back.
$node->safe_psql('postgres', q{SELECT weir.cap_table('hot', 6)});
is($node->safe_psql('postgres', 'SELECT adaptive, adaptive_limit FROM weir.resources'), 'observe|',
	'a cap observes, and knows nothing at first');
load($conflict, 'hot');
limit_becomes('adaptive_limit = 5 AND lock_share > 0.2', 'observed: one step down would be taken');
wait_running($node, 'postgres', 6);
pass('but all slots are used');
like($node->safe_psql('postgres', q{SELECT reason, detail->>'mode', detail->'from', detail->'to',
		(detail->>'lock_share')::float > 0.2, detail ?& '{succeeded,rate,lock_failures,seconds,foreign_share}'
		FROM weir.events WHERE kind = 'adaptive_limit' AND relation = 'public.hot'}),
	qr/^tasks wait for one another\|observe\|6\|5\|t\|t$/m, 'an event says why');

# Acting.
$node->safe_psql('postgres', q{SELECT weir.cap_table('hot', 6, adaptive => 'act')});
limit_becomes('adaptive_limit <= 2', 'acting: it goes down as far as that costs nothing');
ok( $node->poll_query_until('postgres', q{
		SELECT r.adaptive_limit = (SELECT count(*) FROM weir.running)
		AND EXISTS (SELECT FROM weir.waiting w WHERE w.cause = 'cap'
			AND w.detail = format('tasks hold %s of 6 slots of public.hot, and its adaptive limit for class adhoc is %s',
				r.adaptive_limit, r.adaptive_limit))
		FROM weir.resources r}), 'no more run, and those that wait say why');
my $limit = 'SELECT adaptive_limit FROM weir.resources';
my $scheduler = scheduler_pid($node, 'postgres');
my $before = $node->safe_psql('postgres', $limit);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($scheduler)");
wait_scheduler($node, 'postgres', $scheduler);
cmp_ok($node->safe_psql('postgres', $limit), '<=', $before + 1, 'a new scheduler goes on where the old one was');

# The workload changes.
load($peace, 'hot');
limit_becomes('adaptive_limit = 6', 'it comes back when tasks do not wait any more');
like($node->safe_psql('postgres', q{SELECT DISTINCT reason FROM weir.events WHERE kind = 'adaptive_limit'}),
	qr/more tasks can be borne/, 'with events');

# Waits for others: the backfill's alone.
$node->safe_psql('postgres', q{SELECT weir.create_queue('bulk', class => 'backfill', capacity => 100)});
my $session = $node->background_psql('postgres');
$node->safe_psql('postgres', q{SELECT count(weir.cancel(task_id)) FROM weir.tasks WHERE state = 'ready'});
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM weir.running'), 'all is quiet');
$session->query_safe('BEGIN; UPDATE hot SET n = 0 WHERE id = 1');
$node->safe_psql('postgres', qq{SELECT count(weir.enqueue('$conflict', queue => 'bulk', tables => '{hot}'))
	FROM generate_series(1, 6)});
limit_becomes('backfill_limit = 1 AND adaptive_limit >= 4', 'waits for a session lower the limit of the backfill');
$session->query_safe('COMMIT');
$session->quit;

# Off, and the cap's own bounds.
$node->safe_psql('postgres', q{SELECT weir.cap_table('hot', 3)});
limit_becomes(q{adaptive = 'act' AND adaptive_limit = 3}, 'never above the cap, and a new cap keeps the mode');
$node->safe_psql('postgres', q{SELECT weir.cap_table('hot', 3, adaptive => 'off')});
limit_becomes('adaptive_limit IS NULL', 'switched off');
my ($ret, $out, $err) = $node->psql('postgres', q{SELECT weir.cap_table('hot', 3, adaptive => 'maybe')});
like($err, qr/argument "adaptive" must be "off", "observe" or "act"/, 'nothing else');
$node->stop;
done_testing();
