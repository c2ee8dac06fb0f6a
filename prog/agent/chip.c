#include "prog/agent/chip.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tcti_device.h>
#include <tss2/tss2_tcti_swtpm.h>

#include "lib/base/secret.h"
#include "lib/codec/der.h"

#define EK_CERTIFICATE_INDEX 0x01c00002u /* TCG EK Credential Profile 2.2.1.4: RSA 2048 */
#define NV_CHUNK 512u
#define HANDLES_MAX 254u

struct chip {
	pthread_mutex_t lock;
	char where[512];
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR key; /* loaded, or ESYS_TR_NONE */
	ESYS_TR ek;  /* between identify and activate */
	ESYS_TR ak;  /* between identify and certify */
	bool has_blob;
	uint8_t blob[CHIP_BLOB_MAX];
	TPM2B_PUBLIC public;
	TPM2B_PRIVATE private;
};

/* ---- Opening ---- */

static void closed(struct chip *c)
{
	c->key = c->ek = c->ak = ESYS_TR_NONE;
	if (c->esys != NULL)
		Esys_Finalize(&c->esys);
	if (c->tcti != NULL) {
		Tss2_Tcti_Finalize(c->tcti);
		free(c->tcti);
	}
	c->tcti = NULL;
}

/* Layer 0 is the TPM's own answer: there is a TPM, and it refuses. Everything else says that the
 * conversation is over, so the next use begins a new one. */
static rc failed(struct chip *c, TSS2_RC r, const char *what, struct fault *f)
{
	if ((r & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER)
		return fault_set(f, RC_TOKEN, 0, "the TPM refuses: %s (code %08x)", what, r);
	closed(c);
	return fault_set(f, RC_NOTFOUND, 0, "the TPM at %s does not answer: %s (code %08x)",
			 c->where, what, r);
}

#define ASK(c, what, expr, f)                                                                      \
	do {                                                                                       \
		TSS2_RC r_ = (expr);                                                               \
		if (r_ != TSS2_RC_SUCCESS)                                                         \
			return failed((c), r_, (what), (f));                                       \
	} while (0)

static TSS2_RC tcti_init(const char *where, TSS2_TCTI_CONTEXT *t, size_t *size)
{
	const char *conf = strchr(where, ':') + 1;

	return where[0] == 'd' ? Tss2_Tcti_Device_Init(t, size, conf)
			       : Tss2_Tcti_Swtpm_Init(t, size, conf);
}

static rc connect_tpm(struct chip *c, struct fault *f)
{
	size_t size = 0;

	ASK(c, "opening", tcti_init(c->where, NULL, &size), f);
	c->tcti = (TSS2_TCTI_CONTEXT *)calloc(1, size);
	if (c->tcti == NULL)
		return RC(RC_NOMEM);
	if (tcti_init(c->where, c->tcti, &size) != TSS2_RC_SUCCESS) {
		free(c->tcti);
		c->tcti = NULL;
		return fault_set(f, RC_NOTFOUND, 0, "there is no TPM at %s", c->where);
	}
	ASK(c, "opening", Esys_Initialize(&c->esys, c->tcti, NULL), f);
	return OK;
}

/* What an agent that crashed left behind; a resource manager shows us nobody else's. */
static rc flush_all(struct chip *c, struct fault *f)
{
	TPMS_CAPABILITY_DATA *have = NULL;
	TPMI_YES_NO more;

	ASK(c, "listing its objects",
	    Esys_GetCapability(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
			       TPM2_TRANSIENT_FIRST, HANDLES_MAX, &more, &have),
	    f);
	for (uint32_t i = 0; i < have->data.handles.count; i++) {
		ESYS_TR tr;

		if (Esys_TR_FromTPMPublic(c->esys, have->data.handles.handle[i], ESYS_TR_NONE,
					  ESYS_TR_NONE, ESYS_TR_NONE, &tr) == TSS2_RC_SUCCESS)
			(void)Esys_FlushContext(c->esys, tr);
	}
	Esys_Free(have);
	return OK;
}

static rc opened(struct chip *c, struct fault *f)
{
	if (c->esys != NULL)
		return OK;
	TRY(connect_tpm(c, f));
	return flush_all(c, f);
}

static void flush(struct chip *c, ESYS_TR *tr)
{
	if (*tr != ESYS_TR_NONE && c->esys != NULL)
		(void)Esys_FlushContext(c->esys, *tr);
	*tr = ESYS_TR_NONE;
}

rc chip_new(const char *where, struct chip **ret, struct fault *f)
{
	struct chip *c;

	if ((strncmp(where, "device:", 7) != 0 && strncmp(where, "swtpm:", 6) != 0) ||
	    strlen(where) >= sizeof(c->where))
		return fault_set(f, RC_USAGE, 0, "tpm %s: device:PATH or swtpm:CONFIGURATION",
				 where);
	c = (struct chip *)calloc(1, sizeof(*c));
	if (c == NULL)
		return RC(RC_NOMEM);
	memcpy(c->where, where, strlen(where) + 1);
	c->key = c->ek = c->ak = ESYS_TR_NONE;
	(void)pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return OK;
}

void chip_free(struct chip *c)
{
	if (c == NULL)
		return;
	flush(c, &c->key);
	flush(c, &c->ek);
	flush(c, &c->ak);
	closed(c);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* ---- Templates ---- */

static const TPM2B_SENSITIVE_CREATE no_auth = {.size = 0};
static const TPM2B_DATA no_data = {.size = 0};
static const TPML_PCR_SELECTION no_pcr = {.count = 0};

#define BOUND (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN)

/* TCG EK Credential Profile, template L-1. */
static TPM2B_PUBLIC ek_template(void)
{
	static const uint8_t policy[] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
					 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
					 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
					 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
	TPM2B_PUBLIC t = {.publicArea = {.type = TPM2_ALG_RSA, .nameAlg = TPM2_ALG_SHA256}};
	TPMS_RSA_PARMS *p = &t.publicArea.parameters.rsaDetail;

	t.publicArea.objectAttributes =
		BOUND | TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	t.publicArea.authPolicy.size = sizeof(policy);
	memcpy(t.publicArea.authPolicy.buffer, policy, sizeof(policy));
	p->symmetric.algorithm = TPM2_ALG_AES;
	p->symmetric.keyBits.aes = 128;
	p->symmetric.mode.aes = TPM2_ALG_CFB;
	p->scheme.scheme = TPM2_ALG_NULL;
	p->keyBits = 2048;
	t.publicArea.unique.rsa.size = 256;
	return t;
}

/* P-256: storage (decrypt), attestation (restricted, signs), identity (signs). */
static TPM2B_PUBLIC ecc_template(TPMA_OBJECT usage)
{
	TPM2B_PUBLIC t = {.publicArea = {.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256}};
	TPMS_ECC_PARMS *p = &t.publicArea.parameters.eccDetail;

	t.publicArea.objectAttributes = BOUND | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | usage;
	p->symmetric.algorithm = TPM2_ALG_NULL;
	if ((usage & TPMA_OBJECT_DECRYPT) != 0) {
		p->symmetric.algorithm = TPM2_ALG_AES;
		p->symmetric.keyBits.aes = 128;
		p->symmetric.mode.aes = TPM2_ALG_CFB;
		p->scheme.scheme = TPM2_ALG_NULL;
	} else {
		p->scheme.scheme = TPM2_ALG_ECDSA;
		p->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	}
	p->curveID = TPM2_ECC_NIST_P256;
	p->kdf.scheme = TPM2_ALG_NULL;
	return t;
}

static rc primary(struct chip *c, ESYS_TR hierarchy, const TPM2B_PUBLIC *template, ESYS_TR *ret,
		  TPM2B_PUBLIC **ret_public, struct fault *f)
{
	TPM2B_CREATION_DATA *data = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	TPM2B_DIGEST *hash = NULL;

	ASK(c, "making a primary key",
	    Esys_CreatePrimary(c->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
			       &no_auth, template, &no_data, &no_pcr, ret, ret_public, &data, &hash,
			       &ticket),
	    f);
	Esys_Free(data);
	Esys_Free(hash);
	Esys_Free(ticket);
	return OK;
}

static rc storage(struct chip *c, ESYS_TR *ret, struct fault *f)
{
	const TPM2B_PUBLIC t = ecc_template(TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT);
	TPM2B_PUBLIC *public = NULL;

	TRY(primary(c, ESYS_TR_RH_OWNER, &t, ret, &public, f));
	Esys_Free(public);
	return OK;
}

static rc create(struct chip *c, ESYS_TR parent, TPMA_OBJECT usage, TPM2B_PUBLIC **ret_public,
		 TPM2B_PRIVATE **ret_private, struct fault *f)
{
	const TPM2B_PUBLIC t = ecc_template(usage);
	TPM2B_CREATION_DATA *data = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	TPM2B_DIGEST *hash = NULL;

	ASK(c, "making a key",
	    Esys_Create(c->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &t,
			&no_data, &no_pcr, ret_private, ret_public, &data, &hash, &ticket),
	    f);
	Esys_Free(data);
	Esys_Free(hash);
	Esys_Free(ticket);
	return OK;
}

static rc load(struct chip *c, ESYS_TR parent, const TPM2B_PUBLIC *public,
	       const TPM2B_PRIVATE *private, ESYS_TR *ret, struct fault *f)
{
	ASK(c, "loading a key: was it made in this TPM?",
	    Esys_Load(c->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, private,
		      public, ret),
	    f);
	return OK;
}

static rc put_public(const TPM2B_PUBLIC *p, struct buf *out)
{
	uint8_t mem[sizeof(*p)];
	size_t n = 0;

	if (Tss2_MU_TPM2B_PUBLIC_Marshal(p, mem, sizeof(mem), &n) != TSS2_RC_SUCCESS)
		return RC(RC_RANGE);
	buf_put(out, mem, n);
	return buf_done(out);
}

/* ---- The identity key ---- */

static rc make_under(struct chip *c, ESYS_TR parent, struct buf *blob, struct fault *f)
{
	TPM2B_PUBLIC *public = NULL;
	TPM2B_PRIVATE *private = NULL;
	uint8_t mem[sizeof(*private)];
	size_t n = 0;
	rc r;

	TRY(create(c, parent, TPMA_OBJECT_SIGN_ENCRYPT, &public, &private, f));
	r = put_public(public, blob);
	if (rc_is_ok(r) &&
	    Tss2_MU_TPM2B_PRIVATE_Marshal(private, mem, sizeof(mem), &n) != TSS2_RC_SUCCESS)
		r = RC(RC_RANGE);
	buf_put(blob, mem, n);
	Esys_Free(public);
	Esys_Free(private);
	TRY(r);
	return buf_done(blob);
}

static rc key_make(struct chip *c, struct buf *blob, struct fault *f)
{
	ESYS_TR parent = ESYS_TR_NONE;
	rc r;

	TRY(opened(c, f));
	TRY(storage(c, &parent, f));
	r = make_under(c, parent, blob, f);
	flush(c, &parent);
	return r;
}

rc chip_key_make(struct chip *c, struct buf *blob, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&c->lock);
	r = key_make(c, blob, f);
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}

rc chip_key_use(struct chip *c, struct view blob, struct view *ret_public, struct fault *f)
{
	size_t n = 0;
	size_t public_len;

	if (blob.len > sizeof(c->blob))
		return fault_set(f, RC_CORRUPT, 0, "the TPM key's file is too long");
	memset(&c->public, 0, sizeof(c->public));
	memset(&c->private, 0, sizeof(c->private));
	if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(blob.ptr, blob.len, &n, &c->public) != TSS2_RC_SUCCESS)
		return fault_set(f, RC_CORRUPT, 0, "the TPM key's file cannot be read");
	public_len = n;
	if (Tss2_MU_TPM2B_PRIVATE_Unmarshal(blob.ptr, blob.len, &n, &c->private) !=
		    TSS2_RC_SUCCESS ||
	    n != blob.len)
		return fault_set(f, RC_CORRUPT, 0, "the TPM key's file cannot be read");
	memcpy(c->blob, blob.ptr, blob.len);
	c->has_blob = true;
	*ret_public = view_of(c->blob, public_len);
	return OK;
}

static rc key_loaded(struct chip *c, struct fault *f)
{
	ESYS_TR parent = ESYS_TR_NONE;
	rc r;

	TRY(opened(c, f));
	if (c->key != ESYS_TR_NONE)
		return OK;
	if (!c->has_blob)
		return fault_set(f, RC_USAGE, 0, "there is no TPM key");
	TRY(storage(c, &parent, f));
	r = load(c, parent, &c->public, &c->private, &c->key, f);
	flush(c, &parent);
	return r;
}

static struct view ecc_number(const TPM2B_ECC_PARAMETER *n)
{
	return view_of(n->buffer, n->size);
}

/* INTEGER from big-endian bytes without a sign. */
static void put_unsigned(struct der *d, struct view n)
{
	uint8_t mem[TPM2_MAX_ECC_KEY_BYTES + 1] = {0};
	size_t skip = 0;

	while (skip + 1 < n.len && n.ptr[skip] == 0)
		skip++;
	memcpy(mem + 1, n.ptr + skip, n.len - skip);
	skip = n.len - skip;
	if (mem[1] < 0x80)
		der_put(d, DER_INTEGER, view_of(mem + 1, skip));
	else
		der_put(d, DER_INTEGER, view_of(mem, skip + 1));
}

static rc put_ecdsa(const TPMT_SIGNATURE *s, struct buf *out)
{
	uint8_t mem[160];
	struct der d;
	size_t end;

	der_init(&d, mem, sizeof(mem));
	end = der_mark(&d);
	put_unsigned(&d, ecc_number(&s->signature.ecdsa.signatureS));
	put_unsigned(&d, ecc_number(&s->signature.ecdsa.signatureR));
	der_wrap(&d, DER_SEQUENCE, end);
	return der_done(&d, out);
}

static rc sign_loaded(struct chip *c, const struct digest *d, struct buf *out, struct fault *f)
{
	const TPMT_SIG_SCHEME own = {.scheme = TPM2_ALG_NULL}; /* the key's */
	const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
	TPM2B_DIGEST hash = {.size = DIGEST_SIZE};
	TPMT_SIGNATURE *sig = NULL;
	rc r;

	memcpy(hash.buffer, d->b, DIGEST_SIZE);
	ASK(c, "signing",
	    Esys_Sign(c->esys, c->key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &hash, &own,
		      &ticket, &sig),
	    f);
	r = sig->sigAlg == TPM2_ALG_ECDSA ? put_ecdsa(sig, out) : RC(RC_UNSUPPORTED);
	Esys_Free(sig);
	return r;
}

/* A TPM that came back has lost what was loaded: one more try with everything anew. */
rc chip_sign(struct chip *c, const struct digest *d, struct buf *out, struct fault *f)
{
	bool fresh;
	rc r;

	(void)pthread_mutex_lock(&c->lock);
	fresh = c->esys == NULL;
	r = key_loaded(c, f);
	if (rc_is_ok(r))
		r = sign_loaded(c, d, out, f);
	if (!rc_is_ok(r) && !fresh) {
		closed(c);
		r = key_loaded(c, f);
		if (rc_is_ok(r))
			r = sign_loaded(c, d, out, f);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}

/* ---- Proof ---- */

void chip_identity_init(struct chip_identity *i)
{
	buf_init(&i->ek, 2 + TPM_PUBLIC_MAX);
	buf_init(&i->certificate, CHIP_CERTIFICATE_MAX);
	buf_init(&i->ak, 2 + TPM_PUBLIC_MAX);
}

void chip_identity_release(struct chip_identity *i)
{
	buf_release(&i->ek);
	buf_release(&i->certificate);
	buf_release(&i->ak);
}

/* The certificate is what its own length says; some vendors fill the index up. */
static rc trim_certificate(struct buf *out)
{
	size_t len;

	if (out->len < 4 || out->ptr[0] != 0x30 || out->ptr[1] != 0x82)
		return RC(RC_SYNTAX);
	len = 4 + (size_t)out->ptr[2] * 256 + out->ptr[3];
	if (len > out->len)
		return RC(RC_TRUNCATED);
	out->len = len;
	return OK;
}

static rc read_certificate(struct chip *c, ESYS_TR index, struct buf *out, struct fault *f)
{
	TPM2B_NV_PUBLIC *info = NULL;
	TPM2B_NAME *name = NULL;
	size_t size;

	ASK(c, "reading the EK certificate",
	    Esys_NV_ReadPublic(c->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &info,
			       &name),
	    f);
	size = info->nvPublic.dataSize;
	Esys_Free(info);
	Esys_Free(name);
	for (size_t at = 0; at < size;) {
		size_t n = size - at < NV_CHUNK ? size - at : NV_CHUNK;
		TPM2B_MAX_NV_BUFFER *data = NULL;

		ASK(c, "reading the EK certificate",
		    Esys_NV_Read(c->esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				 ESYS_TR_NONE, (uint16_t)n, (uint16_t)at, &data),
		    f);
		n = data->size;
		buf_put(out, data->buffer, n);
		Esys_Free(data);
		if (n == 0)
			break;
		at += n;
	}
	TRY(buf_done(out));
	return trim_certificate(out);
}

/* A TPM without one is no fault. */
static rc find_certificate(struct chip *c, struct buf *out, struct fault *f)
{
	ESYS_TR index;
	TSS2_RC t = Esys_TR_FromTPMPublic(c->esys, EK_CERTIFICATE_INDEX, ESYS_TR_NONE, ESYS_TR_NONE,
					  ESYS_TR_NONE, &index);
	rc r;

	if (t != TSS2_RC_SUCCESS)
		return OK;
	r = read_certificate(c, index, out, f);
	if (c->esys != NULL)
		(void)Esys_TR_Close(c->esys, &index);
	if (!rc_is_ok(r) && c->esys != NULL) {
		buf_clear(out); /* what is there is no certificate */
		return OK;
	}
	return r;
}

static rc make_ak(struct chip *c, struct buf *out, struct fault *f)
{
	ESYS_TR parent = ESYS_TR_NONE;
	TPM2B_PUBLIC *public = NULL;
	TPM2B_PRIVATE *private = NULL;
	rc r;

	TRY(storage(c, &parent, f));
	r = create(c, parent, TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT, &public, &private,
		   f);
	if (rc_is_ok(r))
		r = load(c, parent, public, private, &c->ak, f);
	if (rc_is_ok(r))
		r = put_public(public, out);
	Esys_Free(public);
	Esys_Free(private);
	flush(c, &parent);
	return r;
}

static rc identify(struct chip *c, struct chip_identity *ret, struct fault *f)
{
	const TPM2B_PUBLIC t = ek_template();
	TPM2B_PUBLIC *public = NULL;
	rc r;

	TRY(opened(c, f));
	/* Three objects fit into a TPM: this key is loaded again when it is needed. */
	flush(c, &c->key);
	flush(c, &c->ek);
	flush(c, &c->ak);
	TRY(primary(c, ESYS_TR_RH_ENDORSEMENT, &t, &c->ek, &public, f));
	r = put_public(public, &ret->ek);
	Esys_Free(public);
	TRY(r);
	TRY(find_certificate(c, &ret->certificate, f));
	return make_ak(c, &ret->ak, f);
}

rc chip_identify(struct chip *c, struct chip_identity *ret, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&c->lock);
	r = identify(c, ret, f);
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}

/* The EK's policy (template L-1): whoever may use the endorsement hierarchy. */
static rc ek_session(struct chip *c, ESYS_TR *ret, struct fault *f)
{
	const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};

	ASK(c, "starting a session",
	    Esys_StartAuthSession(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
				  ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, ret),
	    f);
	ASK(c, "using the endorsement hierarchy",
	    Esys_PolicySecret(c->esys, ESYS_TR_RH_ENDORSEMENT, *ret, ESYS_TR_PASSWORD, ESYS_TR_NONE,
			      ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL),
	    f);
	return OK;
}

static rc activate(struct chip *c, const TPM2B_ID_OBJECT *credential,
		   const TPM2B_ENCRYPTED_SECRET *seed, uint8_t secret[TPM_SECRET], struct fault *f)
{
	ESYS_TR session = ESYS_TR_NONE;
	TPM2B_DIGEST *opened = NULL;
	TSS2_RC t;
	rc r = ek_session(c, &session, f);

	if (!rc_is_ok(r)) {
		flush(c, &session);
		return r;
	}
	t = Esys_ActivateCredential(c->esys, c->ak, c->ek, ESYS_TR_PASSWORD, session, ESYS_TR_NONE,
				    credential, seed, &opened);
	if (t != TSS2_RC_SUCCESS) {
		flush(c, &session);
		return failed(c, t, "opening the keeper's challenge", f);
	}
	/* A policy session of one use is gone with it. */
	if (opened->size != TPM_SECRET)
		r = fault_set(f, RC_PEER, 0, "the challenge's secret has another length");
	else
		memcpy(secret, opened->buffer, TPM_SECRET);
	secret_wipe(opened, sizeof(*opened));
	Esys_Free(opened);
	return r;
}

rc chip_activate(struct chip *c, struct view credential, struct view seed,
		 uint8_t secret[TPM_SECRET], struct fault *f)
{
	TPM2B_ID_OBJECT id = {0};
	TPM2B_ENCRYPTED_SECRET encrypted = {0};
	size_t n = 0;
	size_t m = 0;
	rc r;

	if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(credential.ptr, credential.len, &n, &id) !=
		    TSS2_RC_SUCCESS ||
	    n != credential.len ||
	    Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(seed.ptr, seed.len, &m, &encrypted) !=
		    TSS2_RC_SUCCESS ||
	    m != seed.len)
		return fault_set(f, RC_PEER, 0, "the server's challenge has another form");
	(void)pthread_mutex_lock(&c->lock);
	if (c->esys == NULL || c->ek == ESYS_TR_NONE || c->ak == ESYS_TR_NONE)
		r = fault_set(f, RC_NOTFOUND, 0, "the TPM was away meanwhile: try again");
	else
		r = activate(c, &id, &encrypted, secret, f);
	flush(c, &c->ek);
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}

static rc certify(struct chip *c, const struct digest *words, struct buf *attest,
		  struct buf *signature, struct fault *f)
{
	const TPMT_SIG_SCHEME own = {.scheme = TPM2_ALG_NULL};
	TPM2B_DATA data = {.size = DIGEST_SIZE};
	TPM2B_ATTEST *made = NULL;
	TPMT_SIGNATURE *sig = NULL;
	uint8_t mem[sizeof(*sig)];
	size_t n = 0;

	if (c->esys == NULL || c->ak == ESYS_TR_NONE)
		return fault_set(f, RC_NOTFOUND, 0, "the TPM was away meanwhile: try again");
	TRY(key_loaded(c, f));
	memcpy(data.buffer, words->b, DIGEST_SIZE);
	ASK(c, "certifying the key",
	    Esys_Certify(c->esys, c->key, c->ak, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE,
			 &data, &own, &made, &sig),
	    f);
	buf_put(attest, made->attestationData, made->size);
	if (Tss2_MU_TPMT_SIGNATURE_Marshal(sig, mem, sizeof(mem), &n) != TSS2_RC_SUCCESS)
		buf_fail(signature, RC_RANGE);
	buf_put(signature, mem, n);
	Esys_Free(made);
	Esys_Free(sig);
	TRY(buf_done(attest));
	return buf_done(signature);
}

rc chip_certify(struct chip *c, const struct digest *words, struct buf *attest,
		struct buf *signature, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&c->lock);
	r = certify(c, words, attest, signature, f);
	flush(c, &c->ak);
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}
