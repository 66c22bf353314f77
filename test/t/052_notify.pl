# Listeners are notified of what becomes of intervals.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 2);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	SELECT weir.create_job('n', 'SELECT 1', '1 day', timezone => 'UTC', starts_at => current_date - 3, due => '1 hour');
});
my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN weir_events');

# What the listener has heard so far, waiting for what is looked for.
my $heard = '';
sub hears
{
	my ($pattern, $what) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$heard .= $listener->query('SELECT 1');
		last if $heard =~ $pattern;
		select undef, undef, undef, 0.1;
	}
	like($heard, $pattern, $what);
}

$node->safe_psql('postgres', q{SELECT count(*) FROM weir.run_due('n')});
hears(qr/"kind" : "expected", "job" : "n", "interval_start" : "/, 'expected');
hears(qr/"kind" : "late"/, 'late');
wait_drained($node, 'postgres');
$node->safe_psql('postgres', q{SELECT count(*) FROM weir.run_due('n')});
hears(qr/"kind" : "arrived"/, 'arrived');
hears(qr/"kind" : "missed"/, 'missed');
unlike($heard, qr/"kind" : "waived"/, 'nothing that was not');
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT weir.correct('n', current_date - 2, current_date - 1, 'undone');
	ROLLBACK;
	SELECT weir.correct('n', (current_date - 3) AT TIME ZONE 'UTC', (current_date - 2) AT TIME ZONE 'UTC', 'new numbers');
	SELECT weir.waive('n', (current_date - 5) AT TIME ZONE 'UTC', (current_date - 4) AT TIME ZONE 'UTC', 'a holiday');
});
hears(qr/"kind" : "corrected"/, 'corrected');
hears(qr/"kind" : "waived"/, 'waived');
is(scalar(() = $heard =~ /"corrected"/g), 1, 'once, and not what was rolled back');
$node->safe_psql('postgres',
	q{SELECT weir.acknowledge((SELECT max(event_id) FROM weir.events WHERE kind = 'missed'), 'we know')});
hears(qr/"kind" : "acknowledge"/, 'acknowledge');

$listener->quit;

done_testing();
