/* inspect_zip - what the two files about zips share: where the directory lies. */
#ifndef GS_FORMAT_INSPECT_ZIP_H
#define GS_FORMAT_INSPECT_ZIP_H

#include "lib/format/inspect_impl.h"

struct zip_directory {
	uint64_t at;	 /* in the file */
	uint64_t size;	 /* bytes of it */
	uint64_t count;	 /* entries, as the end record says */
	uint64_t before; /* bytes in front of what the zip takes for its beginning */
};

/* Findings "zip-ambiguous" (the first alone) and "zip-gap". */
MUST rc zip_directory_check(struct inspection *in, const struct zip_directory *d, struct fault *f);

#endif
