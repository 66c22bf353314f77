# Copies of a database - dumps, base backups, templates - are complete, and
# run nothing until somebody says what becomes of the tasks in them.
use strict;
use warnings FATAL => 'all';
use Cwd qw(getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.generation_size' => 100,
	'weir.max_workers' => 3, allows_streaming => 1);
my $top = getcwd();
my ($ret, $out, $err);

# A history over several generations, waiting tasks of different kinds,
# configuration of every kind.
$node->safe_psql('postgres', 'CREATE ROLE alice LOGIN; CREATE ROLE gone LOGIN');
weir_database($node, 'source');
$node->safe_psql('source', q{
	GRANT CREATE ON SCHEMA public TO alice;
	CREATE TABLE effect (task_id bigint);
	CREATE TABLE "Fact" (task_id bigint);
	GRANT INSERT ON effect, "Fact" TO PUBLIC;
	SELECT weir.cap_table('"Fact"', 2, reserved => 1, row_locks => true);
	SELECT weir.cap_resource('api', 3, reserved => 1, rate => 100, per => '1 minute', burst => 7), weir.cap_resource('tenant:*', 1);
	SELECT weir.grant_resource('api', 'alice'), weir.grant_resource('tenant:*', 'public');
	SELECT weir.create_queue('other', 'backfill', capacity => 50, on_full => 'wait',
		settings => '{"work_mem": "8MB"}', policy => '{"max_attempts": 2}');
	SELECT weir.grant_queue('other', 'alice', 'backfill');
	SELECT weir.grant_queue('other', 'gone', 'backfill');
	SELECT weir.alter_queue('adhoc', capacity => 777, max_running => 2);
	SELECT weir.grant_queue('adhoc', 'alice', 'adhoc', true, -5);
	SELECT weir.revoke_queue('backfill', 'public');
	SELECT * FROM weir.enqueue_many('INSERT INTO effect SELECT weir.current_task() + 0 * $1::int',
		(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 250) i), queue => 'daily');
	SELECT weir.enqueue('SELECT 1/0', queue => 'daily');
});
my $auto = $node->safe_psql('source', q{SELECT weir.enqueue('VACUUM effect', mode => 'autocommit')});
wait_drained($node, 'source', 'a history');
$node->safe_psql('source', q{
	SELECT weir.pause('adhoc', 'to be moved');
	SELECT weir.pause('daily');
	SELECT weir.pause('other');
	SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task()', queue => 'daily', priority => -3, reason => 'it''s "odd"')
	FROM generate_series(1, 3);
	SELECT weir.enqueue('INSERT INTO "Fact" SELECT weir.current_task() + 0 * $1::int', '[7]', tables => ARRAY['"Fact"']::regclass[]);
	SELECT weir.fan_out('[]', '{"command": "SELECT 1"}', within => '10000 days');
	SELECT weir.enqueue('SELECT 1', queue => 'daily', run_at => '2100-01-01', unique_key => 'dumped', settings => '{"work_mem": "16MB"}', policy => '{"backoff_base": 2}');
	SET ROLE alice;
	SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task()', queue => 'other', after => array[weir.enqueue('SELECT 1', queue => 'other')], timeout => '5 min', max_attempts => 4);
});
$node->safe_psql('source',
	q{SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task()', queue => 'other')},
	extra_params => [ '-U', 'gone' ]);
my $waiting = 9;

# Rows that come with time.
$node->safe_psql('source', q{
	INSERT INTO weir.lock_wait VALUES (1, 1, now(), now(), 'tuple', 'ExclusiveLock', 'public.effect', '{1,2}', '{NULL,7}', 2, 7, 'gone', 1)});

# Everything that is to be the same, as text.
my %same = (
	'tasks' => 'SELECT * FROM weir.task ORDER BY task_id',
	'runs' => 'SELECT * FROM weir.run ORDER BY task_id, attempt',
	'environments' => 'SELECT * FROM weir.environment ORDER BY 1',
	'claims' => 'SELECT * FROM weir.claim ORDER BY 1, 2',
	'groups' => 'SELECT * FROM weir.task_group ORDER BY 1',
	'checkpoints' => 'SELECT * FROM weir.task_checkpoint ORDER BY 1, 2, 3',
	'waits for locks' => 'SELECT * FROM weir.lock_wait ORDER BY task_id, since',
	'events' => 'SELECT * FROM weir.event ORDER BY 1',
	'generations' => 'SELECT * FROM weir.generation ORDER BY 1',
	'queues' => 'SELECT * FROM weir.queue ORDER BY 1',
	'privileges of queues' => 'SELECT * FROM weir.queue_grant ORDER BY 1, 2',
	'caps' => 'SELECT * FROM weir.cap',
	'unique keys' => 'SELECT * FROM weir.unique_key',
	'named resources' => 'SELECT * FROM weir.resource ORDER BY 1',
	'privileges of resources' => 'SELECT * FROM weir.resource_grant ORDER BY 1, 2',
	'which table a task is in' => 'SELECT tableoid::regclass, task_id FROM weir.task ORDER BY 2');
my %was = map { $_ => $node->safe_psql('source', $same{$_}) } keys %same;
cmp_ok($node->safe_psql('source', 'SELECT count(*) FROM weir.generation'), '>=', 3,
	'there are several generations');
is($node->safe_psql('source', 'SELECT count(*) FROM weir.claim'), 1, 'there is a claim');

# Compares a copy, which has to be waiting to be adopted.
sub is_paused_copy
{
	my ($at, $database, $what) = @_;

	ok( $at->poll_query_until($database,
			"SELECT scheduler = 'not_adopted' AND NOT adopted FROM weir.status"),
		"$what waits to be adopted");
	my ($code, $stdout, $stderr) =
	  $at->psql($database, "SELECT weir.enqueue('SELECT 1', queue => 'daily')");
	like($stderr, qr/is not adopted.*weir\.adopt/s, "$what: nothing can be enqueued, with a hint");
	is( $at->safe_psql($database, 'SELECT string_agg(DISTINCT cause, $$,$$) FROM weir.waiting'),
		'not_adopted', "$what: weir.waiting says so");
	is($at->safe_psql($database, 'SELECT count(*) FROM weir.workers'), 0, "$what: no workers");
}

sub is_same
{
	my ($at, $database, $what) = @_;

	for my $thing (sort keys %same)
	{
		is($at->safe_psql($database, $same{$thing}), $was{$thing}, "$what: $thing");
	}
}

# The plain dump, all in one transaction, with an end at the first error.
my $dump = $node->basedir . '/plain.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('source') ], 'pg_dump');
sub restore
{
	my ($at, $database) = @_;

	$at->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$at->command_ok(
		[ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, '-d', $at->connstr($database) ],
		"restore into $database in one transaction");
}
restore($node, 'keep');
is_paused_copy($node, 'keep', 'the dump');
is_same($node, 'keep', 'the dump');
is( $node->safe_psql('keep', "SELECT string_agg(name, ',' ORDER BY name) FROM weir.queues WHERE class = 'backfill'"),
	'backfill,other', 'it has the queues once');

# Adopted: the waiting tasks run, each once.
is($node->safe_psql('keep', "SELECT weir.adopt('keep')"), 0, "adopt('keep') cancels nothing");
queue_ready($node, 'keep');
is( $node->safe_psql('keep', "SELECT name, depth, paused FROM weir.queues ORDER BY name"),
	"adhoc|2|t\nbackfill|0|f\ndaily|4|t\nother|3|t",
	'the depths are right, and paused is what was');
($ret, $out, $err) = $node->psql('keep', "SELECT weir.adopt('keep')");
like($err, qr/adopted already/, 'adopt() is done once');
$node->safe_psql('keep', "SELECT weir.resume(name) FROM weir.queues WHERE paused");
$node->poll_query_until('keep', "SELECT sum(depth) = 1 FROM weir.queues")
  or die 'tasks do not run';
is( $node->safe_psql('keep',
		"SELECT count(*), bool_and(outcome = 'succeeded') FROM weir.runs WHERE finished_at > (SELECT max(adopted_at) FROM weir.identity)"),
	($waiting - 1) . '|t', 'the waiting tasks have run');
is( $node->safe_psql('keep', 'SELECT (SELECT count(*) FROM effect), (SELECT count(*) FROM "Fact")'),
	'255|1', 'in the copy');
is( $node->safe_psql('keep',
		"SELECT weir.enqueue('SELECT 1', queue => 'daily') > (SELECT max(task_id) FROM weir.task)"),
	't', 'new ids go on from the old ones');
($ret, $out, $err) = $node->psql('keep',
	"SELECT weir.enqueue('SELECT 1', queue => 'backfill')", extra_params => [ '-U', 'alice' ]);
like($err, qr/permission denied for queue "backfill"/, 'what was revoked stays revoked');
ok( $node->poll_query_until('keep', "SELECT depth = 1 FROM weir.queues WHERE name = 'daily'"),
	'and what is new runs');
is( $node->safe_psql('keep',
		"SELECT outcome FROM weir.try_enqueue('SELECT 1', queue => 'daily', unique_key => 'dumped')"),
	'duplicate', 'the key of an unfinished task is taken');
is(ledger_faults($node, 'keep'), '', 'the ledger of the copy is in order');
($ret, $out, $err) = $node->psql('keep', 'DELETE FROM weir.run');
like($err, qr/append-only|cannot/i, 'and only grows');
is( $node->safe_psql('source', "SELECT count(*) FROM effect; SELECT sum(depth) FROM weir.queues"),
	"250\n$waiting", 'the source has not noticed');

# Dumped once more, from the copy, and cancelled there.
restore($node, 'cancelled');
is_paused_copy($node, 'cancelled', 'another restore');
is($node->safe_psql('cancelled', "SELECT weir.adopt('cancel')"), $waiting, "adopt('cancel') tells how many");
queue_ready($node, 'cancelled');
is( $node->safe_psql('cancelled', "SELECT sum(depth) FROM weir.queues"), 0, 'no task is left');
is( $node->safe_psql('cancelled', "SELECT count(*), min(actor), min(reason) FROM weir.runs WHERE outcome = 'cancelled'"),
	"$waiting|" . $node->safe_psql('postgres', 'SELECT current_user') . '|adopt', 'they are in the ledger as cancelled');
is($node->safe_psql('cancelled', 'SELECT count(*) FROM effect'), 250, 'none of them has run');
is($node->safe_psql('cancelled', 'SELECT count(*) FROM weir.unique_key'), 0, 'their keys are free');
is(ledger_faults($node, 'cancelled'), '', 'the ledger is in order');

# DROP EXTENSION takes the restored generations along, if it was adopted.
for my $database (qw(keep cancelled))
{
	($ret, $out, $err) = $node->psql($database, 'DROP EXTENSION pg_weir');
	is("$ret $err", '0 ', "DROP EXTENSION in $database needs no CASCADE");
	is( $node->safe_psql($database, "SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'weir')"),
		0, 'and nothing is left');
}

# The archive, into a cluster that lacks a role.
my $archive = $node->basedir . '/custom.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $archive, $node->connstr('source') ], 'pg_dump -Fc');
my $second = weir_node('second', 'weir.max_workers' => 3);
$second->safe_psql('postgres', 'CREATE ROLE another LOGIN; CREATE ROLE alice LOGIN; CREATE DATABASE moved TEMPLATE template0');
$second->command_ok(
	[ 'pg_restore', '--exit-on-error', '--single-transaction', '-d', $second->connstr('moved'), $archive ],
	'pg_restore where a role is missing');
is_paused_copy($second, 'moved', 'the archive');
is_same($second, 'moved', 'the archive');
is($second->safe_psql('moved', "SELECT weir.adopt('keep')"), 0, 'it is adopted');
queue_ready($second, 'moved');
$second->safe_psql('moved', "SELECT weir.resume(name) FROM weir.queues WHERE paused");
$second->poll_query_until('moved', "SELECT sum(depth) = 1 FROM weir.queues")
  or die 'tasks do not run';
is( $second->safe_psql('moved',
		"SELECT owner, outcome, sqlstate FROM weir.runs WHERE owner IN ('alice', 'gone') ORDER BY 1"),
	"alice|succeeded|\nalice|succeeded|\ngone|failed|28000",
	'the task of the missing role is a dead letter, the other has run as its role');
is( $second->safe_psql('moved',
		"SELECT owner, command IS NOT NULL FROM weir.tasks WHERE owner IN ('alice', 'gone') ORDER BY 1", extra_params => [ '-U', 'alice' ]),
	"alice|t\nalice|t\ngone|f", 'which sees what is its own, though it has the oid of the other');
is( $second->safe_psql('moved',
		"SELECT count(*), count(command) FROM weir.tasks WHERE owner IN ('alice', 'gone')", extra_params => [ '-U', 'another' ]),
	'3|0', 'and nobody sees it for having its oid of before');
is(ledger_faults($second, 'moved'), '', 'the ledger is in order');
$second->stop;

# Two clusters that share a system identifier: only the setting tells.
$node->backup('base');
my $clone = PostgreSQL::Test::Cluster->new('clone');
$clone->init_from_backup($node, 'base');
$clone->append_conf('postgresql.conf', "weir.installation = 'staging'");
$clone->start;
is_paused_copy($clone, 'source', 'a base backup with another weir.installation');
is_same($clone, 'source', 'a base backup');
is( $clone->safe_psql('source', "SELECT weir.adopt('cancel')"), $waiting, 'it can be adopted');
queue_ready($clone, 'source');
$clone->restart;
queue_ready($clone, 'source');
pass('and is, after a restart, too');
$clone->stop;

# pg_upgrade, as into another major, of all databases at once.
my $upgraded = weir_init('upgraded', 'weir.max_workers' => 3);
my $bindir = $node->config_data('--bindir');
$node->stop;
chdir $upgraded->basedir or die "no directory to work in: $!";
command_ok([ "$bindir/pg_upgrade", '-b', $bindir, '-B', $bindir,
		'-d', $node->data_dir, '-D', $upgraded->data_dir, '-s', $node->host,
		'-p', $node->port, '-P', $upgraded->port ],
	'pg_upgrade');
chdir $top or die "could not go back: $!";
$upgraded->start;
is_paused_copy($upgraded, 'source', 'the upgraded cluster');
is_same($upgraded, 'source', 'the upgraded cluster');
is($upgraded->safe_psql('source', "SELECT weir.adopt('keep')"), 0, 'it is adopted');
queue_ready($upgraded, 'source');
$upgraded->safe_psql('source', "SELECT weir.resume(name) FROM weir.queues WHERE paused");
$upgraded->poll_query_until('source', "SELECT sum(depth) = 1 FROM weir.queues")
  or die 'tasks do not run';
is(ledger_faults($upgraded, 'source'), '', 'the ledger is in order');
($ret, $out, $err) = $upgraded->psql('source', 'DROP EXTENSION pg_weir');
is("$ret $err", '0 ', 'DROP EXTENSION there needs no CASCADE');
is( $upgraded->safe_psql('source', "SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'weir')"),
	0, 'and nothing is left');
$upgraded->stop;
$node->start;
queue_ready($node, 'source');

# A standby runs nothing; promoted under the same name it goes on.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is(processes($standby), 0, 'nothing of ours runs on a standby');
($ret, $out, $err) = $standby->psql('source', "SELECT weir.enqueue('SELECT 1')");
like($err, qr/cannot .*(recovery|read-only)/, 'and nothing can be enqueued');
$node->wait_for_catchup($standby);
$node->stop('immediate');
$standby->promote;
queue_ready($standby, 'source');
is($standby->safe_psql('source', "SELECT sum(depth) FROM weir.queues"), $waiting,
	'promoted: it has the queued tasks');
$standby->safe_psql('source', "SELECT weir.resume(name) FROM weir.queues WHERE paused");
$standby->poll_query_until('source', "SELECT sum(depth) = 1 FROM weir.queues")
  or die 'tasks do not run';
is($standby->safe_psql('source', 'SELECT count(*) FROM effect'), 255, 'and runs them');
is(ledger_faults($standby, 'source'), '', 'the ledger is in order');

# A template.
$standby->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE source');
is_paused_copy($standby, 'copied', 'CREATE DATABASE ... TEMPLATE');
is($standby->safe_psql('copied', "SELECT weir.adopt('cancel')"), 1, 'it can be adopted');
queue_ready($standby, 'copied');
($ret, $out, $err) = $standby->psql('copied', 'DROP EXTENSION pg_weir');
is("$ret $err", '0 ', 'DROP EXTENSION in the copy');

unlike(log_since($_), qr/PANIC|TRAP:|was terminated by signal/, 'no process of ' . $_->name . ' crashed')
  for $node, $second, $upgraded, $clone, $standby;
$standby->stop;
done_testing();
