#include "prog/keeper/hosts.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/hex.h"
#include "lib/codec/jcan.h"
#include "lib/codec/pem.h"
#include "lib/model/field.h"
#include "prog/keeper/host_ca.h"

static bool has_invitation(const struct journal_host *h)
{
	static const struct digest none;

	return !digest_is_equal(&h->token, &none);
}

/* ---- How a host stands ----------------------------------------------------------------------*/

rc host_listed(const struct keeper *k, const struct name *name, const struct principal **ret,
	       struct refusal *why)
{
	const struct principal *p = roster_host(k->roster, name);

	if (p == NULL)
		return refuse(why, REASON_WHO_HOST, "%s is not in the roster", name->s);
	if (!p->enrol)
		return refuse(
			why, REASON_WHO_HOST,
			"the roster lists %s with its key: it is changed there, and never enrols",
			name->s);
	*ret = p;
	return OK;
}

rc host_unlocked(struct keeper *k, const struct name *name, struct refusal *why)
{
	struct journal_host row;
	rc r = journal_host_get(k->journal, name, &row, &k->round.fault);

	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	return row.lock == HOST_FREE ? OK
				     : refuse(why, REASON_HOST_LOCKED, "%s is locked", name->s);
}

rc host_bound(struct keeper *k, const struct name *name, struct journal_host *ret,
	      struct refusal *why)
{
	rc r = journal_host_get(k->journal, name, ret, &k->round.fault);

	if (r.code == RC_NOTFOUND || (rc_is_ok(r) && ret->key_len == 0))
		return refuse(why, REASON_HOST_UNENROLLED, "%s has not enrolled", name->s);
	TRY(r);
	if (ret->lock == HOST_CLONED)
		return refuse(why, REASON_HOST_LOCKED, "%s has a copy somewhere", name->s);
	if (ret->lock != HOST_FREE)
		return refuse(why, REASON_HOST_LOCKED, "%s is locked", name->s);
	return OK;
}

rc host_standing(struct keeper *k, const struct name *name, struct journal_host *ret,
		 struct refusal *why)
{
	const struct principal *p = roster_host(k->roster, name);
	char until[TIME_TEXT] = "";

	TRY(host_bound(k, name, ret, why));
	if (p != NULL && ret->klass < p->least)
		return refuse(why, REASON_HOST_CLASS, "%s: class %s, and the roster demands %s",
			      name->s, host_class_name(ret->klass), host_class_name(p->least));
	if (k->round.now <= ret->until)
		return OK;
	rc_ignore(time_format(ret->until, until), "then without the time");
	return refuse(why, REASON_HOST_EXPIRED, "%s: its certificate ended at %s", name->s, until);
}

/* ---- What people say about it ---------------------------------------------------------------*/

static rc plan_invite(struct keeper *k, const struct host_change *c, struct journal_host *row,
		      struct refusal *why)
{
	if (row->lock != HOST_FREE)
		return refuse(why, REASON_CHANGE_INVALID, "%s is locked: %s first", row->name.s,
			      row->lock == HOST_CLONED ? "forget it" : "unlock it");
	/* A key that is bound stays so until another one enrols. */
	row->token = c->token;
	row->invite_ek = c->ek;
	row->invite_end = k->round.now + c->lifetime;
	return OK;
}

/* A host whose key is the roster's, or an authority's that the roster trusts: all there is to say
 * of it is that it is locked. */
static rc plan_lock(struct keeper *k, const struct host_change *c, struct journal_host *ret,
		    struct refusal *why)
{
	rc r = journal_host_get(k->journal, &c->host, ret, &k->round.fault);

	if (r.code == RC_NOTFOUND) {
		*ret = (struct journal_host){.name = c->host};
		r = OK;
	}
	TRY(r);
	if (c->action == HOST_UNLOCK && ret->lock == HOST_FREE)
		return refuse(why, REASON_CHANGE_INVALID, "%s is not locked", c->host.s);
	if (c->action == HOST_UNLOCK)
		TRY(unlock_check(&c->host, c->expires, ret->locked, k->round.now, why));
	ret->lock = c->action == HOST_LOCK ? HOST_HELD : HOST_FREE;
	if (c->action == HOST_LOCK)
		ret->locked = k->round.now;
	return OK;
}

rc hosts_plan(struct keeper *k, const struct host_change *c, struct journal_host *ret,
	      struct refusal *why)
{
	const struct principal *p;
	rc r;

	p = roster_host(k->roster, &c->host);
	if (p != NULL && !p->enrol && (c->action == HOST_LOCK || c->action == HOST_UNLOCK))
		return plan_lock(k, c, ret, why);
	TRY(host_listed(k, &c->host, &p, why));
	r = journal_host_get(k->journal, &c->host, ret, &k->round.fault);
	if (r.code == RC_NOTFOUND) {
		if (c->action == HOST_UNLOCK || c->action == HOST_FORGET)
			return refuse(why, REASON_HOST_UNENROLLED, "%s has not enrolled",
				      c->host.s);
		*ret = (struct journal_host){.name = c->host};
		r = OK;
	}
	TRY(r);
	switch (c->action) {
	case HOST_INVITE:
		return plan_invite(k, c, ret, why);
	case HOST_LOCK:
		if (ret->lock == HOST_FREE)
			ret->lock = HOST_HELD;
		ret->locked = k->round.now;
		return OK;
	case HOST_UNLOCK:
		if (ret->lock == HOST_CLONED)
			return refuse(why, REASON_CHANGE_INVALID,
				      "%s has a copy: forget it and invite it anew", c->host.s);
		TRY(unlock_check(&c->host, c->expires, ret->locked, k->round.now, why));
		ret->lock = HOST_FREE;
		return OK;
	case HOST_FORGET:
		*ret = (struct journal_host){.name = c->host};
		return OK;
	case HOST_ACTION__COUNT:
		break;
	}
	return RC(RC_UNKNOWN);
}

/* The authority is made with the first invitation. Its key signs its own certificate alone before
 * the leaf is durable; if the round fails, so does the certificate, and the key is found again. */
static rc ensure_ca(struct keeper *k)
{
	AUTO(buf) struct buf der = {0};
	struct fault *f = &k->round.fault;
	struct digest note;
	rc r;

	buf_init(&der, KEEPER_CERT_MAX);
	r = journal_host_ca_get(k->journal, &der, f);
	if (r.code != RC_NOTFOUND)
		return r;
	TRY(host_ca_make(k->host_ca, k->round.now, &der, f));
	note = digest_of(buf_view(&der));
	TRY(keeper_log_leaf(k, "host-ca", &note, f));
	return journal_host_ca_put(k->journal, buf_view(&der), f);
}

rc hosts_store(struct keeper *k, const struct host_change *c, struct journal_host *row,
	       uint64_t leaf)
{
	if (c->action == HOST_INVITE)
		TRY(ensure_ca(k));
	if (c->action == HOST_FORGET)
		return journal_host_delete(k->journal, &row->name, &k->round.fault);
	row->leaf = row->key_len == 0 ? leaf : row->leaf;
	return journal_host_put(k->journal, row, &k->round.fault);
}

/* A key stands for exactly one of all: nor may a roster give a host's to somebody. */
static rc check_key_is_free(const struct roster *roster, const struct journal_host *row,
			    struct refusal *why)
{
	struct digest fingerprint = digest_of(view_of(row->key, row->key_len));

	for (size_t i = 0; row->key_len > 0 && i < roster->key_count; i++)
		if (digest_is_equal(&roster->keys[i].fingerprint, &fingerprint))
			return refuse(why, REASON_CHANGE_INVALID,
				      "%s has the key with which %s enrolled",
				      roster->keys[i].owner->name.s, row->name.s);
	return OK;
}

/* What enrolment knew goes; that it is locked stays, so that a roster without it and another one
 * with it are no way around the quorum that unlocks. */
static rc forget_key(struct keeper *k, const struct journal_host *row)
{
	const struct journal_host bare = {
		.name = row->name, .leaf = row->leaf, .lock = HOST_HELD, .locked = row->locked};

	if (row->lock == HOST_FREE)
		return journal_host_delete(k->journal, &row->name, &k->round.fault);
	return journal_host_put(k->journal, &bare, &k->round.fault);
}

/* Every row against the new roster: looks only, or forgets. A refusal leaves the round's other
 * writes standing, so all is looked at before anything is forgotten. */
static rc each_row(struct keeper *k, const struct roster *roster, bool forget, struct refusal *why)
{
	struct fault *f = &k->round.fault;
	struct journal_host row;
	struct name at = {""};
	rc r;

	for (;;) {
		const struct principal *p;

		r = journal_host_after(k->journal, &at, &row, f);
		if (!rc_is_ok(r))
			return r.code == RC_NOTFOUND ? OK : r;
		at = row.name;
		p = roster_host(roster, &row.name);
		if (p != NULL && p->enrol)
			TRY(check_key_is_free(roster, &row, why));
		else if (forget)
			TRY(forget_key(k, &row));
	}
}

rc hosts_check(struct keeper *k, const struct roster *roster, struct refusal *why)
{
	return each_row(k, roster, false, why);
}

rc hosts_prune(struct keeper *k, const struct roster *roster, struct refusal *why)
{
	TRY(each_row(k, roster, false, why));
	TRY(ledger_begin(&k->ledger, &k->round.fault));
	return each_row(k, roster, true, why);
}

/* ---- List -----------------------------------------------------------------------------------*/

static void put_digest_unless_zero(struct jcan_out *w, const char *key, const struct digest *d)
{
	static const struct digest none;

	if (!digest_is_equal(d, &none))
		field_out_digest(w, key, d);
}

static void put_time_unless_zero(struct jcan_out *w, const char *key, unix_time t)
{
	if (t != 0)
		field_out_time(w, key, t);
}

static const char *state_of(const struct keeper *k, const struct principal *p,
			    const struct journal_host *h)
{
	if (h->lock != HOST_FREE)
		return h->lock == HOST_CLONED ? "cloned" : "locked";
	if (!p->enrol)
		return p->spiffe != NULL ? "spiffe" : "static";
	if (h->key_len == 0)
		return has_invitation(h) && k->round.now < h->invite_end ? "invited" : "unenrolled";
	return k->round.now > h->until ? "expired" : "enrolled";
}

/* Of the certificate that answers the statement; none: nothing. */
static void put_serial(struct jcan_out *w, const char *key, struct view ca,
		       const struct digest *statement)
{
	static const struct digest none;
	uint8_t serial[HOST_SERIAL];
	char text[2 * HOST_SERIAL + 1];

	if (ca.len == 0 || digest_is_equal(statement, &none))
		return;
	host_ca_serial(ca, statement, serial);
	hex_encode(view_of(serial, HOST_SERIAL), text);
	field_out_string(w, key, text);
}

static rc put_host(struct keeper *k, const struct principal *p, struct view ca, struct jcan_out *w)
{
	struct journal_host h = {0};
	char fingerprint[SSHKEY_FINGERPRINT];
	struct digest blob;
	rc r = journal_host_get(k->journal, &p->name, &h, &k->round.fault);

	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	jcan_out_object(w);
	put_time_unless_zero(w, "certificate_end", h.until);
	if (h.key_len > 0)
		field_out_string(w, "class", host_class_name(h.klass));
	field_out_u64(w, "counter", h.counter);
	put_digest_unless_zero(w, "ek", &h.ek);
	put_time_unless_zero(w, "enrolled", h.enrolled);
	jcan_out_key(w, "groups");
	jcan_out_array(w);
	for (size_t i = 0; i < p->group_count; i++)
		jcan_out_string(w, p->groups[i].s);
	jcan_out_array_end(w);
	if (has_invitation(&h) && k->round.now < h.invite_end) {
		put_digest_unless_zero(w, "invited_ek", &h.invite_ek);
		field_out_time(w, "invited_until", h.invite_end);
	}
	if (h.key_len > 0) {
		blob = digest_of(view_of(h.key, h.key_len));
		sshkey_fingerprint_text(&blob, fingerprint);
		field_out_string(w, "key", fingerprint);
	}
	field_out_string(w, "least", host_class_name(p->least));
	jcan_out_key(w, "locked");
	jcan_out_bool(w, h.lock != HOST_FREE);
	field_out_string(w, "name", p->name.s);
	put_time_unless_zero(w, "renewed", h.renewed);
	put_serial(w, "serial", ca, &h.last);
	put_serial(w, "serial_before", ca, &h.previous);
	if (p->spiffe != NULL)
		field_out_string(w, "spiffe", p->spiffe);
	field_out_string(w, "state", state_of(k, p, &h));
	jcan_out_object_end(w);
	return OK;
}

/* der: empty while there is no authority. */
static rc put_ca(struct keeper *k, struct buf *der, struct jcan_out *w)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};
	AUTO(buf) struct buf pem = {0};
	rc r;

	buf_init(&pem, 2 * KEEPER_CERT_MAX);
	r = journal_host_ca_get(k->journal, der, &k->round.fault);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	pem_put(&kind, buf_view(der), &pem);
	TRY(buf_done(&pem));
	jcan_out_key(w, "ca");
	jcan_out_view(w, buf_view(&pem));
	return OK;
}

/* From `after` on; the one of that name alone if there is a name. */
static rc hosts_json(struct keeper *k, const struct name *one, const struct name *after,
		     struct buf *out)
{
	const struct principal *last = NULL;
	AUTO(buf) struct buf ca = {0};
	bool more = false;
	size_t count = 0;
	struct jcan_out w;

	buf_init(&ca, KEEPER_CERT_MAX);
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	TRY(put_ca(k, &ca, &w));
	jcan_out_key(&w, "hosts");
	jcan_out_array(&w);
	for (size_t i = 0; i < k->roster->host_count && !more; i++) {
		const struct principal *p = &k->roster->hosts[i];

		if (one != NULL ? !name_is_equal(&p->name, one)
				: name_compare(&p->name, after) <= 0)
			continue;
		more = count == HOSTS_LIST_MAX;
		if (more)
			break;
		TRY(put_host(k, p, buf_view(&ca), &w));
		last = p;
		count++;
	}
	jcan_out_array_end(&w);
	if (more)
		field_out_string(&w, "next", last->name.s);
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

rc handle_hosts(struct call *c)
{
	AUTO(buf) struct buf json = {0};
	struct name one = {""};
	struct name after = {""};
	struct view in[2];
	rc r = keeper_get_strings(c->body, in, 2);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if ((in[0].len > 0 && !rc_is_ok(name_parse(in[0], &one))) ||
	    (in[1].len > 0 && !rc_is_ok(name_parse(in[1], &after))))
		return refuse(&c->why, REASON_WHO_HOST, "%s", "not a name");
	if (in[0].len > 0 && roster_host(c->k->roster, &one) == NULL)
		return refuse(&c->why, REASON_WHO_HOST, "%s is not in the roster", one.s);
	buf_init(&json, 1u << 20);
	TRY(hosts_json(c->k, in[0].len > 0 ? &one : NULL, &after, &json));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}
