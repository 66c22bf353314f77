#!/usr/bin/perl
# one word for one thing: test/lint/words.txt lists words that do not belong here, and what to say instead
# FORBIDDEN_WORDS in the environment adds to the list (words parted by commas).
use strict;
use warnings;
use File::Find;

my (@rules, $bad);
open my $fh, '<', 'test/lint/words.txt' or die "test/lint/words.txt: $!\n";
while (<$fh>)
{
	next if /^#|^\s*$/;
	chomp;
	my ($where, $word, $instead) = split /\t+/;
	push @rules, [ qr/$where/, qr/$word/, $instead ];
}
push @rules, [ qr/./, qr/\b\Q$_\E\b/i, 'the project speaks of itself alone' ]
  for grep { length } split /\s*,\s*/, $ENV{FORBIDDEN_WORDS} // '';
find({ no_chdir => 1, wanted => sub {
	s{^\./}{};
	return if !-f || m{^\.git/|^test/lint/words\.txt$|^(?:results|output_iso|tmp_check)/} || -B;
	my $file = $_;
	my @mine = grep { $file =~ $_->[0] } @rules or return;
	open my $in, '<', $file or die "$file: $!\n";
	while (my $line = <$in>)
	{
		for (grep { $line =~ $_->[1] } @mine) { print "$file:$.: $_->[2]: $line"; $bad = 1 }
	}
} }, '.');
exit($bad ? 1 : 0);
