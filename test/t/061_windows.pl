# Windows follow the clock: they open by themselves, hold over restarts and
# dumps, and a scheduler that starts in one knows it.
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
	SELECT weir.create_queue('bulk', class => 'backfill');
	SELECT weir.create_queue('work');
});

# What was opened and closed, for a window, in its order.
sub told
{
	my ($window) = @_;
	return $node->safe_psql('postgres', qq{
		SELECT string_agg(kind || ' ' || (detail ->> 'class'), ', ' ORDER BY event_id)
		FROM weir.events WHERE kind IN ('window_opened', 'window_closed') AND detail ->> 'window' = '$window'});
}

# A restart in a blackout.
$node->safe_psql('postgres', q{
	SELECT weir.add_window('quiet', (now() AT TIME ZONE 'Asia/Tokyo' - interval '1 hour')::time, '3 hours',
		class => 'backfill', kind => 'blackout', timezone => 'Asia/Tokyo', reason => 'quiet please')});
my $task = $node->safe_psql('postgres', q{SELECT weir.enqueue('SELECT 1', queue => 'bulk')});
$node->restart;
queue_ready($node, 'postgres');
is($node->safe_psql('postgres', "SELECT cause, holder FROM weir.why_waiting($task)"),
	'blackout|quiet', 'it waits after a restart in the blackout');
$node->stop('immediate');
$node->start;
queue_ready($node, 'postgres');
my $other = $node->safe_psql('postgres', q{SELECT weir.enqueue('SELECT 1', queue => 'work')});
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($other, '60 s')"), 'succeeded', 'others run');
is($node->safe_psql('postgres', "SELECT cause, holder FROM weir.why_waiting($task)"),
	'blackout|quiet', 'it waits after a crash, too');
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM weir.events WHERE kind = 'window_closed'");
is(told('quiet'), 'window_closed backfill', 'that it was closed is one event, over both');
is( $node->safe_psql('postgres', q{
		SELECT reason, detail ->> 'kind', detail ->> 'at_end', (detail ->> 'until')::timestamptz > at
		FROM weir.events WHERE kind = 'window_closed'}),
	'quiet please|blackout|drain|t', 'which says why, and until when');

# A dump has it.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok(
	[ 'psql', '-1Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restored');
is( $node->safe_psql('restored', 'SELECT name, kind, class, duration, timezone, active, reason FROM weir.windows'),
	'quiet|blackout|backfill|03:00:00|Asia/Tokyo|t|quiet please', 'windows after a restore');
$node->safe_psql('postgres', 'DROP DATABASE restored');

# It starts when the blackout is dropped, in the order of configuration and
# tasks.
$node->safe_psql('postgres', q{SELECT weir.drop_window('quiet')});
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($task, '60 s')"), 'succeeded', 'it starts');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.events WHERE kind = 'window_opened'");
is(told('quiet'), 'window_closed backfill, window_opened backfill', 'and that is an event');

# A window opens by the clock, without anybody's help; nothing starts before.
$node->safe_psql('postgres', q{
	CREATE TABLE opening AS SELECT date_trunc('second', clock_timestamp()) + interval '3 seconds' AS at;
	SELECT weir.add_window('soon', (SELECT (at AT TIME ZONE 'UTC')::time FROM opening), '1 hour', class => 'backfill',
		timezone => 'UTC', dates => (SELECT ARRAY[(at AT TIME ZONE 'UTC')::date] FROM opening));
});
$task = $node->safe_psql('postgres', q{SELECT weir.enqueue('SELECT 1', queue => 'bulk')});
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($task, '60 s')"), 'succeeded', 'a window opens');
is( $node->safe_psql('postgres', "SELECT started_at >= at, started_at < at + interval '20 s' FROM weir.runs, opening WHERE task_id = $task"),
	't|t', 'it started then');
# Told of are both, or neither: if the scheduler took so long to read it that it
# was open by then.
$node->poll_query_until('postgres', q{
	SELECT kind = 'window_opened' FROM weir.events WHERE kind IN ('window_opened', 'window_closed') ORDER BY event_id DESC LIMIT 1});
my $soon = told('soon');
like($soon, qr/^(window_closed backfill, window_opened backfill)?$/, 'a window is told of as it opens');
is( $node->safe_psql('postgres', q{
		SELECT bool_and(e.at >= o.at AND (e.detail ->> 'until')::timestamptz = o.at + interval '1 hour') IS NOT FALSE
		FROM weir.events e, opening o WHERE e.kind = 'window_opened' AND e.detail ->> 'window' = 'soon'}),
	't', 'not before, and until when');

# What no scheduler was there to see is told of by the next one.
$node->safe_psql('postgres', q{
	INSERT INTO weir.time_window (name, kind, class, start_time, duration, timezone, priority, at_end, cancel_after)
	VALUES ('unseen', 'blackout', 'adhoc', (now() AT TIME ZONE 'UTC' - interval '1 hour')::time, '3 hours', 'UTC', 0, 'drain', '0')});
$node->restart;
queue_ready($node, 'postgres');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.events WHERE kind = 'window_closed' AND detail ->> 'class' = 'adhoc'");
$node->safe_psql('postgres', q{SELECT weir.drop_window('unseen')});
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.events WHERE kind = 'window_opened' AND detail ->> 'class' = 'adhoc'");
is(told('unseen'), 'window_closed adhoc, window_opened adhoc', 'what was closed without a scheduler is told of by the next one');
is(told('soon'), $soon, 'the others are not told of again');

# And a blackout begins by the clock: what runs is cancelled when its grace is
# over, and goes on in the end.
$node->safe_psql('postgres', q{SELECT weir.drop_window('soon')});
my $session = $node->background_psql('postgres');
$session->query_safe('SELECT pg_advisory_lock(4717)');
$task = $node->safe_psql('postgres', q{SELECT weir.enqueue('SELECT pg_advisory_xact_lock(4717)', queue => 'bulk')});
wait_running($node, 'postgres', 1);
$node->safe_psql('postgres', q{
	TRUNCATE opening;
	INSERT INTO opening SELECT date_trunc('second', clock_timestamp()) + interval '3 seconds';
	SELECT weir.add_window('closing', (SELECT (at AT TIME ZONE 'UTC')::time FROM opening), '1 hour', class => 'backfill',
		kind => 'blackout', timezone => 'UTC', at_end => 'cancel', cancel_after => '1 second');
});
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.runs WHERE task_id = $task")
  or die 'the task was not cancelled';
is( $node->safe_psql('postgres', qq{
		SELECT outcome, final, charged, started_at < at, finished_at >= at + interval '1 s'
		FROM weir.runs, opening WHERE task_id = $task}),
	'interrupted|f|f|t|t', 'what runs is cancelled a second after the blackout has begun');
$session->query_safe('SELECT pg_advisory_unlock(4717)');
$session->quit;
$node->safe_psql('postgres', q{SELECT weir.drop_window('closing')});
is($node->safe_psql('postgres', "SELECT outcome, attempt FROM weir.wait($task, '60 s')"), 'succeeded|2', 'and goes on');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

# A window that cannot be understood any more stops nothing, and the others hold
# as before.
$node->safe_psql('postgres', q{
	SELECT weir.add_window('odd', '01:00', '1 hour', class => 'backfill', kind => 'blackout');
	UPDATE weir.time_window SET timezone = 'Mars/Olympus';
	SELECT weir.add_window('quiet', (now() AT TIME ZONE 'UTC' - interval '1 hour')::time, '3 hours',
		class => 'adhoc', kind => 'blackout', timezone => 'UTC');
});
my $log = -s $node->logfile;
$node->restart;
queue_ready($node, 'postgres');
ok($node->wait_for_log(qr/window "odd" has no effect.*Time zone "Mars\/Olympus" does not exist any more/s, $log), 'it is logged');
is( $node->safe_psql('postgres', q{SELECT name, active, next_change IS NULL FROM weir.windows ORDER BY name}),
	"odd||t\nquiet|t|f", 'the view shows it');
my $shut = $node->safe_psql('postgres', q{SELECT weir.enqueue('SELECT 1', queue => 'work')});
is($node->safe_psql('postgres', "SELECT cause, holder FROM weir.why_waiting($shut)"), 'blackout|quiet', 'other windows hold');
is($node->safe_psql('postgres', "SELECT cause FROM weir.waiting WHERE task_id = $shut"), 'blackout', 'as weir.waiting says');
$task = $node->safe_psql('postgres', q{SELECT weir.enqueue('SELECT 1', queue => 'bulk')});
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($task, '60 s')"), 'succeeded', 'tasks run');
is($node->safe_psql('postgres', q{SELECT weir.drop_window('odd'), weir.drop_window('quiet')}), 't|t', 'and it can be dropped');
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($shut, '60 s')"), 'succeeded', 'what waited for the other one starts');

done_testing();
