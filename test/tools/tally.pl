#!/usr/bin/perl
# Read the output of one suite, show what a reader wants to see of it, and
# add a line "suite passed failed" to the tally.
#
#   COMMAND 2>&1 | tally.pl SUITE TALLYFILE STATUSFILE
#
# Counts TAP at the outer level ("not ok ... # TODO" passes, "# SKIP" counts
# as neither) and the lines of pg_regress 15.  STATUSFILE holds the exit status
# of the command when its output has ended: a command that failed without a
# failed test counts as one.
use strict;
use warnings;

$| = 1;
my ($suite, $tally, $status) = @ARGV;
my ($passed, $failed, $skipped) = (0, 0, 0);
my $file = '';

while (my $line = <STDIN>)
{
	$file = $1 if $line =~ /^(?:\[[\d:]+\] )?(\S+\.(?:pl|sql|t)) \.\. /;
	if ($line =~ /^(not )?ok \d+\b(.*)/)
	{
		my ($not, $rest) = ($1, $2);
		if ($rest =~ /# skip/i) { $skipped++; }
		elsif (!$not || $rest =~ /# todo/i) { $passed++; next if $file; }
		else { $failed++; }
	}
	elsif ($line =~ /^(?:test|     )\s+(\S.*?)\s+\.\.\. (ok|FAILED)/)
	{
		$2 eq 'ok' ? $passed++ : $failed++;
	}
	# prove --verbose tells every test; the files and the failures will do
	next if $file && $line =~ /^(?:    |1\.\.\d|ok$|\[[\d:]+\]$|# Subtest|\s*$)/;
	$line =~ s/^(ok +\d+ ms) .*/$1/;
	print $line;
}

my $rc = 1;
if (open my $fh, '<', $status) { $rc = <$fh> // 1; close $fh; }
$failed = 1 if $rc != 0 && $failed == 0;
$passed = 1 if $rc == 0 && $passed + $failed + $skipped == 0;

open my $out, '>>', $tally or die "could not open $tally: $!\n";
print $out "$suite $passed $failed\n";
close $out;
exit($failed ? 1 : 0);
