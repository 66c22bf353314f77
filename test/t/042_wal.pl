# WAL: a task is cheap enough to cut work finely.  From enqueue to ledger it
# writes no more than rows, keys and commit take, and a run that has much to
# say, or a task that was asked much, keeps all of it.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

# nobody else writes, and no page is written whole
my $node = weir_node('wal', autovacuum => 'off', full_page_writes => 'off');
my $db = 'postgres';
my $n = 10000;

$node->safe_psql($db, qq{
	CREATE EXTENSION pg_weir;
	SELECT weir.create_queue('singly', capacity => $n);
	SELECT weir.create_queue('batch', capacity => $n, batch => 32);
	SELECT weir.enqueue('SELECT 1', queue => 'singly'), weir.enqueue('SELECT 1', queue => 'batch')});
wait_drained($node, $db);

# 396 and 314, and up to two more the longer it takes
foreach my $queue (['singly', 405], ['batch', 350])
{
	my ($name, $most) = @$queue;
	my $before = $node->safe_psql($db, 'SELECT pg_current_wal_insert_lsn()');

	$node->safe_psql($db, qq{
		SELECT n FROM weir.enqueue_many('SELECT 1',
			(SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $n)), queue => '$name');
		SELECT weir.drain('$name', '10 min')});
	my $bytes = $node->safe_psql($db,
		"SELECT round((pg_current_wal_insert_lsn() - '$before') / $n)");
	cmp_ok($bytes, '<', $most, "a no-op task writes less than $most bytes, $name")
	  or diag($bytes);
	note("$name: $bytes");
}

# Rows that end early have their other columns as nulls, and those that do not
# have theirs.
is( $node->safe_psql($db, q{
		SELECT count(*) FILTER (WHERE t.tables IS NULL AND t.unique_key IS NULL AND t.resources IS NULL),
			count(*) FILTER (WHERE r.sqlstate IS NULL AND r.reason IS NULL), count(*)
		FROM weir.tasks t JOIN weir.runs r USING (task_id)}),
	join('|', (2 * $n + 2) x 3), 'what a plain task does not have is null');
my $id = $node->safe_psql($db, q{
	SELECT weir.enqueue('SELECT 1 / 0', unique_key => 'k', reason => 'why', queue => 'batch')});
$node->safe_psql($db, "SELECT weir.wait($id, '1 min')");
is( $node->safe_psql($db, "SELECT t.unique_key, t.reason, r.sqlstate, r.result IS NULL
		FROM weir.tasks t JOIN weir.runs r USING (task_id) WHERE task_id = $id"),
	'k|why|22012|t', 'what another has is there');

$node->stop;
done_testing();
