/* The host with a SPIFFE ID: roots of its trust domain, and SVIDs as the reference says they are.
 */
#include "lib/codec/base64.h"
#include "lib/crypt/provider.h"
#include "lib/crypt/spiffe.h"
#include "lib/crypt/x509.h"
#include "tests/flow/property_world.h"

#define YEAR 31536000

const char *const ref_ids[2] = {"spiffe://corp/ci/pod", "spiffe://corp/ci/pod2"};

static struct {
	struct fx_key key;
	struct pkey_soft_ctx *ctx;
	struct signer signer;
	struct buf der;
} roots[2];
static struct provider *provider;

void world_make_roots(void)
{
	static const uint8_t serial[] = {0x5a, 0x01};

	fx_ok(provider_new(&provider, NULL));
	for (int i = 0; i < 2; i++) {
		struct x509_make m = {.provider = provider, .hash = HASH_SHA256};
		const struct x509_issue issue = {
			.validity = {BEGIN - YEAR, BEGIN + YEAR, view_of(serial, sizeof(serial))},
			.ca = true};

		fx_key_new(&roots[i].key, true);
		fx_ok(pkey_soft_ctx_new(roots[i].key.soft, &roots[i].ctx, NULL));
		roots[i].signer = pkey_soft_signer(roots[i].ctx);
		m.pub = pkey_soft_public(roots[i].key.soft);
		m.signer = &roots[i].signer;
		m.subject = view_str(i == 0 ? "CN=First" : "CN=Second");
		buf_init(&roots[i].der, X509_DER_MAX);
		fx_ok(x509_issue(&m, &issue, &roots[i].der, NULL));
	}
}

void world_free_roots(void)
{
	for (int i = 0; i < 2; i++) {
		pkey_soft_ctx_free(roots[i].ctx);
		fx_key_release(&roots[i].key);
		buf_release(&roots[i].der);
	}
	provider_free(provider);
}

void world_put_roots(unsigned which, struct buf *out)
{
	const char *before = "\"spiffe\":[{\"domain\":\"corp\",\"roots\":[\"";

	for (int i = 0; i < 2; i++) {
		if ((which & (1u << i)) == 0)
			continue;
		buf_put_str(out, before);
		base64_put(BASE64_STD, buf_view(&roots[i].der), out);
		before = "\",\"";
	}
	buf_put_str(out, which != 0 ? "\"]}]," : "");
}

static void certify(const struct world *w, const struct ref_svid *s, struct buf *out)
{
	static const uint8_t serial[] = {0x5a, 0x02};
	const struct x509_make m = {.provider = provider,
				    .pub = pkey_soft_public(w->pod[0].soft),
				    .signer = &roots[s->root].signer,
				    .hash = HASH_SHA256,
				    .subject = view_str("CN=pod")};
	const struct x509_issue issue = {
		.validity = {BEGIN - 86400, s->ends, view_of(serial, sizeof(serial))},
		.issuer_der = buf_view(&roots[s->root].der),
		.issuer_pub = pkey_soft_public(roots[s->root].key.soft),
		.uri = ref_ids[s->id]};

	fx_ok(x509_issue(&m, &issue, out, NULL));
}

void world_put_svid_proof(const struct world *w, const struct slot *s, struct buf *out)
{
	const struct ref_svid *v = &s->q.svid;
	struct svid_proof p = {.count = 1};
	AUTO(buf) struct buf der;
	AUTO(buf) struct buf sig;

	buf_init(&der, X509_DER_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	certify(w, v, &der);
	fx_sign(&w->pod[v->stray], statement_info(STATEMENT_HOST)->ns, buf_view(&s->r.statement),
		&sig);
	p.chain[0] = buf_view(&der);
	p.sig = buf_view(&sig);
	fx_ok(svid_proof_encode(&p, out, NULL));
}
