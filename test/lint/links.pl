#!/usr/bin/perl
# a link in the documentation that leads nowhere sends its reader away: every relative link names a file that is there, and a heading in it
use strict;
use warnings;
use File::Find;
use File::Basename;

my ($bad, @pages) = (0);
find({ no_chdir => 1, wanted => sub { push @pages, $_ if /\.md$/ } }, '.');

sub text { open my $fh, '<', $_[0] or die "$_[0]: $!\n"; local $/; my $t = <$fh>; $t =~ s/^```.*?^```//gms; return $t }
sub anchors
{
	return map { my $h = lc; $h =~ s/[`*]//g; $h =~ s/[^\w\- ]//g; $h =~ s/ /-/g; ($h => 1) }
	  text($_[0]) =~ /^#+ +(.*?) *$/gm;
}
for my $page (sort @pages)
{
	my $text = text($page);
	$text =~ s/`[^`\n]*`//g;
	while ($text =~ /\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)
	{
		my ($path, $anchor) = split /#/, $1, 2;
		next if $1 =~ /^(?:https?|mailto):/;
		my $target = $path eq '' ? $page : dirname($page) . "/$path";
		my %there = $target =~ /\.md$/ && -f $target ? anchors($target) : ();
		next if -e $target && (!defined $anchor || $target !~ /\.md$/ || $there{$anchor});
		print "$page: no ", defined $anchor ? "$path#$anchor" : $path, "\n";
		$bad = 1;
	}
}
exit $bad;
