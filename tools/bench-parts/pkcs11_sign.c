/* pkcs11_sign - signatures a second of a bare C_SignInit and C_Sign loop, nothing of ours in
 * between.
 *
 * usage: pkcs11_sign MODULE PIN-FILE LABEL rsa-3072|ecdsa-p256 THREADS SECONDS
 * Makes the key pair in the token named LABEL when it is not there; then each thread signs in a
 * session of its own with the key's handle found once: RSA over a DigestInfo made in advance, ECDSA
 * over a digest. Prints one JSON object, with the processor time of all threads. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define THREADS_MAX 64
#define SLOTS_MAX 16
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static CK_FUNCTION_LIST_PTR p11; /* one module a run */

/* RFC 8017 9.2, note 1: DigestInfo of SHA-256 up to the digest. */
static const CK_BYTE sha256_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
static const CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

struct signer {
	pthread_t thread;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	bool rsa;
	unsigned number;
	double end;
	unsigned long signatures;
	CK_RV failed;
};

static double now(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *signer_main(void *arg)
{
	struct signer *s = arg;
	CK_MECHANISM how = {s->rsa ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
	CK_BYTE in[sizeof(sha256_info) + 32] = {0};
	CK_BYTE *digest = s->rsa ? in + sizeof(sha256_info) : in;
	CK_BYTE out[512];

	memcpy(in, sha256_info, sizeof(sha256_info));
	memset(digest, 0, 32);
	memcpy(digest, &s->number, sizeof(s->number));
	while (s->failed == CKR_OK && now() < s->end) {
		CK_ULONG len = sizeof(out);

		/* No two digests are the same. */
		memcpy(digest + 8, &s->signatures, sizeof(s->signatures));
		s->failed = p11->C_SignInit(s->session, &how, s->key);
		if (s->failed == CKR_OK)
			s->failed =
				p11->C_Sign(s->session, in, s->rsa ? sizeof(in) : 32, out, &len);
		s->signatures++;
	}
	return NULL;
}

static CK_RV load(const char *path)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList list;
	CK_RV r;

	if (module == NULL)
		return CKR_GENERAL_ERROR;
	*(void **)&list = dlsym(module, "C_GetFunctionList");
	if (list == NULL)
		return CKR_GENERAL_ERROR;
	r = list(&p11);
	return r == CKR_OK ? p11->C_Initialize(&args) : r;
}

static CK_RV find_slot(const char *label, CK_SLOT_ID *ret)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_TOKEN_INFO info;
	CK_RV r = p11->C_GetSlotList(CK_TRUE, slots, &count);

	for (CK_ULONG i = 0; r == CKR_OK && i < count; i++) {
		r = p11->C_GetTokenInfo(slots[i], &info);
		*ret = slots[i];
		if (r == CKR_OK && strlen(label) < sizeof(info.label) &&
		    memcmp(info.label, label, strlen(label)) == 0 &&
		    info.label[strlen(label)] == ' ')
			return CKR_OK;
	}
	return r == CKR_OK ? CKR_TOKEN_NOT_PRESENT : r;
}

static CK_RV find_key(CK_SESSION_HANDLE s, const char *alg, CK_OBJECT_HANDLE *ret)
{
	CK_OBJECT_CLASS private = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &private, sizeof(private)},
				 {CKA_LABEL, (void *)(uintptr_t)alg, strlen(alg)}};
	CK_ULONG found = 0;
	CK_RV r = p11->C_FindObjectsInit(s, wanted, COUNT(wanted));

	if (r == CKR_OK)
		r = p11->C_FindObjects(s, ret, 1, &found);
	(void)p11->C_FindObjectsFinal(s);
	return r == CKR_OK && found == 0 ? CKR_OBJECT_HANDLE_INVALID : r;
}

/* Objects of the token, as a key that is to last is one. */
static CK_RV make_key(CK_SESSION_HANDLE s, const char *alg, bool rsa, CK_OBJECT_HANDLE *ret)
{
	CK_MECHANISM how = {rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG bits = 3072;
	CK_BYTE exponent[] = {1, 0, 1};
	CK_OBJECT_HANDLE public;
	CK_ATTRIBUTE rsa_public[] = {{CKA_TOKEN, &yes, sizeof(yes)},
				     {CKA_VERIFY, &yes, sizeof(yes)},
				     {CKA_MODULUS_BITS, &bits, sizeof(bits)},
				     {CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)}};
	CK_ATTRIBUTE ec_public[] = {{CKA_TOKEN, &yes, sizeof(yes)},
				    {CKA_VERIFY, &yes, sizeof(yes)},
				    {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof(p256)}};
	CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, sizeof(yes)},
				  {CKA_PRIVATE, &yes, sizeof(yes)},
				  {CKA_SENSITIVE, &yes, sizeof(yes)},
				  {CKA_SIGN, &yes, sizeof(yes)},
				  {CKA_LABEL, (void *)(uintptr_t)alg, strlen(alg)}};

	return p11->C_GenerateKeyPair(s, &how, rsa ? rsa_public : ec_public,
				      rsa ? COUNT(rsa_public) : COUNT(ec_public), private,
				      COUNT(private), &public, ret);
}

static CK_RV open_all(struct signer *all, int count, char **argv)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	char pin[64] = "";
	CK_SLOT_ID slot;
	FILE *file = fopen(argv[2], "re");
	CK_RV r = load(argv[1]);

	if (file == NULL || fgets(pin, sizeof(pin), file) == NULL)
		return CKR_PIN_INVALID;
	(void)fclose(file);
	if (r == CKR_OK)
		r = find_slot(argv[3], &slot);
	for (int i = 0; r == CKR_OK && i < count; i++) {
		all[i].number = (unsigned)i;
		all[i].rsa = strcmp(argv[4], "rsa-3072") == 0;
		r = p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
				       &all[i].session);
		if (r == CKR_OK && i == 0)
			r = p11->C_Login(all[i].session, CKU_USER, (CK_UTF8CHAR_PTR)pin,
					 strcspn(pin, "\n"));
		if (r == CKR_OK && i == 0 && find_key(all[i].session, argv[4], &key) != CKR_OK)
			r = make_key(all[i].session, argv[4], all[i].rsa, &key);
		all[i].key = key;
	}
	return r;
}

static double cpu_seconds(void)
{
	struct rusage u = {0};

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static CK_RV measure(struct signer *all, int count, double seconds)
{
	double begin = now();
	double cpu = cpu_seconds();
	unsigned long signatures = 0;

	for (int i = 0; i < count; i++) {
		all[i].end = begin + seconds;
		if (pthread_create(&all[i].thread, NULL, signer_main, &all[i]) != 0)
			return CKR_HOST_MEMORY;
	}
	for (int i = 0; i < count; i++) {
		(void)pthread_join(all[i].thread, NULL);
		if (all[i].failed != CKR_OK)
			return all[i].failed;
		signatures += all[i].signatures;
	}
	(void)printf("{\"signatures\":%lu,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n", signatures,
		     now() - begin, cpu_seconds() - cpu);
	return CKR_OK;
}

int main(int argc, char **argv)
{
	static struct signer all[THREADS_MAX];
	int count = argc == 7 ? atoi(argv[5]) : 0;
	CK_RV r;

	if (count < 1 || count > THREADS_MAX) {
		(void)fputs("usage: pkcs11_sign MODULE PIN-FILE LABEL rsa-3072|ecdsa-p256 THREADS "
			    "SECONDS\n",
			    stderr);
		return 2;
	}
	r = open_all(all, count, argv);
	if (r == CKR_OK)
		r = measure(all, count, atof(argv[6]));
	if (r == CKR_OK)
		return 0;
	(void)fprintf(stderr, "pkcs11_sign: %s: CKR 0x%lx\n", argv[1], r);
	return 1;
}
