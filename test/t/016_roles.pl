# Tasks run as their roles, whatever happens to those while the tasks wait.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 2, 'weir.worker_idle_timeout' => '1h');

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE ROLE writers;
	CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE carol LOGIN IN ROLE writers;
	CREATE ROLE dave LOGIN; CREATE ROLE boss LOGIN SUPERUSER; CREATE ROLE erin LOGIN;
	ALTER ROLE erin SET work_mem = '7MB';
	CREATE TABLE fact (who text);
	GRANT INSERT ON fact TO writers;
	SELECT weir.create_queue('held');
	SELECT weir.grant_queue('held', 'public', 'adhoc');
	SELECT weir.pause('held')});

# Enqueues a command as a role; returns the task.
sub enqueue_as
{
	my ($role, $command, $queue) = @_;

	$queue //= 'adhoc';
	return $node->safe_psql('postgres', "SELECT weir.enqueue(\$c\$$command\$c\$, queue => '$queue')",
		extra_params => [ '-U', $role ]);
}

# How it ended.
sub outcome
{
	my ($task) = @_;

	return $node->safe_psql('postgres',
		"SELECT concat_ws(' ', outcome, sqlstate) FROM weir.wait($task)");
}

sub result
{
	my ($task) = @_;

	outcome($task);
	return $node->safe_psql('postgres', "SELECT weir.result($task)");
}

is(result(enqueue_as('erin', 'SELECT current_user, session_user, current_setting($$work_mem$$) AS work_mem')),
	'[{"work_mem": "7MB", "current_user": "erin", "session_user": "erin"}]',
	'a task runs as its role, with the settings of the role');

# What the role could not do in a session, it cannot do in a task.
for my $command (
	'COPY fact TO PROGRAM $$true$$',
	'SET session_replication_role = replica',
	'SET SESSION AUTHORIZATION boss',
	'SET ROLE writers',
	'INSERT INTO weir.task SELECT * FROM weir.task',
	'SELECT weir.pause_all()',
	'SELECT weir.pause($$daily$$)',
	'DROP EXTENSION pg_weir')
{
	is(outcome(enqueue_as('alice', $command)), 'failed 42501', "not allowed: $command");
}
is(result(enqueue_as('alice', 'RESET ROLE; RESET SESSION AUTHORIZATION; SELECT current_user')),
	'[{"current_user": "alice"}]', 'RESET ROLE gains nothing');

# Everything that can happen to a role while its task waits.
my %held = map { $_ => enqueue_as($_, 'SELECT current_user', 'held') } qw(alice bob dave);
my $second = enqueue_as('dave', 'SELECT current_user', 'held');
$node->safe_psql('postgres', 'ALTER ROLE bob NOLOGIN; DROP ROLE alice; ALTER ROLE dave RENAME TO david');
my $other = $node->safe_psql('postgres', 'CREATE ROLE alice LOGIN; SELECT 1');
$node->safe_psql('postgres', "SELECT weir.resume('held')");
is(outcome($held{alice}), 'failed 28000', 'the role was dropped, and another took its name: a dead letter');
is(outcome($held{bob}), 'failed 28000', 'it may not log in any more: a dead letter');
is( $node->safe_psql('postgres', "SELECT message FROM weir.dead_letters WHERE task_id = $held{bob}"),
	'role of the task may not connect to the database', 'which says why');
is(result($held{dave}), '[{"current_user": "david"}]', 'it was renamed: the task runs as it is called now');
is(outcome($second), 'succeeded', 'and another one');
is( $node->safe_psql('postgres',
		"SELECT command, weir.result(task_id) FROM weir.tasks WHERE task_id = $held{dave}", extra_params => [ '-U', 'david' ]),
	'SELECT current_user|[{"current_user": "david"}]', 'it sees what it enqueued under its old name');
is( $node->safe_psql('postgres', "SELECT command FROM weir.tasks WHERE task_id = $held{alice}", extra_params => [ '-U', 'alice' ]),
	'', 'who took the name of another does not see what that one enqueued');
for my $function (qw(result why_waiting cancel retry))
{
	my ($ret, $out, $err) = $node->psql('postgres', "SELECT weir.$function($held{alice})", extra_params => [ '-U', 'alice' ]);
	like($err, qr/must be owner of task/, "nor may it: $function");
}
$node->safe_psql('postgres', 'ALTER ROLE bob LOGIN');
is($node->safe_psql('postgres', "SELECT weir.retry($held{bob})"), 1, 'when it may log in again the task is brought back');
is(outcome($held{bob}), 'succeeded', 'and runs');

# The same when a new scheduler reads the ledger.
$node->safe_psql('postgres', "SELECT weir.pause('held')");
%held = map { $_ => enqueue_as($_, 'SELECT current_user', 'held') } qw(alice bob david);
$node->safe_psql('postgres', 'DROP ROLE alice; CREATE ROLE alice LOGIN; ALTER ROLE david RENAME TO dave; REVOKE CONNECT ON DATABASE postgres FROM PUBLIC; GRANT CONNECT ON DATABASE postgres TO alice, carol, dave, erin');
$node->restart;
queue_ready($node, 'postgres');
$node->safe_psql('postgres', "SELECT weir.resume('held')");
is(outcome($held{alice}), 'failed 28000', 'after a restart: the role was dropped');
is(outcome($held{bob}), 'failed 28000', 'it may not connect to the database');
is(result($held{david}), '[{"current_user": "dave"}]', 'it was renamed');
$node->safe_psql('postgres', 'GRANT CONNECT ON DATABASE postgres TO PUBLIC');

# A warm worker obeys what has changed since it connected.
is(outcome(enqueue_as('carol', 'INSERT INTO fact VALUES (current_user)')), 'succeeded',
	'a member of a role may do what the role may');
my $worker = $node->safe_psql('postgres', "SELECT pid FROM weir.workers WHERE role = 'carol'");
ok($worker, 'its worker stays');
$node->safe_psql('postgres', 'REVOKE writers FROM carol');
is(outcome(enqueue_as('carol', 'INSERT INTO fact VALUES (current_user)')), 'failed 42501',
	'but not when it is a member no more');
is(outcome(enqueue_as('boss', 'COPY fact TO PROGRAM $$true$$')), 'succeeded', 'a superuser is one');
$node->safe_psql('postgres', 'ALTER ROLE boss NOSUPERUSER');
is(outcome(enqueue_as('boss', 'COPY fact TO PROGRAM $$true$$')), 'failed 42501', 'until it is one no more');

# A role that is gone while its worker idles, or is busy.
my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(1)');
my $busy = enqueue_as('erin', 'SELECT pg_advisory_xact_lock_shared(1)');
wait_running($node, 'postgres', 1);
$node->safe_psql('postgres', 'ALTER ROLE erin NOLOGIN');
$holder->query_safe('SELECT pg_advisory_unlock(1)');
is(outcome($busy), 'succeeded', 'what runs is not disturbed by NOLOGIN');
$holder->quit;

# A queue and what is granted belong to roles, not to their names.
sub refused
{
	my ($role, $sql) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', $sql, extra_params => [ '-U', $role ]);

	return $ret != 0 && $err =~ /permission denied|must be owner/;
}
$node->safe_psql('postgres', q{
	CREATE ROLE frank LOGIN; CREATE ROLE grace LOGIN;
	GRANT EXECUTE ON FUNCTION weir.create_queue, weir.cap_resource TO frank});
$node->safe_psql('postgres', q{
	SELECT weir.create_queue('franks'); SELECT weir.grant_queue('franks', 'grace');
	SELECT weir.cap_resource('franks', 1); SELECT weir.grant_resource('franks', 'grace')},
	extra_params => [ '-U', 'frank' ]);
$node->safe_psql('postgres', q{
	ALTER ROLE frank RENAME TO francis; ALTER ROLE grace RENAME TO gracia;
	CREATE ROLE frank LOGIN; CREATE ROLE grace LOGIN});
my $submit = q{SELECT weir.enqueue('SELECT 1', queue => 'franks', run_at => '2100-01-01')};
my $use = q{SELECT weir.enqueue('SELECT 1', resources => '{franks}', run_at => '2100-01-01')};
for my $statement (q{SELECT weir.pause('franks')}, q{SELECT weir.uncap_resource('franks')}, $submit, $use)
{
	ok(refused('frank', $statement), "not by the next one of that name: $statement");
	ok(refused('grace', $statement), "nor by whoever is called like one who was granted it: $statement");
}
ok(!refused('gracia', $submit) && !refused('gracia', $use), 'who was renamed keeps what was granted');
$node->safe_psql('postgres', q{SELECT weir.revoke_queue('franks', 'gracia'), weir.revoke_resource('franks', 'gracia')},
	extra_params => [ '-U', 'francis' ]);
ok(refused('gracia', $submit) && refused('gracia', $use), 'and loses it under the new name');
$node->safe_psql('postgres', q{SELECT weir.cancel_many(array_agg(task_id)) FROM weir.tasks WHERE state = 'scheduled'});

# Many roles, two workers: all get on, though the first of them have backlogs
# of short tasks that keep the workers busy all the time.
my @many = map { "many$_" } 1 .. 8;
$node->safe_psql('postgres', join '', map { "CREATE ROLE $_ LOGIN;" } @many);
$node->safe_psql('postgres', "SELECT weir.pause('held')");
for my $role (@many)
{
	my $n = $role =~ /[12]$/ ? 3000 : 6;

	$node->safe_psql('postgres',
		"SELECT count(weir.enqueue('SELECT count(*) FROM generate_series(1, 5000)', queue => 'held')) FROM generate_series(1, $n)",
		extra_params => [ '-U', $role ]);
}
$node->safe_psql('postgres', "SELECT weir.resume('held')");
wait_drained($node, 'postgres', 'all tasks of many roles have ended');
is( $node->safe_psql('postgres', q{
		SELECT count(*), sum(n) FROM
		(SELECT owner, count(*) AS n FROM weir.runs WHERE owner LIKE 'many%' AND outcome = 'succeeded' GROUP BY owner) o}),
	'8|6036', 'successfully');
note($node->safe_psql('postgres', q{
		SELECT owner, worker_pid, count(*), extract(epoch FROM min(started_at) - min(min(started_at)) OVER ())::numeric(8,3),
			   extract(epoch FROM max(finished_at) - min(min(started_at)) OVER ())::numeric(8,3)
		FROM weir.runs WHERE owner LIKE 'many%' GROUP BY owner, worker_pid ORDER BY 4}));
is( $node->safe_psql('postgres', q{
		WITH life AS (SELECT owner, max(finished_at) AS at FROM weir.runs WHERE owner LIKE 'many%' GROUP BY owner)
		SELECT max(at) FILTER (WHERE owner NOT IN ('many1', 'many2')) < min(at) FILTER (WHERE owner IN ('many1', 'many2'))
		FROM life}),
	't', 'those with few tasks before those with many');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
unlike(log_since($node), qr/PANIC|TRAP:|was terminated by signal/, 'no process crashed');
cmp_ok(count_log($node, qr/FATAL.*(role|permission|connect)/), '<=', 6, 'no worker was started in vain again and again');
$node->stop;
done_testing();
