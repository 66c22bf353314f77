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

# The table of targets, in the order of the page: rows are the same if their first
# three cells are.
sub merge
{
	my ($old, $new) = @_;
	my $key = sub { my @cells = split /\s*\|\s*/, $_[0]; return join '|', grep { defined } @cells[1 .. 3] };
	my @new = split /\n/, $new;
	my %new = map { $key->($_) => $_ } @new;
	my @rows;

	for (grep { /\S/ } split /\n/, $old)
	{
		my $now = delete $new{ $key->($_) };
		push @rows, defined $now && $now !~ /\| - \|\s*\|$/ ? $now : $_;
	}
	push @rows, grep { exists $new{ $key->($_) } } @new;
	return join("\n", @rows) . "\n";
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
