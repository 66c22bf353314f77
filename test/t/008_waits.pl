# pg_stat_activity says what our processes and the sessions wait for: by name
# where the server lets extensions have names for that (17 and later).
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main', 'weir.max_workers' => 2, 'weir.worker_idle_timeout' => '1h');

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE t (a int);
	SELECT weir.cap_table('t', 1);
	SELECT weir.create_queue('held');
	SELECT weir.pause('held');
	SELECT weir.enqueue('SELECT 1', queue => 'held') AS held;
	SELECT weir.enqueue('SELECT 1') AS done \gset
	SELECT outcome FROM weir.wait(:done, '1 minute')});

# Waits until the process shows that event.
sub waits
{
	my ($who, $event) = @_;

	$event = 'Extension' if $node->pg_version < 17;
	ok( $node->poll_query_until('postgres',
			"SELECT wait_event_type = 'Extension' AND wait_event = '$event' FROM pg_stat_activity WHERE $who"),
		"$who: $event");
}

waits("backend_type = 'pg_weir launcher'", 'WeirLauncherMain');
waits("backend_type = 'pg_weir scheduler'", 'WeirSchedulerMain');
waits("backend_type = 'pg_weir worker'", 'WeirWorkerIdle');

my $holder = $node->background_psql('postgres');
$holder->query_safe("BEGIN; SELECT weir.acquire('t')");
my %calls = (
	WeirGate => "weir.acquire('t')",
	WeirTaskEnd => 'weir.wait(1)',
	WeirDrain => "weir.drain('held')");
my @sessions;
for my $event (sort keys %calls)
{
	my $session = $node->background_psql('postgres');

	$session->query_until(qr/asked/, "\\echo asked\nSELECT $calls{$event};\n");
	waits("query = \$\$SELECT $calls{$event};\$\$", $event);
	push @sessions, $session;
}
$holder->query_safe('COMMIT');
$holder->quit;
$node->safe_psql('postgres', "SELECT weir.resume('held')");
$_->quit for @sessions;
$node->stop;
done_testing();
