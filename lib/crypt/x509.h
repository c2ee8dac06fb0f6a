/* x509 - certificates (RFC 5280): strict reading, the checks before one is used, requests.
 *
 * Owns: fields of a certificate, chains, CSR and self-signed certificates, path validation.
 * Must not own: where certificates are kept, signature objects (lib/format). */
#ifndef GS_CRYPT_X509_H
#define GS_CRYPT_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/provider.h"

#define X509_DER_MAX 16384 /* one certificate */
#define X509_CHAIN_MAX 8   /* certificates in a chain or set of roots file */
#define X509_EXTENSIONS_MAX 32

/* keyUsage bits (RFC 5280 4.2.1.3), first bit first. */
enum {
	X509_KU_DIGITAL_SIGNATURE = 1 << 0,
	X509_KU_NON_REPUDIATION = 1 << 1,
	X509_KU_KEY_CERT_SIGN = 1 << 5,
	X509_KU_CRL_SIGN = 1 << 6,
};

/* A certificate taken apart. All views borrow the DER it was parsed from. */
struct x509 {
	struct view der;
	struct view tbs;       /* TBSCertificate, full element */
	struct view serial;    /* INTEGER, full element */
	struct view issuer;    /* Name, full element */
	struct view subject;   /* Name, full element */
	struct view spki;      /* SubjectPublicKeyInfo, full element */
	struct view sig_alg;   /* AlgorithmIdentifier, full element */
	struct view signature; /* octets of the BIT STRING */
	struct view san;       /* subjectAltName: the GeneralNames, not looked into; or empty */
	unix_time not_before;
	unix_time not_after;
	bool has_key_usage;
	bool has_basic_constraints;
	bool has_eku;
	bool ca;
	bool eku_code_signing; /* 1.3.6.1.5.5.7.3.3 is listed */
	bool eku_client_auth;  /* 1.3.6.1.5.5.7.3.2 is listed */
	bool unknown_critical; /* an extension is critical and none of those read here */
	uint16_t key_usage;    /* X509_KU_ bits */
};

/* Reads exactly one DER v3 certificate. Refused: other versions, duplicate extensions, a serial
 * over 20 octets or not positive, an inner and outer algorithm that differ, a validity that ends
 * before it begins. RC_TRUNCATED, RC_SYNTAX, RC_NONCANON, RC_TRAILING, RC_DUPLICATE, RC_RANGE,
 * RC_MISMATCH, RC_UNSUPPORTED, RC_LIMIT. */
MUST rc x509_parse(struct view der, struct x509 *ret, struct fault *f);

/* "CN=Example, O=Example Ltd" for people; bytes outside 0x20..0x7e become '?'. Cut at cap - 1. */
void x509_name_text(struct view name, char *out, size_t cap);

/* Certificates in the order they were read, leaf first in a chain. Owns its memory. */
struct x509_chain {
	struct buf bytes;
	size_t count;
	struct view der[X509_CHAIN_MAX]; /* each into bytes */
};
void x509_chain_release(struct x509_chain *c);
AUTO_DEFINE(x509_chain, struct x509_chain, x509_chain_release)
/* One or more PEM "CERTIFICATE" blocks (lib/codec/pem.h; empty lines between them and CRLF are
 * permitted, other text is not), or DER certificates one after the other. Each must pass
 * x509_parse. RC_SYNTAX, RC_LIMIT (over X509_CHAIN_MAX), RC_NOMEM and those of x509_parse. */
MUST rc x509_chain_read(struct view pem_or_der, struct x509_chain *ret, struct fault *f);

/* Whether the chain may be installed for a signing key at time t; every refusal says which
 * certificate and which rule:
 *   the leaf's key is `key` (RC_MISMATCH) and is no CA; keyUsage is present with digitalSignature,
 *   extendedKeyUsage has codeSigning, no unknown critical extension (RC_DENIED); every certificate
 *   is valid at t (RC_EXPIRED); each is issued and signed by the next, which is a CA with
 *   keyCertSign (RC_MISMATCH, RC_BADSIG, RC_DENIED); RSA keys have >= 3072 bits, no signature uses
 *   MD5 or SHA-1 (RC_DENIED; a self-signed root's own signature counts too). */
MUST rc x509_check_import(const struct x509_chain *chain, const struct pkey *key, unix_time t,
			  struct fault *f);

/* The leaf's own rules for a signature over code made at time t: validity, keyUsage, EKU, no CA. */
MUST rc x509_check_code_signing(const struct x509 *leaf, unix_time t, struct fault *f);

/* Certification path from leaf through any of `others` to one of `roots` at time t (RFC 5280 6, by
 * OpenSSL). RC_DENIED with OpenSSL's reason, RC_EXPIRED, RC_NOMEM, RC_CRYPTO. */
struct x509_path {
	struct view leaf;
	const struct view *others;
	size_t other_count;
	const struct view *roots;
	size_t root_count;
	unix_time when;
};
MUST rc x509_path_verify(const struct x509_path *p, struct fault *f);

/* Subject text: "CN=Example Signing,O=Example Ltd,C=FI": types CN, O, OU, L, ST, C, each at most
 * once, in any order, CN required; values 1..64 bytes of UTF-8 without control characters (C: two
 * capitals); comma and backslash inside a value are written "\," and "\\". No spaces around = or ,.
 * RC_SYNTAX, RC_DUPLICATE, RC_UNKNOWN, RC_LIMIT. Appends the DER Name. */
MUST rc x509_subject_encode(struct view text, struct buf *out, struct fault *f);

/* What a request or self-signed certificate is made of. */
struct x509_make {
	struct provider *provider;
	const struct pkey *pub;
	const struct signer *signer;
	enum hash_alg hash;  /* ignored for Ed25519 */
	struct view subject; /* subject text */
};
/* PKCS#10 request (RFC 2986), DER, asking for keyUsage digitalSignature and EKU codeSigning. */
MUST rc x509_csr(const struct x509_make *m, struct buf *out, struct fault *f);
/* A self-signed code-signing leaf, for tests and closed circles. serial: 1..20 octets, positive. */
struct x509_validity {
	unix_time not_before;
	unix_time not_after;
	struct view serial;
};
MUST rc x509_self_signed(const struct x509_make *m, const struct x509_validity *v, struct buf *out,
			 struct fault *f);
/* A certificate under an issuer, for hosts and for tests: ca = true makes an intermediate or (with
 * issuer_der empty) a root; issuer_der is the issuer's certificate and m->signer then the issuer's
 * key with issuer_pub, while m->pub is the subject's. */
struct x509_issue {
	struct x509_validity validity;
	struct view issuer_der;
	const struct pkey *issuer_pub;
	bool ca;
	/* Of a host CA (ca): path length 0. Of its leaves: EKU clientAuth alone, and this URI as
	 * the only name; NULL: a code-signing leaf. */
	bool host_ca;
	const char *uri;
};
MUST rc x509_issue(const struct x509_make *m, const struct x509_issue *i, struct buf *out,
		   struct fault *f);

#endif
