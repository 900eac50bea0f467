/* A d1t_allocator that checks what it is told, counts, and fails on demand. Include d1target.h first. */
#ifndef TEST_CHECKED_ALLOC_H
#define TEST_CHECKED_ALLOC_H

#include <stdlib.h>
#include "test.h"

typedef struct checked_alloc {
    size_t calls;       /* that asked for memory */
    size_t fail_at;     /* the number of the call that gets none, from 1; 0: never */
    int    for_ever;    /* the later ones get none either */
    size_t live;        /* bytes given out */
} checked_alloc;

/* Each piece begins with its size, so that a wrong `old` is seen. It moves whenever it is resized, and what is given
   back is overwritten, so that nothing can go on being used. */
static void *checked_alloc_fn(void *ctx, void *p, size_t old, size_t size)
{
    checked_alloc *a = (checked_alloc *)ctx;
    size_t *head = p ? (size_t *)p - 2 : NULL, *moved;

    CHECK_INT(old, head ? head[0] : 0);
    if (size > 0) {
        a->calls++;
        if (a->fail_at && (a->calls == a->fail_at || (a->for_ever && a->calls > a->fail_at)))
            return NULL;
    }
    a->live = a->live - old + size;
    moved = size ? (size_t *)malloc(size + 2 * sizeof *head) : NULL;
    if (size && !moved)
        abort();
    if (moved)
        memset(moved + 2, 0xA5, size);
    if (moved && p)
        memcpy(moved + 2, p, old < size ? old : size);
    if (p)
        memset(head, 0xDD, old + 2 * sizeof *head);
    free(head);
    if (!moved)
        return NULL;
    moved[0] = size;
    return moved + 2;
}

static d1t_allocator checked_allocator(checked_alloc *a)
{
    d1t_allocator allocator;

    allocator.fn = checked_alloc_fn;
    allocator.ctx = a;
    return allocator;
}

#endif
