/* diff - what changed between two inspection reports: what approvers look at most.
 *
 * Owns: comparing reports. Must not own: making them (inspect.h) or showing them (report_text.h).
 * Reports may come from a store or a peer: nothing in them is believed to be of the right shape. */
#ifndef GS_FORMAT_DIFF_H
#define GS_FORMAT_DIFF_H

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"

#define DIFF_SCHEMA "greatseal-diff-1"
#define DIFF_LIST_MAX 5000     /* names in one list; further ones are counted only */
#define DIFF_SCRIPT_LINES 1500 /* lines on a side that are compared line by line */
#define DIFF_SCRIPT_TEXT 65536 /* bytes of one script's unified diff */

/* Compares two reports of INSPECT_SCHEMA; *ret is the caller's (docs/inspection.md, "Differences").
 * RC_SYNTAX: one of them is no such report; RC_NOMEM. */
MUST rc report_diff(const json_t *old_report, const json_t *new_report, json_t **ret,
		    struct fault *f);

/* A unified line diff (3 lines of context, no file header) of two texts, appended to out and cut at
 * DIFF_SCRIPT_TEXT bytes, between lines; *ret_cut says so. Texts with more lines than
 * DIFF_SCRIPT_LINES after the equal head and tail are taken off are shown as all removed, all
 * added. RC_NOMEM, RC_LIMIT (out is full). */
MUST rc text_diff(struct view old_text, struct view new_text, struct buf *out, bool *ret_cut);

#endif
