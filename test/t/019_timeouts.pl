# The server's transaction_timeout (17 and later) ends a run and not its worker,
# and does not end our other processes.  Limits that are very long are none.
# What goes on when it is cancelled is terminated.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_init('main');
my $limited = $node->pg_version >= 17;

# For sessions there is no limit; what executes takes longer than this one.
local $ENV{PGOPTIONS} = $limited ? '-c transaction_timeout=0' : '';
$node->append_conf('postgresql.conf', 'transaction_timeout = 1ms') if $limited;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE t (a int);
	SELECT weir.cap_table('t', 1);
	SELECT weir.create_queue('timed');
	SELECT weir.pause('timed')});
my $scheduler = wait_scheduler($node, 'postgres');

sub enqueue
{
	return $node->safe_psql('postgres',
		"SELECT weir.enqueue($_[0], queue => 'timed', max_attempts => 1)");
}

sub outcome
{
	return $node->safe_psql('postgres',
		"SELECT concat_ws(' ', outcome, sqlstate, message) FROM weir.wait($_[0], '1 minute')");
}

my @long = map { enqueue("'SELECT 1', timeout => '$_'") }
  ('40 days', '1000000 years', $limited ? 'infinity' : ());

is(scheduler_pid($node, 'postgres'), $scheduler, 'the scheduler makes a generation in its time');
if ($limited)
{
	$node->safe_psql('postgres', 'ALTER SYSTEM SET transaction_timeout = 500');
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
}
$node->safe_psql('postgres', "SELECT weir.resume('timed')");
is(outcome($_), 'succeeded', 'a very long timeout is none') for @long;

# One that has to wait, and gets the slot in the end.
my $holder = $node->background_psql('postgres');
my $waiter = $node->background_psql('postgres');
for my $wait ('1000000 years', $limited ? 'infinity' : ())
{
	$holder->query_safe("BEGIN; SELECT weir.acquire('t')");
	$waiter->query_until(qr/asked/, "\\echo asked\nBEGIN; SELECT weir.acquire('t', '$wait');\nCOMMIT;\n\\echo answered\n");
	ok($node->poll_query_until('postgres', 'SELECT waiting_sessions = 1 FROM weir.resources'),
		"a session waits for $wait");
	$holder->query_safe('COMMIT');
	$waiter->query_until(qr/answered/, '');
	is($waiter->{stderr}, '', 'and has not waited in vain');
}
$holder->quit;
$waiter->quit;

SKIP:
{
	skip 'no transaction_timeout', 6 if !$limited;
	my $worker = $node->safe_psql('postgres', 'SELECT pid FROM weir.workers');

	# sleep is the work
	is(outcome(enqueue(q('SELECT pg_sleep(3600)'))),
		'timed_out 57014 task ran longer than its timeout', 'a transaction that takes too long');
	is(outcome(enqueue(q('SELECT pg_sleep(3600)', timeout => '50 ms'))),
		'timed_out 57014 task ran longer than its timeout', 'or longer than its own limit');
	is(outcome(enqueue(q('SELECT pg_sleep(0.8)', settings => '{"transaction_timeout": 0}'))),
		'succeeded', 'a task that has set it otherwise');
	is(outcome(enqueue(q('SELECT pg_sleep(0.3); SELECT pg_sleep(0.3)', mode => 'autocommit'))),
		'succeeded', 'a task that is more than one transaction');
	is($node->safe_psql('postgres', 'SELECT pid FROM weir.workers'), $worker,
		'all in one worker');
	unlike(log_since($node), qr/background worker "pg_weir/, 'no process of ours was ended');
}

# Commands that catch their cancellation, and count where no rollback does.
$node->safe_psql('postgres', q{
	CREATE SEQUENCE defied;
	CREATE SEQUENCE ignored;
	CREATE FUNCTION defy(sequence regclass) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			BEGIN
				PERFORM nextval(sequence);
				PERFORM pg_sleep(3600); -- sleep is the work
			EXCEPTION WHEN query_canceled THEN
				NULL;
			END;
		END LOOP;
	END $$});
my $overdue = enqueue(q('SELECT defy(''defied'')', timeout => '500 ms'));
my $unwanted = enqueue(q('SELECT defy(''ignored'')')
	  . ($limited ? q(, settings => '{"transaction_timeout": 0}') : ''));
$node->poll_query_until('postgres', 'SELECT is_called FROM ignored')
  or die 'it does not begin';
$node->safe_psql('postgres', "SELECT weir.cancel($unwanted)");
is(outcome($unwanted), 'cancelled 57014 worker ended while the task was being canceled',
	'a command that goes on when it is cancelled ends');
is(outcome($overdue), 'timed_out 57014 task ran longer than its timeout', 'so one that goes on when its time is over');
is($node->safe_psql('postgres', "SELECT bool_and(final AND charged), count(*) FROM weir.runs WHERE task_id IN ($overdue, $unwanted)"),
	't|2', 'each once');
# the second one may come while it handles the first
is($node->safe_psql('postgres', "SELECT last_value > 2 OR detail IS NULL FROM defied, weir.runs WHERE task_id = $overdue"),
	't', 'which is cancelled more than once before its process is terminated');

$node->stop;
done_testing();
