/* file - the other half of a signature format: artifacts as files. Worker and CLI only.
 *
 * Owns: the table of file formats. Must not own: private keys; anything the keeper links.
 * Descriptors are regular files, read with pread; their position does not matter. Memory stays flat
 * in the size of the artifact. */
#ifndef GS_FORMAT_FILE_H
#define GS_FORMAT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"

#define FILE_OBJECT_MAX 262144 /* a signature object */
#define FILE_BLOCK 65536       /* bytes read at a time */

/* Whom to trust. Without roots the path is not checked and report.trusted is false. */
struct verify_trust {
	const struct view *roots; /* DER certificates */
	size_t root_count;
	/* The time of judging: the path must be valid then. The leaf must be valid at the signing
	 * time that the object claims, which may not be later than this (10 minutes are given), or
	 * at this time if it claims none. */
	unix_time when;
};

struct verify_report {
	enum key_alg key;
	enum hash_alg hash;
	struct hash content;	   /* our digest of the content, equal to the signed one */
	struct digest cert;	   /* SHA-256 of the leaf */
	struct digest fingerprint; /* SHA-256 of the leaf's SubjectPublicKeyInfo */
	bool has_time;
	unix_time signing_time; /* as claimed by the signer */
	bool trusted;		/* the path to one of the roots was verified */
	char subject[256];	/* for people, see x509_name_text */
	char issuer[256];
};

struct format_file {
	const char *name; /* the same as in format_tbs_table */
	bool detached;	  /* the object lies beside the file */
	/* Whether the file looks like one of these (magic bytes only); cms takes every file and
	 * comes last in the table. */
	bool (*recognise)(int fd);
	/* Content digest: what goes into tbs_input.content. */
	rc (*content)(int fd, enum hash_alg alg, struct hash *ret, struct fault *f);
	/* Whether the file can be given a signature, asked before anybody is asked to approve one:
	 * RC_EXISTS if it carries one already, and what is malformed. NULL if detached. */
	rc (*takes)(int fd, struct fault *f);
	/* Writes the signed file to out_fd (empty, open for reading and writing). NULL if detached.
	 * RC_EXISTS if the input carries a signature already. */
	rc (*insert)(int in_fd, struct view object, int out_fd, struct fault *f);
	/* Whether signed_fd minus its signature is ref_in_fd byte for byte: RC_MISMATCH if not.
	 * NULL if detached. */
	rc (*restore)(int signed_fd, int ref_in_fd, struct fault *f);
	/* Strict verification of the object for this file: exactly one signer, algorithms and
	 * content type as the format demands, digest equal to ours, certificate for code signing
	 * and valid at the signing time, path to the roots if there are any.
	 * RC_MISMATCH (digest or content), RC_BADSIG, RC_DENIED, RC_EXPIRED, RC_UNSUPPORTED,
	 * RC_SYNTAX and its kind for malformed objects. */
	rc (*verify)(int fd, struct view object, const struct verify_trust *t,
		     struct verify_report *ret, struct fault *f);
	/* Appends the signature object of a signed file. RC_NOTFOUND if it has none. NULL if
	 * detached. */
	rc (*extract)(int fd, struct buf *object, struct fault *f);
};

/* NULL-terminated. */
extern const struct format_file *const format_file_table[];
/* NULL if there is none of that name. */
const struct format_file *format_file_find(struct view name);

#endif
