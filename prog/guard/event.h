/* event - what a fanotify group gives to its reader (fanotify(7)), taken apart.
 *
 * Owns: the form. Must not own: descriptors, answers. The kernel writes it, but a mistake here
 * would let something run, so it is read as strictly as bytes from outside. */
#ifndef GS_GUARD_EVENT_H
#define GS_GUARD_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

enum event_kind {
	EVENT_ASK,	/* an exec that waits for an answer */
	EVENT_ASK_OPEN, /* an open that does; that of an exec comes after the exec itself */
	EVENT_USED,	/* a file was opened, or closed that was open for writing, or both in this
			 * order; nothing to answer */
	EVENT_OVERFLOW, /* the kernel's queue was full; nothing to answer */
	EVENT_OTHER,	/* nobody asked for it; fd, if any, is to be closed */
};

struct event {
	enum event_kind kind;
	bool opened, closed; /* of EVENT_USED */
	int fd;		     /* the file; -1 without one */
	int32_t pid;	     /* who execs; 0 from outside our pid namespace */
};

/* Takes the first event of *v. RC_TRUNCATED: less is left than it says; RC_SYNTAX: shorter than its
 * head, or an ask without a file; RC_UNSUPPORTED: another version of the interface. */
MUST rc event_next(struct view *v, struct event *ret, struct fault *f);

#endif
