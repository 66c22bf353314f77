#!/usr/bin/perl
# the version has one truth, pg_weir.control; what must repeat it (META.json, .gitignore, CHANGELOG.md) repeats it rightly
use strict;
use warnings;
use JSON::PP;

sub slurp { open my $fh, '<', $_[0] or die "$_[0]: $!\n"; local $/; return <$fh> }

my ($version) = slurp('pg_weir.control') =~ /^default_version\s*=\s*'([\d.]+)'/m
  or die "pg_weir.control has no default_version\n";
my $semver = $version =~ /^\d+\.\d+$/ ? "$version.0" : $version;
my $meta = decode_json(slurp('META.json'));
my @wrong;
push @wrong, "META.json: version is not \"$semver\"" if $meta->{version} ne $semver;
my $provides = $meta->{provides}{pg_weir} or die "META.json provides no pg_weir\n";
push @wrong, "META.json: provided version is not \"$semver\"" if $provides->{version} ne $semver;
push @wrong, "META.json: file is not sql/pg_weir--$version.sql"
  if $provides->{file} ne "sql/pg_weir--$version.sql";
for my $key (qw(name version abstract maintainer license provides meta-spec))
{
	push @wrong, "META.json: the specification wants \"$key\"" unless $meta->{$key};
}
push @wrong, ".gitignore: the open base script is sql/pg_weir--$version.sql"
  unless slurp('.gitignore') =~ m{^/sql/pg_weir--\Q$version\E\.sql$}m;
push @wrong, "CHANGELOG.md: no section for $version"
  unless slurp('CHANGELOG.md') =~ /^## \[?\Q$version\E\b/m;
print "$_\n" for @wrong;
exit(@wrong ? 1 : 0);
