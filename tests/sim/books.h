/* SPDX-License-Identifier: MIT */
/*
 * The whole, looked at now and then: is every task on somebody's books, and does the
 * run move on? Both are asked once faults have ceased, and both have time: a loss is
 * noticed after the liveness time, an unconfirmed DONE after it has doubled a few
 * times.
 */
#ifndef FANFOLD_SIM_BOOKS_H
#define FANFOLD_SIM_BOOKS_H

struct world;

void check_books(struct world *world);

#endif
