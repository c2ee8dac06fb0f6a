/* request - what a requester asks to have signed: the statement's fields and its exact bytes.
 *
 * {"_type":"https://in-toto.io/Statement/v1","predicate":{
 *   "deadline":T,"guard":{"at":T,"level":TEXT,"list":NAME?,"mode":TEXT,"serial":N?}?,
 *   "host":NAME?,"items":[{"content":"sha256:HEX","format":"pe","params":{...},
 *   "product":NAME,"size":N},...],"key":NAME,"key_fingerprint":HEX,"nonce":HEX32,"not_before":T,
 *   "origin":TEXT,"reason":TEXT,"release":T?,"requester":NAME,"upload":true|false,"uses":N},
 *  "predicateType":"urn:greatseal:request:v1",
 *  "subject":[{"digest":{"sha256":HEX},"name":TEXT},...]}
 * subject and items have the same length and order. Request id = SHA-256 of these bytes.
 * Owns: parse and encode, in one file. Must not own: who may, what for (policy). */
#ifndef GS_MODEL_REQUEST_H
#define GS_MODEL_REQUEST_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/guard_state.h"
#include "lib/model/name.h"

#define REQUEST_ITEMS_MAX 10000u
#define REQUEST_USES_MAX 1000u
#define REQUEST_REASON_MAX 1000
#define REQUEST_NONCE 16
#define ITEM_NAME_MAX 255    /* bytes of UTF-8; no '/', not "." or "..", else as prose_check */
#define ITEM_PARAMS_MAX 2048 /* bytes of canonical JSON */
#define ORIGIN_MAX 253

struct request_item {
	struct view name_json; /* the string with quotes and escapes as in the statement */
	struct name product;
	uint64_t size;
	struct digest sha256; /* of the whole file */
	char format[16];
	struct hash content; /* the format's content digest */
	struct view params;  /* canonical JSON object */
};

/* What the host's agent has read from its guard, and vouches for with the host's signature. */
struct request_guard {
	bool given; /* else nothing is said */
	unix_time at;
	struct guard_state state;
};

struct request {
	char origin[ORIGIN_MAX + 1];
	struct name key;
	struct digest key_fingerprint;
	struct name requester;
	struct name host; /* "": a service asks by a token that is for this request alone */
	struct request_guard guard;
	unix_time not_before;
	unix_time deadline;
	unix_time release; /* signed as soon as it may be, and held until then; 0: not held */
	uint32_t uses;
	bool upload;
	uint8_t nonce[REQUEST_NONCE];
	char reason[REQUEST_REASON_MAX + 1];
	struct request_item *items; /* views point into the statement's bytes */
	size_t count;
};

/* The request's id: SHA-256 of the statement's exact bytes. */
struct digest request_id(struct view bytes);

/* Reads a canonical request. ret->items is allocated (at most 3 MiB; request_release frees it) and
 * borrows from bytes. Refuses: form (as jcan.h), counts and sizes over the maxima above (RC_LIMIT),
 * no item, a number outside its range or uses 0 (RC_RANGE), not_before > deadline or a release that
 * is not between the two (RC_EXPIRED), a
 * name, format, origin or text of another shape (RC_SYNTAX), items and subject that differ in
 * number, a guard without a host, or a statement of another kind (RC_MISMATCH), two items with the
 * same name (RC_DUPLICATE), RC_NOMEM. format: [a-z0-9][a-z0-9.-]*; origin the same; reason:
 * prose_check of field.h, lines permitted. 100 items take about 60 us. */
MUST rc request_parse(struct view bytes, struct request *ret, struct fault *f);
void request_release(struct request *r);
AUTO_DEFINE(request, struct request, request_release)

/* Appends the canonical statement; item names come from names[i] (UTF-8) instead of name_json. What
 * request_parse would refuse is refused here with the same code. */
MUST rc request_encode(const struct request *r, const char *const *names, struct buf *out,
		       struct fault *f);

/* Decoded file name of an item into out (NUL-terminated). Fails only on an item that request_parse
 * did not make. */
MUST rc request_item_name(const struct request_item *item, char out[ITEM_NAME_MAX + 1]);

#endif
