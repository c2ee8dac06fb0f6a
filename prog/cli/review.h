/* review - the command review, and the reviews that an inbox shows. */
#ifndef GS_CLI_REVIEW_H
#define GS_CLI_REVIEW_H

#include "prog/cli/cli.h"

rc cmd_review(struct cli *c, const struct args *a);

/* The reviews that wait for this person, one a line; *ret_count of them. */
MUST rc reviews_print_mine(struct cli *c, size_t *ret_count);
/* The same as an array; the caller's. */
MUST rc reviews_mine(struct cli *c, json_t **ret);

#endif
