/* kernel - level kernel: programs in the kernel (bpf/guard.bpf.c) that refuse to run or map what
 * the guard has not approved, wherever it lies, and that stay when the guard ends.
 *
 * kernel_load.c puts them there or takes over those that are, before the guard locks itself in; it
 * alone needs libbpf, and without that the guard is built with kernel_none.c. What is here is asked
 * while a decision is made: one system call each, no file opened, nothing allocated.
 * Owns: the maps. Must not own: what is approved (decide.c), leases (cache.c). */
#ifndef GS_GUARD_KERNEL_H
#define GS_GUARD_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "prog/guard/bpf/layout.h"

/* Below a bpf file system: one directory for each version of the programs, so that a new one is
 * whole before the old one goes. */
#define KERNEL_BPFFS "/sys/fs/bpf"
#define KERNEL_PINS KERNEL_BPFFS "/greatseal-guard-2"
#define KERNEL_PINS_PREFIX "greatseal-guard-"

struct kernel {
	bool active;
	int approved, mode, ages, counts, events; /* maps; -1 if not active */
	uint8_t *ring;	      /* of events: page of the reader, page of the writer, data twice */
	char why[FAULT_TEXT]; /* not active: the reason */
};

/* Takes over what is pinned, or loads, attaches and pins it; it then observes. RC_UNSUPPORTED with
 * the reason where this kernel or this build cannot; RC_IO. Not active is no error of the guard. */
MUST rc kernel_attach(struct kernel *k, struct fault *f);
/* Whether programs are pinned, of whatever version. */
bool kernel_is_pinned(void);
/* Takes them out of the kernel. RC_NOTFOUND: there are none. RC_IO. */
MUST rc kernel_release(struct fault *f);

/* ---- All of these do nothing if not active --------------------------------------------------*/

/* The file behind fd may run. False: it could not be noted, and will be refused. */
bool kernel_approve(const struct kernel *k, int fd);
void kernel_forget(const struct kernel *k, int fd);
void kernel_enforce(const struct kernel *k, bool enforce);
bool kernel_enforces(const struct kernel *k);
/* What is approved from here on counts alone: kernel_renew_begin, kernel_approve for all that still
 * is, kernel_renew_end. In between what was approved before counts, too, so that nothing is refused
 * for a moment. What a guard before this one approved ends with it. */
void kernel_renew_begin(const struct kernel *k);
void kernel_renew_end(const struct kernel *k);
void kernel_read_counts(const struct kernel *k, struct kernel_counts *ret);
/* The next report; false if there is none. One reader. */
bool kernel_event_next(const struct kernel *k, struct kernel_event *ret);

/* ---- For kernel_load.c ----------------------------------------------------------------------*/

/* Opens the pinned maps. RC_NOTFOUND if one is missing. */
MUST rc kernel_open(struct kernel *k, struct fault *f);
void kernel_close(struct kernel *k);

#endif
