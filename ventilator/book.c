/* SPDX-License-Identifier: MIT */
/*
 * The book of tasks: a ring indexed by seq, as the seqs on the book are always an
 * unbroken range, and a heap of those that are to be sent again. The heap is lazy: a
 * seq stays in it when its task is settled otherwise, and is passed over when it comes
 * up.
 */
#include "ventilator/book.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

void book_init(struct book *book)
{
    *book = (struct book){.capacity = 64};
    book->tasks = allocate_zeroed(book->capacity, sizeof(struct task));
}

static void free_task(struct task *task)
{
    search_destroy(&task->search);
    free(task->failure);
}

void book_deinit(struct book *book)
{
    while (book->first < book->cut)
        book_remove_first(book);
    free(book->tasks);
    free(book->again);
    *book = (struct book){0};
}

void book_begin(struct book *book, uint64_t position)
{
    assert(book->first == book->cut);
    book->first = book->cut = book->fresh = position;
}

static struct task *at(const struct book *book, uint64_t seq)
{
    return &book->tasks[seq & (book->capacity - 1)];
}

struct task *book_find(const struct book *book, uint64_t seq)
{
    return seq >= book->first && seq < book->cut ? at(book, seq) : NULL;
}

bool task_is_wanted(const struct task *task)
{
    return task && (task->state == TASK_QUEUED || task->state == TASK_OUT);
}

/* The lists' heads point back from their first element: it has to learn where its head
 * went. */
static void move_task(struct task *to, struct task *from)
{
    *to = *from;
    if (!LIST_EMPTY(&to->open))
        LIST_FIRST(&to->open)->of_task.le_prev = &LIST_FIRST(&to->open);
}

static void grow(struct book *book)
{
    struct book larger = *book;
    larger.capacity *= 2;
    larger.tasks = allocate_zeroed(larger.capacity, sizeof(struct task));
    for (uint64_t seq = book->first; seq < book->cut; seq++)
        move_task(at(&larger, seq), at(book, seq));
    free(book->tasks);
    *book = larger;
}

uint64_t book_add(struct book *book, uint64_t length, uint64_t records)
{
    if (book->cut - book->first == book->capacity)
        grow(book);
    *at(book, book->cut) =
        (struct task){.length = length, .records = records, .state = TASK_QUEUED};
    return book->cut++;
}

void book_remove_first(struct book *book)
{
    assert(book->first < book->cut && LIST_EMPTY(&at(book, book->first)->open));
    free_task(at(book, book->first));
    book->first++;
    if (book->fresh < book->first)
        book->fresh = book->first;
}

static void swap(uint64_t *a, uint64_t *b)
{
    uint64_t kept = *a;
    *a = *b;
    *b = kept;
}

static void heap_push(struct book *book, uint64_t seq)
{
    book->again = room_for_one_more(book->again, book->again_count,
                                    &book->again_capacity, sizeof *book->again);
    size_t i = book->again_count++;
    book->again[i] = seq;
    for (; i && book->again[i] < book->again[(i - 1) / 2]; i = (i - 1) / 2)
        swap(&book->again[i], &book->again[(i - 1) / 2]);
}

static uint64_t heap_pop(struct book *book)
{
    uint64_t *heap = book->again, lowest = heap[0];
    size_t count = --book->again_count;
    heap[0] = heap[count];
    for (size_t i = 0, child = 1; child < count; i = child, child = 2 * i + 1) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[i] <= heap[child])
            break;
        swap(&heap[i], &heap[child]);
    }
    return lowest;
}

void book_requeue(struct book *book, uint64_t seq)
{
    struct task *task = book_find(book, seq);
    task->state = TASK_QUEUED;
    if (seq >= book->fresh || task->listed)
        return;
    task->listed = true;
    heap_push(book, seq);
}

bool book_take_again(struct book *book, uint64_t *ret_seq)
{
    while (book->again_count) {
        uint64_t seq = heap_pop(book);
        struct task *task = book_find(book, seq);
        if (!task)
            continue;
        task->listed = false;
        if (task->state != TASK_QUEUED)
            continue;
        *ret_seq = seq;
        return true;
    }
    return false;
}

struct attempt *book_attempt(const struct book *book, uint64_t seq,
                             const struct crew_session *session)
{
    const struct task *task = book_find(book, seq);
    struct attempt *attempt;
    if (task)
        LIST_FOREACH (attempt, &task->open, of_task)
            if (attempt->session == session)
                return attempt;
    return NULL;
}
