# Several databases share the workers of the server: each gets on.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 4);

weir_database($node, $_) for qw(big small);
$node->safe_psql($_, 'CREATE TABLE effect (task_id bigint)') for qw(big small);

# One database has everything: as soon as a worker is free, the other has it.
my $holder = $node->background_psql('big');
$holder->query_safe('SELECT pg_advisory_lock(i) FROM generate_series(1, 4) i');
$node->safe_psql('big', "SELECT weir.enqueue('SELECT pg_advisory_xact_lock_shared(' || i || ')') FROM generate_series(1, 4) i");
wait_running($node, 'big', 4);
$node->safe_psql('big', q{SELECT count(weir.enqueue('INSERT INTO effect SELECT weir.current_task()')) FROM generate_series(1, 300)});
my $task = $node->safe_psql('small', q{SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task()')});
$node->poll_query_until('small', "SELECT cause = 'no_worker' FROM weir.waiting WHERE task_id = $task")
  or die 'it waits for something else';
is($node->safe_psql('small', 'SELECT count(*) FROM weir.runs'), 0, 'all workers are taken');
$holder->query_safe('SELECT pg_advisory_unlock(1)');
is($node->safe_psql('small', "SELECT outcome FROM weir.wait($task)"), 'succeeded',
	'one is free: it runs');
my $ended = $node->safe_psql('small', "SELECT finished_at FROM weir.runs WHERE task_id = $task");
cmp_ok($node->safe_psql('big', "SELECT count(*) FROM weir.runs WHERE finished_at < '$ended'"), '<', 100,
	'before the backlog of the first database');
$holder->query_safe('SELECT pg_advisory_unlock_all()');
$holder->quit;
wait_drained($node, 'big', 'then the backlog is done');

# Both have a backlog, and begin at the same time: they are served side by side.
$node->safe_psql($_, 'TRUNCATE effect') for qw(big small);
$node->append_conf('postgresql.conf', 'weir.enabled = off');
$node->reload;
my $first = $node->safe_psql('big', 'SELECT max(task_id) FROM weir.tasks');
# sleep is the work
my $work = 'INSERT INTO effect SELECT weir.current_task(); SELECT pg_sleep(0.01)';
$node->safe_psql('big', "SELECT count(weir.enqueue('$work')) FROM generate_series(1, 400)");
$node->safe_psql('small', "SELECT count(weir.enqueue('$work')) FROM generate_series(1, 100)");
$node->append_conf('postgresql.conf', 'weir.enabled = on');
$node->reload;
wait_drained($node, $_, "the backlog of $_ is done") for qw(small big);

# The share of each while both had work: 100 of the small one's tasks against
# what the big one did meanwhile.
my ($from, $to) = split /\|/, $node->safe_psql('small',
	"SELECT min(started_at), max(finished_at) FROM weir.runs WHERE task_id > $task");
my $meanwhile = $node->safe_psql('big',
	"SELECT count(*) FROM weir.runs WHERE task_id > $first AND started_at >= '$from' AND finished_at <= '$to'");
my $left = $node->safe_psql('big',
	"SELECT count(*) FROM weir.runs WHERE task_id > $first AND finished_at > '$to'");
cmp_ok($left, '>', 0, "the small one first: there were still $left tasks of the big one");
note("the big one ran $meanwhile tasks while the small one ran 100");
ok($meanwhile >= 30 && $meanwhile <= 300, 'neither was starved');

# Alone again, a database has all workers.
$node->safe_psql('small', "SELECT count(weir.enqueue('SELECT pg_sleep(3600)')) FROM generate_series(1, 6)");
wait_running($node, 'small', 4);
pass('a database that is alone has all workers');

# And gives half of them back, one by one as they are free, when it is not.
$node->safe_psql('big', "SELECT count(weir.enqueue('SELECT pg_sleep(3600)')) FROM generate_series(1, 6)");
$node->poll_query_until('big', q{
	SELECT ready + blocked = 6 AND (SELECT bool_and(cause = 'no_worker') FROM weir.waiting)
	FROM weir.queues WHERE name = 'adhoc'}) or die 'it does not want any';
my @given = (split /\n/, $node->safe_psql('small', 'SELECT task_id FROM weir.running ORDER BY task_id'))[ 0, 1 ];
for my $n (1, 2)
{
	$node->safe_psql('small', "SELECT weir.cancel($given[$n - 1])");
	ok($node->poll_query_until('big', "SELECT count(*) = $n FROM weir.running"), "another one gets its share, $n");
}
is($node->safe_psql('small', 'SELECT count(*) FROM weir.running'), 2, 'and the first keeps its own');

for my $database (qw(big small))
{
	$node->safe_psql($database, "SELECT weir.cancel_many(array_agg(task_id)) FROM weir.tasks WHERE state IN ('ready', 'running')");
	wait_drained($node, $database, "all of $database has ended");
	is(ledger_faults($node, $database), '', "the ledger of $database is in order");
}
unlike(log_since($node), qr/PANIC|TRAP:|was terminated by signal/, 'no process crashed');
$node->stop;
done_testing();
