/* SPDX-License-Identifier: MIT */
/*
 * The process group of a slot. A process of ours leads it and does nothing else
 * ("fanfold-group"), for as long as the slot has programs: so the kernel gives the
 * group's number to nobody else, however soon the programs in it end. And as the
 * program itself leads no group, setsid(1) needs no fork, and keeps its command's exit
 * status.
 *
 * Where the programs lead groups of their own (plugins, programs that fork themselves),
 * the group is just a number, which is safe to use until the program was reaped.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_SLOTS_SLOT_GROUP_H
#define FANFOLD_WORKER_SUPERVISOR_SLOTS_SLOT_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

struct slot_group {
    pid_t leader; /* ours; 0: there is none */
    pid_t number; /* 0: there is no group */
};

/* Makes a leader unless there is one. 0, or -errno. */
int slot_group_open(struct slot_group *group);
/* The group of a program that leads one. */
void slot_group_of(struct slot_group *group, pid_t program);
/* Ends the leader. */
void slot_group_close(struct slot_group *group);
/* This child was reaped. Whether it was the leader. */
bool slot_group_on_end(struct slot_group *group, pid_t child);

/* Signals everything in the group but the leader. Without a leader, and if `reaped`,
 * only if a child of this process is in it. */
void slot_group_signal(const struct slot_group *group, int signal, bool reaped);
/* Whether anything but the leader is in the group. */
bool slot_group_is_used(const struct slot_group *group);

#endif
