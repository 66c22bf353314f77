# durability => 'grouped': commits share a flush, and nothing is announced that
# a crash of the machine could take back.  The crash: all processes are killed
# at once, and the WAL is cut where it had been flushed to when somebody looked
# at what was announced.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

# Nothing but commits flushes WAL, and no data page is written, so that a cut
# of the WAL is what a crash of the machine could have left.
my $node = weir_node('grouped',
	'weir.max_workers' => 2,
	'weir.worker_idle_timeout' => "'300ms'",
	fsync => 'on',
	shared_buffers => "'128MB'",
	wal_buffers => "'16MB'",
	wal_writer_delay => "'10s'",
	wal_writer_flush_after => "'1GB'",
	bgwriter_lru_maxpages => 0,
	checkpoint_timeout => "'1h'",
	max_wal_size => "'10GB'");
my $db = 'postgres';

$node->safe_psql($db, q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	SELECT weir.create_queue('lazy', capacity => 100000, durability => 'grouped');
	SELECT weir.create_queue('pairs', capacity => 100000, durability => 'grouped', batch => 2);
	SELECT weir.create_queue('each', capacity => 100000)});
wait_scheduler($node, $db);

# Enqueues so many tasks that leave their id; the last of them is returned.
sub fill
{
	my ($queue, $n, $first) = @_;

	return $node->safe_psql($db,
		"SELECT last_id FROM weir.enqueue_many('" . ($first // '') . "INSERT INTO effect SELECT weir.current_task()',
		   (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $n)), queue => '$queue')");
}

# How often the WAL was flushed for so many tasks.  Workers tell when they
# leave.
sub flushes
{
	my ($queue, $n, $first) = @_;
	my $syncs = $node->pg_version >= 18
	  ? "SELECT coalesce(sum(fsyncs), 0) FROM pg_stat_io WHERE object = 'wal' AND context = 'normal'"
	  : 'SELECT coalesce(wal_sync, 0) FROM pg_stat_wal';

	$node->poll_query_until($db, 'SELECT count(*) = 0 FROM weir.workers')
	  or die 'workers do not leave';
	my $before = $node->safe_psql($db, $syncs);
	fill($queue, $n, $first);
	$node->safe_psql($db, "SELECT weir.drain('$queue', '10 min')");
	$node->poll_query_until($db, 'SELECT count(*) = 0 FROM weir.workers')
	  or die 'workers do not leave';
	return $node->safe_psql($db, $syncs) - $before;
}

my $each = flushes('each', 1000);
my $grouped = flushes('lazy', 1000);
my $pairs = flushes('pairs', 1000);
my $own = flushes('each', 1000, 'SET synchronous_commit = off; ');
note("1000 tasks: $each flushes, grouped $grouped, grouped pairs $pairs, off $own");
cmp_ok($each, '>', 500, 'tasks are flushed one by one');
cmp_ok($grouped, '<', 250, 'or several at once');
cmp_ok($pairs, '<', 350, 'as are those that share a transaction');
cmp_ok($own, '<', 250, 'a task that does not want to be flushed is not');

# A task that takes long does not keep back what was done before it.
my $holder = $node->background_psql($db);
$holder->query_safe('SELECT pg_advisory_lock(7)');
fill('lazy', 500);
$node->safe_psql($db, "SELECT weir.drain('lazy', '10 min')");
my $last = $node->safe_psql($db,
	"SELECT last_id FROM weir.enqueue_many('INSERT INTO effect SELECT weir.current_task()
	     WHERE CASE WHEN \$1 THEN pg_advisory_xact_lock(7) IS NOT NULL END IS NOT FALSE',
	   (SELECT jsonb_agg(jsonb_build_array(i = 10)) FROM generate_series(1, 40) i), queue => 'lazy')");
ok( $node->poll_query_until($db, "SELECT depth = 1 FROM weir.queues WHERE name = 'lazy'"),
	'what is done is announced while another takes long');
is( $node->safe_psql($db, "SELECT outcome FROM weir.wait($last, '1 min')"),
	'succeeded', 'to who waits for it, too');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
$holder->quit;
$node->safe_psql($db, "SELECT weir.drain('lazy', '10 min')");

# The crash.  Somebody notes how many tasks have left the queue, waits for one
# of them, and notes how far the WAL is flushed then; the work goes on.  If he has
# not got a processor until little was left of it, that is done again.
my $tasks = 20000;
my ($before, $first, $announced, $waited, $file, $offset, $later);

for (1 .. 10)
{
	$before = $node->safe_psql($db, 'SELECT count(*) FROM effect');
	$node->safe_psql($db, "SELECT weir.pause('lazy')");
	$first = fill('lazy', $tasks) - $tasks + 1;
	$node->safe_psql($db, "SELECT weir.resume('lazy')");
	($announced, $waited, $file, $offset, $later) = split /\|/, $node->safe_psql($db, qq{
		CREATE FUNCTION pg_temp.announced() RETURNS bigint LANGUAGE sql VOLATILE AS
			\$\$SELECT $tasks - depth FROM weir.queues WHERE name = 'lazy'\$\$;
		CREATE FUNCTION pg_temp.look(OUT announced bigint, OUT waited bigint, OUT lsn pg_lsn, OUT later bigint)
		LANGUAGE plpgsql AS \$\$
		DECLARE
			since bigint;
		BEGIN
			LOOP
				announced := pg_temp.announced();
				EXIT WHEN announced > 2000;
			END LOOP;
			waited := (weir.wait(least($first + announced, $first + $tasks - 1), '10 min')).task_id;
			announced := pg_temp.announced();
			lsn := pg_current_wal_flush_lsn();
			since := pg_temp.announced();
			LOOP
				later := pg_temp.announced();
				EXIT WHEN later > since + 2000 OR later = $tasks;
			END LOOP;
			IF later <= since + 2000 THEN
				later := NULL;
			END IF;
		END \$\$;
		SELECT announced, waited, file_name, file_offset, later
		FROM pg_temp.look(), pg_walfile_name_offset(lsn)}), -1;
	last if $later ne '';
	wait_drained($node, $db, 'all was done before somebody had looked');
}
die 'nobody looks before all is done' if $later eq '';
my @pids = split /\n/,
  $node->safe_psql($db, 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
my $data = $node->data_dir;
my ($postmaster) = slurp_file("$data/postmaster.pid") =~ /\A(\d+)/;
kill 9, $postmaster, @pids;
$node->{_pid} = undef;
for my $pid ($postmaster, @pids) { wait_gone($pid) }

# Zeroes from there on are the end of the WAL.
for my $segment (glob "$data/pg_wal/????????????????????????")
{
	my ($name) = $segment =~ /(\w+)\z/;
	my $from = $name eq $file ? $offset : 0;

	next if $name lt $file;
	open my $wal, '+<:raw', $segment or die "$segment: $!";
	seek $wal, $from, 0 or die "$segment: $!";
	print $wal "\0" x ((-s $segment) - $from);
	close $wal or die "$segment: $!";
}
$node->append_conf('postgresql.conf', 'weir.enabled = off');

# Who was not listed, as the session that listed them, is gone in a moment.
my $tries = 10 * $PostgreSQL::Test::Utils::timeout_default;
until ($node->start(fail_ok => 1))
{
	die 'the server does not start' if --$tries == 0;
	select undef, undef, undef, 0.1;
}
queue_ready($node, $db);
my $left = $node->safe_psql($db, "SELECT count(*) FROM weir.run WHERE task_id >= $first");
note("$announced announced, $left on disk, $later later");
cmp_ok($left, '>=', $announced, 'everything that was announced is there');
is( $node->safe_psql($db, "SELECT count(*) FROM weir.run WHERE task_id = $waited"),
	1, 'and what somebody has waited for');
cmp_ok($left, '<', $later, 'other tasks were lost');
is( $node->safe_psql($db,
		"SELECT count(*) FROM effect e FULL JOIN weir.run r USING (task_id)
		 WHERE e.task_id IS NULL OR r.task_id IS NULL"),
	0, 'effects and records were lost together');
is( $node->safe_psql($db, "SELECT depth FROM weir.queues WHERE name = 'lazy'"),
	$tasks - $left, 'what was lost is unfinished');

$node->append_conf('postgresql.conf', 'weir.enabled = on');
$node->reload;
wait_drained($node, $db, 'and runs again');
exactly_once($node, $db, 'effect', $before + $tasks);
$node->stop('fast');
done_testing();
