# Nothing runs on a standby, and everything starts when it is promoted.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $primary = weir_node('primary', allows_streaming => 1);

weir_database($primary, 'work');
$primary->safe_psql('work', 'CREATE TABLE done (n int)');
$primary->safe_psql('work', "SELECT weir.enqueue('INSERT INTO done VALUES (0)')");
$primary->poll_query_until('work', 'SELECT count(*) = 1 FROM done') or die;

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->append_conf('postgresql.conf', "weir.enabled = off\n");
$primary->reload;
$primary->poll_query_until('work', 'SELECT NOT enabled FROM weir.status') or die;
$primary->safe_psql('work',
	"SELECT weir.enqueue('INSERT INTO done VALUES (1)') FROM generate_series(1, 5)");
$primary->poll_query_until('work',
	"SELECT ready + blocked = 5 FROM weir.queues WHERE name = 'adhoc'") or die;
$primary->wait_for_catchup($standby);

is(processes($standby), 0, 'nothing of ours runs on a standby');
is( $standby->safe_psql('work', 'SELECT preloaded, scheduler FROM weir.status'),
	't|down', 'which weir.status says');
is( $standby->safe_psql('work', "SELECT count(*) FROM weir.tasks WHERE state = 'ready'"),
	5, 'the ledger can be read');
my ($ret, $out, $err) =
  $standby->psql('work', "SELECT weir.enqueue('SELECT 1')");
like($err, qr/read-only|during recovery/, 'but nothing can be enqueued');
($ret, $out, $err) = $standby->psql('postgres', 'DROP DATABASE work');
like($err, qr/read-only/, 'nor anything else changed');

$primary->stop;
$standby->promote;
ok( $standby->poll_query_until('work', 'SELECT count(*) = 6 FROM done'),
	'promoted: the tasks run without being asked for');
is( $standby->safe_psql('work', "SELECT weir.enqueue('SELECT 1') > 0"),
	't', 'and more can be enqueued');
is( $standby->safe_psql('work',
		"SELECT count(DISTINCT task_id), count(*) FROM weir.runs WHERE task_id <= 6"),
	'6|6', 'each has run once');
unlike(log_since($standby), qr/PANIC|TRAP:|ended unexpectedly/, 'no failure');
$standby->stop;

done_testing();
