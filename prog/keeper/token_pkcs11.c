/* token_pkcs11 - keys in an HSM behind a PKCS#11 module.
 *
 * Owns: finding the token by its label, login, sessions, and coming back after the token was away.
 * Must not own: key objects (token_pkcs11_key), the module's life (token_pkcs11_module).
 *
 * A token is ready or absent. Each connection (slot, login) has a number; a signing session that
 * was made under an older number is made anew. A call that finds the token gone connects again
 * once; if that fails the token is absent until token_probe finds it. A refused PIN is final: an
 * HSM counts wrong PINs and locks itself.
 *
 * Locks, outer first: connect_lock (one thread connects), the module's `use`, state_lock. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "prog/keeper/token.h"
#include "prog/keeper/token_pkcs11_key.h"
#include "prog/keeper/token_pkcs11_module.h"

#define SLOTS_MAX 256

struct token_p11 {
	struct name name;
	char label[TOKEN_LABEL_MAX + 1];
	struct p11_module *module;
	struct secret pin;
	pthread_mutex_t connect_lock;
	CK_SESSION_HANDLE login; /* holds the login; under connect_lock */
	bool pin_refused;	 /* under connect_lock */
	pthread_mutex_t state_lock;
	CK_SLOT_ID slot; /* under state_lock, as is connection when written */
	_Atomic uint64_t connection;
	_Atomic bool ready;
};

struct session_p11 {
	struct token_p11 *token;
	struct digest id;
	enum key_alg alg;
	CK_SESSION_HANDLE handle;
	CK_OBJECT_HANDLE key;
	uint64_t connection; /* 0: not set up */
};

static void set_ready(struct token_p11 *t, bool ready)
{
	bool was = atomic_exchange(&t->ready, ready);

	if (ready && !was)
		t->module->present++;
	else if (!ready && was)
		t->module->present--;
}

static rc absent(const struct token_p11 *t, struct fault *f)
{
	return fault_set(f, RC_TOKEN, 0,
			 "token %s: absent: its module shows none with the label %s; is it there, "
			 "and may this user see it?",
			 t->name.s, t->label);
}

static struct p11_at at_session(const struct token_p11 *t, CK_SESSION_HANDLE session)
{
	return (struct p11_at){.fn = t->module->fn, .session = session, .token = t->name.s};
}

/* ---- Connecting (connect_lock is held) ------------------------------------------------------- */

/* Exact: a label that is the beginning of another must not match it. */
static bool label_is(const struct token_p11 *t, const CK_TOKEN_INFO *info)
{
	uint8_t padded[sizeof(info->label)];

	memset(padded, ' ', sizeof(padded));
	memcpy(padded, t->label, strlen(t->label));
	return memcmp(padded, info->label, sizeof(padded)) == 0;
}

static rc find_slot(const struct token_p11 *t, CK_SLOT_ID *ret, CK_FLAGS *ret_flags,
		    struct fault *f)
{
	CK_FUNCTION_LIST *fn = t->module->fn;
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = 0;
	unsigned hits = 0;

	/* The first call, with NULL, is the one that makes a module look again (v2.40 5.5). */
	TRY(p11_result(fn->C_GetSlotList(CK_TRUE, NULL, &count), t->name.s, "C_GetSlotList", f));
	count = SLOTS_MAX;
	TRY(p11_result(fn->C_GetSlotList(CK_TRUE, slots, &count), t->name.s, "C_GetSlotList", f));
	for (CK_ULONG i = 0; i < count && i < SLOTS_MAX; i++) {
		CK_TOKEN_INFO info;

		if (fn->C_GetTokenInfo(slots[i], &info) != CKR_OK || !label_is(t, &info))
			continue;
		hits++;
		*ret = slots[i];
		*ret_flags = info.flags;
	}
	if (hits == 0)
		return fault_set(f, RC_TOKEN, 0, "token %s: no token is labelled \"%s\"", t->name.s,
				 t->label);
	if (hits > 1)
		return fault_set(f, RC_TOKEN, 0, "token %s: %u tokens are labelled \"%s\"",
				 t->name.s, hits, t->label);
	return OK;
}

static rc login(struct token_p11 *t, CK_SESSION_HANDLE session, struct fault *f)
{
	CK_RV rv = t->module->fn->C_Login(session, CKU_USER, t->pin.ptr, t->pin.len);

	if (p11_meaning(rv) == P11_PIN)
		t->pin_refused = true;
	return p11_result(rv, t->name.s, "C_Login", f);
}

/* Inside p11_module_enter. */
static rc connect_here(struct token_p11 *t, struct fault *f)
{
	CK_FUNCTION_LIST *fn = t->module->fn;
	CK_SLOT_ID slot = 0;
	CK_FLAGS flags = 0;
	CK_SESSION_HANDLE session;
	CK_RV rv;
	rc r = OK;

	TRY(find_slot(t, &slot, &flags, f));
	rv = fn->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
	TRY(p11_result(rv, t->name.s, "C_OpenSession", f));
	if ((flags & CKF_LOGIN_REQUIRED) != 0)
		r = login(t, session, f);
	if (!rc_is_ok(r)) {
		(void)fn->C_CloseSession(session);
		return r;
	}
	if (t->login != CK_INVALID_HANDLE && t->login != session)
		(void)fn->C_CloseSession(t->login);
	t->login = session;
	(void)pthread_mutex_lock(&t->state_lock);
	t->slot = slot;
	t->connection++;
	(void)pthread_mutex_unlock(&t->state_lock);
	set_ready(t, true);
	return OK;
}

static rc connect_once(struct token_p11 *t, struct fault *f)
{
	rc r;

	TRY(p11_module_start(t->module, f));
	TRY(p11_module_enter(t->module, f));
	r = connect_here(t, f);
	p11_module_leave(t->module);
	return r;
}

static rc connect_token(struct token_p11 *t, struct fault *f)
{
	rc r;

	if (t->pin_refused)
		return fault_set(f, RC_DENIED, 0,
				 "token %s: its PIN was refused; mend the PIN and start again",
				 t->name.s);
	set_ready(t, false);
	r = connect_once(t, f);
	if (rc_is_ok(r) || r.code == RC_DENIED)
		return r;
	/* The old login died with the module; its handle must not be closed in the new one. */
	if (!rc_is_ok(p11_module_restart(t->module, NULL)))
		return r;
	t->login = CK_INVALID_HANDLE;
	return connect_once(t, f);
}

/* Whether the connection that we have works. */
static rc ask(struct token_p11 *t, struct fault *f)
{
	CK_SESSION_INFO session;
	CK_TOKEN_INFO info;
	CK_RV rv;

	if (!t->ready)
		return absent(t, f);
	TRY(p11_module_enter(t->module, f));
	rv = t->module->fn->C_GetSessionInfo(t->login, &session);
	if (rv == CKR_OK)
		rv = t->module->fn->C_GetTokenInfo(session.slotID, &info);
	if (rv == CKR_OK && !label_is(t, &info))
		rv = CKR_TOKEN_NOT_RECOGNIZED;
	p11_module_leave(t->module);
	return p11_result(rv, t->name.s, "C_GetTokenInfo", f);
}

/* A key that is not found may mean that the whole token is gone: SoftHSM finds nothing in a store
 * that vanished. */
static rc doubt(struct token_p11 *t, rc r, struct fault *f)
{
	rc there;

	if (r.code != RC_NOTFOUND)
		return r;
	(void)pthread_mutex_lock(&t->connect_lock);
	there = ask(t, NULL);
	(void)pthread_mutex_unlock(&t->connect_lock);
	return rc_is_ok(there) ? r : absent(t, f);
}

/* After a call under `connection` found the token gone. */
static rc recover(struct token_p11 *t, uint64_t connection, struct fault *f)
{
	rc r = OK;

	(void)pthread_mutex_lock(&t->connect_lock);
	if (t->connection == connection) /* else another thread has done it */
		r = connect_token(t, f);
	(void)pthread_mutex_unlock(&t->connect_lock);
	return r;
}

/* ---- Calls in a session of their own --------------------------------------------------------- */

static rc open_session(struct token_p11 *t, CK_FLAGS more, struct p11_at *ret,
		       uint64_t *ret_connection, struct fault *f)
{
	CK_SESSION_HANDLE session;
	uint64_t connection;
	CK_SLOT_ID slot;
	CK_RV rv;

	if (!t->ready)
		return absent(t, f);
	(void)pthread_mutex_lock(&t->state_lock);
	slot = t->slot;
	connection = t->connection;
	(void)pthread_mutex_unlock(&t->state_lock);
	rv = t->module->fn->C_OpenSession(slot, CKF_SERIAL_SESSION | more, NULL, NULL, &session);
	TRY(p11_result(rv, t->name.s, "C_OpenSession", f));
	*ret = at_session(t, session);
	if (ret_connection != NULL)
		*ret_connection = connection;
	return OK;
}

struct task {
	CK_FLAGS flags;
	rc (*run)(const struct p11_at *at, void *arg, struct fault *f);
	void *arg;
};

static rc run_once(struct token_p11 *t, const struct task *k, struct fault *f)
{
	struct p11_at at;
	rc r;

	TRY(p11_module_enter(t->module, f));
	r = open_session(t, k->flags, &at, NULL, f);
	if (rc_is_ok(r)) {
		r = k->run(&at, k->arg, f);
		(void)at.fn->C_CloseSession(at.session);
	}
	p11_module_leave(t->module);
	return r;
}

/* Marks the token absent if the call, repeated on a new connection, still finds it gone. */
static rc run(struct token_p11 *t, const struct task *k, struct fault *f)
{
	uint64_t connection = t->connection;
	rc r = doubt(t, run_once(t, k, f), f);

	if (r.code != RC_TOKEN || !t->ready)
		return r;
	r = recover(t, connection, f);
	if (rc_is_ok(r))
		r = run_once(t, k, f);
	if (r.code == RC_TOKEN)
		set_ready(t, false);
	return r;
}

struct create_arg {
	const struct token_wish *wish;
	struct buf *spki;
};

/* Reads and checks what lies under the id. */
static rc read_key(const struct p11_at *at, const struct digest *id, struct buf *spki,
		   struct fault *f)
{
	CK_OBJECT_HANDLE key;

	TRY(p11_key_find(at, id, &key, f));
	TRY(p11_key_check(at, key, f));
	return p11_key_spki(at, key, id, spki, f);
}

static rc check_alg(const struct p11_at *at, struct view spki, enum key_alg want, struct fault *f)
{
	AUTO(pkey) struct pkey *k = NULL;

	TRY(pkey_from_spki(spki, &k, f));
	if (pkey_alg(k) == want)
		return OK;
	return fault_set(f, RC_EXISTS, 0, "token %s: the key is there as %s", at->token,
			 key_alg_name(pkey_alg(k)));
}

/* A key that is not safe, or whose public half is missing after a crash in the middle, has never
 * been told to anybody: away with it. */
static rc run_create(const struct p11_at *at, void *arg, struct fault *f)
{
	const struct create_arg *c = (const struct create_arg *)arg;
	size_t start = c->spki->len;
	CK_OBJECT_HANDLE key;
	rc r = p11_key_find(at, &c->wish->id, &key, f);

	if (rc_is_ok(r) && p11_key_spki(at, key, &c->wish->id, c->spki, f).code == RC_NOTFOUND)
		r = RC(RC_NOTFOUND);
	if (r.code == RC_NOTFOUND) {
		TRY(p11_key_destroy(at, &c->wish->id, f)); /* half a pair */
		TRY(p11_key_generate(at, c->wish, f));
	}
	c->spki->len = start;
	r = read_key(at, &c->wish->id, c->spki, f);
	if (rc_is_ok(r))
		r = check_alg(at, view_of(c->spki->ptr + start, c->spki->len - start), c->wish->alg,
			      f);
	if (r.code == RC_DENIED)
		rc_ignore(p11_key_destroy(at, &c->wish->id, NULL), "the refusal is what counts");
	return r;
}

static rc p11_create_key(void *p, const struct token_wish *w, struct buf *ret_spki, struct fault *f)
{
	struct create_arg c = {.wish = w, .spki = ret_spki};
	const struct task k = {.flags = CKF_RW_SESSION, .run = run_create, .arg = &c};

	return run((struct token_p11 *)p, &k, f);
}

struct find_arg {
	const struct digest *id;
	struct buf *spki;
};

static rc run_find(const struct p11_at *at, void *arg, struct fault *f)
{
	const struct find_arg *a = (const struct find_arg *)arg;

	return read_key(at, a->id, a->spki, f);
}

static rc p11_find_key(void *p, const struct digest *id, struct buf *ret_spki, struct fault *f)
{
	struct find_arg a = {.id = id, .spki = ret_spki};
	const struct task k = {.run = run_find, .arg = &a};

	return run((struct token_p11 *)p, &k, f);
}

struct list_arg {
	token_list_fn each;
	void *ctx;
};

static rc list_one(void *ctx, const struct p11_at *at, CK_OBJECT_HANDLE key,
		   const struct digest *id, struct fault *f)
{
	const struct list_arg *a = (const struct list_arg *)ctx;
	uint8_t mem[PKEY_SPKI_MAX];
	struct buf spki;
	rc r;

	buf_init_fixed(&spki, mem, sizeof(mem));
	r = p11_key_spki(at, key, id, &spki, f);
	if (r.code == RC_UNSUPPORTED || r.code == RC_NOTFOUND)
		return OK; /* another program's key, or half a pair */
	return rc_is_ok(r) ? a->each(a->ctx, id, buf_view(&spki), f) : r;
}

static rc run_list(const struct p11_at *at, void *arg, struct fault *f)
{
	return p11_key_each(at, list_one, arg, f);
}

static rc p11_list(void *p, token_list_fn each, void *ctx, struct fault *f)
{
	struct list_arg a = {.each = each, .ctx = ctx};
	const struct task k = {.run = run_list, .arg = &a};

	/* Not run(): a repeated list would call each twice. */
	return run_once((struct token_p11 *)p, &k, f);
}

/* ---- Signing --------------------------------------------------------------------------------- */

/* Inside p11_module_enter. Handles of an older connection died with it. */
static rc session_set_up(struct session_p11 *s, struct fault *f)
{
	uint64_t connection;
	struct p11_at at;
	rc r;

	TRY(open_session(s->token, 0, &at, &connection, f));
	r = p11_key_find(&at, &s->id, &s->key, f);
	if (rc_is_ok(r))
		r = p11_key_check(&at, s->key, f);
	if (!rc_is_ok(r)) {
		(void)at.fn->C_CloseSession(at.session);
		return r;
	}
	s->handle = at.session;
	s->connection = connection;
	return OK;
}

/* Inside p11_module_enter. */
static void session_tear_down(struct session_p11 *s)
{
	if (s->connection != 0 && s->connection == s->token->connection)
		(void)s->token->module->fn->C_CloseSession(s->handle);
	s->connection = 0;
}

static rc sign_once(struct session_p11 *s, const struct sign_input *in, struct buf *out,
		    struct fault *f)
{
	struct p11_at at;
	rc r = OK;

	TRY(p11_module_enter(s->token->module, f));
	if (s->connection == 0 || s->connection != s->token->connection)
		r = session_set_up(s, f);
	if (rc_is_ok(r)) {
		at = at_session(s->token, s->handle);
		r = p11_key_sign(&at, s->key, in, out, f);
		/* Whatever went wrong, the next call begins with a fresh session. */
		if (!rc_is_ok(r))
			session_tear_down(s);
	}
	p11_module_leave(s->token->module);
	return r;
}

static rc p11_sign(void *p, const struct sign_input *in, struct buf *out, struct fault *f)
{
	struct session_p11 *s = (struct session_p11 *)p;
	uint64_t connection = s->token->connection;
	rc r = doubt(s->token, sign_once(s, in, out, f), f);

	if (r.code != RC_TOKEN || !s->token->ready)
		return r;
	r = recover(s->token, connection, f);
	if (rc_is_ok(r))
		r = sign_once(s, in, out, f);
	if (r.code == RC_TOKEN)
		set_ready(s->token, false);
	return r;
}

static void p11_session_free(void *p)
{
	struct session_p11 *s = (struct session_p11 *)p;

	if (rc_is_ok(p11_module_enter(s->token->module, NULL))) {
		session_tear_down(s);
		p11_module_leave(s->token->module);
	}
	free(s);
}

static rc p11_session_new(void *p, const struct digest *id, enum key_alg alg, void **ret,
			  struct fault *f)
{
	struct session_p11 *s = (struct session_p11 *)calloc(1, sizeof(*s));
	rc r;

	if (s == NULL)
		return RC(RC_NOMEM);
	s->token = (struct token_p11 *)p;
	s->id = *id;
	s->alg = alg;
	r = p11_module_enter(s->token->module, f);
	if (rc_is_ok(r)) {
		r = session_set_up(s, f);
		p11_module_leave(s->token->module);
	}
	if (rc_is_ok(r))
		*ret = s;
	else
		free(s);
	return r;
}

/* ---- The row of the table -------------------------------------------------------------------- */

static void p11_close(void *p)
{
	struct token_p11 *t = (struct token_p11 *)p;

	if (t == NULL)
		return;
	if (t->module != NULL) {
		set_ready(t, false);
		if (t->login != CK_INVALID_HANDLE && rc_is_ok(p11_module_enter(t->module, NULL))) {
			(void)t->module->fn->C_CloseSession(t->login);
			p11_module_leave(t->module);
		}
		p11_module_put(t->module);
	}
	secret_release(&t->pin);
	(void)pthread_mutex_destroy(&t->connect_lock);
	(void)pthread_mutex_destroy(&t->state_lock);
	free(t);
}

static rc p11_probe(void *p, struct fault *f)
{
	struct token_p11 *t = (struct token_p11 *)p;
	rc r;

	(void)pthread_mutex_lock(&t->connect_lock);
	r = ask(t, f);
	if (!rc_is_ok(r))
		r = connect_token(t, f);
	(void)pthread_mutex_unlock(&t->connect_lock);
	return r;
}

static rc p11_fill(struct token_p11 *t, const struct token_spec *spec, const struct secret *secret,
		   struct fault *f)
{
	rc r;

	t->name = spec->name;
	t->login = CK_INVALID_HANDLE;
	memcpy(t->label, spec->label, sizeof(t->label));
	TRY(p11_module_get(spec->path, &t->module));
	TRY(secret_new(&t->pin, secret->len));
	memcpy(t->pin.ptr, secret->ptr, secret->len);
	r = p11_probe(t, f);
	/* Not there yet is no reason not to start; a wrong PIN is. */
	return r.code == RC_DENIED || r.code == RC_NOMEM ? r : OK;
}

static rc p11_open(const struct token_spec *spec, const struct secret *secret, void **ret,
		   struct fault *f)
{
	struct token_p11 *t = (struct token_p11 *)calloc(1, sizeof(*t));
	rc r;

	if (t == NULL)
		return RC(RC_NOMEM);
	(void)pthread_mutex_init(&t->connect_lock, NULL);
	(void)pthread_mutex_init(&t->state_lock, NULL);
	r = p11_fill(t, spec, secret, f);
	if (rc_is_ok(r))
		*ret = t;
	else
		p11_close(t);
	return r;
}

static bool p11_is_ready(const void *p)
{
	return ((const struct token_p11 *)p)->ready;
}

const struct token_ops token_pkcs11_ops = {
	.kind = "pkcs11",
	.parallel = 4,
	.verify = TOKEN_VERIFY_ALL,
	.open = p11_open,
	.close = p11_close,
	.is_ready = p11_is_ready,
	.probe = p11_probe,
	.create_key = p11_create_key,
	.find_key = p11_find_key,
	.list = p11_list,
	.session_new = p11_session_new,
	.session_free = p11_session_free,
	.sign = p11_sign,
};
