#!/usr/bin/perl
# an error that a user can see has an SQLSTATE, so that programs can tell errors apart: ereport of ERROR and above names its errcode
use strict;
use warnings;
use File::Find;

my $bad = 0;
find({ no_chdir => 1, wanted => sub {
	return unless /\.[ch]$/;
	my $file = $_;
	open my $fh, '<', $file or die "$file: $!\n";
	my $text = do { local $/; <$fh> };
	while ($text =~ /\bereport\s*(\((?:[^()"]|"(?:[^"\\]|\\.)*"|(?1))*\))/g)
	{
		my ($call, $start) = ($1, $-[0]);
		next unless $call =~ /^\(\s*(?:ERROR|FATAL|PANIC|elevel)\b/;
		next if $call =~ /\berrcode\w*\s*\(/;
		printf "%s:%d: ereport without errcode\n", $file,
		  1 + (substr($text, 0, $start) =~ tr/\n//);
		$bad = 1;
	}
} }, grep { -d } 'src');
exit $bad;
