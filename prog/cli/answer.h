/* answer - what the server says about a request, shown to people.
 *
 * Owns: the words for states and reasons, exit codes of states. */
#ifndef GS_CLI_ANSWER_H
#define GS_CLI_ANSWER_H

#include "prog/cli/cli.h"

/* A few lines: state, reason, what would make it pass, who has approved. */
void answer_print_status(const struct cli *c, const json_t *status);
/* The table of checks, one a line. */
void answer_print_checks(const struct cli *c, const json_t *status);

/* EXIT_DONE when done or signed at least once, EXIT_WAITING when open and waiting, EXIT_DENIED when
 * denied or closed. */
enum exit_code answer_exit(const json_t *status);
/* Whether it is signed and held until its release. */
bool answer_is_held(const json_t *status);
/* Whether there is nothing to wait for: signed at least once (and out), or closed. */
bool answer_is_final(const json_t *status);

/* "3f9a 1c04 77de 5b20": the first 16 hex digits, to compare between people by eye. */
#define COMPARE_CODE 20
void compare_code(const char *hex, char out[COMPARE_CODE]);

/* A request id from what a person typed: 8 to 64 hex digits, a prefix of exactly one request in the
 * server's lists, or all of them. */
MUST rc answer_request_id(struct cli *c, const char *typed, char out[DIGEST_HEX]);

#endif
