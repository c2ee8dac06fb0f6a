/* What hosts say of themselves: enrolments and renewals, and what TPMs say of the host's key. */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/codec/pem.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/x509.h"
#include "lib/model/attestation.h"
#include "lib/model/enrolment.h"
#include "lib/model/host_token.h"
#include "tests/flow/property_world.h"

const char *const ref_chips[REF_CHIPS + 1] = {"no TPM", "the vendor's", "the vendor's second",
					      "the virtual one", "the bare one"};
static const char *const classes[REF_CLASSES] = {"software", "vtpm", "tpm", "attested"};
/* Making them takes a second. */
static struct fake_vendor vendor, cloud;
static struct fake_tpm chips[REF_CHIPS];
static char vendors[240], clouds[240], keys[240];

void world_make_chips(void)
{
	fake_vendor_new(&vendor, "Vendor");
	fake_vendor_new(&cloud, "Cloud");
	fake_tpm_new(&chips[REF_CHIP], &vendor);
	fake_tpm_new(&chips[REF_SECOND], &vendor);
	fake_tpm_new(&chips[REF_VIRTUAL], &cloud);
	fake_tpm_new(&chips[REF_BARE], NULL);
}

void world_free_chips(void)
{
	for (int i = 0; i < REF_CHIPS; i++)
		fake_tpm_free(&chips[i]);
	fake_vendor_free(&vendor);
	fake_vendor_free(&cloud);
}

static void put_root(const char *dir, const struct fake_vendor *v)
{
	AUTO(fd) int dirfd = -1;
	const char *const name = "root.der";

	fx_check(mkdir(dir, 0755) == 0);
	fx_ok(dir_open(dir, &dirfd, NULL));
	fx_ok(file_replace(&(struct file_spec){.dirfd = dirfd, .name = name, .mode = 0644},
			   buf_view(&v->der), NULL));
}

void world_trust_chips(struct world *w)
{
	static const char *const settings[] = {
		"--web-origin", WORLD_WEB, "--synced-passkeys", "yes", "--tpm-roots", vendors,
		"--vtpm-roots", clouds,	   "--jwks-socket",	keys,  NULL};

	(void)snprintf(keys, sizeof(keys), "%s/jwks", w->fx.dir);
	(void)snprintf(vendors, sizeof(vendors), "%s/vendors", w->fx.dir);
	(void)snprintf(clouds, sizeof(clouds), "%s/clouds", w->fx.dir);
	put_root(vendors, &vendor);
	put_root(clouds, &cloud);
	w->fx.run_with = settings;
}

/* ---- Invitations ----------------------------------------------------------------------------*/

enum keeper_type world_send_host(struct world *w, int host, enum host_action action,
				 enum ref_chip invited)
{
	static const char *const admins[] = {"erin", "frank", NULL};
	static const char *const one[] = {"bob", NULL};
	struct host_change c = {.action = action,
				.host = world_name(ref_hosts[host]),
				.expires = w->ref.now + UNLOCK_LIFE,
				.lifetime = INVITE_DEFAULT};
	AUTO(buf) struct buf statement;
	bool alone;

	buf_init(&statement, HOSTADMIN_BYTES_MAX);
	world_origin(c.origin);
	world_nonce(w, c.nonce);
	if (action == HOST_INVITE) {
		secret_release(&w->token);
		fx_ok(host_token_make(&w->token));
		fx_ok(host_token_digest(&w->token, &c.token, NULL));
		w->tokens++;
		if (invited != REF_NO_CHIP)
			c.ek = fake_tpm_ek(&chips[invited]);
	}
	fx_ok(host_change_encode(&c, &statement, NULL));
	alone = action == HOST_LOCK && ref_listed(&w->ref, 1, 0);
	return fx_change(&w->fx, STATEMENT_HOSTADMIN, buf_view(&statement), alone ? one : admins);
}

/* ---- Attestations ---------------------------------------------------------------------------*/

static void decode(const json_t *o, const char *name, struct buf *out)
{
	const char *text = json_string_value(json_object_get(o, name));

	fx_check(text != NULL);
	fx_ok(base64_parse(BASE64_STD, view_str(text), out, NULL));
	fx_ok(buf_done(out));
}

/* The keeper's challenge for this TPM and the host's key, as the TPM opens it. */
static void challenge(struct world *w, const struct ref_enrolment *e, unix_time *ret_time,
		      uint8_t secret[TPM_SECRET])
{
	const struct fake_tpm *t = &chips[e->chip];
	const struct keeper_challenge c = {
		.host = view_str(ref_hosts[REF_POOL]),
		.key = *pkey_fingerprint(pkey_soft_public(w->pool[e->key].soft)),
		.ek = buf_view(&t->ek_public),
		.certificate = buf_view(&t->certificate),
		.ak = buf_view(&t->ak_public)};
	AUTO(buf) struct buf frame;
	AUTO(buf) struct buf credential;
	AUTO(buf) struct buf seed;
	json_t *o;

	buf_init(&frame, KEEPER_FRAME_MAX);
	buf_init(&credential, 1024);
	buf_init(&seed, 1024);
	keeper_put_challenge(&frame, ++w->fx.correlation, &c);
	fx_check(fx_exchange(&w->fx, &frame) == KEEPER_R_JSON);
	ref_heard(&w->ref);
	o = json_loadb((const char *)w->fx.body.ptr, w->fx.body.len, 0, NULL);
	fx_check(o != NULL);
	decode(o, "credential", &credential);
	decode(o, "seed", &seed);
	*ret_time = json_integer_value(json_object_get(o, "time"));
	fx_check(*ret_time == e->challenged);
	json_decref(o);
	fx_check(fake_tpm_activate(t, buf_view(&credential), buf_view(&seed), secret));
}

/* That the key is in this TPM; botched: another TPM says so. */
static void attest(struct world *w, const struct ref_enrolment *e, struct said *out)
{
	const struct fake_tpm *t = &chips[e->chip];
	const struct fake_tpm *by = e->botched ? &chips[(e->chip + 1) % REF_CHIPS] : t;
	struct attestation a = {.ek = buf_view(&t->ek_public),
				.certificate = buf_view(&t->certificate),
				.ak = buf_view(&t->ak_public)};
	AUTO(buf) struct buf public;
	AUTO(buf) struct buf said;
	AUTO(buf) struct buf sig;
	uint8_t secret[TPM_SECRET];
	struct digest words;

	buf_init(&public, 1024);
	buf_init(&said, 1024);
	buf_init(&sig, 1024);
	challenge(w, e, &a.time, secret);
	words = attestation_words(secret, &out->digest);
	fake_tpm_public(pkey_soft_public(w->pool[e->key].soft), FAKE_ID_ATTRIBUTES, &public);
	fake_tpm_certify(by, buf_view(&public), digest_view(&words), &said, &sig);
	a.key = buf_view(&public);
	a.attest = buf_view(&said);
	a.signature = buf_view(&sig);
	fx_ok(attestation_encode(&a, &out->more, NULL));
}

/* ---- Enrolments -----------------------------------------------------------------------------*/

void world_make_enrolment(struct world *w, int n)
{
	const struct ref_enrolment *e = &w->ref.enrolments[n];
	struct said *out = &w->enrolments[n];
	struct enrolment m = {
		.counter = e->counter, .time = w->ref.now, .host = world_name(ref_hosts[REF_POOL])};

	world_origin(m.origin);
	world_nonce(w, m.nonce);
	(void)snprintf(m.klass, sizeof(m.klass), "%s", classes[e->klass]);
	m.key = *pkey_fingerprint(pkey_soft_public(w->pool[e->key].soft));
	fx_ok(enrolment_encode(&m, &out->statement, NULL));
	out->digest = digest_of(buf_view(&out->statement));
	fx_sign(&w->pool[e->key], statement_info(STATEMENT_ENROLMENT)->ns,
		buf_view(&out->statement), &out->sig);
	if (e->counter == 0 && w->token.len > 0)
		fx_ok(host_token_sign(&w->token, buf_view(&out->statement), &out->token_sig, NULL));
	if (e->chip != REF_NO_CHIP)
		attest(w, e, out);
}

/* ---- What the keeper says of hosts ----------------------------------------------------------*/

static void decode_pem(const json_t *o, const char *name, struct buf *out)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};
	const char *text = json_string_value(json_object_get(o, name));

	fx_check(text != NULL);
	fx_ok(pem_parse(&kind, view_str(text), out, NULL));
}

/* Of the key, by the authority, from just before its renewal until it ends. */
static bool is_certified(const struct world *w, struct view der, struct view ca)
{
	static const char uri[] = "spiffe://keeper.test/host/pool";
	const struct ref_pool *h = &w->ref.pool;
	const struct x509_path path = {
		.leaf = der, .roots = &ca, .root_count = 1, .when = w->ref.now};
	AUTO(pkey) struct pkey *key = NULL;
	struct x509 c;

	fx_ok(x509_parse(der, &c, NULL));
	fx_ok(pkey_from_spki(c.spki, &key, NULL));
	return digest_is_equal(pkey_fingerprint(key),
			       pkey_fingerprint(pkey_soft_public(w->pool[h->key].soft))) &&
	       c.not_after == h->until && c.not_before == h->until - REF_CERT_LIFE - 300 &&
	       c.eku_client_auth && !c.ca &&
	       memmem(c.san.ptr, c.san.len, uri, strlen(uri)) != NULL &&
	       (w->ref.now >= h->until || rc_is_ok(x509_path_verify(&path, NULL)));
}

bool world_has_certificate(const struct world *w, const char *answer)
{
	AUTO(buf) struct buf ca;
	AUTO(buf) struct buf der;
	json_t *o = json_loads(answer, 0, NULL);
	bool good;

	fx_check(o != NULL);
	buf_init(&ca, X509_DER_MAX);
	buf_init(&der, X509_DER_MAX);
	decode_pem(o, "ca", &ca);
	decode_pem(o, "certificate", &der);
	good = (uint64_t)json_integer_value(json_object_get(o, "counter")) == w->ref.pool.counter &&
	       strcmp(json_string_value(json_object_get(o, "class")), classes[w->ref.pool.klass]) ==
		       0 &&
	       is_certified(w, buf_view(&der), buf_view(&ca));
	json_decref(o);
	return good;
}

static bool same_host(const struct world *w, int host, const json_t *o)
{
	const struct ref_pool *h = &w->ref.pool;
	const char *klass = json_string_value(json_object_get(o, "class"));
	uint64_t counter = host == REF_POOL ? h->counter : 0;
	bool bound = host == REF_POOL && h->key >= 0;
	char end[TIME_TEXT] = "";
	const char *until = json_string_value(json_object_get(o, "certificate_end"));

	if (bound)
		fx_ok(time_format(h->until, end));
	return strcmp(json_string_value(json_object_get(o, "state")),
		      ref_host_state(&w->ref, host)) == 0 &&
	       (uint64_t)json_integer_value(json_object_get(o, "counter")) == counter &&
	       (klass != NULL) == bound && (!bound || strcmp(klass, classes[h->klass]) == 0) &&
	       (until != NULL) == bound && (!bound || strcmp(until, end) == 0);
}

bool world_same_hosts(const struct world *w, const char *answer)
{
	json_t *o = json_loads(answer, 0, NULL);
	const json_t *list = json_object_get(o, "hosts");
	size_t at = 0;
	bool good = true;

	fx_check(json_is_array(list));
	for (int host = 0; host < REF_HOSTS; host++) {
		const json_t *row = json_array_get(list, at);

		if (w->ref.roster.host_gone[host])
			continue;
		at++;
		good = good && row != NULL &&
		       strcmp(json_string_value(json_object_get(row, "name")), ref_hosts[host]) ==
			       0 &&
		       same_host(w, host, row);
	}
	good = good && at == json_array_size(list);
	json_decref(o);
	return good;
}
