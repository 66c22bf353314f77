# Generations of the ledger: made ahead of need, closed when all is done,
# dropped when retention says so; and what keeps them.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.generation_size' => 100);
my ($ret, $out, $err);

# Enqueues so many tasks at once and waits until they have ended.
sub load
{
	my ($n) = @_;

	$node->safe_psql('postgres', qq{
		SELECT weir.enqueue_many('INSERT INTO effect SELECT weir.current_task(), \$1::int',
			(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, $n) i))});
	$node->poll_query_until('postgres', "SELECT depth = 0 FROM weir.queues WHERE name = 'adhoc'")
	  or die 'tasks are left';
}

sub states
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(generation_id || ' ' || state, ', ' ORDER BY low) FROM weir.generation");
}

# A reload makes the scheduler look after the generations at once.
sub states_become
{
	my ($states, $what) = @_;

	$node->reload;
	my $become = $node->poll_query_until('postgres',
		"SELECT string_agg(generation_id || ' ' || state, ', ' ORDER BY low) = '$states' FROM weir.generation");
	ok($become, $what) or diag(states());
}

$node->safe_psql('postgres', 'CREATE EXTENSION pg_weir; CREATE TABLE effect (task_id bigint, n int)');
is($node->safe_psql('postgres', 'SELECT count(*) FROM weir.generation'), 0,
	'no generation before the first task');
load(70);
is(states(), '1 open', 'one at the first');
load(15);
$node->poll_query_until('postgres', 'SELECT count(*) = 2 FROM weir.generation')
  or die 'no second generation';
pass('the next one is made before the ids of the first are used up');

# Somebody reads all runs all the time: nobody is held up by that.
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN; SELECT count(*) FROM weir.runs; SELECT count(*) FROM weir.tasks');
load(150);
$node->poll_query_until('postgres', 'SELECT count(*) = 3 FROM weir.generation')
  or die 'no third generation';
pass('a long reader does not keep generations from being made');
load(430);
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT task_id) FROM effect'),
	'665|665', 'a load over several generations is complete');
is( $node->safe_psql('postgres', q{
		SELECT bool_and(low = before) FROM
			(SELECT low, lag(high, 1, 1::bigint) OVER (ORDER BY low) AS before FROM weir.generation) g}),
	't', 'their ranges follow one another without gaps');
is(ledger_faults($node, 'postgres'), '', 'every row is in its generation');

# Closed are those whose ids are given out and whose tasks have ended.
states_become('1 closed, 2 closed, 3 closed, 4 closed, 5 closed, 6 closed, 7 open',
	'all but the newest are closed, though somebody reads them');
$reader->query_safe('COMMIT');

# What keeps one open: a task that waits; a transaction that has not ended;
# a task that failed does not.
$node->safe_psql('postgres', "SELECT weir.create_queue('later')");
my $waiting = $node->safe_psql('postgres',
	"SELECT weir.enqueue('SELECT 1', queue => 'later', run_at => now() + '1 year')");
my $failed = $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 1/0')");
load(100);
my $late = $node->background_psql('postgres');
my $uncommitted = $late->query_safe("BEGIN; SELECT weir.enqueue('INSERT INTO effect VALUES (weir.current_task(), 0)')");
$node->poll_query_until('postgres', "SELECT depth = 1 FROM weir.queues WHERE name = 'adhoc'");
$node->safe_psql('postgres',
	"SELECT weir.enqueue_many('INSERT INTO effect SELECT weir.current_task(), \$1::int', (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 210) i))");
$node->poll_query_until('postgres', "SELECT depth = 1 FROM weir.queues WHERE name = 'adhoc'")
  or die 'tasks are left';
is( $node->safe_psql('postgres',
		"SELECT string_agg(generation_id::text, ' ' ORDER BY low) FROM weir.generation WHERE $waiting >= low AND $waiting < high OR $uncommitted >= low AND $uncommitted < high"),
	'7 8', 'they are in two generations');
my $rest = ', 9 closed, 10 open';
states_become("1 closed, 2 closed, 3 closed, 4 closed, 5 closed, 6 closed, 7 open, 8 open$rest",
	'a waiting task and an uncommitted one keep theirs open; a later one is closed all the same');
$late->query_safe('COMMIT');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.runs WHERE task_id = $uncommitted")
  or die 'the late one does not run';
pass('the late commit is run');
$late->quit;
states_become("1 closed, 2 closed, 3 closed, 4 closed, 5 closed, 6 closed, 7 open, 8 closed$rest",
	'then its generation is closed');

# Bringing back is refused where nobody would look for it.
is($node->safe_psql('postgres', "SELECT weir.retry($failed)"), 1,
	'a dead letter in an open generation can be brought back');
$node->safe_psql('postgres', "SELECT outcome FROM weir.wait($failed)");
is($node->safe_psql('postgres', "SELECT weir.cancel($waiting)"), 1, 'the waiting task is cancelled');
states_become("1 closed, 2 closed, 3 closed, 4 closed, 5 closed, 6 closed, 7 closed, 8 closed$rest",
	'then its generation is closed, too');
for my $task ($failed, $waiting)
{
	($ret, $out, $err) = $node->psql('postgres', "SELECT weir.retry($task)");
	like($err, qr/task $task is in a closed generation.*Enqueue its command again/s,
		'no retry in a closed generation');
}

# Between taking ids and writing rows a session can be slow, here because some
# of its ids have no table yet and a lock keeps the scheduler from making one.
# The generation of the others is closed meanwhile: it takes new ids.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE ONLY weir.task IN SHARE UPDATE EXCLUSIVE MODE');
my $position = -s $node->logfile;
my $slow = $node->background_psql('postgres');
$slow->query_until(qr/asked/, q{\echo asked
	SELECT first_id FROM weir.enqueue_many('INSERT INTO effect SELECT weir.current_task(), $1::int',
		(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 40) i));
	\echo answered
});
$node->wait_for_log(qr/canceling statement due to lock timeout/, $position);
states_become("1 closed, 2 closed, 3 closed, 4 closed, 5 closed, 6 closed, 7 closed, 8 closed, 9 closed, 10 closed",
	'all ids are given out, nothing is unfinished: it is closed');
$locker->query_safe('COMMIT');
my ($first) = $slow->query_until(qr/answered/, '') =~ /(\d+)/;
is( $node->safe_psql('postgres', "SELECT generation_id, state FROM weir.generation WHERE $first >= low AND $first < high"),
	'11|open', 'the tasks are in one that is open');
$slow->quit;

# A session that has enqueued before, and whose next id has no table yet,
# waits for one as well, and finds it.
my $knows = $node->background_psql('postgres');
my $last = $knows->query_safe("SELECT weir.enqueue('SELECT 1')");
$locker->query_safe('BEGIN; LOCK TABLE ONLY weir.task IN SHARE UPDATE EXCLUSIVE MODE');
my $left = $node->safe_psql('postgres', "SELECT max(high) - 1 - $last FROM weir.generation");
$node->safe_psql('postgres', qq{
	BEGIN;
	SELECT weir.enqueue_many('SELECT \$1::int', (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, $left) i));
	ROLLBACK});
$position = -s $node->logfile;
$knows->query_until(qr/asked/, q{\echo asked
	SELECT weir.enqueue('SELECT 1');
	\echo answered
});
$node->wait_for_log(qr/canceling statement due to lock timeout/, $position);
$locker->query_safe('COMMIT');
my ($next_id) = $knows->query_until(qr/answered/, '') =~ /(\d+)/;
is($next_id, $last + $left + 1, 'the first task of a generation that was waited for');
$knows->quit;
$locker->quit;
wait_drained($node, 'postgres', 'and have run');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

# Ids that were given out in vain are not given again where it is closed.
my $next = $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 1')");
my ($low, $high) = split /\|/, $node->safe_psql('postgres',
	"SELECT low, high FROM weir.generation WHERE $next >= low AND $next < high");
load($high - $next - 5) if $high - $next > 6;
$node->psql('postgres',
	q{BEGIN; SELECT weir.enqueue_many('SELECT $1::int', '[[1],[2],[3],[4],[5],[6],[7],[8],[9],[10]]'); ROLLBACK});
my $newest = $node->safe_psql('postgres', 'SELECT max(generation_id) FROM weir.generation');
$node->reload;
$node->poll_query_until('postgres', "SELECT state = 'closed' FROM weir.generation WHERE high = $high")
  or die 'not closed: ' . states();
is($node->safe_psql('postgres', "SELECT max(task_id) < $high - 1 FROM weir.task"), 't',
	'a generation is closed whose last ids were rolled back, the next one is empty');
$node->stop('immediate');
$node->start;
$next = $node->safe_psql('postgres', "SELECT weir.enqueue('INSERT INTO effect VALUES (weir.current_task(), 0)')");
is( $node->safe_psql('postgres', "SELECT state FROM weir.generation WHERE $next >= low AND $next < high"),
	'open', 'after a restart ids go on in an open generation');
$node->safe_psql('postgres', "SELECT outcome FROM weir.wait($next)");

# A restart reads open generations only: closed ones can even be locked.
$locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE weir.task_1, weir.run_1, weir.task_5, weir.run_5');
my $pid = scheduler_pid($node, 'postgres');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_scheduler($node, 'postgres', $pid);
load(3);
pass('a rebuild does not look into closed generations');

# Retention: what is old enough goes, whole generations.  A reader of the
# oldest is not waited for, and one whose tasks others wait for stays.
$locker->query_safe('ROLLBACK');
$node->safe_psql('postgres', "SELECT weir.enqueue('VACUUM effect', mode => 'autocommit')");
$node->safe_psql('postgres',
	"UPDATE weir.generation SET closed_at = closed_at - interval '1 hour' WHERE generation_id <= 4");
$node->safe_psql('postgres', q{INSERT INTO weir.task_checkpoint SELECT low, 1, 1, now(), '1' FROM weir.generation WHERE generation_id IN (1, 5)});
my $child = $node->safe_psql('postgres', q{
	SELECT weir.enqueue('SELECT 1', queue => 'backfill', run_at => '2100-01-01', after => ARRAY[(SELECT min(task_id) FROM weir.task_2)])});
$node->safe_psql('postgres', q{
	INSERT INTO weir.lock_wait
	SELECT i, 1, now(), now(), 'tuple', 'ExclusiveLock', NULL, '{}'::int[], '{}'::bigint[]
	FROM (SELECT task_id FROM weir.task_4 UNION SELECT low FROM weir.generation WHERE generation_id = 5) u(i)});
my $before = states();
$locker->query_safe('BEGIN; SELECT count(*) FROM weir.run_3');
$node->append_conf('postgresql.conf', "weir.retention = '30min'");
(my $after = $before) =~ s/^1 closed, 2 closed, 3 closed, 4 closed/1 dropped, 2 closed, 3 closed, 4 dropped/;
states_become($after, 'generations past retention are dropped, but for one that somebody reads, and one with a parent');
load(3);
$locker->query_safe('COMMIT');
($after = $before) =~ s/^1 closed, 2 closed, 3 closed, 4 closed/1 dropped, 2 closed, 3 dropped, 4 dropped/;
states_become($after, 'the one later');
$node->safe_psql('postgres', "SELECT weir.cancel($child)");
$after =~ s/2 closed/2 dropped/;
states_become($after, 'the other one when the child has ended');
is( $node->safe_psql('postgres',
		"SELECT string_agg(relname, ' ') FROM pg_class WHERE relname IN ('task_1', 'run_1', 'task_4', 'run_4')"),
	'', 'their tables are gone');
is( $node->safe_psql('postgres', 'SELECT min(task_id) FROM weir.tasks'),
	$node->safe_psql('postgres', 'SELECT low FROM weir.generation WHERE generation_id = 5'),
	'the rest is there');
is( $node->safe_psql('postgres',
		'SELECT count(*), count(generation_id) FROM weir.task_checkpoint LEFT JOIN weir.generation ON task_id = low AND generation_id = 5'),
	'1|1', 'with its checkpoints');
is( $node->safe_psql('postgres', 'SELECT count(*) FROM weir.lock_wait'), 1,
	'and what was recorded about waits of its tasks');
($ret, $out, $err) = $node->psql('postgres', 'SELECT weir.retry(1)');
like($err, qr/task 1 does not exist/, 'a task that is gone is unknown');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
# What a superuser forbids to everybody is not meant for the ledger, unless he
# says so.  Then the scheduler does not try all the time, nor does it fill the
# log, while somebody waits for a generation.
$node->safe_psql('postgres', q{
	CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql
		AS 'BEGIN RAISE EXCEPTION ''no table today''; END';
	CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
		EXECUTE FUNCTION refuse()});
($ret, $out, $err) = $node->psql('postgres', 'CREATE TABLE refused ()');
like($err, qr/no table today/, 'an event trigger refuses tables');
load(120);
pass('but not those of the ledger');
$node->safe_psql('postgres', 'ALTER EVENT TRIGGER refuse ENABLE ALWAYS');
my $from = -s $node->logfile;
($ret, $out, $err) = $node->psql('postgres', q{
	SET weir.max_wait = '5s';
	SELECT weir.enqueue_many('SELECT $1::int', (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 400) i))});
like($err, qr/the scheduler has not made room in the ledger/, 'no generation, no task');
my $tries = count_log($node, qr/ERROR:  no table today/, $from);
ok($tries >= 1 && $tries < 20, 'a generation that cannot be made is tried now and then')
  or diag("$tries times");
$node->safe_psql('postgres', 'DROP EVENT TRIGGER refuse');
load(1);
pass('and made as soon as it can be');

($ret, $out, $err) = $node->psql('postgres', 'DROP EXTENSION pg_weir');
is("$ret $err", '0 ', 'DROP EXTENSION takes all generations along');

unlike(log_since($node), qr/PANIC|TRAP:|was terminated by signal/, 'no process crashed');
$node->stop;
done_testing();
