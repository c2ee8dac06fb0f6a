/* change - statements that change what the keeper knows: policy, roster, keys. Signed by several.
 *
 * policy, roster: predicate {"document":{...},"expires":T,"previous":HEX}, subject name "policy" or
 *   "roster" with the SHA-256 of the document's canonical bytes. previous is the digest of the
 *   document in force (64 zeros at init). No origin: every keeper accepts the same versions.
 *   "tests":{...} behind previous, if there are any: the test document (policy/cases.h) that the
 *   signers want run; the keeper keeps it and does not look inside.
 * recovery: as roster, signed by recovery keys of the policy in force (policy.h) and by nobody
 * else. keyadmin: predicate
 * {"action":A,"expires":T,"key":NAME,"nonce":HEX32,"origin":TEXT,"params":{...}}, subject name
 * "params" with the SHA-256 of the params object's bytes create
 * {"algorithm":"rsa-3072"|..,"token":NAME} import      {"certificates":[BASE64 DER,..leaf first]}
 *   self-sign   {"days":N,"subject":"CN=..."}          (only if the keeper's configuration permits)
 *   lock        {"comment":TEXT}    one person suffices
 *   unlock      {"comment":TEXT}    the policy's unlock quorum
 *   retire      {"comment":TEXT}    the policy's admin quorum, as are create, import and self-sign
 * Signatures travel beside the bytes: a list of raw SSHSIG blobs, at most CHANGE_SIGNATURES_MAX,
 * each by another person, all in the kind's namespace. */
#ifndef GS_MODEL_CHANGE_H
#define GS_MODEL_CHANGE_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"

#define CHANGE_SIGNATURES_MAX 64u
#define CHANGE_CERTIFICATES_MAX 8u
#define CHANGE_CERTIFICATE_TEXT_MAX 16384u /* characters of base64, 12,288 bytes of DER */
#define CHANGE_SUBJECT_MAX 255
#define CHANGE_COMMENT_MAX 1000
#define CHANGE_DAYS_MAX 36500u

enum key_action {
	KEY_CREATE,
	KEY_IMPORT,
	KEY_SELF_SIGN,
	KEY_LOCK,
	KEY_UNLOCK,
	KEY_RETIRE,
	KEY_ACTION__COUNT
};

struct document_change {
	enum statement_kind kind; /* STATEMENT_POLICY, STATEMENT_ROSTER or STATEMENT_RECOVERY */
	struct view document;	  /* canonical bytes of an object, inside the statement */
	struct digest digest;	  /* of document; encode computes it itself */
	struct digest previous;
	struct view tests; /* canonical bytes of an object, inside the statement; empty: none */
	unix_time expires;
};

/* An unlock, of a key or a host, is good for so long from when it was made: its `expires` is that
 * time and this, so that the keeper knows whether it was made before the lock that it would open.
 * The same holds for import and self-sign, and the certificate that they would replace. */
#define UNLOCK_LIFE ((unix_time)7 * 86400)
#define UNLOCK_AHEAD 120 /* seconds by which its maker's clock may be ahead of the keeper's */

struct key_change {
	enum key_action action;
	struct name key;
	char origin[ORIGIN_MAX + 1];
	uint8_t nonce[REQUEST_NONCE];
	unix_time expires;
	/* by action; the others are empty */
	char algorithm[24]; /* a name of lib/crypt/pkey.h */
	struct name token;
	char subject[CHANGE_SUBJECT_MAX + 1];
	uint32_t days;
	char comment[CHANGE_COMMENT_MAX + 1];
	struct view certificates[CHANGE_CERTIFICATES_MAX]; /* base64 text, inside the statement */
	size_t certificate_count;
};

/* Parsers return what jcan returns for the form, and RC_MISMATCH a statement of another kind, or a
 * subject that is not the digest of the document or params; RC_UNKNOWN kind, action or algorithm;
 * RC_RANGE days 0 or no certificate; RC_DUPLICATE a certificate twice; RC_SYNTAX or RC_NONCANON a
 * certificate that is not base64. Whether a certificate or document is good is not looked at.
 * Encoders append; what parse would refuse they refuse with the same code. */
MUST rc document_change_parse(enum statement_kind kind, struct view bytes,
			      struct document_change *ret, struct fault *f);
/* The statement that has brought a policy or roster into force: of that kind, or a roster's may be
 * a recovery. */
MUST rc document_source_parse(enum statement_kind kind, struct view bytes,
			      struct document_change *ret, struct fault *f);
MUST rc document_change_encode(const struct document_change *c, struct buf *out, struct fault *f);
MUST rc key_change_parse(struct view bytes, struct key_change *ret, struct fault *f);
MUST rc key_change_encode(const struct key_change *c, struct buf *out, struct fault *f);
const char *key_action_name(enum key_action a);
MUST rc key_action_parse(struct view name, enum key_action *ret);

#endif
