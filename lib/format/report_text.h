/* report_text - reports and differences as calm text for people: inspect, diff, show.
 *
 * Owns: words and layout. Must not own: facts (inspect.h, diff.h) or the terminal (the caller
 * writes the bytes and knows whether colours are wanted). Strings are made safe for a terminal once
 * more: a report may come from a peer. */
#ifndef GS_FORMAT_REPORT_TEXT_H
#define GS_FORMAT_REPORT_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"

struct text_style {
	bool colour; /* ANSI bold and colours; else no escape sequence at all */
	bool all;    /* every entry; else the first few of each list and "... and 12 more" */
};

/* Append the text, lines end in \n. RC_SYNTAX: not of the schema; RC_LIMIT, RC_NOMEM from out. */
MUST rc report_print_text(const json_t *report, struct text_style style, struct buf *out,
			  struct fault *f);
MUST rc diff_print_text(const json_t *diff, struct text_style style, struct buf *out,
			struct fault *f);

#endif
