# Schedules, with the real pg_cron: it calls weir.run_due() as the owner of
# the job, and one interval is enqueued once however often it does.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $config = $ENV{PG_CONFIG} || 'pg_config';
my $libdir = `$config --pkglibdir`;
chomp $libdir;
plan skip_all => 'pg_cron is not installed' if !-f "$libdir/pg_cron.so";

my $node = weir_node('main',
	shared_preload_libraries => "'pg_weir, pg_cron'",
	'cron.database_name' => 'cron',
	'cron.use_background_workers' => 'on');
my ($ret, $out, $err);

# In another database, and before the extension is there: with a hint.
$node->safe_psql('postgres', 'CREATE ROLE loader LOGIN; CREATE ROLE other LOGIN');
weir_database($node, 'elsewhere');
$node->safe_psql('elsewhere', q{SELECT weir.create_job('e', 'SELECT 1', '1 day')});
($ret, $out, $err) = $node->psql('elsewhere', q{SELECT weir.schedule('e', '5 1 * * *')});
like($err, qr/extension "pg_cron" does not exist in this database/, 'no pg_cron here');
my ($hint) = $err =~ /There, call (SELECT .*\))\./;
ok($hint, 'with the call to make there');
weir_database($node, 'cron');
$node->safe_psql('cron', q{
	CREATE TABLE run (start timestamptz, who name);
	GRANT INSERT ON run TO loader;
	SELECT weir.grant_queue('daily', 'loader', may_set_deadline => true);
});
my $create = q{SELECT weir.create_job('load', 'INSERT INTO run VALUES ($1, current_user)', '1 day',
	starts_at => now() - interval '3 days 12 hours', tables => '{run}', due => '1 hour')};
$node->safe_psql('cron', $create, extra_params => [ '-U', 'loader' ]);
($ret, $out, $err) = $node->psql('cron', q{SELECT weir.schedule('load', '* * * * *')});
like($err, qr/HINT:  Create it: CREATE EXTENSION pg_cron/, 'pg_cron lives here, and is not created');
$node->safe_psql('cron', 'CREATE EXTENSION pg_cron');
like($node->safe_psql('cron', $hint), qr/^\d+$/, 'the call of the hint works');
is( $node->safe_psql('cron', q{SELECT database, schedule, command FROM cron.job WHERE jobname = 'weir: e'}),
	q{elsewhere|5 1 * * *|SELECT count(*) FROM weir.run_due('e')}, 'and schedules the job of the other database');

# The owner needs pg_cron, others do not get at the job.
($ret, $out, $err) = $node->psql('cron', q{SELECT weir.schedule('load', '* * * * *')});
like($err, qr/HINT:  Let the owner of the job use pg_cron: GRANT USAGE ON SCHEMA cron TO loader/, 'the owner may not use pg_cron');
$node->safe_psql('cron', 'GRANT USAGE ON SCHEMA cron TO loader, other');
($ret, $out, $err) = $node->psql('cron', q{SELECT weir.schedule('load', '* * * * *')}, extra_params => [ '-U', 'other' ]);
like($err, qr/must be owner of job "load"/, 'nobody else schedules the job');
($ret, $out, $err) = $node->psql('cron', q{SELECT weir.schedule('load', 'whenever')});
like($err, qr/invalid schedule: whenever/, 'pg_cron refuses what it does not understand');
($ret, $out, $err) = $node->psql('cron', q{SELECT weir.schedule('load', NULL)});
like($err, qr/argument "cron" must not be null/, 'null');
is($node->safe_psql('cron', q{SELECT schedule IS NULL FROM weir.jobs}), 't', 'the job is not scheduled by that');

# Scheduled by a superuser, it is the owner's; scheduled again, it is one.
$node->safe_psql('cron', q{SELECT weir.schedule('load', '0 0 1 1 *'), weir.schedule('load', '* * * * *')});
is( $node->safe_psql('cron', q{SELECT count(*), min(schedule), min(username) FROM cron.job WHERE jobname = 'weir: load'}),
	'1|* * * * *|loader', 'one pg_cron job, as the owner of the job');
is($node->safe_psql('cron', q{SELECT schedule FROM weir.jobs}), '* * * * *', 'weir.jobs shows it');

# What it executes, by many at once: each interval once.
my $tick = $node->safe_psql('cron', q{SELECT command FROM cron.job WHERE jobname = 'weir: load'});
my $script = $node->basedir . '/tick.sql';
append_to_file($script, "$tick;\n");
$node->command_ok([ 'pgbench', '-n', '-c', 8, '-t', 5, '-f', $script, '-U', 'loader', '-d', $node->connstr('cron') ],
	'forty ticks at once');
wait_drained($node, 'cron', 'what they enqueue ends');
is( $node->safe_psql('cron', 'SELECT count(*), count(DISTINCT start), string_agg(DISTINCT who, $$,$$) FROM run'),
	'3|3|loader', 'each interval was run once, as the owner');

# A tick of pg_cron itself, for a job of its own.
$node->safe_psql('cron', q{SELECT weir.drop_job('load')});
is($node->safe_psql('cron', q{SELECT count(*) FROM cron.job WHERE jobname = 'weir: load'}), 0, 'drop_job takes the schedule along');
$node->safe_psql('cron', $create, extra_params => [ '-U', 'loader' ]);
$node->safe_psql('cron', q{TRUNCATE run; SELECT weir.schedule('load', '* * * * *')});
ok($node->poll_query_until('cron', 'SELECT count(*) = 3 FROM run'), 'pg_cron ticks, and what is due is run');
is($node->safe_psql('cron', q{SELECT exec, count(*) FROM weir.intervals GROUP BY exec}), 'done|3', 'the intervals are done');
is($node->safe_psql('cron', q{SELECT weir.unschedule('load'), weir.unschedule('load')}), 't|f', 'unschedule');
is($node->safe_psql('cron', q{SELECT count(*) FROM cron.job WHERE jobname = 'weir: load'}), 0, 'takes it out of pg_cron');
# what somebody has taken out before is not missed
$node->safe_psql('cron', q{SELECT weir.schedule('load', '* * * * *')});
$node->safe_psql('cron', q{DELETE FROM cron.job WHERE jobname = 'weir: load'});
is($node->safe_psql('cron', q{SELECT weir.unschedule('load')}), 't', 'also when it is not there any more');

$node->stop;
done_testing();
