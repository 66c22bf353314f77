#!/usr/bin/perl
# Indent the C code as PostgreSQL does: pg_bsd_indent with its flags and our
# typedefs.list, and the few things that the indenter alone gets wrong.
#
#   indent.pl --write | --check [FILE...]     default: src, test/sim, bench
#
# --check prints the difference and ends with 1 if there is one, with 77 if
# the indenter is not installed.
use strict;
use warnings;
use File::Find;
use File::Basename;
use File::Temp qw(tempdir);

my $mode = shift // '';
die "usage: indent.pl --write | --check [FILE...]\n"
  unless $mode =~ /^--(write|check)$/;

chdir dirname(__FILE__) . '/../..' or die "could not change directory: $!\n";
my $indenter = $ENV{PG_BSD_INDENT} // 'pg_bsd_indent';
if (system("command -v $indenter >/dev/null") != 0)
{
	print "pg_bsd_indent is not installed (package pg-bsd-indent)\n";
	exit 77;
}
my @flags = qw(-bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1
  -i4 -l79 -lp -lpl -nip -npro -sac -tpg -ts4 -Utypedefs.list);

my @files = @ARGV;
if (!@files)
{
	my @dirs = grep { -d } qw(src test/sim bench);
	find({ wanted => sub { push @files, $_ if /\.[ch]$/ && -f && !m{/build/} },
			no_chdir => 1 }, @dirs) if @dirs;
	@files = sort @files;
}

sub slurp
{
	my $path = shift;
	open my $fh, '<', $path or die "could not open $path: $!\n";
	local $/;
	return <$fh> // '';
}

my $dir = tempdir(CLEANUP => 1);
my $differ = 0;
for my $file (@files)
{
	my $old = slurp($file);
	my $text = $old;

	# before: comments of one kind, and boxes of dashes left alone
	$text =~ s{^(\s*(?:[^\s"'/*][^"'\n]*?)?)//[ \t]*(.*?)[ \t]*$}{$1/* $2 */}gm;
	$text =~ s{(/\*)(-{2,}|\+{2,}|={2,})}{$1-KEEP$2}g;

	open my $in, '>', "$dir/in.c" or die "could not write: $!\n";
	print $in $text;
	close $in;
	my $rc = system("$indenter @flags <$dir/in.c >$dir/out.c 2>$dir/err");
	my $complaint = slurp("$dir/err");
	if ($rc != 0 || $complaint =~ /^(?:Error|Warning)/mi)
	{
		print "$file: $complaint";
		$differ = 1;
		next;
	}
	my $new = slurp("$dir/out.c");

	# after: undo the mark, part comments that ran together, and keep one
	# space before the star of a function's return type
	$new =~ s{(/\*)-KEEP(-{2,}|\+{2,}|={2,})}{$1$2}g;
	$new =~ s{\*/(/\*.*\*/)$}{*/\t$1}gm;
	$new =~ s{^([A-Za-z_]\S*)[ \t]+\*$}{$1 *}gm;

	next if $new eq $old;
	$differ = 1;
	if ($mode eq '--write')
	{
		print "indented $file\n";
		open my $out, '>', $file or die "could not write $file: $!\n";
		print $out $new;
		close $out;
	}
	else
	{
		open my $out, '>', "$dir/new.c" or die "could not write: $!\n";
		print $out $new;
		close $out;
		system('diff', '-u', '-L', $file, '-L', "$file indented", $file,
			"$dir/new.c");
	}
}
exit($mode eq '--check' && $differ ? 1 : 0);
