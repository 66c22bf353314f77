#!/usr/bin/perl
# \df+ and \d+ are the reference that is always at hand: every public object has a COMMENT
use strict;
use warnings;

my $text = '';
for my $file (glob 'sql/parts/*.sql')
{
	open my $fh, '<', $file or die "$file: $!\n";
	local $/;
	$text .= <$fh>;
}
$text =~ s/--[^\n]*//g;
$text =~ s/(\$\w*\$).*?\1/\$body\$/gs;
my (%made, %said);
my $kind = qr/function|procedure|aggregate|view|type|domain/i;
while ($text =~ /\bcreate\s+(?:or\s+replace\s+)?($kind)\s+(?:(?:weir|\@extschema\@)\.)?(\w+)/gi)
{
	$made{ lc "$1 $2" } = 1 unless $2 =~ /^_/;
}
while ($text =~ /\bcomment\s+on\s+($kind)\s+(?:(?:weir|\@extschema\@)\.)?(\w+)/gi)
{
	$said{ lc "$1 $2" } = 1;
}
my @silent = grep { !$said{$_} } sort keys %made;
print "no COMMENT ON $_\n" for @silent;
exit(@silent ? 1 : 0);
