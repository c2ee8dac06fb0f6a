/* fault - what was wrong, where, and which rule: the words that go with an rc.
 *
 * Owns: one fixed record, filled where an error is found. No allocation.
 * Must not hold secrets or unescaped input: fault_set() replaces bytes outside 0x20..0x7e by '?'.
 */
#ifndef GS_BASE_FAULT_H
#define GS_BASE_FAULT_H

#include <stdint.h>

#include "lib/base/result.h"

#define FAULT_TEXT 200

struct fault {
	enum rc_code code;
	uint64_t offset; /* byte offset in the object being read; 0 if it has none */
	char text[FAULT_TEXT];
};

/* Fills *f (may be NULL) and returns RC(code), so that callers write
 * `return fault_set(f, RC_RANGE, at, "pe: section %u ends at ...", ...)`.
 * The text names object, value and rule; it is cut at FAULT_TEXT - 1 bytes. */
rc fault_set(struct fault *f, enum rc_code code, uint64_t offset, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "prefix: " before the text already in *f. Keeps code and offset; returns RC(f->code), or
 * RC(code) if f is NULL. For adding the outer object: "request: item 3: ...". */
rc fault_wrap(struct fault *f, rc inner, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Like fault_set, with the text and code taken from errno value e (ENOSPC, EDQUOT: RC_NOSPACE;
 * ENOMEM: RC_NOMEM; ENOENT: RC_NOTFOUND; EEXIST: RC_EXISTS; else RC_IO). */
rc fault_errno(struct fault *f, int e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
