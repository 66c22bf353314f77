#!/usr/bin/perl
# a map that lacks a street leads astray: src/README.md names every source file, every state and every field of shared memory, and only tests that are there
use strict;
use warnings;

sub slurp { open my $fh, '<', $_[0] or die "$_[0]: $!\n"; local $/; return <$fh> }
my $map = slurp('src/README.md');
my %said = map { $_ => 1 } $map =~ /`(?:Weir\w+\.)?([\w.]+)`/g;
my $bad = 0;

for my $file (glob 'src/*.[ch] src/*/*.[ch]')
{
	my ($name) = $file =~ m{([^/]+)$};
	print "$file is not in src/README.md\n" and $bad = 1 if !$said{$name};
}

# values of these enumerations, and fields of these structures
my %text = map { $_ => slurp("src/$_") =~ s{/\*.*?\*/}{}gsr }
  ('shmem/layout.h', 'policy/tasks.h', 'shmem/xact_list.h');
for ([ 'shmem/layout.h', qw(SchedulerState MessageKind CompletionKind WorkerState) ],
	[ 'policy/tasks.h', 'TaskState' ],
	[ 'shmem/xact_list.h', 'ActionKind' ])
{
	my ($file, @enums) = @$_;
	for my $enum (@enums)
	{
		my ($body) = $text{$file} =~ /typedef enum $enum\s*\{(.*?)\}/s or die "$file: no $enum\n";
		print "$enum: $_ is not in src/README.md\n" and $bad = 1
		  for grep { !$said{$_} } $body =~ /\b([A-Z_]{3,})\b/g;
	}
}
for my $struct (qw(SubmitRing QueueSlot ResourceSlot WeirDatabase WeirWorker WeirShared))
{
	my ($body) = $text{'shmem/layout.h'} =~ /typedef struct $struct\s*\{(.*?)\}/s or die "no $struct\n";
	print "$struct: $_ is not in src/README.md\n" and $bad = 1
	  for grep { !$said{$_} } $body =~ /\b(\w+)(?:\[\w+\])?;/g;
}

for my $path ($map =~ m{`((?:test|docs|sql)/[\w./-]+)`}g)
{
	print "src/README.md names $path, which is not there\n" and $bad = 1 if !-e $path;
}
for my $name ($map =~ /`(\w+)\(\)`/g)
{
	next if $name =~ /^(?:pg_|weir)/i || $name =~ /^(?:adopt|policy_next|ForceSyncCommit)$/;
	print "src/README.md names $name(), which is not in src\n" and $bad = 1
	  if !grep { slurp($_) =~ /\b\Q$name\E\b/ } glob 'src/*.c src/*/*.[ch]';
}
exit $bad;
