#!/usr/bin/perl
# Print the names of types that our C code defines or uses, for the indenter:
# ours, and those of the server's headers that occur in our code.  Debian does
# not ship PostgreSQL's own list.  "make typedefs" rewrites typedefs.list.
use strict;
use warnings;
use File::Find;
use File::Basename;

chdir dirname(__FILE__) . '/../..' or die "could not change directory: $!\n";

sub slurp
{
	my $path = shift;
	open my $fh, '<', $path or return '';
	local $/;
	my $text = <$fh> // '';
	$text =~ s{/\*.*?\*/}{ }gs;
	$text =~ s/^[ \t]*#(?:\\\n|[^\n])*//gm;
	$text =~ s{"(?:[^"\\\n]|\\.)*"}{""}g;
	return $text;
}

# typedef_names TEXT: what its typedefs define
sub typedef_names
{
	my $text = shift;
	my @names;
	# bodies of structs first, from the inside out, so that a typedef ends at
	# its first semicolon
	1 while $text =~ s/\{[^{}]*\}/ /g;
	while ($text =~ /\btypedef\b([^;]*);/g)
	{
		my $decl = $1;
		if ($decl =~ /\(\s*\*\s*(\w+)\s*\)\s*\(/) { push @names, $1; next; }
		$decl =~ s/\[[^\]]*\]//g;
		$decl =~ s/\bpg_attribute_\w+(?:\([^()]*\))?//g;
		$decl =~ s/\([^()]*\)\s*$//;
		push @names, $1 if $decl =~ /(\w+)\s*$/;
	}
	return @names;
}

sub c_files
{
	my @dirs = grep { -d } @_;
	my @found;
	find({ wanted => sub { push @found, $_ if /\.[ch]$/ && -f },
			no_chdir => 1, follow => 1, follow_skip => 2 }, @dirs) if @dirs;
	return @found;
}

my (%ours, %used, %known);
for my $file (c_files('src', 'test/sim', 'bench'))
{
	my $text = slurp($file);
	$ours{$_} = 1 for typedef_names($text);
	$used{$_} = 1 for $text =~ /\b([A-Za-z_]\w*)\b/g;
}

my $config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $include = `$config --includedir-server`);
die "no server headers: set PG_CONFIG\n" unless -d $include;
for my $file (c_files($include))
{
	$known{$_} = 1 for typedef_names(slurp($file));
}
$known{$_} = 1 for qw(bool FILE DIR va_list size_t ssize_t time_t pid_t off_t
  int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintptr_t
  intptr_t sig_atomic_t sigset_t uid_t gid_t mode_t);
# names of types that are more often something else; as types they indent badly
delete @known{qw(abs boolean date digit iterator other pointer reference
	string timestamp type wrap pairingheap_comparator U ANY)};
delete $known{$_} for grep { !$used{$_} } keys %known;

print map { "$_\n" } sort { lc $a cmp lc $b || $a cmp $b }
  keys %{ { %ours, %known } };
