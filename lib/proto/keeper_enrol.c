/* Enrolment and renewal of a host: both directions. */
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
