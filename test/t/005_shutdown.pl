# The server goes down in each of its ways while tasks run.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main');

weir_database($node, 'work');
$node->safe_psql('work', 'CREATE TABLE done (n int)');
long_task($node, 'work', 2);
$node->safe_psql('work',
	"SELECT weir.enqueue('INSERT INTO done VALUES (1); SELECT pg_sleep(3600)')");
for my $mode (qw(smart fast immediate))
{
	wait_running($node, 'work', 3);
	my $position = -s $node->logfile;
	$node->stop($mode);
	pass("a $mode shutdown ends");
	my $log = log_since($node, $position);
	unlike($log, qr/PANIC|TRAP:|ended unexpectedly|could not start/,
		'quietly');
	$node->start;
}
wait_running($node, 'work', 3);
is( $node->safe_psql('work', 'SELECT count(*) FROM done'),
	0, 'what was not done to its end was not done');
is( $node->safe_psql('work',
		"SELECT count(*) FROM weir.runs WHERE final OR charged OR outcome NOT IN ('interrupted')"),
	0, 'and no task is any worse for it');
$node->stop;

done_testing();
