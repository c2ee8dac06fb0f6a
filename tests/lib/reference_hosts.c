/* The host that makes its key itself. */
#include "tests/lib/reference.h"

#define GRACE (30 * 86400)
#define CHALLENGE 300 /* seconds that one is good for */

static enum reason bound_flaw(const struct ref_pool *h)
{
	if (h->key < 0)
		return REASON_HOST_UNENROLLED;
	return h->lock != REF_FREE ? REASON_HOST_LOCKED : REASON_NONE;
}

enum reason ref_pool_flaw(const struct ref *w)
{
	enum reason r = bound_flaw(&w->pool);

	if (r != REASON_NONE)
		return r;
	if (w->pool.klass < w->roster.pool_least)
		return REASON_HOST_CLASS;
	return w->now > w->pool.until ? REASON_HOST_EXPIRED : REASON_NONE;
}

/* What waits outlives its SVID, but not what the roster says. */
enum reason ref_svid_flaw(const struct ref *w, const struct ref_svid *s, bool came)
{
	if (s->id != w->roster.pod_id || (w->roster.pod_roots & (1u << s->root)) == 0)
		return REASON_SIG_HOST;
	/* The path comes before what is signed with its key. */
	if (came && w->now >= s->ends)
		return REASON_HOST_EXPIRED;
	return s->stray ? REASON_SIG_HOST : REASON_NONE;
}

const char *ref_host_state(const struct ref *w, int host)
{
	const struct ref_pool *h = &w->pool;

	if (host != REF_POOL)
		return w->host_locked[host] ? "locked" : host == REF_POD ? "spiffe" : "static";
	if (h->lock != REF_FREE)
		return h->lock == REF_CLONED ? "cloned" : "locked";
	if (h->key < 0)
		return h->token != 0 && w->now < h->invite_end ? "invited" : "unenrolled";
	return w->now > h->until ? "expired" : "enrolled";
}

void ref_pool_change(struct ref *w, enum host_action action, const struct ref_invitation *in,
		     struct ref_answer *a)
{
	struct ref_pool *h = &w->pool;
	bool late = action == HOST_UNLOCK || action == HOST_FORGET;

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    ref_refuse(a, w->roster.host_gone[REF_POOL], REASON_WHO_HOST) ||
	    ref_refuse(a, late && !h->row, REASON_HOST_UNENROLLED) ||
	    ref_refuse(a, action == HOST_INVITE && h->lock != REF_FREE, REASON_CHANGE_INVALID) ||
	    ref_refuse(a, action == HOST_UNLOCK && h->lock == REF_CLONED, REASON_CHANGE_INVALID))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_CHANGE, .result = REF_DONE};
	h->row = true;
	if (action == HOST_INVITE) {
		h->token = in->token;
		h->invited = in->chip;
		h->invite_end = w->now + INVITE_DEFAULT;
	} else if (action == HOST_LOCK) {
		h->lock = h->lock == REF_FREE ? REF_HELD : h->lock;
	} else if (action == HOST_UNLOCK) {
		h->lock = REF_FREE;
	} else {
		*h = (struct ref_pool){.key = -1, .invited = REF_NO_CHIP};
	}
	ref_changed(w);
}

void ref_host_lock(struct ref *w, int host, enum host_action action, struct ref_answer *a)
{
	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    ref_refuse(a, w->roster.host_gone[host], REASON_WHO_HOST) ||
	    ref_refuse(a, action == HOST_UNLOCK && !w->host_locked[host], REASON_CHANGE_INVALID))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_CHANGE, .result = REF_DONE};
	w->host_locked[host] = action == HOST_LOCK;
	ref_changed(w);
}

static void accept(struct ref *w, int n)
{
	struct ref_pool *h = &w->pool;

	w->enrolments[n].known = true;
	h->counter = w->enrolments[n].counter;
	h->last = n;
	h->until = w->now + REF_CERT_LIFE;
	ref_changed(w);
}

static void renew(struct ref *w, int n, struct ref_answer *a)
{
	struct ref_enrolment *e = &w->enrolments[n];
	struct ref_pool *h = &w->pool;
	enum reason r = bound_flaw(h);

	if (ref_refuse(a, r != REASON_NONE, r) ||
	    ref_refuse(a, e->key != h->key, REASON_HOST_UNENROLLED) ||
	    ref_refuse(a, e->known && h->last != n, REASON_CALL_REPLAY) || e->known)
		return;
	if (e->counter <= h->counter) {
		h->lock = REF_CLONED;
		ref_changed(w);
	}
	if (ref_refuse(a, e->counter != h->counter + 1, REASON_HOST_CLONE) ||
	    ref_refuse(a, w->now > h->until + GRACE, REASON_HOST_EXPIRED) ||
	    ref_refuse(a, h->klass < w->roster.pool_least, REASON_HOST_CLASS))
		return;
	accept(w, n);
}

/* What the attestation shows, to the keeper that has challenged, is no less than what the host
 * says. */
static bool is_proved(const struct ref *w, const struct ref_enrolment *e)
{
	const struct ref_pool *h = &w->pool;

	if (h->invited != REF_NO_CHIP && e->chip != h->invited)
		return false;
	if (e->klass == REF_SOFTWARE)
		return e->chip == REF_NO_CHIP;
	if (e->chip == REF_NO_CHIP || e->botched || e->invited != h->token || e->boot != w->boot ||
	    e->challenged > w->now || w->now - e->challenged > CHALLENGE)
		return false;
	if (e->klass == REF_VTPM)
		return e->chip == REF_VIRTUAL;
	if (e->klass == REF_TPM)
		return h->invited != REF_NO_CHIP;
	return e->chip == REF_CHIP || e->chip == REF_SECOND;
}

static void enrol(struct ref *w, int n, struct ref_answer *a)
{
	struct ref_enrolment *e = &w->enrolments[n];
	struct ref_pool *h = &w->pool;
	enum reason r = bound_flaw(h);

	if (ref_refuse(a, e->known && r != REASON_NONE, r) ||
	    ref_refuse(a, e->known && h->last != n, REASON_CALL_REPLAY) || e->known)
		return;
	if (ref_refuse(a, h->token == 0 || h->token != e->token || w->now >= h->invite_end,
		       REASON_HOST_TOKEN) ||
	    ref_refuse(a, h->lock != REF_FREE, REASON_HOST_LOCKED) ||
	    ref_refuse(a, !is_proved(w, e) || e->klass < w->roster.pool_least, REASON_HOST_CLASS))
		return;
	h->token = 0;
	h->klass = e->klass;
	h->invited = REF_NO_CHIP;
	h->key = e->key;
	w->bound |= 1u << e->key;
	accept(w, n);
}

void ref_enrol(struct ref *w, int n, struct ref_answer *a)
{
	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    ref_refuse(a, w->roster.host_gone[REF_POOL], REASON_WHO_HOST))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_JSON, .result = REF_DONE};
	if (w->enrolments[n].counter == 0)
		enrol(w, n, a);
	else
		renew(w, n, a);
}
