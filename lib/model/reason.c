#include "lib/model/reason.h"

#include <stdarg.h>
#include <stdio.h>

struct row {
	const char *id;
	const char *what;
	const char *remedy;
};

static const struct row rows[] = {
#define ROW(suffix, id, what, remedy) [REASON_##suffix] = {id, what, remedy},
	REASON_TABLE(ROW)
#undef ROW
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == REASON__COUNT, "one row for each reason");

static const struct row *row_of(enum reason r)
{
	return &rows[(unsigned)r < REASON__COUNT ? r : REASON_KEEPER_INTERNAL];
}

const char *reason_id(enum reason r)
{
	return row_of(r)->id;
}

const char *reason_what(enum reason r)
{
	return row_of(r)->what;
}

const char *reason_remedy(enum reason r)
{
	return row_of(r)->remedy;
}

rc reason_parse(struct view id, enum reason *ret)
{
	for (size_t i = 0; i < REASON__COUNT; i++)
		if (view_is(id, rows[i].id)) {
			*ret = (enum reason)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

bool reason_is_wait(enum reason r)
{
	return r == REASON_APPROVE_QUORUM || r == REASON_TIME_NOT_BEFORE || r == REASON_KEY_TOKEN ||
	       r == REASON_KEY_LOCKED || r == REASON_KEY_REVIEW || r == REASON_HOST_LOCKED ||
	       r == REASON_KEEPER_BUSY || r == REASON_TIME_WINDOW || r == REASON_TIME_FREEZE ||
	       r == REASON_LIMIT_RATE || r == REASON_EVIDENCE_SCAN ||
	       r == REASON_EVIDENCE_PROVENANCE || r == REASON_EVIDENCE_REBUILD ||
	       r == REASON_CHANGE_DELAY || r == REASON_TIME_HOLD || r == REASON_TIME_RELEASE;
}

rc refuse(struct refusal *ret, enum reason r, const char *fmt, ...)
{
	va_list ap;

	if (ret != NULL) {
		ret->reason = r;
		va_start(ap, fmt);
		(void)vsnprintf(ret->text, sizeof(ret->text), fmt, ap);
		va_end(ap);
		/* Texts travel in messages, logs and terminals: printable ASCII only. */
		for (char *s = ret->text; *s != '\0'; s++)
			if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
				*s = '?';
	}
	return RC(reason_is_wait(r) ? RC_WAIT : RC_DENIED);
}
