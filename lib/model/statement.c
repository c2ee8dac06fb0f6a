#include "lib/model/statement.h"

#include <assert.h>

#include "lib/crypt/dsse.h"

#define INFO(kind, limit)                                                                          \
	{                                                                                          \
		.name = kind, .ns = kind ".v1@greatseal",                                          \
		.predicate_type = "urn:greatseal:" kind ":v1", .max_bytes = limit,                 \
	}

static const struct statement_info infos[] = {
	[STATEMENT_REQUEST] = INFO("request", REQUEST_BYTES_MAX),
	[STATEMENT_HOST] = {.name = "host",
			    .ns = "host.v1@greatseal",
			    /* the same bytes as the request */
			    .predicate_type = "urn:greatseal:request:v1",
			    .max_bytes = REQUEST_BYTES_MAX},
	[STATEMENT_APPROVAL] = INFO("approval", ACT_BYTES_MAX),
	[STATEMENT_DENIAL] = INFO("denial", ACT_BYTES_MAX),
	[STATEMENT_WITHDRAWAL] = INFO("withdrawal", ACT_BYTES_MAX),
	[STATEMENT_CANCELLATION] = INFO("cancellation", ACT_BYTES_MAX),
	[STATEMENT_POLICY] = INFO("policy", DOCUMENT_BYTES_MAX),
	[STATEMENT_ROSTER] = INFO("roster", DOCUMENT_BYTES_MAX),
	[STATEMENT_KEYADMIN] = INFO("keyadmin", KEYADMIN_BYTES_MAX),
	[STATEMENT_CALL] = INFO("call", CALL_BYTES_MAX),
	[STATEMENT_SCAN] = INFO("scan", EVIDENCE_BYTES_MAX),
	[STATEMENT_REBUILD] = INFO("rebuild", EVIDENCE_BYTES_MAX),
	/* The envelope has a payload type in place of a namespace. */
	[STATEMENT_PROVENANCE] = {.name = "provenance",
				  .ns = "provenance.v1@greatseal",
				  .predicate_type = "https://slsa.dev/provenance/v1",
				  .max_bytes = DSSE_BYTES_MAX},
	[STATEMENT_PREAPPROVAL] = INFO("preapproval", PREAPPROVAL_BYTES_MAX),
	[STATEMENT_HOSTADMIN] = INFO("hostadmin", HOSTADMIN_BYTES_MAX),
	[STATEMENT_ENROLMENT] = INFO("enrolment", ENROLMENT_BYTES_MAX),
	[STATEMENT_RECOVERY] = INFO("recovery", DOCUMENT_BYTES_MAX),
	[STATEMENT_OBJECTION] = INFO("objection", OBJECTION_BYTES_MAX),
	[STATEMENT_REVIEW] = INFO("review", REVIEW_BYTES_MAX),
	[STATEMENT_ACCESS] = INFO("access", ACCESS_BYTES_MAX),
};
_Static_assert(sizeof(infos) / sizeof(infos[0]) == STATEMENT__COUNT, "one row for each kind");

const struct statement_info *statement_info(enum statement_kind kind)
{
	assert((unsigned)kind < STATEMENT__COUNT);
	return &infos[kind];
}

rc statement_kind_parse(struct view name, enum statement_kind *ret)
{
	for (size_t i = 0; i < STATEMENT__COUNT; i++)
		if (view_is(name, infos[i].name)) {
			*ret = (enum statement_kind)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}
