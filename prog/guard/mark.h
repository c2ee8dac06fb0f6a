/* mark - which file systems are guarded.
 *
 * Owns: the table of kinds that can be (local ones with leases), and what is refused. A path names
 * a mount point; the file system of the machine's root is marked by "all" alone, so that a test, or
 * a trial on one disk, cannot hold up the machine. */
#ifndef GS_GUARD_MARK_H
#define GS_GUARD_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

/* Marks the file system mounted at path for these events (FAN_*). RC_NOTFOUND; RC_USAGE: not a
 * mount point, or the file system of the root; RC_UNSUPPORTED: of a kind that cannot be guarded;
 * RC_IO. */
MUST rc mark_path(int group, uint64_t asks, const char *path, struct fault *f);

/* A line of /proc/self/mountinfo (proc(5)). */
struct mount_line {
	char path[4096]; /* unescaped, NUL-terminated */
	char type[64];
};
/* Takes the next line of *rest. RC_SYNTAX, RC_LIMIT; RC_TRUNCATED at the end. */
MUST rc mount_line_next(struct view *rest, struct mount_line *ret, struct fault *f);
/* Whether file systems of this type are guarded. */
bool mark_knows(const char *type);

/* Marks every local file system, also those that nothing is executed from; again after each change
 * of mountinfo. *ret_failed counts those that could not be (shadowed by another mount, gone
 * meanwhile). */
MUST rc mark_all(int group, uint64_t asks, size_t *ret_marked, size_t *ret_failed, struct fault *f);

#define MARK_SPACES_MAX 256u
#define MARK_SPACES_MS 2000u

/* Mount namespaces that have been gone through, so that only those that changed are again. */
struct mark_spaces {
	struct {
		uint64_t id, sum; /* the namespace, and what its mountinfo was */
		size_t cut;	  /* mounts of it whose path is too long to be marked by */
	} known[MARK_SPACES_MAX];
	size_t count;  /* in the last round */
	size_t passed; /* processes in it whose namespace was one too many */
	size_t cut;    /* of all in it */
	uint64_t at;   /* ms: gone through last */
};
/* Marks what these lines of mountinfo name below root: "/proc/PID/root". How many have a path that
 * is too long for that; one that is gone is none of them. */
size_t mark_below(int group, uint64_t asks, const char *root, struct view lines);
/* Marks what is mounted in the mount namespaces of other processes, through /proc/PID/root: those
 * of containers and services. Not those of users in user namespaces of their own: what they mount
 * can keep us waiting for ever. Nothing tells of these mounts, so they are gone through every
 * MARK_SPACES_MS; before that it does nothing. At most MARK_SPACES_MAX of them; *spaces counts what
 * was left out. */
void mark_others(int group, uint64_t asks, struct mark_spaces *spaces, uint64_t now);

#endif
