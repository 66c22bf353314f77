#!/usr/bin/perl
# a SECURITY DEFINER function without a search_path of its own runs what its caller put in front
use strict;
use warnings;

my $bad = 0;
for my $file (glob 'sql/parts/*.sql sql/pg_weir--*.sql')
{
	open my $fh, '<', $file or die "$file: $!\n";
	my $text = do { local $/; <$fh> };
	$text =~ s/--[^\n]*//g;
	# a function's text is not its options
	$text =~ s/(\$\w*\$).*?\1/\$body\$/gs;
	while ($text =~ /\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\s+([\w.]+)([^;]*);/gi)
	{
		my ($name, $rest) = ($1, $2);
		next unless $rest =~ /\bsecurity\s+definer\b/i;
		next if $rest =~ /\bset\s+search_path\s*(?:=|to)\s*'?pg_catalog\b[^;]*\bpg_temp\b/i;
		print "$file: $name is SECURITY DEFINER without SET search_path = pg_catalog, pg_temp\n";
		$bad = 1;
	}
}
exit $bad;
