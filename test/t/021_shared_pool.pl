# Databases share the workers: one that has none gets its share from those
# that have more, be their workers idle or busy.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

# Idle workers stay for good, so that they leave for no other reason.
my $node = weir_node('main', 'weir.worker_idle_timeout' => '1h');

weir_database($node, $_) for qw(busy idle late);

# A backlog that leaves no worker idle.
$node->safe_psql('busy',
	"SELECT weir.create_queue('q', 'adhoc', capacity => 20000)");
$node->safe_psql('busy', <<'SQL');
-- the sleep is the work
SELECT weir.enqueue_many('SELECT pg_sleep(0.005)', queue => 'q',
	args => (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 20000)))
SQL
$node->poll_query_until('busy', 'SELECT count(*) = 6 FROM weir.workers')
  or die 'one database does not have all workers';
long_task($node, 'idle', 3);
wait_running($node, 'idle', 3);
cmp_ok($node->safe_psql('busy', "SELECT depth FROM weir.queues WHERE name = 'q'"),
	'>', 0, 'a database with a backlog leaves another one its share');

# Now both have their share and nothing to do.
$node->safe_psql('busy', "SELECT weir.pause('q')");
$node->safe_psql('idle', 'SELECT weir.cancel_many(array_agg(task_id)) FROM weir.running');
$node->poll_query_until($_,
	'SELECT count(*) = 3 FROM weir.workers WHERE task_id IS NULL')
  or die "not three idle workers in $_" for qw(busy idle);

# A third one is not left waiting for that, nor gets less than there is.
long_task($node, 'late', 6);
wait_running($node, 'late', 6);
pass('idle workers make room for the work of another database');

$node->stop;
done_testing();
