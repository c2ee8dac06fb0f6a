#include "lib/format/list_tbs.h"

#include "lib/format/cms_tbs.h"
#include "lib/format/oid_tbs.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"

static rc list_tbs(const struct tbs_input *in, struct buf *out, struct fault *f)
{
	return cms_attributes(in, OID(OID_ALLOWLIST), out, f);
}

static rc list_finish(const struct tbs_input *in, struct view signature, struct buf *out,
		      struct fault *f)
{
	return cms_finish(in, OID(OID_ALLOWLIST), signature, out, f);
}

static rc record_tbs(const struct tbs_input *in, struct buf *out, struct fault *f)
{
	return cms_attributes(in, OID(OID_PACKAGE_RECORD), out, f);
}

static rc record_finish(const struct tbs_input *in, struct view signature, struct buf *out,
			struct fault *f)
{
	return cms_finish(in, OID(OID_PACKAGE_RECORD), signature, out, f);
}

/* whole is false: not every file is a list, so the worker looks at each. */
const struct format_tbs format_allowlist_tbs = {
	.name = LIST_FORMAT,
	.detached = true,
	.check = cms_check,
	.tbs = list_tbs,
	.finish = list_finish,
};

const struct format_tbs format_package_record_tbs = {
	.name = PACKAGE_RECORD_FORMAT,
	.detached = true,
	.check = cms_check,
	.tbs = record_tbs,
	.finish = record_finish,
};
