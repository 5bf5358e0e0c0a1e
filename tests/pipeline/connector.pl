#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# A connector by the text of CONNECTOR/1 alone: records 0 to COUNT - 1, whose cursors are their numbers.
#
#   connector.pl COUNT [crash=CHANCE] [every=N] [stay] [notes=FILE]
#
# crash: ends in the middle of something, with this chance in a thousand a record. every: only each Nth record has
# a cursor. stay: after the last record it waits for the end of its input. notes: what it was told.
use strict;
use warnings;
use IO::Select;
my ($count, @words) = @ARGV;
my %is = map { my ($name, $value) = split /=/, $_, 2; ($name, $value // 1) } @words;
my $notes;
if ($is{notes}) { open $notes, '>>', $is{notes} or die; $notes->autoflush(1) }
sub note { print $notes "$_[0]\n" if $notes }
STDOUT->autoflush(0);
binmode STDOUT;
my $first = <STDIN> // exit 1;
chomp $first;
note($first);
my ($word, $cursor) = split / /, $first;
exit 3 if $word ne 'start';
my $next = $cursor eq '-' ? 0 : $cursor + 1;
my $every = $is{every} // 1;
my $input = IO::Select->new(\*STDIN);
my ($heard, $ended) = ('', 0);
sub hear {
    while ($input->can_read(shift)) {
        my $got = sysread STDIN, $heard, 4096, length $heard;
        if (!$got) { $ended = 1; last }
    }
    while ($heard =~ s/^(.*)\n//) { note($1) }
}
srand($$ ^ time);
for my $number ($next .. $count - 1) {
    my $record = "record $number";
    my $line = (($number + 1) % $every ? '-' : $number) . ' ' . length($record) . "\n$record";
    if ($is{crash} && rand(1000) < $is{crash}) {
        print substr $line, 0, int rand length $line;
        STDOUT->flush;
        kill 9, $$ if rand(2) < 1;
        exit 7;
    }
    print $line;
    if ($number % 16 == 0) { STDOUT->flush; hear(0) }
    exit 0 if $ended;
}
STDOUT->flush;
close STDOUT;
hear(0.05) while $is{stay} && !$ended;
note('end') if $ended;
exit 0;
