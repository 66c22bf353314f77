#!/usr/bin/perl
# a file that the Makefile does not name is not built, and nobody notices: OBJS and SQL_PARTS name every source file
use strict;
use warnings;
use File::Find;

open my $fh, '<', 'Makefile' or die "Makefile: $!\n";
my $make = do { local $/; <$fh> };
$make =~ s/\\\n/ /g;
my %listed;
$listed{$_} = 1 for map { s/\.o$/.c/r } split ' ', ($make =~ /^OBJS =(.*)$/m)[0];
$listed{"sql/parts/$_.sql"} = 1 for split ' ', ($make =~ /^SQL_PARTS =(.*)$/m)[0];
my %there;
find({ no_chdir => 1, wanted => sub { $there{$_} = 1 if /\.c$/ } }, grep { -d } 'src');
$there{$_} = 1 for glob 'sql/parts/*.sql';
my @unlisted = grep { !$listed{$_} } sort keys %there;
my @missing = grep { !$there{$_} } sort keys %listed;
print "$_ is not in the Makefile\n" for @unlisted;
print "$_ is in the Makefile but not there\n" for @missing;
exit(@unlisted || @missing ? 1 : 0);
