# The replay of real arrivals in which workers and producers are killed and the
# server crashes five times: the end is that of the sequential load.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main', 'weir.max_workers' => 8);

my $example = 'examples/arrivals';
my $file = '../shared/data/arrivals_regioni.csv.gz';
note -r $file
  ? "arrivals of $file"
  : "$file is not there: arrivals that generate.sql makes up";

$node->safe_psql('postgres',
	"CREATE DATABASE arrivals ENCODING 'UTF8' TEMPLATE template0");
local %ENV = (
	%ENV,
	PGHOST => $node->host,
	PGPORT => $node->port,
	PGDATABASE => 'arrivals',
	PGDATA => $node->data_dir,
	WEIR_LOG => $node->logfile,
	PG_CTL => $node->config_data('--bindir') . '/pg_ctl',
	ARRIVALS_LIMIT => 600,
	PACE => 0.03,
	RESTARTS => 5);

# Runs a script of the example, and shows what it prints.
sub script
{
	my ($what, @command) = @_;
	my $output;
	my $ok = IPC::Run::run(\@command, '<', \undef, '>&', \$output);

	note $output;
	return ok($ok, $what);
}

script('the arrivals are there', 'bash', '-c', ". $example/lib.sh; load_input");
script('sequential load', "$example/sequential.sh");
script('replay with five crashes ends the same', "$example/chaos.sh");

# The server was started by another than the test's framework.
$node->_update_pid(1);
cmp_ok($node->safe_psql('arrivals',
		"SELECT count(*) FROM weir.runs WHERE outcome = 'interrupted'"),
	'>', 0, 'workers were killed at work');
is(count_log($node, qr/database system was not properly shut down/),
	5, 'the server recovered five times');
unlike(log_since($node), qr/PANIC|TRAP:|was terminated by signal/,
	'nothing crashed by itself');

$node->stop;
done_testing();
