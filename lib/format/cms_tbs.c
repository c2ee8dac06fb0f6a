/* Purpose: see cms_tbs.h. */
#include "lib/format/cms_tbs.h"

#include "lib/format/oid_tbs.h"
#include "lib/format/params_tbs.h"
#include "lib/format/signed_data_tbs.h"

rc cms_check(const struct tbs_input *in, struct fault *f)
{
	struct jcan j;

	TRY(params_begin(in, &j, f));
	return params_end(&j);
}

/* RFC 5035 3: SigningCertificateV2 { certs { ESSCertIDv2 { certHash } } }, hash SHA-256 by default,
 * no issuerSerial: the hash names the certificate. */
static struct view signing_certificate(struct der *d, const struct tbs_key *key)
{
	size_t end = der_mark(d);

	der_put(d, DER_OCTET_STRING, digest_view(&key->cert_digest));
	der_wrap(d, DER_SEQUENCE, end);
	der_wrap(d, DER_SEQUENCE, end);
	der_wrap(d, DER_SEQUENCE, end);
	return signed_data_attribute(d, OID(OID_SIGNING_CERTIFICATE_V2), end);
}

#define ESS_MAX 80

/* mem must live as long as *sd. */
static void describe(const struct tbs_input *in, struct view type, uint8_t mem[ESS_MAX],
		     struct signed_data *sd)
{
	struct der d;

	der_init(&d, mem, ESS_MAX);
	*sd = (struct signed_data){
		.in = in,
		.content_type = type,
		.message_digest = in->content,
		.extra = {signing_certificate(&d, in->key)},
		.extra_count = 1,
		.version_3 = !view_is_equal(type, OID(OID_DATA)),
		.certificates_sorted = true,
	};
}

rc cms_attributes(const struct tbs_input *in, struct view type, struct buf *out, struct fault *f)
{
	uint8_t mem[ESS_MAX];
	struct signed_data sd;

	TRY(cms_check(in, f));
	describe(in, type, mem, &sd);
	return signed_data_attributes(&sd, out, f);
}

rc cms_finish(const struct tbs_input *in, struct view type, struct view signature, struct buf *out,
	      struct fault *f)
{
	uint8_t mem[ESS_MAX];
	struct signed_data sd;

	TRY(cms_check(in, f));
	describe(in, type, mem, &sd);
	return signed_data_finish(&sd, signature, out, f);
}

static rc tbs(const struct tbs_input *in, struct buf *out, struct fault *f)
{
	return cms_attributes(in, OID(OID_DATA), out, f);
}

static rc finish(const struct tbs_input *in, struct view signature, struct buf *out,
		 struct fault *f)
{
	return cms_finish(in, OID(OID_DATA), signature, out, f);
}

const struct format_tbs format_cms_tbs = {
	.name = "cms",
	.detached = true,
	.whole = true,
	.check = cms_check,
	.tbs = tbs,
	.finish = finish,
};
