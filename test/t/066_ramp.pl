# Thousands of tasks that come back after an outage: how many run at a time
# never exceeds the ramp, which the ledger proves, after a breaker has closed,
# a crash of the server, a promotion; and a server that begins with nothing to
# do has no ramp.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $workers = 8;
my $tasks = 5000;
my $node = weir_node('main', allows_streaming => 1, max_worker_processes => 24,
	'weir.max_workers' => $workers, 'weir.ramp_up' => '4s');
my $psql = sub { $node->safe_psql('postgres', @_) };

# Has the ledger no moment, since the last ramp began, with more runs than the
# ramp allowed?  That is one, and as many more as steps have begun.  A run that
# starts counts itself.
sub ramp_kept
{
	my ($server, $what, $resource) = @_;
	my $seconds = $server->safe_psql('postgres', q{SELECT extract(epoch FROM current_setting('weir.ramp_up')::interval)::int});
	my $where = defined $resource ? "detail ->> 'resource' = '$resource'" : "NOT detail ? 'resource' AND queue IS NULL";
	my $needs = defined $resource ? "'$resource' = ANY (t.resources)" : 'true';

	ok($server->poll_query_until('postgres', qq{
		SELECT detail ->> 'state' = 'ended' FROM weir.events WHERE kind = 'ramp' AND $where
		ORDER BY event_id DESC LIMIT 1}), "$what: the ramp ends");
	my ($early, $excess, $most, $first) = split /\|/, $server->safe_psql('postgres', qq{
		WITH ramp AS (
			SELECT (detail ->> 'until')::timestamptz - '$seconds s'::interval AS began_at,
				   (detail ->> 'tasks')::int AS tasks
			FROM weir.events WHERE kind = 'ramp' AND detail ->> 'state' = 'began' AND $where
			ORDER BY event_id DESC LIMIT 1
		), run AS (
			SELECT r.started_at, r.finished_at FROM weir.runs r JOIN weir.tasks t USING (task_id), ramp
			WHERE $needs AND r.started_at IS NOT NULL AND r.finished_at >= ramp.began_at
		), edge AS (
			SELECT started_at AS at, 1 AS step FROM run
			UNION ALL
			SELECT finished_at, -1 FROM run
		), level AS (
			SELECT at, step, sum(step) OVER (ORDER BY at, step ROWS UNBOUNDED PRECEDING) AS running FROM edge
		), bound AS (
			SELECT l.*, 1 + ceil(extract(epoch FROM l.at - r.began_at) / $seconds * r.tasks) AS allowed, r.began_at
			FROM level l, ramp r WHERE step = 1 AND l.at < r.began_at + '$seconds s'::interval
		)
		SELECT count(*), count(*) FILTER (WHERE running > allowed), (SELECT max(running) FROM level),
			   count(*) FILTER (WHERE at < began_at + '0.5 s'::interval) FROM bound});
	is($excess, 0, "$what: of $early starts none exceeded the ramp");
	cmp_ok($most, '>=', $workers - 1, "$what: in the end all workers are at work");
	cmp_ok($early, '>', $workers, "$what: many started during the ramp");
	note($server->safe_psql('postgres', qq{
		SELECT string_agg(n::text, ' ' ORDER BY second) FROM (
			SELECT floor(extract(epoch FROM r.started_at - e.began)) AS second, count(*) AS n
			FROM weir.runs r JOIN weir.tasks t USING (task_id),
				 (SELECT (detail ->> 'until')::timestamptz - '$seconds s'::interval AS began FROM weir.events
				  WHERE kind = 'ramp' AND detail ->> 'state' = 'began' AND $where
				  ORDER BY event_id DESC LIMIT 1) e
			WHERE $needs AND r.started_at >= e.began GROUP BY 1) s}) . " starts in the seconds after");
}

$psql->(q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE remote (fails boolean);
	INSERT INTO remote VALUES (true);
	CREATE FUNCTION ask() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		-- sleep is the work
		PERFORM pg_sleep(0.01);
		IF (SELECT fails FROM remote) THEN
			RAISE EXCEPTION USING errcode = '08006', message = 'no answer';
		END IF;
	END $$;
	SELECT weir.create_queue('q', capacity => 100000,
		policy => '{"max_attempts": 20, "backoff_base": 0.1, "backoff_cap": 0.5, "retry_budget": false}');
	SELECT weir.cap_resource('api', breaker => '{"failure_count_threshold": 20, "wait_duration_in_open_state": "300 ms"}');
});
queue_ready($node, 'postgres');

# A server that has nothing to do, or little, needs no ramp.
$node->stop('immediate');
$node->start;
queue_ready($node, 'postgres');
my $one = $psql->(q{SELECT weir.enqueue('SELECT 1')});
is($psql->("SELECT outcome FROM weir.wait($one)"), 'succeeded', 'a start without a backlog');
is($psql->(q{SELECT count(*) FROM weir.events WHERE kind = 'ramp'}), 0, 'has no ramp');

# The API is down, the breaker opens, and probes find it down again and again
# while the retries of all become due; then it is up.
$psql->(qq{
	SELECT weir.enqueue_many('SELECT ask()', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $tasks)),
		queue => 'q', resources => '{api}')});
ok($node->poll_query_until('postgres', q{SELECT count(*) >= 3 FROM weir.events WHERE kind = 'breaker' AND detail ->> 'from' = 'half_open'}),
	'the breaker opens, and stays open');
is($psql->(q{SELECT count(*) FROM weir.events WHERE kind = 'ramp'}), 0, 'what stays closed has no ramp');
$psql->('UPDATE remote SET fails = false');
ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM weir.events WHERE kind = 'ramp' AND detail ->> 'resource' = 'api' AND detail ->> 'state' = 'began')}),
	'it closes, and a ramp begins');
wait_drained($node, 'postgres', "$tasks tasks are done after the outage");
ramp_kept($node, 'the return of an API', 'api');

# All processes are killed while the tasks wait, some of them for retries that
# become due meanwhile.
$psql->(qq{
	UPDATE remote SET fails = true;
	SELECT weir.alter_queue('q', policy => '{"max_attempts": 20, "backoff_base": 0.1, "backoff_cap": 0.5, "retry_budget": false}');
	SELECT weir.enqueue_many('SELECT ask()', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $tasks)), queue => 'q')});
ok($node->poll_query_until('postgres', q{SELECT count(*) >= 500 FROM weir.run WHERE outcome = 'failed' AND started_at > now() - '1 min'::interval}),
	'retries gather');
# a ramp that is long enough to be looked at
$node->adjust_conf('postgresql.conf', 'weir.ramp_up', "'10s'");
$node->stop('immediate');
$node->start;
queue_ready($node, 'postgres');
ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM weir.ramps WHERE kind = 'database')}), 'a crash restart begins a ramp');
$psql->('UPDATE remote SET fails = false');
ok($node->poll_query_until('postgres', q{SELECT string_agg(DISTINCT cause, ' ') = 'ramp' FROM weir.waiting WHERE cause NOT IN ('backoff', 'inbox')}),
	'which is the cause why tasks wait');
wait_drained($node, 'postgres', 'all are done after the crash');
ramp_kept($node, 'the start after a crash');
$node->adjust_conf('postgresql.conf', 'weir.ramp_up', "'4s'");
$node->reload;
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

# A scheduler alone that is started again has no ramp: nothing was down.
my $ramps = q{SELECT count(*) FROM weir.events WHERE kind = 'ramp'};
my $before = $psql->($ramps);
$psql->(qq{
	SELECT weir.enqueue_many('SELECT ask()', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $tasks)), queue => 'q')});
my $scheduler = scheduler_pid($node, 'postgres');
$psql->("SELECT pg_terminate_backend($scheduler)");
wait_scheduler($node, 'postgres', $scheduler);
cmp_ok($psql->(q{SELECT depth FROM weir.queues WHERE name = 'q'}), '>', $workers, 'the scheduler is another one, and has much to do');
wait_drained($node, 'postgres', 'all are done by the other scheduler');
is($psql->($ramps), $before, 'which has no ramp');

# A standby that is promoted does the same.
$node->append_conf('postgresql.conf', "weir.enabled = off\n");
$node->reload;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "weir.enabled = on\n");
$standby->start;
$psql->(qq{
	SELECT weir.enqueue_many('SELECT ask()', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $tasks)), queue => 'q')});
$node->wait_for_catchup($standby);
$node->stop;
$standby->promote;
wait_drained($standby, 'postgres', 'all are done after the promotion');
ramp_kept($standby, 'the promotion');
unlike(log_since($standby), qr/PANIC|TRAP:|ended unexpectedly/, 'no failure');
$standby->stop;

done_testing();
