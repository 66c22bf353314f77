#!/usr/bin/perl
# includes go down the levels api > sched, run > ledger > shmem > policy only, so that each level can be read without those above it
use strict;
use warnings;
use File::Find;

# A folder may include itself and these.  sched and run meet in shared memory
# and in the ledger, never in each other's headers.
my %below = (
	policy => [],
	shmem => [qw(policy)],
	ledger => [qw(shmem policy)],
	run => [qw(ledger shmem policy)],
	sched => [qw(ledger shmem policy)],
	api => [qw(sched run ledger shmem policy)]);
my $bad = 0;
find({ no_chdir => 1, wanted => sub {
	return unless m{^src/(\w+)/.*\.[ch]$};
	my ($file, $level) = ($_, $1);
	if (!$below{$level}) { print "$file: no level \"$level\"\n"; $bad = 1; return; }
	my %may = map { $_ => 1 } $level, @{ $below{$level} };
	open my $fh, '<', $file or die "$file: $!\n";
	while (<$fh>)
	{
		next unless m{^\s*#\s*include\s+"(\w+)/} && $below{$1} && !$may{$1};
		print "$file:$.: $level must not include $1\n";
		$bad = 1;
	}
} }, grep { -d } 'src');
exit $bad;
