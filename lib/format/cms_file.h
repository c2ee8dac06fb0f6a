/* cms_file - detached CMS signature over any file, worker's and CLI's half (see cms_tbs.h). */
#ifndef GS_FORMAT_CMS_FILE_H
#define GS_FORMAT_CMS_FILE_H

#include "lib/format/file.h"

/* What is verified, for formats whose signature is CMS over contents of another type. */
struct cms_wish {
	const char *format;    /* for faults */
	struct view type;      /* OID contents */
	const char *type_name; /* for faults */
	int fd;
	rc (*content)(int fd, enum hash_alg alg, struct hash *ret, struct fault *f);
};
/* As format_file.verify. */
MUST rc cms_verify(struct view object, const struct cms_wish *wish, const struct verify_trust *t,
		   struct verify_report *ret, struct fault *f);

extern const struct format_file format_cms_file;

#endif
