/* shown - what others say, made fit for a terminal: a server or file name that holds escape
 * sequences, line ends or characters that hide or turn text round must not repaint what a person
 * decides by.
 *
 * Owns: which strings are rewritten (all of an answer). Must not own: the escape form
 * (lib/format/clean.h). */
#ifndef GS_CLI_SHOWN_H
#define GS_CLI_SHOWN_H

#include <jansson.h>
#include <stddef.h>

#include "lib/base/result.h"

/* Rewrites every string of the value, and every member's name, that would not be shown as it is.
 * RC_NOMEM; RC_DUPLICATE if two names of one object become the same. */
MUST rc shown_json(json_t *value);
/* Rewrites text in place; cut, with "\+" behind it, to at most cap - 1 bytes. */
void shown_text(char *text, size_t cap);

#endif
