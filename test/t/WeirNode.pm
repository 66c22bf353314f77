# What the TAP tests share: servers with pg_weir, and waiting for its processes.
package WeirNode;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(weir_node weir_init weir_database long_task wait_running
  wait_scheduler scheduler_pid launcher_pid processes crash log_since count_log);

# A server with pg_weir in shared_preload_libraries, not yet started.
sub weir_init
{
	my ($name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => delete $settings{allows_streaming} || 0);
	my %all = (
		shared_preload_libraries => "'pg_weir'",
		max_worker_processes => 16,
		'weir.max_workers' => 6,
		autovacuum => 'off',
		max_prepared_transactions => 5,
		%settings);
	$node->append_conf('postgresql.conf',
		join '', map { "$_ = $all{$_}\n" } sort keys %all);
	return $node;
}

# The same, started.
sub weir_node
{
	my $node = weir_init(@_);

	$node->start;
	return $node;
}

# A new database with the extension.
sub weir_database
{
	my ($node, $database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION pg_weir');
}

# Enqueues a task that does not end by itself; returns its id.
sub long_task
{
	my ($node, $database, $n) = @_;

	return $node->safe_psql($database,
		"SELECT weir.enqueue('SELECT pg_sleep(3600)') FROM generate_series(1, "
		  . ($n // 1) . ')');
}

# Waits until so many tasks run.
sub wait_running
{
	my ($node, $database, $n) = @_;

	$node->poll_query_until($database,
		"SELECT count(*) = $n FROM weir.workers WHERE state = 'running'")
	  or die "not $n tasks running in $database";
}

# Waits until the database's scheduler is at work, and says which it is.
sub wait_scheduler
{
	my ($node, $database, $other_than) = @_;

	$other_than //= 0;
	$node->poll_query_until($database,
		"SELECT scheduler = 'running' AND scheduler_pid <> $other_than FROM weir.status")
	  or die "no scheduler in $database";
	return scheduler_pid($node, $database);
}

sub scheduler_pid
{
	my ($node, $database) = @_;

	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE datname = '$database' AND backend_type = 'pg_weir scheduler'");
}

sub launcher_pid
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_weir launcher'");
}

# How many of our processes a database has, or the server.
sub processes
{
	my ($node, $database) = @_;
	my $where = defined $database ? "AND datname = '$database'" : '';

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_weir %' $where");
}

# Kills a process as the kernel would, and waits until the server has restarted by
# itself: before it has noticed, it takes connections still.  Returns its log.
sub crash
{
	my ($node, $pid) = @_;
	my $position = -s $node->logfile;

	kill 9, $pid or die "could not kill process $pid";
	$node->wait_for_log(qr/database system is ready to accept connections/,
		$position);
	$node->poll_query_until('postgres', 'SELECT true')
	  or die 'the server takes no connections';
	return log_since($node, $position);
}

# What the server has logged since a position.
sub log_since
{
	my ($node, $position) = @_;

	return substr slurp_file($node->logfile), $position // 0;
}

# How often the server has logged something since a position.
sub count_log
{
	my ($node, $pattern, $position) = @_;
	my @found = log_since($node, $position) =~ /$pattern/g;

	return scalar @found;
}

1;
