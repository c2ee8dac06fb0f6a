/* signed_files - files signed by a throw-away authority (ca.h), in the forms that lib/format/seen.h
 * reads. Every step asserts. */
#ifndef GS_TESTS_SIGNED_FILES_H
#define GS_TESTS_SIGNED_FILES_H

#include "lib/format/tbs.h"
#include "tests/support/ca.h"

/* A signature object over this content digest; object is initialised here. */
void signed_object_for(const struct format_tbs *format, const struct ca *ca,
		       const struct hash *content, struct buf *object);
/* CMS, detached, over these bytes. */
void signed_cms(const struct ca *ca, struct view bytes, struct buf *object);
/* The image in `in` to `out`, with Authenticode; its object too. */
void signed_image(const struct ca *ca, int in, int out, struct buf *object);
/* Behind what is in the file, as Linux's sign-file does. */
void signed_append(int fd, struct view object);
/* The value of security.ima for these bytes: ECDSA keys alone. */
void signed_ima(const struct ca *ca, struct view bytes, struct buf *value);
/* The leaf's certificate in PEM. */
void signed_pem(const struct ca *ca, struct buf *pem);

#endif
