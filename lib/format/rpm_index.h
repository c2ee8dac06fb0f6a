/* rpm_index - the two XML files of an rpm repository from which packages are reached: repomd.xml,
 * which names the other indices by digest, and primary.xml, which names the packages. (createrepo_c
 * writes them; there is no standard but rpm-metadata's own RELAX NG schemas.)
 *
 * Whoever calls has the bytes from a mirror. They are read as they come, by expat; nothing is kept
 * but the element at hand. A document type is refused, so there are no entities.
 * Owns: the elements, their order and limits. Must not own: files, decompression, digests of files.
 */
#ifndef GS_FORMAT_RPM_INDEX_H
#define GS_FORMAT_RPM_INDEX_H

#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"

#define RPM_INDEX_TEXT 1024u		    /* bytes of a name, version, location */
#define RPM_INDEX_DEPTH 16u		    /* elements in elements */
#define RPM_INDEX_ROWS 400000u		    /* packages, or index files, of one document */
#define RPM_INDEX_BYTES ((uint64_t)1 << 30) /* of one document */

enum rpm_index_kind { RPM_INDEX_REPOMD, RPM_INDEX_PRIMARY };

/* A package of a primary.xml, or an index of a repomd.xml. Texts are UTF-8 without NUL, "" where
 * there is none; a digest counts only if it is said to be SHA-256. */
struct rpm_index_row {
	enum rpm_index_kind kind;
	char name[RPM_INDEX_TEXT + 1];	  /* of the package; or the type of the index */
	char version[RPM_INDEX_TEXT + 1]; /* EPOCH:VERSION-RELEASE, without an epoch of 0 */
	char architecture[RPM_INDEX_TEXT + 1];
	char location[RPM_INDEX_TEXT + 1]; /* below the repository */
	bool has_digest, has_open;
	struct digest digest; /* of the file */
	struct digest open;   /* of an index that is not compressed */
};

struct rpm_index;
typedef rc (*rpm_index_visit)(void *ctx, const struct rpm_index_row *row, struct fault *f);

/* RC_NOMEM. The caller frees it. */
MUST rc rpm_index_new(rpm_index_visit visit, void *ctx, struct rpm_index **ret);
void rpm_index_free(struct rpm_index *x);
static inline void rpm_index_drop(struct rpm_index **x)
{
	rpm_index_free(*x);
	*x = NULL;
}
AUTO_DEFINE(rpm_index, struct rpm_index *, rpm_index_drop)
/* The next bytes of the document. RC_SYNTAX: no XML, or of another kind; RC_UNSUPPORTED: it has a
 * document type; RC_DUPLICATE: a package has two names, digests or the like; RC_LIMIT; RC_NOMEM;
 * or what visit returns. After one of these no more may be fed. */
MUST rc rpm_index_feed(struct rpm_index *x, struct view bytes, struct fault *f);
/* There are no more. As rpm_index_feed; *ret: which of the two it was. */
MUST rc rpm_index_end(struct rpm_index *x, enum rpm_index_kind *ret, struct fault *f);

#endif
