#!/usr/bin/perl
# an example that nobody runs is wrong sooner or later: the SQL of the documentation is in test/sql/docs_*.sql, and what it shows as output is what came out
# A block marked ```sql is run, one marked ```sql not-run is not; so is what
# stands in <!-- run ... -->, which the reader does not see.  A block marked
# ```text that follows a block of SQL is its output, or a part of it.  Each
# page has a database of its own.  With --write the test files are written.
use strict;
use warnings;

my %sets = (
	tutorial => [ 'README.md', 'docs/tutorial.md' ],
	how_to => [ sort glob 'docs/how-to/*.md' ],
	reference => [ sort glob 'docs/reference/*.md' ],
	explanation => [ sort glob 'docs/explanation/*.md' ]);
my $write = @ARGV && $ARGV[0] eq '--write';
my $bad = 0;

sub slurp { open my $fh, '<', $_[0] or return; local $/; my $text = <$fh>; return $text }
sub complain { print "@_\n"; $bad = 1 }

# The SQL of a page, and what it shows of the output.
sub page
{
	my ($file) = @_;
	my ($sql, @output) = ('');
	my ($text, $after_sql) = (slurp($file), 0);

	$text =~ s/^<!-- catalog: .*?^<!-- end -->$//gms;
	while ($text =~ /^```(\S+)([^\n]*)\n(.*?)^```$|^<!-- run\n(.*?)^-->$/gms)
	{
		my ($kind, $how, $body, $hidden) = ($1, $2, $3, $4);
		if (defined $hidden) { $sql .= $hidden }
		elsif ($kind eq 'sql' && $how !~ /not-run/) { $sql .= $body; $after_sql = 1 }
		elsif ($kind eq 'text' && $after_sql) { push @output, $body; $after_sql = 0 }
		else { $after_sql = 0 }
	}
	return ($sql, @output);
}

for my $name (sort keys %sets)
{
	my $test = "test/sql/docs_$name.sql";
	my $out = slurp("expected/docs_$name.out");
	my $script = "-- The examples of the documentation, taken out by test/lint/examples.pl --write.\n"
	  . "\\set home :DBNAME\n";
	my $n = 0;

	for my $file (@{ $sets{$name} })
	{
		my ($sql, @output) = page($file);
		next if $sql eq '';
		$n++;
		$script .= "\n-- page $file\nCREATE DATABASE weir_docs;\n\\connect weir_docs\n";
		$script .= "CREATE EXTENSION pg_weir;\n" if $sql !~ /^CREATE EXTENSION/m;
		$script .= "$sql\\connect :home\nDROP DATABASE weir_docs;\n";
		next if $write || !defined $out;
		my ($section) = $out =~ /^-- page \Q$file\E\n(.*?)(?=^-- page |\z)/ms;
		my $from = 0;
		for (@output)
		{
			my $at = index($section // '', $_, $from);
			if ($at < 0) { complain("$file shows what is not in expected/docs_$name.out:\n$_") }
			else { $from = $at + length }
		}
	}
	next if $n == 0;
	if ($write)
	{
		mkdir 'test/sql';
		open my $fh, '>', $test or die "$test: $!\n";
		print $fh $script;
		close $fh or die "$test: $!\n";
		next;
	}
	complain("$test is not what the pages say: run test/lint/examples.pl --write") if (slurp($test) // '') ne $script;
	complain("expected/docs_$name.out is missing") if !defined $out;
}
exit $bad;
