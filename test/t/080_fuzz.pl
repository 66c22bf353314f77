# Any arguments for every function: calls made up from lists of values of each
# type, by an ordinary role and by a superuser.  A call may be refused, but no
# process crashes, no error is an internal one, and no task is lost.
#
# WEIR_FUZZ_SEED and WEIR_FUZZ_CALLS (of each function, by each role) repeat a
# run, or make it longer.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use WeirNode;
use WeirTest;

my $seed = $ENV{WEIR_FUZZ_SEED} // 20260101;
my $calls = $ENV{WEIR_FUZZ_CALLS} // 12;
my $node = weir_node('main', log_line_prefix => "'[%p] %e '", log_statement => "'none'",
	'weir.max_wait' => '50ms', statement_timeout => 0);

srand $seed;
diag("WEIR_FUZZ_SEED=$seed WEIR_FUZZ_CALLS=$calls");
weir_database($node, 'fuzz');
# nobody waits long for it
queue_ready($node, 'fuzz');
$node->safe_psql('fuzz', q{
	CREATE ROLE ordinary LOGIN;
	CREATE ROLE other LOGIN;
	GRANT CREATE ON SCHEMA public TO ordinary;
	CREATE TABLE fact (a int PRIMARY KEY, b text);
	CREATE TABLE parted (a int) PARTITION BY RANGE (a);
	CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE VIEW seen AS SELECT * FROM fact;
	CREATE TABLE "odd ""name" (a int);
	GRANT ALL ON fact, parted, part TO ordinary;
	SELECT weir.create_queue('fuzzed', class => 'backfill', capacity => 50);
	SELECT weir.grant_queue('fuzzed', 'ordinary');
	SELECT weir.cap_table('fact', 2);
	SELECT weir.cap_resource('api', 3);
	SELECT weir.create_job('load', 'SELECT $1, $2', every => '1 day');
});

# Tasks that must be there at the end, whatever became of them.
my %known;
$known{$_} = 1
  for split /\n/, $node->safe_psql('fuzz',
	q{SELECT weir.enqueue('SELECT 1') FROM generate_series(1, 20)});

# Values as SQL, by type; a type that is not here gets texts that are cast.
my @texts = (
	q{''}, q{' '}, q{'fuzzed'}, q{'adhoc'}, q{'daily'}, q{'backfill'}, q{'system'},
	q{'load'}, q{'api'}, q{'api:*'}, q{'fact'}, q{'public.fact'}, q{'ordinary'},
	q{'SELECT 1'}, q{'SELECT $1'}, q{'SELECT $2, $1'}, q{'VACUUM fact'}, q{'COMMIT'},
	q{'SELECT 1; SELECT 2'}, q{'INSERT INTO fact VALUES (1) ON CONFLICT DO NOTHING'},
	q{'SELECT 1/0'}, q{'SELECT weir.enqueue(''SELECT 1'')'}, q{'*'}, q{'%s%n%1$d'},
	q{$$'; DROP TABLE fact; --$$}, q{$$"$$}, q{$$\\'$$}, q{repeat('x', 100000)},
	q{repeat('(', 20000)}, q{U&'\2028\FFFD'}, q{'skip'}, q{'reject'}, q{'wait'},
	q{'join'}, q{'replace'}, q{'cancel'}, q{'run'}, q{'everyone'}, q{'observe'},
	q{'transaction'}, q{'autocommit'}, q{'grouped'}, q{'allow'}, q{'error'},
	q{'finish'}, q{'keep'}, q{'all'}, q{'newest_first'}, q{'0 3 * * *'}, q{'UTC'},
	q{'Europe/Berlin'}, q{'open'}, q{'partial'}, q{'shed'}, q{'capacity'});
my @json = (
	q{'null'}, q{'{}'}, q{'[]'}, q{'[1]'}, q{'[1, 2]'}, q{'[[1], [2]]'}, q{'[[]]'},
	q{'"x"'}, q{'7'}, q{'true'}, q{'{"a": [1, {"b": null}]}'}, q{'[1e400, -0, "\u00e9"]'},
	q{'{"work_mem": "1MB"}'}, q{'{"role": "postgres"}'}, q{'{"search_path": "x"}'},
	q{'{"work_mem": null}'}, q{'{"backoff": "1 day"}'}, q{'{"max_attempts": -1}'},
	q{'[{"key": "a", "command": "SELECT 1"}, {"key": "b", "command": "SELECT 2", "after": ["a"]}]'},
	q{'[{"key": "a", "command": "SELECT 1", "after": ["a"]}]'},
	q{(repeat('[', 2000) || repeat(']', 2000))}, q{('[' || repeat('1,', 9999) || '1]')});
my @integers = (0, 1, 2, 3, 32, 64, 65, 1000, map { "'$_'" } -1, 2147483647, -2147483648);
my %values = (
	text => \@texts,
	name => \@texts,
	jsonb => \@json,
	boolean => [ 'true', 'false' ],
	integer => \@integers,
	bigint => [ @integers, map { "'$_'" } '9223372036854775807', '-9223372036854775808', 4, 5, 6, 7, 8 ],
	'double precision' => [ map { "'$_'" } 0, 1, -1, 0.5, 'NaN', 'Infinity', '-Infinity', 1e308, 1e-308 ],
	interval => [ map { "'$_'" } '0', '1 ms', '-1 ms', '1 s', '1 hour', '1 day', '1 month', '-1 month',
		'1 month -30 days', '178000000 years', '-178000000 years', '9223372036854775807 us' ],
	'timestamp with time zone' => [ map { "'$_'" } 'infinity', '-infinity', 'epoch', 'now', 'today',
		'yesterday', '294276-12-31', '4713-01-01 BC', '2026-03-29 02:30 Europe/Berlin' ],
	date => [ map { "'$_'" } 'infinity', 'today', '4713-01-01 BC', '5874897-12-31' ],
	'time without time zone' => [ map { "'$_'" } '00:00', '02:30', '24:00' ],
	regclass => [ map { "'$_'" } 'fact', 'parted', 'part', 'seen', 'pg_class', 'weir.task', 'fact_pkey',
		'"odd ""name"', 0, 4294967295 ],
	regrole => [ map { "'$_'" } 'ordinary', 'other', 'pg_monitor', 0, 4294967295 ],
	oid => [ map { "'$_'" } 0, 1, 16384, 4294967295 ]);

# Likely ones, by the name of the argument, or most calls would end at the first.
my @commands = (q{'SELECT 1'}, q{'INSERT INTO fact VALUES (1) ON CONFLICT DO NOTHING'}, q{'SELECT 1/0'});
my %likely = (
	command => \@commands,
	args => [ q{'[]'}, q{'[[], []]'}, q{'[1]'} ],
	queue => [ q{'fuzzed'}, q{'adhoc'} ],
	job => [q{'load'}],
	relation => [q{'fact'}],
	tables => [ q{'{fact}'}, q{'{}'} ],
	class => [ q{'backfill'}, q{'adhoc'} ],
	resource => [q{'api'}],
	resources => [q{'{api}'}],
	capacity => [ 50, 100 ],
	slots => [ 1, 2 ],
	every => [q{'1 day'}],
	timezone => [q{'UTC'}],
	role_name => [q{'ordinary'}],
	task_id => [ 1 .. 40 ],
	caller => [ q{'ordinary'::regrole}, q{current_user::regrole} ],
	from_time => [q{(date_trunc('day', now(), 'UTC') - interval '3 days')}],
	to_time => [q{date_trunc('day', now(), 'UTC')}],
	settings => [q{'{}'}],
	policy => [q{'{}'}],
	run_at => [q{'now'}],
	max_attempts => [ 1, 2 ],
	on_conflict => [q{'skip'}],
	mode => [q{'transaction'}]);

sub pick
{
	return $_[ int rand @_ ];
}

# A value of a type.  Most are not null, or little more would be tried.
sub value
{
	my ($type) = @_;

	return 'NULL' if rand() < 0.08;
	if ($type =~ /^(.*)\[\]$/)
	{
		my $element = $1;
		my $n = pick(0, 1, 1, 2, 3, 9);

		return "'{{1},{2}}'::text::$type" if $element =~ /int|text/ && rand() < 0.05;
		return 'ARRAY[' . join(', ', map { value($element) } 1 .. $n) . "]::$type";
	}
	return pick(@{ $values{$type} // \@texts }) . ($type =~ /^"?any|^record/ ? '' : "::$type");
}

# One call of a function, with some of the arguments that have defaults.
sub call
{
	my ($name, $required, @arguments) = @_;
	my @given;

	for my $i (0 .. $#arguments)
	{
		my ($argument, $type) = @{ $arguments[$i] };

		next if $i >= $required && rand() < 0.7;
		my $likely = $likely{ $argument =~ s/^p_//r };
		my $value = defined $likely && rand() < 0.7 ? pick(@$likely) . "::$type" : value($type);
		push @given, $argument ne '' ? "$argument => $value" : $value;
	}
	return "weir.$name(" . join(', ', @given) . ')';
}

# The functions that a session can call, and their arguments.
my @functions;
for my $line (
	split /\n/, $node->safe_psql('fuzz', q{
		SELECT p.oid::regproc, p.pronargs - p.pronargdefaults,
			coalesce((SELECT string_agg(coalesce(p.proargnames[i], '') || '=' || format_type(t, NULL), ';' ORDER BY i)
				FROM unnest(p.proargtypes) WITH ORDINALITY a (t, i)), '')
		FROM pg_proc p
		WHERE p.pronamespace = 'weir'::regnamespace AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
			AND p.prorettype <> 'event_trigger'::regtype
		ORDER BY p.proname, p.oid}))
{
	my ($name, $required, $arguments) = split /\|/, $line, 3;

	$name =~ s/^weir\.//;
	push @functions,
	  [ $name, $required, map { [ split /=/, $_, 2 ] } split /;/, $arguments ];
}
cmp_ok(scalar @functions, '>', 50, 'the functions are found');

# Calls in an order of chance, some in transactions and savepoints.  Private
# functions are closed to the ordinary role, and not meant for anybody by hand.
sub script
{
	my ($role) = @_;
	my @script = ("SET statement_timeout = '200ms'; SET lock_timeout = '100ms'");
	my @todo = map { my $f = $_; map { $f } 1 .. $calls }
	  grep { defined $role || $_->[0] !~ /^_/ } @functions;
	my $nested = 0;

	push @script, "SET SESSION AUTHORIZATION $role" if defined $role;
	while (@todo)
	{
		my ($function) = splice @todo, int rand @todo, 1;
		my $call = call(@$function);
		my $chance = rand();

		if ($nested == 0 && $chance < 0.03)
		{
			push @script, 'BEGIN';
			$nested = 1;
		}
		elsif ($nested && $chance < 0.1)
		{
			push @script, 'SAVEPOINT s';
		}
		elsif ($nested && $chance < 0.40)
		{
			push @script, 'ROLLBACK TO s';
		}
		elsif ($nested && $chance < 0.60)
		{
			push @script, pick('COMMIT', 'ROLLBACK');
			$nested = 0;
		}
		push @script, $function->[0] eq 'enqueue'
		  && !$nested ? "SELECT 'task ' || $call" : "SELECT * FROM $call";
	}
	push @script, 'ROLLBACK' if $nested;
	return join('', map { "$_;\n" } @script);
}

my $position = -s $node->logfile;
my %sqlstates;
for my $role ('ordinary', undef)
{
	my $who = $role // 'a superuser';
	my $script = script($role);
	my ($out, $err);
	my $done = IPC::Run::run [
		'psql', '-XqAt', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('fuzz'), '-f', '-' ],
	  '<', \$script, '>', \$out, '2>', \$err;

	ok($done, "the session of $who survives");
	$known{$1} = 1 while $out =~ /^task (\d+)$/mg;
	$sqlstates{$1}++ while $err =~ /^(?:psql:\S*:\d+: )?ERROR:\s+(\w{5})$/mg;
}
my $log = log_since($node, $position);
is(join(' ', grep { /^XX/ } sort keys %sqlstates), '', 'no error is an internal one');
my @internal = grep { /\bXX\d\d\d (?:ERROR|FATAL|PANIC)/ } split /\n/, $log;
is("@internal", '', 'nor one of a background process');
unlike($log, qr/terminated by signal|PANIC|TRAP/, 'no process has crashed');
cmp_ok(scalar keys %sqlstates, '>', 5, 'the calls were refused in many ways')
  or diag(explain(\%sqlstates));
diag(join ', ', map { "$_ $sqlstates{$_}" } sort keys %sqlstates);

# Whatever was configured, the server can be brought to work on.
$node->safe_psql('fuzz', q{
	SELECT weir.resume_all();
	SELECT weir.resume(name) FROM weir.queues WHERE paused;
	SELECT weir.cancel_many(coalesce(array_agg(task_id), '{}')) FROM weir.tasks
		WHERE state IN ('scheduled', 'blocked', 'ready', 'running', 'retrying');
});
wait_drained($node, 'fuzz', 'everything that was enqueued ends');
is( $node->safe_psql('fuzz', 'SELECT count(*) FROM weir.tasks WHERE task_id IN ('
		  . join(', ', sort { $a <=> $b } keys %known) . ')'),
	scalar keys %known,
	'no task is lost');
is(ledger_faults($node, 'fuzz'), '', 'the ledger is in order');
my $task = $node->safe_psql('fuzz', q{SELECT weir.enqueue('SELECT 1', queue => 'adhoc')});
is($node->safe_psql('fuzz', "SELECT outcome FROM weir.wait($task, '1 min')"),
	'succeeded', 'and a task runs');

$node->stop;
done_testing();
