#include "lib/format/token_tbs.h"

#include "lib/format/cms_tbs.h"
#include "lib/format/oid_tbs.h"
#include "lib/model/guard_token.h"

static rc tbs(const struct tbs_input *in, struct buf *out, struct fault *f)
{
	return cms_attributes(in, OID(OID_GUARD_TOKEN), out, f);
}

static rc finish(const struct tbs_input *in, struct view signature, struct buf *out,
		 struct fault *f)
{
	return cms_finish(in, OID(OID_GUARD_TOKEN), signature, out, f);
}

/* whole is false: not every file is a token, so the worker looks at each. */
const struct format_tbs format_guard_token_tbs = {
	.name = GUARD_TOKEN_FORMAT,
	.detached = true,
	.check = cms_check,
	.tbs = tbs,
	.finish = finish,
};
