#!/usr/bin/perl
# Put measured sections into a page.
#
#   page.pl PAGE FOLDER     the page, with what stands between
#                           <!-- measured: NAME --> and <!-- end --> replaced by
#                           the file NAME of the folder
#
# A section without a file stays as it is.  So does a row of "targets" that was
# not measured this time: figures come from several runs if those were asked for
# some of the scenarios only.
use strict;
use warnings;

my ($page, $folder) = @ARGV;

sub slurp { open my $fh, '<', $_[0] or die "$_[0]: $!\n"; local $/; my $text = <$fh>; return $text }

# The table of targets: rows are the same if their first three cells are.
sub merge
{
	my ($old, $new) = @_;
	my (%old, @rows);
	my $key = sub { my @cells = split /\s*\|\s*/, $_[0]; return join '|', grep { defined } @cells[1 .. 3] };

	$old{ $key->($_) } = $_ for split /\n/, $old;
	for (split /\n/, $new)
	{
		my $before = delete $old{ $key->($_) };
		push @rows, /\| - \|\s*\|$/ && $before ? $before : $_;
	}
	# what another run has measured, of scenarios that this one left out
	my @kept = grep { exists $old{ $key->($_) } } split /\n/, $old;
	return join("\n", @rows, @kept) . "\n";
}

my $text = slurp($page);
my %used;
$text =~ s{(^<!-- measured: (\w+) -->\n)(.*?)(?=^<!-- end -->)}{
	my ($mark, $name, $old) = ($1, $2, $3);
	my $file = "$folder/$name";
	$used{$name} = 1;
	my $new = -e $file ? "\n" . slurp($file) : $old;
	$new = "\n" . merge($old, slurp($file)) if $name eq 'targets' && -e $file;
	$new =~ s/\n*\z/\n\n/;
	$mark . $new
}gmse;
for (map { s{.*/}{}r } glob "$folder/*")
{
	die "$page has no place for \"$_\"\n" unless $used{$_};
}
print $text;
