#!/usr/bin/perl
# Writes into the documentation what it repeats of the catalog.
#
#   docs/reference/generate.pl            with a throw-away server of this tree
#   docs/reference/generate.pl --here     with the database that PGDATABASE and
#                                         so on lead to, which has the extension
#
# generate.sql says what the blocks are.  Between "<!-- catalog: KEY -->" and
# "<!-- end -->" everything is replaced; a key without such a place is named.
# WORK=<folder> keeps the sandbox, as for make check.
use strict;
use warnings;

my $how = $ARGV[0] // '';

# Within the throw-away server: print the blocks.  They are told from other
# output by the control characters around them.
if ($how eq '--blocks' || $how eq '--here')
{
	my $sql = q(SELECT E'\x02' || file || E'\x1e' || key || E'\x1e' || body || E'\x03' FROM reference_block);
	if ($how eq '--blocks')
	{
		system('psql', '-Xqc', 'CREATE EXTENSION pg_weir') == 0 or die "psql failed\n";
		exec 'psql', '-XqAt', '-f', 'docs/reference/generate.sql', '-c', $sql or die "psql: $!\n";
	}
	open my $psql, '-|', 'psql', '-XqAt', '-f', 'docs/reference/generate.sql', '-c', $sql
	  or die "psql: $!\n";
	apply($psql);
	close $psql or die "psql failed\n";
	exit;
}

open my $server, '-|', 'test/tools/sandbox.sh', 'demo', '--', 'test/tools/cluster.sh', '-d', 'reference',
  '--', 'docs/reference/generate.pl', '--blocks'
  or die "test/tools/sandbox.sh: $!\n";
apply($server);
close $server or die "could not read the catalog\n";

# Writes the blocks into their pages.
sub apply
{
	my ($in) = @_;
	my %body;
	my $all = do { local $/; <$in> } // '';

	$body{$1}{$2} = $3 while $all =~ /\x02([^\x1e]*)\x1e([^\x1e]*)\x1e([^\x03]*)\x03/g;
	print $all =~ s/\x02[^\x03]*\x03\n?//gr;
	die "there is nothing to be written\n" if !%body;
	for my $file (sort keys %body)
	{
		open my $old, '<', $file or die "$file: $!\n";
		my $page = do { local $/; <$old> };
		my %seen;

		close $old;
		$page =~ s{(<!-- catalog: (\S+) -->\n).*?(<!-- end -->)}{
			$seen{$2} = 1;
			defined $body{$file}{$2} ? "$1\n$body{$file}{$2}\n\n$3"
			  : die "$file: there is no $2 in the catalog\n" }gse;
		print "$file: no place for $_\n" for grep { !$seen{$_} } sort keys %{ $body{$file} };
		open my $new, '>', $file or die "$file: $!\n";
		print $new $page;
		close $new or die "$file: $!\n";
	}
}
