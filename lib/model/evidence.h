/* evidence - what machines say of artifacts: a scanner's verdict, a builder's "I made the same".
 *
 * scan:    {"_type":..,"predicate":{"by":NAME,"database":TEXT,"given":T,"nonce":HEX32,
 *           "scanner":TEXT,"verdict":V},"predicateType":"urn:greatseal:scan:v1",
 *           "subject":[{"digest":{"sha256":HEX},"name":TEXT},..]}
 *          V: clean, infected, suspicious, unknown. database: which signatures the scanner had.
 * rebuild: predicate {"builder":NAME,"given":T,"nonce":HEX32,"source":URI,"version":TEXT}; the
 *          subjects are what came out. source and version say what was built: they are what two
 *          builders must agree about before their digests can disagree.
 * Signed as SSHSIG by the host, service or builder that is named. They speak of bytes and name no
 * request and no keeper: they may come before or after a request, and whoever has them may show
 * them to every keeper whose roster knows the signer. Owns: parse and encode of both. */
#ifndef GS_MODEL_EVIDENCE_H
#define GS_MODEL_EVIDENCE_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"

#define EVIDENCE_SUBJECTS_MAX 256u
#define EVIDENCE_SCANNER_MAX 127
#define EVIDENCE_DATABASE_MAX 255
#define EVIDENCE_SOURCE_MAX 511
#define EVIDENCE_VERSION_MAX 127
#define EVIDENCE_SKEW 300 /* seconds by which a maker's clock may be ahead of the keeper's */

enum scan_verdict { SCAN_CLEAN, SCAN_INFECTED, SCAN_SUSPICIOUS, SCAN_UNKNOWN, SCAN__COUNT };
const char *scan_verdict_name(enum scan_verdict v);
MUST rc scan_verdict_parse(struct view name, enum scan_verdict *ret);

struct evidence_subject {
	struct digest sha256;
	char name[ITEM_NAME_MAX + 1]; /* a plain file name, as an item's */
};

/* About 80 KiB: not for the stack of a deep call. */
struct evidence {
	enum statement_kind kind; /* STATEMENT_SCAN or STATEMENT_REBUILD */
	struct name by;		  /* "by" or "builder" */
	unix_time given;
	uint8_t nonce[REQUEST_NONCE];
	struct evidence_subject subjects[EVIDENCE_SUBJECTS_MAX];
	size_t count;
	/* scan */
	enum scan_verdict verdict;
	char scanner[EVIDENCE_SCANNER_MAX + 1];
	char database[EVIDENCE_DATABASE_MAX + 1]; /* may be empty */
	/* rebuild */
	char source[EVIDENCE_SOURCE_MAX + 1];
	char version[EVIDENCE_VERSION_MAX + 1];
};

/* Form as jcan.h and prose_check. RC_MISMATCH a statement of another kind; RC_UNKNOWN kind or
 * verdict; RC_RANGE no subject, or an empty scanner, source or version; RC_LIMIT over a maximum;
 * RC_DUPLICATE a digest twice; RC_SYNTAX a subject's name is not a plain file name. After a failure
 * *ret is not defined: it is too large to be made twice. */
MUST rc evidence_parse(enum statement_kind kind, struct view bytes, struct evidence *ret,
		       struct fault *f);
/* Appends; what parse would refuse is refused with the same code. */
MUST rc evidence_encode(const struct evidence *e, struct buf *out, struct fault *f);

#endif
