/* Purpose: see cms_file.h. */
#include "lib/format/cms_file.h"

#include "lib/format/oid_tbs.h"
#include "lib/format/signed_data_file.h"
#include "lib/format/stream.h"

static bool recognise(int fd)
{
	(void)fd;
	return true;
}

static rc content(int fd, enum hash_alg alg, struct hash *ret, struct fault *f)
{
	return stream_digest(fd, alg, ret, f);
}

static rc verify(int fd, struct view object, const struct verify_trust *t,
		 struct verify_report *ret, struct fault *f)
{
	struct verify_report report;
	struct signed_object o;
	struct hash ours;

	TRY(signed_object_parse(object, &o, f));
	if (!view_is_equal(o.content_type, OID(OID_DATA)))
		return fault_set(f, RC_UNSUPPORTED, 0, "cms: content type is not id-data");
	if (o.econtent.len > 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "cms: the content is inside, not detached");
	TRY(content(fd, o.hash, &ours, f));
	if (!view_is_equal(o.message_digest, hash_view(&ours)))
		return fault_set(f, RC_MISMATCH, 0, "cms: the signed digest is not the file's");
	TRY(signed_object_judge(&o, t, &report, f));
	report.content = ours;
	*ret = report;
	return OK;
}

const struct format_file format_cms_file = {
	.name = "cms",
	.detached = true,
	.recognise = recognise,
	.content = content,
	.verify = verify,
};
