# A circuit breaker over restarts: what is open stays open, whether the
# scheduler, all processes or the server begin anew, and no task that waits for
# it is lost.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 4);
my $psql = sub { $node->safe_psql('postgres', @_) };
my $state = q{SELECT string_agg(resource || ' ' || state, ', ' ORDER BY resource) FROM weir.breakers};

$psql->(q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE remote (fails boolean);
	INSERT INTO remote VALUES (true);
	CREATE FUNCTION ask() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF (SELECT fails FROM remote) THEN
			RAISE EXCEPTION USING errcode = '08006', message = 'no answer';
		END IF;
	END $$;
	SELECT weir.create_queue('q', capacity => 100000, policy => '{"max_attempts": 1}');
	SELECT weir.cap_resource('api', breaker => '{"failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}');
	SELECT weir.cap_resource('host:*', breaker => '{"failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}');
	SELECT weir.cap_resource('held', breaker => '{}');
	SELECT weir.set_breaker('held', 'forced_open');
	SELECT weir.create_job('nightly', 'SELECT ask()', '1 day', timezone => 'UTC', starts_at => '2024-05-01', backfill_queue => 'q',
		policy => '{"breaker": {"failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}}');
});
queue_ready($node, 'postgres');
$psql->(q{
	SELECT weir.enqueue('SELECT ask()', queue => 'q', resources => ARRAY[r]) FROM unnest('{api,host:a}'::text[]) r;
	SELECT weir.backfill('nightly', '2024-05-01', '2024-05-02')});
$node->poll_query_until('postgres', q{SELECT count(*) = 3 FROM weir.breakers WHERE state = 'open'})
  or die 'the breakers do not open';
$psql->(q{
	UPDATE remote SET fails = false;
	SELECT weir.enqueue_many('SELECT ask()', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 500)), queue => 'q', resources => ARRAY[r])
	FROM unnest('{api,host:a,held}'::text[]) r;
	SELECT weir.backfill('nightly', '2024-05-02', '2024-05-04')});
$node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM weir.waiting WHERE holder = 'resource job:nightly'})
  or die 'the job does not wait for its breaker';
my $before = $psql->(q{SELECT count(*), max(half_open_at) FROM weir.breakers WHERE state = 'open'});

sub still_open
{
	my ($what) = @_;

	queue_ready($node, 'postgres');
	$node->poll_query_until('postgres', $state, 'api open, held forced_open, host:a open, job:nightly open')
	  or diag($psql->($state));
	is($psql->(q{SELECT count(*), max(half_open_at) FROM weir.breakers WHERE state = 'open'}), $before,
		"$what: what was open is, until the same time");
	$psql->(q{SELECT weir.enqueue('SELECT 1', queue => 'q') AS id \gset
		SELECT outcome FROM weir.wait(:id, '1 minute')});
	is($psql->(q{SELECT count(*) FROM weir.tasks WHERE state = 'succeeded' AND resources IS NOT NULL}), '0',
		"$what: nothing that waits for it has started, while others do");
	is($psql->(q{SELECT string_agg(DISTINCT cause, ', ') FROM weir.waiting}), 'breaker', "$what: all say so");
}

still_open('before');
$psql->('SELECT pg_terminate_backend(scheduler_pid) FROM weir.status');
still_open('a new scheduler');
$node->restart;
still_open('a restart');
$node->stop('immediate');
$node->start;
still_open('a crash');

# What is closed by hand while nobody sees to it stays closed, too.
$psql->(q{
	BEGIN;
	SELECT pg_terminate_backend(scheduler_pid) FROM weir.status;
	SELECT weir.set_breaker('api', 'closed');
	COMMIT;
});
$node->poll_query_until('postgres', q{SELECT count(*) = 500 FROM weir.tasks WHERE state = 'succeeded' AND resources = '{api}'})
  or die 'what was closed by hand is not';

# Closed by hand all of them run, and stay closed over a restart.
$psql->(q{SELECT weir.set_breaker(r, 'closed') FROM unnest('{api,held,job:nightly}'::text[]) r});
$psql->(q{SELECT weir.set_breaker('host:*', 'closed')});
wait_drained($node, 'postgres', 'all that waited have ended');
is($psql->(q{SELECT count(*) FROM weir.tasks WHERE state = 'succeeded' AND resources IS NOT NULL}), '1502', 'with success');
$node->restart;
queue_ready($node, 'postgres');
$node->poll_query_until('postgres', q{SELECT bool_and(state = 'closed') FROM weir.breakers WHERE template IS NULL});
is($psql->(q{SELECT count(*) FROM weir.breakers WHERE state <> 'closed'}), '0', 'what was closed is closed');

# One that is removed and given again is another one, which begins closed; so
# does all that a template stands for that is closed by hand while nobody sees
# to it.  One whose parameters are changed stays as it is.
my $breaker = q{'{"failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}'};
$psql->(qq{
	UPDATE remote SET fails = true;
	SELECT weir.cap_resource(r, breaker => $breaker) FROM unnest('{rr,keep,hand:*}'::text[]) r;
	SELECT weir.enqueue('SELECT ask()', queue => 'q', resources => ARRAY[r]) FROM unnest('{api,rr,keep,host:b,hand:a}'::text[]) r;
	SELECT weir.backfill('nightly', '2024-05-04', '2024-05-05')});
$node->poll_query_until('postgres', q{SELECT count(*) = 6 FROM weir.breakers WHERE state = 'open'})
  or die 'the breakers do not open again';
wait_drained($node, 'postgres', 'all that fail have ended');
my $kept = q{SELECT state, half_open_at FROM weir.breakers WHERE resource = 'keep'};
my $open = $psql->($kept);
$psql->(qq{
	SELECT weir.uncap_resource(r) FROM unnest('{api,host:*}'::text[]) r;
	SELECT weir.cap_resource('rr', slots => 2);
	SELECT weir.cap_resource(r, breaker => $breaker) FROM unnest('{api,host:*,rr}'::text[]) r;
	SELECT weir.cap_resource('keep', breaker => '{"failure_count_threshold": 2, "wait_duration_in_open_state": "2 hours"}');
	BEGIN;
	SELECT weir.drop_job('nightly');
	SELECT weir.create_job('nightly', 'SELECT 4', '1 day', timezone => 'UTC', starts_at => '2024-05-01', backfill_queue => 'q',
		policy => '{"breaker": {"failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}}');
	COMMIT;
	BEGIN;
	SELECT pg_terminate_backend(scheduler_pid) FROM weir.status;
	SELECT weir.set_breaker('hand:*', 'closed');
	COMMIT});
queue_ready($node, 'postgres');
my $pid = $psql->('SELECT scheduler_pid FROM weir.status');
$psql->("SELECT pg_terminate_backend($pid)");
wait_gone($pid);
queue_ready($node, 'postgres');
$psql->(q{
	SELECT weir.enqueue('SELECT 4', queue => 'q', resources => ARRAY[r]) FROM unnest('{api,rr,keep,host:b,hand:a}'::text[]) r;
	SELECT weir.backfill('nightly', '2024-05-04', '2024-05-05')});
my $again = q{SELECT string_agg(resources[1], ', ' ORDER BY resources[1]) FROM weir.tasks WHERE command = 'SELECT 4' AND state };
$node->poll_query_until('postgres', "$again = 'succeeded'", 'api, hand:a, host:b, job:nightly, rr')
  or diag($psql->($state));
is($psql->("$again = 'succeeded'"), 'api, hand:a, host:b, job:nightly, rr', 'what was removed and given again is closed');
is($psql->("$again <> 'succeeded'"), 'keep', 'and what was changed holds back');
is($psql->($kept), $open, 'until the same time');
is(ledger_faults($node, 'postgres'), '', 'the ledger is sound');
done_testing();
