#!/usr/bin/perl
# Draw a plot as SVG, from a description on standard input:
#
#   title TEXT, x TEXT, y TEXT      text of the plot and of its axes
#   logx, logy                      logarithmic axes
#   series NAME                     a line; the points follow, "x y" each
#   bar<TAB>LABEL<TAB>MEDIAN<TAB>LOW<TAB>HIGH     a bar instead
use strict;
use warnings;
use List::Util qw(min max);

my @colours = ('#1f6f8b', '#d1495b', '#edae49', '#66a182', '#5d3a9b', '#8d6b48');
my (%text, %log, @series, @bars);
while (<STDIN>)
{
	chomp;
	if (/^(title|x|y) (.*)/) { $text{$1} = $2 }
	elsif (/^log([xy])$/) { $log{$1} = 1 }
	elsif (/^series (.*)/) { push @series, { name => $1, points => [] } }
	elsif (/^bar\t(.*)/) { push @bars, [ split /\t/, $1 ] }
	elsif (/^(\S+) (\S+)$/) { push @{ $series[-1]{points} }, [ $1, $2 ] }
	elsif (/\S/) { die "not understood: $_\n" }
}
@bars = grep { $_->[1] =~ /^[\d.]+$/ } @bars;
@series = grep { @{ $_->{points} } } @series;

sub escape { return $_[0] =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr }
sub label
{
	my ($x, $y, $text, $more) = @_;
	printf qq{<text x="%.1f" y="%.1f" %s>%s</text>\n}, $x, $y, $more // '', escape($text);
}
sub line { printf qq{<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>\n}, @_ }

# 1500000 as 1.5M
sub short
{
	my $v = shift;
	return $v >= 1e6 ? sprintf('%.3gM', $v / 1e6) : $v >= 1e4 ? sprintf('%.3gk', $v / 1e3) : sprintf '%g', $v;
}

# Round values from low to high, a handful.
sub ticks
{
	my ($low, $high, $log) = @_;
	if ($log)
	{
		my @powers = map { 10**$_ } int(log($low) / log(10) - 0.001) - 1 .. int(log($high) / log(10)) + 1;
		return grep { $_ >= $low * 0.999 && $_ <= $high * 1.001 } @powers;
	}
	my $step = 10**int(log(($high - $low || 1) / 5) / log(10) + 10) / 1e10;
	$step *= 2 while ($high - $low) / $step > 4;
	my @values;
	for (my $v = int($low / $step) * $step; $v <= $high; $v += $step) { push @values, $v if $v >= $low }
	return @values;
}

sub begin
{
	my ($width, $height) = @_;
	printf qq{<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">\n},
	  $width, $height, $width, $height;
	print qq{<rect width="100%" height="100%" fill="white"/>\n};
	label(10, 20, $text{title} // '', 'font-size="14" font-weight="bold"');
}

sub draw_bars
{
	my ($left, $right, $top, $pitch) = (330, 760, 36, 24);
	my $most = max(1, map { $_->[3] // $_->[1] } @bars);
	my $scale = sub { $left + ($right - $left) * $_[0] / $most };
	my $bottom = $top + $pitch * @bars;

	begin(840, $bottom + 44);
	for (ticks(0, $most))
	{
		line($scale->($_), $top, $scale->($_), $bottom, '#ddd');
		label($scale->($_), $bottom + 16, short($_), 'text-anchor="middle"');
	}
	label(($left + $right) / 2, $bottom + 34, $text{x} // '', 'text-anchor="middle"');
	for my $i (0 .. $#bars)
	{
		my ($name, $median, $low, $high) = @{ $bars[$i] };
		my $y = $top + $pitch * $i;
		my $colour = $name =~ /weir\b(?!\.run)/ ? $colours[0] : '#b9c4c9';

		label($left - 8, $y + 16, $name, 'text-anchor="end"');
		printf qq{<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"/>\n}, $left, $y + 4,
		  $scale->($median) - $left, $pitch - 8, $colour;
		line($scale->($low), $y + 12, $scale->($high), $y + 12, 'black') if defined $high;
		label($scale->(max($median, $high // 0)) + 6, $y + 16, short($median));
	}
}

sub draw_lines
{
	my ($left, $right, $top, $bottom) = (70, 560, 62, 330);
	my @points = map { @{ $_->{points} } } @series;
	my @x = grep { !$log{x} || $_ > 0 } map { $_->[0] } @points;
	my @y = grep { !$log{y} || $_ > 0 } map { $_->[1] } @points;
	my ($x0, $x1, $y0, $y1) = (min(@x), max(@x), $log{y} ? min(@y) : 0, max(@y) * 1.05);
	if ($log{y}) { $y0 = 10**int(log($y0) / log(10) - ($y0 < 1)); $y1 = 10**(int(log($y1) / log(10)) + ($y1 > 1)) }
	my $place = sub
	{
		my ($v, $low, $high, $from, $to, $log) = @_;
		($v, $low, $high) = map { log } max($v, $low), $low, $high if $log;
		return $from + ($to - $from) * ($high > $low ? ($v - $low) / ($high - $low) : 0.5);
	};
	my $at_x = sub { $place->($_[0], $x0, $x1, $left, $right, $log{x}) };
	my $at_y = sub { $place->($_[0], $y0, $y1, $bottom, $top, $log{y}) };

	begin(860, 380);
	for (ticks($y0, $y1, $log{y}))
	{
		line($left, $at_y->($_), $right, $at_y->($_), '#ddd');
		label($left - 6, $at_y->($_) + 4, short($_), 'text-anchor="end"');
	}
	for (ticks($x0, $x1, $log{x}))
	{
		line($at_x->($_), $bottom, $at_x->($_), $bottom + 4, 'black');
		label($at_x->($_), $bottom + 18, short($_), 'text-anchor="middle"');
	}
	line($left, $bottom, $right, $bottom, 'black');
	label(($left + $right) / 2, $bottom + 38, $text{x} // '', 'text-anchor="middle"');
	label($left - 60, $top - 18, $text{y} // '');
	for my $i (0 .. $#series)
	{
		my $colour = $colours[ $i % @colours ];
		my @line = map { sprintf '%.1f,%.1f', $at_x->($_->[0]), $at_y->($_->[1]) } @{ $series[$i]{points} };
		my $y = $top + 10 + 20 * $i;

		print qq{<polyline points="@line" fill="none" stroke="$colour" stroke-width="2"/>\n};
		printf qq{<rect x="%d" y="%d" width="12" height="12" fill="%s"/>\n}, $right + 20, $y - 10, $colour;
		label($right + 38, $y, $series[$i]{name});
	}
}

if (@bars) { draw_bars() }
elsif (@series) { draw_lines() }
else { begin(400, 40) }
print "</svg>\n";
