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

rc cms_verify(struct view object, const struct cms_wish *wish, const struct verify_trust *t,
	      struct verify_report *ret, struct fault *f)
{
	const uint8_t version = view_is_equal(wish->type, OID(OID_DATA)) ? 1 : 3;
	struct verify_report report;
	struct signed_object o;
	struct hash ours;

	TRY(signed_object_parse(object, &o, f));
	if (!view_is_equal(o.content_type, wish->type))
		return fault_set(f, RC_UNSUPPORTED, 0, "%s: content type is not %s", wish->format,
				 wish->type_name);
	if (o.version != version)
		return fault_set(f, RC_UNSUPPORTED, 0, "%s: version is not %u (RFC 5652 5.1)",
				 wish->format, version);
	if (o.econtent.len > 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "%s: the content is inside, not detached",
				 wish->format);
	TRY(wish->content(wish->fd, o.hash, &ours, f));
	if (!view_is_equal(o.message_digest, hash_view(&ours)))
		return fault_set(f, RC_MISMATCH, 0, "%s: the signed digest is not the file's",
				 wish->format);
	TRY(signed_object_judge(&o, t, &report, f));
	report.content = ours;
	*ret = report;
	return OK;
}

static rc verify(int fd, struct view object, const struct verify_trust *t,
		 struct verify_report *ret, struct fault *f)
{
	const struct cms_wish wish = {.format = "cms",
				      .type = OID(OID_DATA),
				      .type_name = "id-data",
				      .fd = fd,
				      .content = content};

	return cms_verify(object, &wish, t, ret, f);
}

const struct format_file format_cms_file = {
	.name = "cms",
	.detached = true,
	.recognise = recognise,
	.content = content,
	.verify = verify,
};
