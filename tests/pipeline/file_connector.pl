#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# file_connector.pl in FILE: the lines of a file; a cursor is the offset behind a line, and the file FILE.committed has
# the last one that is safe. file_connector.pl out DIR: a file DIR/RUN, whose lines are the records.
# A connector in Perl, which knows CONNECTOR/1 from its text alone.
use strict;
use warnings;
use Fcntl qw(SEEK_SET);
use IO::Handle;

my ($direction, $path) = @ARGV;
binmode $_ for *STDIN, *STDOUT;
STDOUT->autoflush(1);
$direction eq 'in' ? feed() : drain();
exit 0;

# Lines of standard input that are there; without a wait if `wait` is 0. Undef at its end.
my $said;
sub commands {
    my ($wait) = @_;
    $said //= '';
    my $ready = '';
    vec($ready, fileno(STDIN), 1) = 1;
    if (select($ready, undef, undef, $wait)) {
        sysread(STDIN, $said, 65536, length $said) or return;
    }
    my @lines;
    push @lines, $1 while $said =~ s/^(.*)\n//;
    return \@lines;
}

sub acknowledge {
    for (@_) {
        my ($cursor) = /^committed (\d+)$/ or die "not a commit: $_";
        open my $file, '>', "$path.committed" or die;
        print $file $cursor;
        close $file;
    }
}

sub feed {
    my $lines;
    until ($lines && @$lines) {
        $lines = commands(undef) or return;
    }
    my ($start) = shift(@$lines) =~ /^start (-|\d+)$/ or die 'no start';
    open my $file, '<:raw', $path or die;
    seek $file, $start eq '-' ? 0 : $start, SEEK_SET;
    while (1) {
        acknowledge(@$lines);
        my $line = <$file>;
        last unless defined $line;
        my $cursor = tell $file;
        chomp $line;
        print STDOUT "$cursor ", length $line, "\n$line";
        $lines = commands(0) or return;
    }
    close STDOUT;
    acknowledge(@$lines) while $lines = commands(undef);
}

sub drain {
    my ($run) = (<STDIN> // return) =~ /^run (\w+) \d+$/ or die 'no run';
    open my $file, '+>>:raw', "$path/$run" or die;
    seek $file, 0, SEEK_SET;
    my $text = join '', <$file>;
    truncate $file, rindex($text, "\n") + 1;    # a kill may have torn the last line
    print 'have ', ($text =~ tr/\n//), "\n";
    while (my $head = <STDIN>) {
        my ($number, $length) = $head =~ /^(\d+) (\d+)$/ or die "not a head: $head";
        read(STDIN, my $record, $length) == $length or die 'torn';
        print $file "$record\n";
        $file->flush && $file->sync or die "not stored: $!";
        print "stored $number\n";
    }
}
