/* Enrolment and renewal of a host, and the challenge before them: both directions. */
#include <string.h>

#include "lib/proto/keeper_impl.h"

void keeper_put_enrol(struct buf *out, uint64_t correlation, enum keeper_type type,
		      const struct keeper_enrol *m)
{
	struct frame fr = frame_begin(out, type, correlation);

	if (type != KEEPER_ENROL && type != KEEPER_RENEW)
		buf_fail(out, RC_RANGE);
	put_string(out, m->statement, ENROLMENT_BYTES_MAX);
	put_string(out, m->host_sig, KEEPER_SIG_MAX);
	if (type == KEEPER_ENROL) {
		put_string(out, m->token_sig, KEEPER_SIG_MAX);
		put_string(out, m->attestation, KEEPER_ATTESTATION_MAX);
	}
	frame_end(out, fr);
}

rc keeper_get_enrol(struct view body, enum keeper_type type, struct keeper_enrol *ret)
{
	struct keeper_enrol m = {0};

	TRY(view_string(&body, ENROLMENT_BYTES_MAX, &m.statement));
	TRY(view_string(&body, KEEPER_SIG_MAX, &m.host_sig));
	if (type == KEEPER_ENROL) {
		TRY(view_string(&body, KEEPER_SIG_MAX, &m.token_sig));
		TRY(view_string(&body, KEEPER_ATTESTATION_MAX, &m.attestation));
	}
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

void keeper_put_challenge(struct buf *out, uint64_t correlation, const struct keeper_challenge *m)
{
	struct frame fr = frame_begin(out, KEEPER_CHALLENGE, correlation);

	put_string(out, m->host, NAME_MAX_LEN);
	buf_put_view(out, digest_view(&m->key));
	put_string(out, m->ek, 2 + TPM_PUBLIC_MAX);
	put_string(out, m->certificate, EK_CERTIFICATE_MAX);
	put_string(out, m->ak, 2 + TPM_PUBLIC_MAX);
	frame_end(out, fr);
}

rc keeper_get_challenge(struct view body, struct keeper_challenge *ret)
{
	struct keeper_challenge m = {0};
	struct view key;

	TRY(view_string(&body, NAME_MAX_LEN, &m.host));
	TRY(view_take(&body, DIGEST_SIZE, &key));
	memcpy(m.key.b, key.ptr, DIGEST_SIZE);
	TRY(view_string(&body, 2 + TPM_PUBLIC_MAX, &m.ek));
	TRY(view_string(&body, EK_CERTIFICATE_MAX, &m.certificate));
	TRY(view_string(&body, 2 + TPM_PUBLIC_MAX, &m.ak));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}
