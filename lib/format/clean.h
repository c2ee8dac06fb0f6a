/* clean - strings from hostile files, made fit to be read: valid UTF-8 that shows what it is.
 *
 * Owns: one escape form. A backslash becomes \\, a byte that is not UTF-8 or is a control character
 * \xNN (lower-case hex), a character that hides, joins or turns text round (zero width,
 * bidirectional controls, tags, private use, unassigned planes) \u{NNNN}. So different inputs stay
 * different. Must not own: where the strings come from. */
#ifndef GS_FORMAT_CLEAN_H
#define GS_FORMAT_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/view.h"

enum clean_mode {
	CLEAN_LINE, /* one line: \n and \t are escaped too */
	CLEAN_TEXT, /* many lines: \n and \t stay */
	CLEAN_SHOWN /* one line that is clean already and goes to a terminal: backslashes stay */
};

/* Appends at most max bytes; where the input is longer, whole characters are left off and the text
 * ends in "\+", which nothing else produces. Returns whether it was cut. Failures are b's. */
bool clean_put(struct buf *b, struct view in, enum clean_mode mode, size_t max);

/* Appends UTF-16LE text the same way, up to the first NUL. An odd last byte is left off. */
bool clean_put_utf16(struct buf *b, struct view in, size_t max);

#endif
