/* Purpose: see pe_tbs.h. Structure names are those of the Authenticode paper. */
#include "lib/format/pe_tbs.h"

#include "lib/codec/utf8.h"
#include "lib/format/oid_tbs.h"
#include "lib/format/params_tbs.h"
#include "lib/format/signed_data_tbs.h"

/* A character of the Basic Multilingual Plane takes up to 3 bytes in UTF-8, 2 in a BMPString. */
struct params {
	size_t name_len; /* bytes of name, 0: absent */
	size_t url_len;
	uint8_t name[2 * TBS_PARAM_TEXT];
	char url[TBS_PARAM_TEXT + 1];
};

/* UTF-8 to UCS-2, big-endian. */
static rc to_bmp(struct view text, struct params *p, struct fault *f)
{
	uint32_t c;

	while (text.len > 0) {
		TRY(utf8_next(&text, &c));
		if (c > 0xffff)
			return fault_set(f, RC_UNSUPPORTED, 0,
					 "params: name has U+%X, a BMPString ends at U+FFFF",
					 (unsigned)c);
		if (p->name_len == sizeof(p->name))
			return fault_set(f, RC_LIMIT, 0, "params: name has more than %d characters",
					 TBS_PARAM_TEXT);
		p->name[p->name_len++] = (uint8_t)(c >> 8);
		p->name[p->name_len++] = (uint8_t)(c & 0xff);
	}
	if (p->name_len == 0)
		return fault_set(f, RC_RANGE, 0, "params: name is empty; leave it out");
	return OK;
}

static rc check_url(struct params *p, struct fault *f)
{
	if (p->url_len == 0)
		return fault_set(f, RC_RANGE, 0, "params: url is empty; leave it out");
	for (size_t i = 0; i < p->url_len; i++)
		if (p->url[i] <= ' ' || p->url[i] > '~')
			return fault_set(f, RC_RANGE, 0,
					 "params: url has a byte outside 0x21..0x7e");
	return OK;
}

static rc read_params(const struct tbs_input *in, struct params *p, struct fault *f)
{
	char name[3 * TBS_PARAM_TEXT + 1];
	struct jcan j;
	size_t len;
	bool found;

	p->name_len = 0;
	p->url_len = 0;
	if (in->content.alg == HASH_SHA512)
		return fault_set(f, RC_UNSUPPORTED, 0, "pe: served are sha256 and sha384");
	if (in->key->alg == KEY_ED25519)
		return fault_set(f, RC_UNSUPPORTED, 0, "pe: Authenticode has no Ed25519");
	TRY(params_begin(in, &j, f));
	TRY(jcan_key_optional(&j, "name", &found));
	if (found) {
		TRY(jcan_string(&j, name, sizeof(name), &len));
		TRY(to_bmp(view_of(name, len), p, f));
	}
	TRY(jcan_key_optional(&j, "url", &found));
	if (found) {
		TRY(jcan_string(&j, p->url, sizeof(p->url), &p->url_len));
		TRY(check_url(p, f));
	}
	return params_end(&j);
}

static rc check(const struct tbs_input *in, struct fault *f)
{
	struct params p;

	return read_params(in, &p, f);
}

/* SpcSpOpusInfo: programName [0] EXPLICIT SpcString (unicode [0] IMPLICIT BMPString),
 * moreInfo [1] EXPLICIT SpcLink (url [0] IMPLICIT IA5String). */
static struct view opus_info(struct der *d, const struct params *p)
{
	size_t end = der_mark(d);
	size_t mark;

	if (p->url_len > 0) {
		der_put(d, DER_CONTEXT(0), view_of(p->url, p->url_len));
		der_wrap(d, DER_CONTEXT_CONSTRUCTED(1), end);
	}
	mark = der_mark(d);
	if (p->name_len > 0) {
		der_put(d, DER_CONTEXT(0), view_of(p->name, p->name_len));
		der_wrap(d, DER_CONTEXT_CONSTRUCTED(0), mark);
	}
	der_wrap(d, DER_SEQUENCE, end);
	return signed_data_attribute(d, OID(OID_SPC_SP_OPUS_INFO), end);
}

static struct view statement_type(struct der *d)
{
	size_t end = der_mark(d);

	der_put(d, DER_OID, OID(OID_SPC_INDIVIDUAL));
	der_wrap(d, DER_SEQUENCE, end);
	return signed_data_attribute(d, OID(OID_SPC_STATEMENT_TYPE), end);
}

/* SpcIndirectDataContent { SpcPeImageData, DigestInfo }. *ret_digest is over its contents octets,
 * without tag and length (PKCS#7 9.3). */
static struct view indirect_data(struct der *d, const struct hash *content, struct hash *ret_digest)
{
	/* SpcPeImageData: flags (empty BIT STRING), file [0] SpcLink file [2] SpcString "" */
	static const uint8_t image_data[] = {0x03, 0x01, 0x00, 0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00};
	size_t end = der_mark(d);
	size_t mark;

	der_put(d, DER_OCTET_STRING, hash_view(content));
	signed_data_put_digest_alg(d, content->alg, true);
	der_wrap(d, DER_SEQUENCE, end);
	mark = der_mark(d);
	der_put(d, DER_SEQUENCE, view_of(image_data, sizeof(image_data)));
	der_put(d, DER_OID, OID(OID_SPC_PE_IMAGE_DATA));
	der_wrap(d, DER_SEQUENCE, mark);
	*ret_digest = hash_of(content->alg, der_view(d, end));
	der_wrap(d, DER_SEQUENCE, end);
	return der_view(d, end);
}

/* Two texts of 255 characters (510 and 255 bytes) and the fixed parts. */
#define WORK_MAX 1280

/* mem must live as long as *sd. */
static rc describe(const struct tbs_input *in, uint8_t mem[WORK_MAX], struct signed_data *sd,
		   struct fault *f)
{
	struct params p;
	struct der d;

	TRY(read_params(in, &p, f));
	der_init(&d, mem, WORK_MAX);
	*sd = (struct signed_data){
		.in = in,
		.content_type = OID(OID_SPC_INDIRECT_DATA),
		.extra_count = 2,
		.digest_null = true,
	};
	sd->econtent = indirect_data(&d, &in->content, &sd->message_digest);
	sd->extra[0] = statement_type(&d);
	sd->extra[1] = opus_info(&d, &p);
	return d.failed ? fault_set(f, RC_LIMIT, 0, "pe: attributes do not fit") : OK;
}

static rc tbs(const struct tbs_input *in, struct buf *out, struct fault *f)
{
	uint8_t mem[WORK_MAX];
	struct signed_data sd;

	TRY(describe(in, mem, &sd, f));
	return signed_data_attributes(&sd, out, f);
}

static rc finish(const struct tbs_input *in, struct view signature, struct buf *out,
		 struct fault *f)
{
	uint8_t mem[WORK_MAX];
	struct signed_data sd;

	TRY(describe(in, mem, &sd, f));
	return signed_data_finish(&sd, signature, out, f);
}

const struct format_tbs format_pe_tbs = {
	.name = "pe",
	.check = check,
	.tbs = tbs,
	.finish = finish,
};
