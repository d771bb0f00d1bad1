/* list.h - intrusive doubly linked list; the link is embedded in what is listed
 *
 * A head is a link too. An element that is in no list has next NULL, so removing twice is safe.
 */
#ifndef TK_BASE_LIST_H
#define TK_BASE_LIST_H

#include "base/def.h"

struct tk_link {
    struct tk_link *prev, *next;
};

static inline TK_UNUSED void tk_list_init(struct tk_link *head)
{
    head->prev = head->next = head;
}

static inline TK_UNUSED bool tk_list_is_empty(const struct tk_link *head)
{
    return head->next == head;
}

static inline TK_UNUSED void tk_list_push(struct tk_link *head, struct tk_link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline TK_UNUSED void tk_list_remove(struct tk_link *l)
{
    if (!l->next)
        return;
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->prev = l->next = NULL;
}

/* The first element, taken off; NULL when there is none. */
static inline TK_UNUSED struct tk_link *tk_list_pop(struct tk_link *head)
{
    struct tk_link *l = head->next;
    if (l == head)
        return NULL;
    tk_list_remove(l);
    return l;
}

/* The last element pushed, taken off; NULL when there is none. */
static inline TK_UNUSED struct tk_link *tk_list_pop_last(struct tk_link *head)
{
    struct tk_link *l = head->prev;
    if (l == head)
        return NULL;
    tk_list_remove(l);
    return l;
}

#endif
