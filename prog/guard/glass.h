/* glass - whether a token lets this host observe for a while (break-glass): signed by a key that
 * may, recorded in the log, for this host, valid now.
 *
 * The state directory's "token" and "token.greatseal" are the one that was given last; root puts
 * them there (verb_break_glass), and the loader alone believes them, at every load. Owns: these two
 * files. Must not own: the mode (supervisor.c). */
#ifndef GS_GUARD_GLASS_H
#define GS_GUARD_GLASS_H

#include "lib/model/guard_token.h"
#include "prog/guard/conf.h"
#include "prog/guard/gate.h"

/* What the loader says of the token; texts end. */
struct glass_result {
	enum rc_code code; /* RC_NOTFOUND: there is none */
	unix_time not_after;
	char text[FAULT_TEXT]; /* what is wrong, or why it was given */
};

/* The kept one, at this time. */
void glass_load(const struct conf *c, unix_time now, struct glass_result *ret);
/* Checks FILE and FILE.greatseal as the loader will, keeps them, and has the guard take them. */
rc verb_break_glass(const struct conf *c, const struct words *w, struct fault *f);
/* There is none any more, as far as the disk permits. */
void glass_forget(const struct conf *c);

#endif
