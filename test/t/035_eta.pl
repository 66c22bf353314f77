# When a task is likely to start that waits for others to end.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 2);

$node->safe_psql('postgres', 'CREATE EXTENSION pg_weir; CREATE TABLE fact (id int)');
my $done = $node->safe_psql('postgres', q{SELECT weir.enqueue('SELECT 1')});
$node->safe_psql('postgres', "SELECT weir.wait($done, '1 min')");

# The runs so far took an hour, as the ledger has it.
$node->safe_psql(
	'postgres', q{
	ALTER TABLE weir.run_1 DISABLE TRIGGER ALL;
	UPDATE weir.run_1 SET started_at = finished_at - interval '1 hour';
	ALTER TABLE weir.run_1 ENABLE ALWAYS TRIGGER append_only});
my $scheduler = scheduler_pid($node, 'postgres');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($scheduler)");
wait_scheduler($node, 'postgres', $scheduler);

# The decisive cause of a task, and whether it is likely to be over in an hour.
sub why
{
	my ($task) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT cause, eta BETWEEN now() + interval '50 minutes' AND now() + interval '1 hour'
		FROM weir.why_waiting($task) LIMIT 1});
}

sub enqueue
{
	return $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT pg_advisory_xact_lock_shared(1)'$_[0])");
}

my $session = $node->background_psql('postgres');
$session->query_safe('SELECT pg_advisory_lock(1)');

# A collector: its members that run, or the end of the time of its group; and
# what waits for two that run.
my %collector = map {
	$_ => $node->safe_psql('postgres', qq{
		SELECT weir.fan_out('[{"command": "SELECT pg_advisory_xact_lock_shared(1)"}]', '{"command": "SELECT 1"}', within => '$_')})
} ('30 minutes', '2 hours');
wait_running($node, 'postgres', 2);
is(why($collector{'2 hours'}), 'dependency|t', 'until the last member has likely ended');
is($node->safe_psql('postgres', qq{SELECT cause, eta = deadline FROM weir.why_waiting($collector{'30 minutes'}), weir.groups g
		WHERE g.task_id = $collector{'30 minutes'}}),
	'dependency|t', 'or no longer than the group may take');
my $members = $node->safe_psql('postgres', q{SELECT string_agg(task_id::text, ',') FROM weir.running});
my $after = enqueue(", after => ARRAY[$members]");
is(why($after), 'dependency|t', 'until all that it waits for have likely ended');
is(why(enqueue(", after => ARRAY[$members,$after]")), 'dependency|', 'of one that does not run nobody knows');
$node->safe_psql('postgres', q{SELECT weir.cancel(task_id) FROM weir.tasks WHERE state IN ('running', 'blocked') ORDER BY task_id DESC});
wait_drained($node, 'postgres', 'all are cancelled');

# The probe of a breaker.
$node->safe_psql('postgres', q{
	SELECT weir.cap_resource('api', breaker => '{"failure_count_threshold": 1, "wait_duration_in_open_state": "1 ms"}')});
$node->safe_psql('postgres', q{
	SELECT weir.enqueue('SELECT 1/0', queue => 'backfill', resources => '{api}') AS id \gset
	SELECT weir.wait(:id, '1 min')});
ok($node->poll_query_until('postgres', q{SELECT state = 'half_open' FROM weir.breakers}), 'a breaker is half open');
my $probe = enqueue(q(, resources => '{api}'));
ok($node->poll_query_until('postgres', q{SELECT probing = 1 FROM weir.breakers}), 'a probe runs');
wait_running($node, 'postgres', 1);
my $behind = enqueue(q(, resources => '{api}'));
is(why($behind), 'breaker|t', 'until the probe has likely ended');
is($node->safe_psql('postgres', "SELECT holder, detail FROM weir.why_waiting($behind) LIMIT 1"),
	"resource api|task $probe is the probe", 'the probe is named');
$node->safe_psql('postgres', "SELECT weir.cancel($behind), weir.cancel($probe)");
wait_drained($node, 'postgres', 'both are cancelled');

# A slot.
$node->safe_psql('postgres', q{SELECT weir.cap_table('fact', 1)});
my $holder = enqueue(q(, tables => '{fact}'));
wait_running($node, 'postgres', 1);
my $waiting = enqueue(q(, tables => '{fact}'));
ok($node->poll_query_until('postgres', "SELECT cause = 'cap' FROM weir.why_waiting($waiting) LIMIT 1"), 'one waits for a slot');
is(why($waiting), 'cap|t', 'until the one that holds it has likely ended');

# The limit of a queue.
$node->safe_psql('postgres', q{SELECT weir.alter_queue('adhoc', max_running => 1)});
is(why($waiting), 'queue_limit|t', 'the limit of its queue, the same');
$node->safe_psql('postgres', q{SELECT weir.alter_queue('adhoc', reset => '{max_running}')});

# A worker.
my $second = enqueue(q(, serial_key => 'k'));
wait_running($node, 'postgres', 2);
my $third = enqueue('');
is(why($third), 'no_worker|t', 'a worker, the same');

# Workers that are to stay free.
$node->safe_psql('postgres', q{SELECT weir.set_health('free_workers', 1, classes => '{adhoc}')});
ok($node->poll_query_until('postgres', qq{SELECT cause = 'health' FROM weir.why_waiting($third) LIMIT 1}), 'workers are to stay free');
is(why($third), 'health|t', 'until enough tasks have likely ended');
$node->safe_psql('postgres', q{SELECT weir.unset_health('free_workers')});

# The limit of a role.
$node->safe_psql('postgres', q{SELECT weir.limit_role(current_user::regrole, max_running => 1)});
ok($node->poll_query_until('postgres', 'SELECT running = 2 FROM weir.role_limits'), 'the role has a limit');
is(why($third), 'role_limit|t', 'the limit of its role, the same');
$node->safe_psql('postgres', q{SELECT weir.unlimit_role(current_user::regrole)});

# Another one of its serial key; of those behind that nothing is known.
my $fourth = enqueue(q(, serial_key => 'k'));
my $fifth = enqueue(q(, serial_key => 'k'));
is(why($fourth), 'serial_key|t', 'the one before it of its key, the same');
is(why($fifth), 'serial_key|', 'those before it of its key, nobody knows');

# A place in the queue that its queue feeds: nobody knows when before that has
# ended some, nor while it is paused, nor when what has it does not run there.
sub feeder_waits
{
	my ($why) = @_;

	return qq{SELECT cause = 'downstream_full' AND holder = 'queue down' AND $why
		FROM weir.why_waiting((SELECT max(task_id) FROM weir.tasks WHERE queue = 'up')) LIMIT 1};
}
$node->safe_psql('postgres', q{SELECT weir.create_queue('down', capacity => 1)});
$node->safe_psql('postgres', q{SELECT weir.create_queue('up', policy => '{"feeds": "down"}')});
$node->safe_psql('postgres', q{SELECT weir.pause('down')});
my $down = enqueue(q(, queue => 'down'));
my $up = enqueue(q(, queue => 'up'));
ok($node->poll_query_until('postgres', feeder_waits('eta IS NULL')), 'a place downstream, nobody knows while that is paused');
$node->safe_psql('postgres', q{SELECT weir.resume('down')});

$session->query_safe('SELECT pg_advisory_unlock(1)');
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($_, '1 min')"), 'succeeded', "task $_ succeeds")
  for $holder, $waiting, $second, $third, $fourth, $fifth, $down, $up;

# With two ends there is a pace.
$session->query_safe('SELECT pg_advisory_lock(1)');
$holder = enqueue(q(, queue => 'down'));
$waiting = enqueue(q(, queue => 'up'));
ok($node->poll_query_until('postgres', feeder_waits('eta IS NULL')), 'nor before there is a pace');
$session->query_safe('SELECT pg_advisory_unlock(1)');
$node->safe_psql('postgres', "SELECT weir.wait($_, '1 min')") for $holder, $waiting;
$session->query_safe('SELECT pg_advisory_lock(1)');
$holder = enqueue(q(, queue => 'down'));
$waiting = enqueue(q(, queue => 'up'));
ok($node->poll_query_until('postgres', feeder_waits('eta > clock_timestamp()')), 'a place downstream, at its pace');
$session->query_safe('SELECT pg_advisory_unlock(1)');
$node->safe_psql('postgres', "SELECT weir.wait($_, '1 min')") for $holder, $waiting;

# A slot of a session: nobody knows.
$session->query_safe("BEGIN; SELECT weir.acquire('fact')");
$waiting = enqueue(q(, tables => '{fact}'));
ok( $node->poll_query_until('postgres', qq{
	SELECT cause = 'foreign_holder' AND eta IS NULL AND holder = (SELECT 'pid ' || pid FROM weir.slots WHERE resource = 'public.fact')
	FROM weir.why_waiting($waiting) LIMIT 1}),
	'a slot of a session, nobody knows');
$session->query_safe('COMMIT');
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($waiting, '1 min')"), 'succeeded', 'until the session ends its transaction');

# A rate: the next token.
$node->safe_psql('postgres', q{SELECT weir.cap_resource('api', rate => 1, per => '1 hour')});
$holder = enqueue(q(, resources => '{api}'));
$waiting = enqueue(q(, resources => '{api}'));
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($holder, '1 min')"), 'succeeded', 'one has the token');
ok( $node->poll_query_until('postgres', qq{
	SELECT cause = 'rate' AND holder = 'resource api' AND eta BETWEEN now() + interval '30 minutes' AND now() + interval '1 hour'
	FROM weir.why_waiting($waiting) LIMIT 1}),
	'a rate, until there is the next one');
$session->quit;
$node->stop;
done_testing();
