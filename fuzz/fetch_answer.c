/* Fuzz target: what an agent answers to the guard. The first byte says whether it is a head, an
 * offer of a list, records, or certificates. */
#include <assert.h>
#include <stdlib.h>

#include "prog/guard/certificates.h"
#include "prog/guard/fetch.h"
#include "prog/guard/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rc visit(void *ctx, const struct digest *archive, struct view record, struct view proof,
		struct fault *f)
{
	(void)archive;
	(void)f;
	*(size_t *)ctx += record.len;
	assert(proof.len >= 2 && proof.ptr[0] == '{');
	return OK;
}

/* No log has signed any of it. */
static void certificates(struct view body)
{
	static const struct vkey log;
	AUTO(buf) struct buf pem = {0};
	char told[FAULT_TEXT] = "";
	uint64_t count = 0;

	buf_init(&pem, 65536);
	if (rc_is_ok(certificates_take(body, &log, &pem, &count, told, NULL)))
		assert(count == 0 && pem.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest later[FETCH_ARCHIVES];
	struct fetch_offer o = {.serial = 0};
	struct http_head head;
	size_t n = 0, bytes = 0;

	if (size == 0)
		return 0;
	if (data[0] == 'h' && rc_is_ok(http_head_parse(view_of(data + 1, size - 1), &head, NULL)))
		assert(head.size <= size - 1 && head.status >= 200 && head.length <= INT64_MAX);
	buf_init(&o.proof, 4096);
	if (data[0] == 'o' && rc_is_ok(fetch_offer_parse(view_of(data + 1, size - 1), &o, NULL)))
		assert(o.current == (o.proof.len == 0));
	buf_release(&o.proof);
	if (data[0] == 'r')
		(void)fetch_records_parse(view_of(data + 1, size - 1), visit, &bytes, later, &n,
					  NULL)
			.code;
	if (data[0] == 'c')
		certificates(view_of(data + 1, size - 1));
	return 0;
}
