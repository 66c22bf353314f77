# Backfills wait for the server's health: each measure is made bad and good
# again by what it is about; other classes go on. Nothing is measured where
# there is no limit.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PostgreSQL::Test::BackgroundPsql;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', allows_streaming => 1, 'weir.max_workers' => 6, max_worker_processes => 20);
my $psql = sub { $node->safe_psql('postgres', @_) };

$psql->(q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE burnt (n int);
	CREATE TABLE go_on (yes boolean);
	INSERT INTO go_on VALUES (true);
	-- writes WAL until it is told to stop
	CREATE PROCEDURE churn() LANGUAGE plpgsql AS $$
	BEGIN
		WHILE (SELECT yes FROM go_on) LOOP
			INSERT INTO burnt SELECT generate_series(1, 1000);
			COMMIT;
		END LOOP;
	END $$;
});
queue_ready($node, 'postgres');

sub enqueue
{
	my ($queue) = @_;

	return $psql->("SELECT weir.enqueue('SELECT 1', queue => '$queue')");
}

# A backfill waits for the measure, and says so; a task of another class does
# not.  Returns the backfill.
sub waits_for
{
	my ($measure) = @_;
	my $backfill = enqueue('backfill');
	my $adhoc = enqueue('adhoc');

	ok($node->poll_query_until('postgres', "SELECT bad FROM weir.health WHERE measure = '$measure'"),
		"$measure is bad");
	is($psql->("SELECT outcome FROM weir.wait($adhoc, '1 min')"), 'succeeded', 'another class goes on');
	is($psql->("SELECT cause, holder FROM weir.why_waiting($backfill)"), "health|$measure", 'a backfill waits for it');
	return $backfill;
}

# It starts when that is over, which was told.
sub starts
{
	my ($backfill, $measure) = @_;

	is($psql->("SELECT outcome FROM weir.wait($backfill, '3 min')"), 'succeeded', "$measure is good again: it starts");
	ok($node->poll_query_until('postgres', qq{
		SELECT string_agg(detail ->> 'state', ' ' ORDER BY event_id) LIKE '%bad good'
		FROM weir.events WHERE kind = 'health' AND detail ->> 'measure' = '$measure'}), 'and events say so')
	  if $measure ne 'free_workers';
	$psql->("SELECT weir.unset_health('$measure')");
}

is($psql->("SELECT outcome FROM weir.wait(" . enqueue('backfill') . ", '1 min')"), 'succeeded', 'without limits a backfill starts');
is($psql->('SELECT count(measured_at) FROM weir.health'), 0, 'and nothing is measured');

# A snapshot that is held while transactions go by.
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM burnt');
$psql->(q{SELECT weir.set_health('xmin_age', 1000, reason => 'no bloat')});
$psql->(q{DO $$ BEGIN FOR i IN 1..2000 LOOP INSERT INTO burnt VALUES (i); COMMIT; END LOOP; END $$});
my $backfill = waits_for('xmin_age');
# The limits are there after a crash, and in force.
my $value = $psql->(q{SELECT value > 1000 AND value < 10000 FROM weir.health WHERE measure = 'xmin_age'});
is($value, 't', 'its value is the number of transactions');
my $scheduler = scheduler_pid($node, 'postgres');
$psql->("SELECT pg_terminate_backend($scheduler)");
wait_scheduler($node, 'postgres', $scheduler);
ok($node->poll_query_until('postgres', "SELECT bad AND measured_at > now() - '10 s'::interval FROM weir.health WHERE measure = 'xmin_age'"),
	'another scheduler measures, too');
is($psql->("SELECT state FROM weir.tasks WHERE task_id = $backfill"), 'ready', 'the backfill still waits');
$holder->query_safe('COMMIT');
starts($backfill, 'xmin_age');

# Sessions that execute something: here they wait for a lock.
my @sessions = map { $node->background_psql('postgres') } 1 .. 4;
$holder->query_safe('SELECT pg_advisory_lock(67)');
$_->query_until(qr/now/, "\\echo now\nSELECT pg_advisory_lock_shared(67), pg_advisory_unlock_shared(67);\n") for @sessions;
$psql->(q{SELECT weir.set_health('active_sessions', 3, 2)});
$backfill = waits_for('active_sessions');
$holder->query_safe('SELECT pg_advisory_unlock(67)');
$_->quit for @sessions;
starts($backfill, 'active_sessions');
$holder->quit;

# WAL that a task writes.
$psql->(q{SELECT weir.set_health('wal_rate', 20000, 10000)});
my $churn = $psql->(q{SELECT weir.enqueue('CALL churn()', mode => 'autocommit')});
ok($node->poll_query_until('postgres', q{SELECT bad FROM weir.health WHERE measure = 'wal_rate'}), 'much WAL is written');
$backfill = waits_for('wal_rate');
$psql->('UPDATE go_on SET yes = false');
is($psql->("SELECT outcome FROM weir.wait($churn, '1 min')"), 'succeeded', 'no more');
starts($backfill, 'wal_rate');

# A standby that does not keep up.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$standby->poll_query_until('postgres', q{SELECT pg_get_wal_replay_pause_state() = 'paused'}) or die;
$psql->(q{SELECT weir.set_health('replication_lag', 1000000)});
$psql->('INSERT INTO burnt SELECT generate_series(1, 100000)');
$backfill = waits_for('replication_lag');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
starts($backfill, 'replication_lag');
$standby->stop;

# Workers that are to stay free.
my $gate = $node->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(68)');
$psql->(q{
	SELECT weir.set_health('free_workers', 4);
	SELECT weir.enqueue_many('SELECT pg_advisory_xact_lock_shared(68)', '[[],[],[],[],[]]', queue => 'backfill')});
wait_running($node, 'postgres', 2);
$backfill = waits_for('free_workers');
is($psql->(q{SELECT running FROM weir.queues WHERE name = 'backfill'}), 2, 'two of six workers are used, and four are free');
$gate->quit;
starts($backfill, 'free_workers');

is($psql->('SELECT count(measured_at), count(bound) FROM weir.health'), '0|0', 'without limits nothing is measured any more');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
unlike(log_since($node), qr/PANIC|TRAP:/, 'no failure');
$node->stop;

done_testing();
