# More daily work than there is time for, beside a backfill: judged by the order
# in which the ledger says that tasks started, not by the time that they took.
# In that order they are worked off once more, with the durations and deadlines
# that they declared; a machine that is busy makes no difference to that.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $workers = 2;
my $tasks = 80;
my $node = weir_node('overload', 'weir.max_workers' => $workers);
my $db = 'postgres';
$node->safe_psql($db, 'CREATE EXTENSION pg_weir');
queue_ready($node, $db);

# Daily tasks of half an hour to an hour and a half, due at any time within two
# days: some of them cannot be in time.  They wait until all are there,
# and have the same history, which knows nothing.  They need a token each, so that
# none is handed over ahead of its turn: a worker that has several in hand starts
# the last of them after what was chosen later for another one.
srand 1;
$node->safe_psql($db, q{SELECT weir.cap_resource('paced', rate => 100000, per => '1 second', burst => 1000)});
my (%runs_for, %due);
$node->safe_psql($db, q{SELECT weir.pause('daily'), weir.pause('backfill')});
for my $n (1 .. $tasks)
{
	my $minutes = 30 + int rand 60;
	my $deadline = 240 + int rand 2300;
	my $task = $node->safe_psql($db, qq{
		SELECT weir.enqueue('SELECT 1', queue => 'daily',
			deadline => now() + $deadline * interval '1 minute', resources => '{paced}',
			policy => jsonb_build_object('estimate', 60 * $minutes))});

	$runs_for{$task} = $minutes;
	$due{$task} = $deadline;
}
$node->safe_psql($db, q{
	SELECT n FROM weir.enqueue_many('SELECT $1::int',
		(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 400) i), queue => 'backfill');
	SELECT weir.resume('backfill'), weir.resume('daily')});
wait_drained($node, $db);

# How many are late when they are worked off in this order.
sub late
{
	my @free = (0) x $workers;
	my $late = 0;

	for my $task (@_)
	{
		my ($first) = sort { $free[$a] <=> $free[$b] } 0 .. $#free;

		$free[$first] += $runs_for{$task};
		$late++ if $free[$first] > $due{$task};
	}
	return $late;
}

my @order = split /\n/, $node->safe_psql($db,
	q{SELECT task_id FROM weir.runs WHERE queue = 'daily' ORDER BY ready_at, started_at, task_id});
is(scalar @order, $tasks, 'all daily tasks ran');
my $late = late(@order);
my $hindsight = late(sort { $due{$a} <=> $due{$b} } keys %due);
my $as_they_came = late(sort { $a <=> $b } keys %due);
cmp_ok($late, '<=', $hindsight + $tasks / 20,
	"$late of $tasks would be late, $hindsight in the order of their deadlines");
cmp_ok($as_they_came, '>', $late, "as they came it would be $as_they_came");

# The backfill did not have to wait for the end of it, nor did it push in.
my $before = $node->safe_psql($db, q{
	SELECT count(*) FROM weir.runs
	WHERE queue = 'backfill' AND ready_at < (SELECT max(ready_at) FROM weir.runs WHERE queue = 'daily')});
cmp_ok($before, '<=', $tasks / 4, "$before chunks of a backfill started meanwhile");
is($node->safe_psql($db, q{SELECT count(*) FROM weir.runs WHERE outcome <> 'succeeded'}),
	'0', 'nothing is preempted in vain');
is(ledger_faults($node, $db), '', 'the ledger is in order');

$node->stop;
done_testing();
