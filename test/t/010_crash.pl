# A worker is killed so that the whole server restarts: nothing is lost,
# nothing happens twice, and a task that keeps doing it is put aside.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', restart_after_crash => 'on',
	'weir.worker_idle_timeout' => '1h');
my ($ret, $out, $err);

sub worker_of
{
	my ($task) = @_;

	return $node->safe_psql('postgres',
		"SELECT pid FROM weir.workers WHERE task_id = $task");
}

# A task that leaves its mark, then waits for a lock.
sub enqueue
{
	my ($lock, $options) = @_;

	return $node->safe_psql('postgres',
		"SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task(); SELECT pg_advisory_xact_lock_shared($lock)'$options)");
}

$node->safe_psql('postgres',
	'CREATE EXTENSION pg_weir; CREATE TABLE effect (task_id bigint); CREATE TABLE fact (); SELECT weir.cap_table($$fact$$, 2)');

# One that will be killed, and two that only are there at the same time; more
# wait for their turn on the table.
my $gate = $node->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(1)');
# sleep is the work
my $crasher = $node->safe_psql('postgres',
	q{SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task(); SELECT pg_sleep(3600)', priority => -10)});
my @innocent = map { enqueue(1, '') } 1 .. 2;
my @waiting = map { enqueue(1, q{, tables => '{fact}'}) } 1 .. 4;
wait_running($node, 'postgres', 5);
my $killed = worker_of($crasher);
my $log = crash($node, $killed);
like($log, qr/pg_weir worker.* \(PID $killed\) was terminated by signal 9/,
	'the server restarts because of it');

# It comes back alone: it is the first in the ranking, and the others have to
# wait though four workers are free.
wait_running($node, 'postgres', 1);
my $list = join ', ', $crasher, @innocent, @waiting;
is( $node->safe_psql('postgres', "SELECT task_id, attempt FROM weir.running"),
	"$crasher|2", 'the task whose process died runs again, alone');
is( $node->safe_psql('postgres',
		"SELECT task_id, attempt, outcome, final, charged, sqlstate FROM weir.runs"),
	"$crasher|1|crashed|f|t|57P02",
	'it alone is said to have crashed');
is( $node->safe_psql('postgres', "SELECT depth, running, blocked + ready FROM weir.queues WHERE name = 'adhoc'"),
	'7|1|6', 'the depth is right, nothing else has started');
is($node->safe_psql('postgres', 'SELECT count(*) FROM effect'), 0,
	'nothing of the lost attempts is left');

# Ordinary tasks have a maximum of attempts, but a crash ends them sooner.
crash($node, worker_of($crasher));
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.dead_letters")
  or die 'no dead letter';
is( $node->safe_psql('postgres',
		'SELECT task_id, attempts, outcome, quarantined FROM weir.dead_letters'),
	"$crasher|2|crashed|t",
	'after weir.max_crashes it is put into the dead letters');
$node->poll_query_until('postgres', 'SELECT depth = 0 FROM weir.queues WHERE name = $$adhoc$$')
  or die 'tasks are left';
exactly_once($node, 'postgres', 'effect', 6);
is( $node->safe_psql('postgres',
		"SELECT count(*), count(DISTINCT task_id) FROM weir.runs WHERE task_id <> $crasher"),
	'6|6', 'the others have a single attempt, which succeeded');
cap_kept($node, 'postgres', 'public.fact', 2, 1);
slots_free($node, 'postgres');

# It can be brought back by hand; it still runs alone.
$gate->{run}->finish;
$gate = $node->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(1)');
my $other = enqueue(1, '');
wait_running($node, 'postgres', 1);
is($node->safe_psql('postgres', "SELECT weir.retry($crasher)"), 1, 'retry brings it back');
ok( $node->poll_query_until('postgres',
		"SELECT blocked + ready = 1 AND running = 1 FROM weir.queues WHERE name = 'adhoc'"),
	'it waits until nothing else runs');
$gate->query_safe('SELECT pg_advisory_unlock(1)');
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM weir.running WHERE task_id = $crasher")
  or die 'it does not run';
is($node->safe_psql('postgres', "SELECT count(*) FROM weir.runs WHERE task_id = $other"),
	1, 'then it runs');
is($node->safe_psql('postgres', "SELECT weir.cancel($crasher)"), 1, 'and can be cancelled');
is( $node->safe_psql('postgres', "SELECT outcome FROM weir.wait($crasher)"),
	'cancelled', 'cancelled');

# A worker that has nothing to do dies: nobody is to blame.
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($other)"),
	'succeeded', 'the other one had ended');
$gate->query_safe('SELECT pg_advisory_lock(1)');
my $busy = enqueue(1, '');
$node->poll_query_until('postgres',
	"SELECT count(*) FILTER (WHERE state = 'idle') > 0 AND count(*) FILTER (WHERE task_id = $busy) = 1 FROM weir.workers")
  or die 'no idle worker beside the busy one';
crash($node, $node->safe_psql('postgres', "SELECT min(pid) FROM weir.workers WHERE state = 'idle'"));
is( $node->safe_psql('postgres', "SELECT attempt, outcome FROM weir.wait($busy)"),
	'1|succeeded', 'the task that ran meanwhile is not charged');

# Until the ledger has been counted nothing can be added: a prepared
# transaction keeps the scheduler from reading it.
$node->safe_psql('postgres', q{
	SELECT weir.create_queue('small', capacity => 5);
	SELECT weir.pause('small')});
$node->safe_psql('postgres', q{SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task()', queue => 'small')})
  for 1 .. 5;
my $innocent = enqueue(3, '');
$node->safe_psql('postgres', "SELECT outcome FROM weir.wait($innocent)");
$node->safe_psql('postgres',
	"BEGIN; LOCK TABLE weir.task_1; PREPARE TRANSACTION 'hold'");
crash($node, $node->safe_psql('postgres', 'SELECT min(pid) FROM weir.workers'));
is( $node->safe_psql('postgres', "SELECT counted, (SELECT depth IS NULL FROM weir.queues WHERE name = 'small') FROM weir.status"),
	'f|t', 'the depth is null until it is counted');
($ret, $out, $err) = $node->psql('postgres',
	"SET weir.max_wait = '300ms'; \\set VERBOSITY verbose\nSELECT weir.enqueue('SELECT 1', queue => 'small')");
like($err, qr/57P03.*scheduler of this database is not ready/s,
	'nothing is taken meanwhile, after some waiting');
($ret, $out, $err) = $node->psql('postgres',
	"SET weir.max_wait = '300ms'; SELECT * FROM weir.try_enqueue('SELECT 1', queue => 'small')");
like($err, qr/scheduler of this database is not ready/, 'nor by weir.try_enqueue()');
my $late = $node->background_psql('postgres', on_error_stop => 0);
$late->query_until(qr/asked/,
	"\\echo asked\n\\set VERBOSITY verbose\nSELECT weir.enqueue('SELECT 1', queue => 'small');\n\\echo answered\n");
$node->safe_psql('postgres', "ROLLBACK PREPARED 'hold'");
queue_ready($node, 'postgres');
is($node->safe_psql('postgres', "SELECT depth FROM weir.queues WHERE name = 'small'"),
	5, 'then the depth is as it was');
$late->query_until(qr/answered/, '');
like($late->{stderr}, qr/53400: queue "small" is full/,
	'and who waited for that is refused like anybody: the queue is full');
$late->{run}->finish;
$node->safe_psql('postgres', "SELECT weir.resume('small')");
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

# A server that does not restart by itself, but is started again, knows as
# well whose process died.
$node->append_conf('postgresql.conf', 'restart_after_crash = off');
$node->reload;
# sleep is the work
$crasher = $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT pg_sleep(3600)')");
$other = $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT pg_sleep(3600)')");
wait_running($node, 'postgres', 2);
my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /\A(\d+)/;
kill 9, worker_of($crasher);
wait_gone($postmaster);
$node->{_pid} = undef;
$node->start;
wait_running($node, 'postgres', 1);
is( $node->safe_psql('postgres', "SELECT task_id, attempt FROM weir.running"),
	"$crasher|2", 'after a crash of a server that stays down the task runs alone');
is( $node->safe_psql('postgres', "SELECT task_id, attempt, outcome FROM weir.runs WHERE task_id IN ($crasher, $other)"),
	"$crasher|1|crashed", 'it crashed, the other did not');

$log = log_since($node);
unlike($log, qr/PANIC|TRAP:/, 'no failed assertion');
$node->stop('fast');
done_testing();
