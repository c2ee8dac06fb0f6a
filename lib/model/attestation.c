#include "lib/model/attestation.h"

#define VERSION 1
#define TIME_LAST ((uint64_t)1 << 40)

/* In the order of the bytes. */
static const struct {
	size_t at;
	size_t max;
	const char *name;
} parts[] = {
	{offsetof(struct attestation, ek), 2 + TPM_PUBLIC_MAX, "endorsement key"},
	{offsetof(struct attestation, certificate), EK_CERTIFICATE_MAX, "EK certificate"},
	{offsetof(struct attestation, ak), 2 + TPM_PUBLIC_MAX, "attestation key"},
	{offsetof(struct attestation, key), 2 + TPM_PUBLIC_MAX, "identity key"},
	{offsetof(struct attestation, attest), TPM_ATTEST_MAX, "TPMS_ATTEST"},
	{offsetof(struct attestation, signature), TPM_SIGNATURE_MAX, "TPMT_SIGNATURE"},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static rc read_parts(struct view bytes, struct attestation *a, const char **ret_where)
{
	uint8_t version;
	uint64_t time;

	*ret_where = "version";
	TRY(view_u8(&bytes, &version));
	if (version != VERSION)
		return RC(RC_UNKNOWN);
	*ret_where = "time";
	TRY(view_u64be(&bytes, &time));
	if (time > TIME_LAST)
		return RC(RC_RANGE);
	a->time = (unix_time)time;
	for (size_t i = 0; i < PARTS; i++) {
		*ret_where = parts[i].name;
		TRY(view_string(&bytes, parts[i].max,
				(struct view *)(void *)((char *)a + parts[i].at)));
	}
	*ret_where = "end";
	return view_end(&bytes);
}

rc attestation_parse(struct view bytes, struct attestation *ret, struct fault *f)
{
	struct attestation a = {0};
	const char *where;
	rc r = read_parts(bytes, &a, &where);

	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "attestation: %s: %s", where, rc_name(r));
	*ret = a;
	return OK;
}

rc attestation_encode(const struct attestation *a, struct buf *out, struct fault *f)
{
	if (a->time < 0 || (uint64_t)a->time > TIME_LAST)
		return fault_set(f, RC_RANGE, 0, "attestation: time");
	buf_put_u8(out, VERSION);
	buf_put_u64be(out, (uint64_t)a->time);
	for (size_t i = 0; i < PARTS; i++) {
		const struct view *part =
			(const struct view *)(const void *)((const char *)a + parts[i].at);

		if (part->len > parts[i].max)
			return fault_set(f, RC_LIMIT, 0, "attestation: %s has %zu bytes",
					 parts[i].name, part->len);
		buf_put_string(out, *part);
	}
	return buf_done(out);
}

struct digest attestation_words(const uint8_t secret[TPM_SECRET], const struct digest *statement)
{
	const struct view all[] = {view_str("greatseal-tpm-certify-v1\n"),
				   view_of(secret, TPM_SECRET), digest_view(statement)};

	return digest_of_parts(all, 3);
}
