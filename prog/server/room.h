/* room - what the data directory holds of files: artifacts/<hex> whole, artifacts/<id>.part while
 * it comes (room_part), signed/<hex>/<request>.<item>.<use> as it was handed out signed; how many
 * bytes that may be, and what is removed when.
 *
 * Owns: the names of those files, their rows in the store, the count of bytes, the lock under which
 * a file and its row change together, and the sweep. Row and file may part company when the process
 * ends in between; room_open() brings them together again. Must not own: HTTP, what is in a file,
 * reports (they are the record of what approvers saw, and stay). */
#ifndef GS_SERVER_ROOM_H
#define GS_SERVER_ROOM_H

#include "prog/server/server.h"

#define ROOM_PATH 96
#define ROOM_SWEEP_SECONDS 600

/* Brings rows and files together and counts them. RC_NOMEM, RC_IO, or as the store. */
MUST rc room_open(struct server *s, struct fault *f);
void room_free(struct server *s);

/* "artifacts/<hex>" and suffix. */
void room_path(const struct digest *d, const char *suffix, char out[ROOM_PATH]);

/* Names the part of a file that this person sends, and its row: each has one of their own, so that
 * nobody spoils another's. The first that is whole is the file. */
struct digest room_part(const struct digest *d, const struct name *owner);
struct room_upload {
	struct digest sha256; /* of the file */
	struct digest part;
	uint64_t size;
};

/* A person wants a file of that size: a new row, or a known one that is fresh again. RC_MISMATCH:
 * it is there, or known of this person, with another size; RC_NOSPACE: more than uploads-total,
 * with the sentence to show; or as the store. */
MUST rc room_announce(struct server *s, const struct store_upload *want, struct fault *f);
/* Opens the part of an announced file for writing; nobody else has it until the descriptor is
 * closed. RC_NOTFOUND: not announced; RC_STATE: whole already; RC_BUSY: another has it; RC_IO. */
MUST rc room_write(struct server *s, const struct room_upload *u, int *ret_fd, struct fault *f);
/* The part, which is durable, becomes the file, or goes if another has become it. RC_IO. */
MUST rc room_complete(struct server *s, const struct room_upload *u, struct fault *f);
/* Opens a whole file for a request about to be made: it is fresh again, so that the sweep leaves it
 * until the request is in the store. RC_NOTFOUND. */
MUST rc room_claim(struct server *s, const struct digest *d, int *ret_fd, uint64_t *ret_size);

/* A signed file, made by the worker once and handed out from then on. */
struct room_signed {
	struct digest artifact;
	struct digest request;
	uint64_t item;
	uint32_t use;
};
#define ROOM_SIGNED_PATH 256
/* Opens what was kept. RC_NOTFOUND. */
MUST rc room_signed_open(struct server *s, const struct room_signed *w, int *ret_fd);
/* A new file for the worker to write, under a name that nobody looks for. RC_IO: there is none, and
 * the file is not to be kept. */
MUST rc room_signed_begin(struct server *s, const struct room_signed *w,
			  char ret_path[ROOM_SIGNED_PATH], int *ret_fd);
/* The bytes are whole: kept under its name once they are durable, if there is room and the artifact
 * still is there. Otherwise, and with good false, the name is removed. The descriptor stays the
 * caller's. */
void room_signed_end(struct server *s, const struct room_signed *w, const char *path, int fd,
		     bool good);

/* Removes incomplete uploads that rested for upload-keep, and, if artifacts-keep says so and the
 * store has all requests, files that no request needs. Looks at most every ROOM_SWEEP_SECONDS; from
 * the timer's thread. */
void room_sweep(struct server *s, unix_time now, bool has_requests);

#endif
