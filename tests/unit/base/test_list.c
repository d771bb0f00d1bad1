/* test_list.c - base/list.h */
#include "lib/tap.h"

#include "base/list.h"

struct thing {
    int n;
    struct tk_link link;
};

int main(void)
{
    struct tk_link head;
    struct thing things[4] = { { 0, { 0 } }, { 1, { 0 } }, { 2, { 0 } }, { 3, { 0 } } };
    tk_list_init(&head);
    T_OK(tk_list_is_empty(&head), "empty");
    T_OK(!tk_list_pop(&head), "pop from an empty list");
    T_OK(!tk_list_pop_last(&head), "pop_last from an empty list");
    for (size_t i = 0; i < 4; i++)
        tk_list_push(&head, &things[i].link);
    T_OK(!tk_list_is_empty(&head), "not empty");
    tk_list_remove(&things[1].link);
    tk_list_remove(&things[1].link);
    T_OK(!things[1].link.next, "removed twice");
    T_EQ_I(TK_CONTAINER_OF(tk_list_pop(&head), struct thing, link)->n, 0, "first in, first out");
    T_EQ_I(TK_CONTAINER_OF(tk_list_pop_last(&head), struct thing, link)->n, 3, "the last pushed");
    T_EQ_I(TK_CONTAINER_OF(tk_list_pop(&head), struct thing, link)->n, 2, "the one left");
    T_OK(tk_list_is_empty(&head), "empty again");
    tk_list_push(&head, &things[1].link);
    T_OK(head.next == &things[1].link && head.prev == &things[1].link, "a removed one comes back");
    return T_DONE();
}
