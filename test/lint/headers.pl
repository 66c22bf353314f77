#!/usr/bin/perl
# a header can be read and included alone: it has a guard, does not include postgres.h, and each server .c includes postgres.h first
use strict;
use warnings;
use File::Find;

my $bad = 0;
find({ no_chdir => 1, wanted => sub {
	return unless /\.[ch]$/;
	my $file = $_;
	open my $fh, '<', $file or die "$file: $!\n";
	my $text = do { local $/; <$fh> };
	my @say;
	my ($first) = $text =~ /^\s*#\s*include\s+([<"][^>"]+[>"])/m;
	if ($file =~ /\.h$/)
	{
		push @say, 'no include guard' unless $text =~ /^#ifndef (\w+_H)\s*\n#define \1\b/m;
		push @say, 'a header must not include postgres.h' if $text =~ /#\s*include\s+"postgres\.h"/;
	}
	elsif ($file !~ m{^src/policy/})
	{
		push @say, 'postgres.h must come first' if ($first // '') ne '"postgres.h"';
	}
	for (@say) { print "$file: $_\n"; $bad = 1 }
} }, grep { -d } 'src');
exit $bad;
