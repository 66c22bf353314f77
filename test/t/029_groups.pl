# Groups of tasks: cancelled in every state, members that hang, deadlines that
# come while the scheduler or the server is down.  When a collector has been
# ended, nothing of its group runs.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', restart_after_crash => 'on', 'weir.max_workers' => 8);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE begun (task_id bigint, pid int);
	-- leaves a mark that is seen at once, and does not end
	CREATE PROCEDURE hang() LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO begun VALUES (weir.current_task(), pg_backend_pid());
		COMMIT;
		PERFORM pg_sleep(3600); -- sleep is the work
	END $$;
	-- ... nor when it is cancelled
	CREATE FUNCTION defy() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			BEGIN
				PERFORM pg_sleep(3600); -- sleep is the work
			EXCEPTION WHEN query_canceled THEN
				NULL;
			END;
		END LOOP;
	END $$;
	SELECT weir.create_queue('open');
	SELECT weir.create_queue('batched', batch => 4);
	SELECT weir.create_queue('closed');
	SELECT weir.pause('closed')});

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Members: key and what the task is besides its key.
my %members = (
	# sleep is the work
	running => q{"command": "SELECT pg_sleep(3600)", "queue": "open"},
	autocommit => q{"command": "CALL hang()", "queue": "open", "mode": "autocommit"},
	defiant => q{"command": "SELECT defy()", "queue": "open"},
	# sleep is the work
	batched => q{"command": "SELECT pg_sleep(3600)", "queue": "batched"},
	waiting => q{"command": "SELECT 1", "queue": "closed"},
	scheduled => q{"command": "SELECT 1", "run_at": "2100-01-01"},
	retrying => q{"command": "SELECT 1/0", "queue": "open", "validate": false, "policy": {"retry_permanent": true, "backoff_base": 86400, "backoff_cap": 86400}},
	blocked => q{"command": "SELECT 1", "after": ["running"]},
	failed => q{"command": "SELECT 1/0", "queue": "open", "validate": false},
	succeeded => q{"command": "SELECT 1", "queue": "open"});

# Submits a group of those members; returns the collector.
sub fan_out
{
	my ($keys, $collector, $options) = @_;
	my $tasks = join ',', map { qq({"key": "$_", $members{$_}}) } @$keys;

	return sql("SELECT weir.fan_out('[$tasks]', '$collector'$options)");
}

# Waits until the members that are to run do, and others have ended.
sub wait_members
{
	my ($collector, $running, $ended, $retrying) = @_;

	$node->poll_query_until('postgres', qq{
		SELECT count(*) FILTER (WHERE w.task_id IS NOT NULL AND t.state = 'running') = $running
			AND count(*) FILTER (WHERE g.outcome IS NOT NULL) = $ended
			AND count(*) FILTER (WHERE t.state = 'retrying') = $retrying
		FROM weir.group_runs($collector) g JOIN weir.tasks t USING (task_id)
		LEFT JOIN weir.workers w ON w.task_id = t.task_id})
	  or die 'the members do not become what they are to be';
}

# How the members have ended.
sub outcomes
{
	return sql("SELECT string_agg(key || ' ' || coalesce(outcome, '-'), ', ' ORDER BY key) FROM weir.group_runs($_[0])");
}

# What of the group is in the hands of a worker.
sub left
{
	return sql(qq{SELECT count(*) FROM weir.workers w
		WHERE w.task_id = $_[0] OR w.task_id IN (SELECT task_id FROM weir.group_runs($_[0]))});
}

sub outcome
{
	return sql("SELECT outcome FROM weir.wait($_[0], '1 minute')");
}

# Cancelled in all states at once.
my $collector = fan_out([ sort keys %members ], '{"command": "SELECT 1"}', '');
wait_members($collector, 4, 2, 1);
sql("SELECT weir.cancel($collector, 'enough')");
is(outcome($collector), 'cancelled', 'a group is cancelled');
is(left($collector), 0, 'and nothing of it runs');
is(outcomes($collector), join(', ', map { "$_ " . (/failed|succeeded/ ? $_ : 'cancelled') } sort keys %members),
	'its members have ended, each once');
is(sql("SELECT string_agg(DISTINCT reason, ', ') FROM weir.runs WHERE final AND outcome = 'cancelled'"),
	'its group has ended', 'and say why');
is(sql("SELECT count(*) FROM weir.waiting"), 0, 'nothing waits');

# A member that defies its cancel: the collector does not wait for ever.
$collector = fan_out([ 'defiant', 'succeeded' ], '{"command": "SELECT outcome FROM weir.group_runs() ORDER BY key"}', ", '2 s'");
is(outcome($collector), 'succeeded', 'a collector starts in spite of a member that catches its cancel');
$node->poll_query_until('postgres', "SELECT count(outcome) = 2 FROM weir.group_runs($collector)")
  or die 'it does not end';
is(outcomes($collector), 'defiant cancelled, succeeded succeeded', 'whose process is terminated, and which is not repeated');

# ... and one that hangs altogether.
$collector = fan_out([ 'autocommit', 'waiting' ], '{"command": "SELECT outcome FROM weir.group_runs() ORDER BY key"}', ", '5 s'");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM begun JOIN weir.group_runs($collector) USING (task_id)")
  or die 'it does not begin';
my $pid = sql("SELECT pid FROM begun JOIN weir.group_runs($collector) USING (task_id)");
kill 'STOP', $pid;
is(sql("SELECT result FROM weir.wait($collector, '1 minute')"),
	'[{"outcome": null}, {"outcome": "cancelled"}]', 'a collector starts in spite of a member that hangs');
kill 'CONT', $pid;
$node->poll_query_until('postgres', "SELECT count(outcome) = 2 FROM weir.group_runs($collector)")
  or die 'it does not end';
is(outcomes($collector), 'autocommit cancelled, waiting cancelled', 'which ends when it can');

# A group that is to end does not before it has.
$collector = fan_out(['autocommit'], '{"command": "SELECT 1"}', ", '5 s', 'fail'");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM begun JOIN weir.group_runs($collector) USING (task_id)")
  or die 'it does not begin';
$pid = sql("SELECT pid FROM begun JOIN weir.group_runs($collector) USING (task_id)");
kill 'STOP', $pid;
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.events WHERE task_id = $collector AND kind = 'group_deadline'")
  or die 'the deadline has no event';
isnt($node->psql('postgres', "SELECT weir.wait($collector, '2 s')"), 0, 'a group that hangs has not ended');
kill 'CONT', $pid;
is(outcome($collector), 'cancelled', 'but does in the end');
is(left($collector), 0, 'when nothing of it runs');

# A cancel that is committed is not forgotten with the scheduler, nor in a crash
# of the server; a deadline neither, though it comes meanwhile.
for my $way ('the scheduler is terminated', 'the server crashes', 'the server is stopped')
{
	my $cancelled = fan_out([ 'autocommit', 'running', 'waiting' ], '{"command": "SELECT 1"}', '');
	my $later = fan_out(['waiting'], '{"command": "SELECT 1"}', ", '1 day'");

	wait_members($cancelled, 2, 0, 0);
	my $due = fan_out([ 'running', 'waiting' ], '{"command": "SELECT outcome FROM weir.group_runs() ORDER BY key"}', ", '5 s'");
	wait_members($due, 1, 0, 0);
	$pid = scheduler_pid($node, 'postgres');
	# it does not come to it
	kill 'STOP', $pid;
	sql("SELECT weir.cancel($cancelled)");
	if ($way =~ /scheduler/)
	{
		sql("SELECT pg_terminate_backend($pid)");
		kill 'CONT', $pid;
		wait_scheduler($node, 'postgres', $pid);
	}
	elsif ($way =~ /crashes/)
	{
		crash($node, $pid);
		$node->poll_query_until('postgres', "SELECT scheduler = 'running' AND scheduler_pid <> $pid FROM weir.status");
	}
	else
	{
		kill 'CONT', $pid;
		$node->stop('immediate');
		$node->start;
	}
	is(outcome($cancelled), 'cancelled', "$way: a group that was cancelled is");
	is(left($cancelled), 0, 'nothing of it runs');
	is(outcomes($cancelled) =~ s/(interrupted|cancelled)/ended/gr, 'autocommit ended, running ended, waiting ended', 'its members have ended');
	is(outcome($due), 'succeeded', 'one whose time is over goes on');
	is(outcomes($due), 'running cancelled, waiting cancelled', 'without its members');
	is(sql("SELECT state FROM weir.tasks WHERE task_id = $later"), 'blocked', 'one that has time waits');
	sql("SELECT weir.cancel($later)");
	is(outcome($later), 'cancelled', 'until it is cancelled');
}

# More of them than the scheduler remembers when they have ended.
sql(q{SELECT count(weir.fan_out('[]', '{"command": "SELECT 1"}', '1 day')) FROM generate_series(1, 1500)});
wait_drained($node, 'postgres');
sql(q{SELECT count(weir.fan_out('[]', '{"command": "SELECT 1"}', '1 day')) FROM generate_series(1, 10)});
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
unlike(log_since($node), qr/PANIC|TRAP:/, 'no failed assertion');
$node->stop;
done_testing();
