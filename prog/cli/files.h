/* files - the requester's own look at the files: size, digests, format, content digest, product.
 *
 * Owns: what goes into a request's items. Nobody takes a digest on trust: this is where the
 * requester's are made. */
#ifndef GS_CLI_FILES_H
#define GS_CLI_FILES_H

#include "prog/cli/cli.h"

struct local_file {
	char path[PATH_MAX];
	char name[ITEM_NAME_MAX + 1];
	struct name product;
	char format[16];
	uint64_t size;
	struct digest sha256;
	struct hash content;
	char params[ITEM_PARAMS_MAX + 1]; /* canonical JSON */
	int fd;
};

struct file_choice {
	const char *format;  /* NULL or "auto": pe if it is one, else cms */
	const char *digest;  /* NULL: sha256 */
	const char *product; /* NULL: from the file's name */
	const char *program; /* pe: programme name shown by Windows; may be NULL */
	const char *url;     /* pe: more-info URL; may be NULL */
};

/* Opens and hashes the file: one pass for cms, one more small one for pe. */
MUST rc local_file_open(const char *path, const struct file_choice *choice, struct local_file *ret,
			struct fault *f);
void local_file_close(struct local_file *l);

/* The product a file name belongs to: "acme-app-2.4.0.tar.gz" is "acme-app", so that the next
 * version finds the last one for comparison. Lower case; never empty. */
void product_of(const char *name, struct name *ret);

#endif
