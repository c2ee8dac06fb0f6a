/* inspect_tar - a second look at the headers of a tar: those that unpackers read in different ways.
 *
 * A report shows what libarchive makes of a tar; dpkg, GNU tar, node-tar and others unpack it.
 * Where POSIX.1 leaves room, or a program has its own mind, one tar is two trees. Owns: noticing
 * it. Must not own: what is in the tree (inspect_archive.c). */
#ifndef GS_FORMAT_INSPECT_TAR_H
#define GS_FORMAT_INSPECT_TAR_H

#include "lib/format/inspect_impl.h"

#define TAR_BLOCK 512
/* Bytes of one extended header; libarchive has no more either. */
#define TAR_RECORDS_MAX (1u << 20)

/* Zero, with in and label set, is one that has seen nothing. */
struct tar_watch {
	struct inspection *in;
	const char *label;
	rc result;	    /* RC_NOMEM: a finding could not be made */
	bool begun;	    /* a first header was seen */
	bool off;	    /* it is no tar, or the finding is made */
	bool sparse;	    /* the next block goes on with a map of holes */
	bool named;	    /* GNU headers K or L came before the next entry */
	bool extended;	    /* a pax header came before it */
	bool sized;	    /* and has a size: */
	uint64_t size;	    /* that of the next entry */
	char type;	    /* of the header whose body is read */
	uint64_t body;	    /* bytes of it that are still kept */
	uint64_t skip;	    /* bytes until the next header */
	struct buf records; /* the body of a pax header */
	size_t have;	    /* of block */
	uint8_t block[TAR_BLOCK];
};

void tar_watch_release(struct tar_watch *w);
AUTO_DEFINE(tar_watch, struct tar_watch, tar_watch_release)

/* The next bytes of what may be a tar, in order. Makes one finding "tar-ambiguous" at most, and
 * looks no further then. */
void tar_watch_take(struct tar_watch *w, struct view bytes);

#endif
