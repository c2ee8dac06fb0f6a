/* A PKCS#11 module for tests: SoftHSM with a liar in front. The environment variable FAKE_PKCS11
 * says, at each call, what goes wrong:
 *   lie:CKA_X      that boolean of private keys reads as its opposite
 *   silent:CKA_X   that attribute is not told
 *   value          private keys offer their value
 *   flip           the last byte of each signature is wrong
 *   sign:RV        C_SignInit returns RV
 *   gone:RV        every call about slots, sessions and keys returns RV
 *   once:RV        one C_SignInit returns RV, until FAKE_PKCS11 changes */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

static CK_FUNCTION_LIST mine;
static CK_FUNCTION_LIST *real;
static bool once_done;

static const struct {
	const char *name;
	CK_ATTRIBUTE_TYPE type;
} names[] = {
	{"CKA_SENSITIVE", CKA_SENSITIVE},
	{"CKA_ALWAYS_SENSITIVE", CKA_ALWAYS_SENSITIVE},
	{"CKA_EXTRACTABLE", CKA_EXTRACTABLE},
	{"CKA_NEVER_EXTRACTABLE", CKA_NEVER_EXTRACTABLE},
	{"CKA_LOCAL", CKA_LOCAL},
	{"CKA_TOKEN", CKA_TOKEN},
	{"CKA_PRIVATE", CKA_PRIVATE},
	{"CKA_SIGN", CKA_SIGN},
	{"CKA_DECRYPT", CKA_DECRYPT},
	{"CKA_UNWRAP", CKA_UNWRAP},
};

/* What follows "word:" in the order, or NULL. */
static const char *ordered(const char *word)
{
	const char *s = getenv("FAKE_PKCS11");
	size_t n = strlen(word);

	if (s == NULL || strncmp(s, word, n) != 0)
		return NULL;
	return s[n] == ':' ? s + n + 1 : s[n] == '\0' ? s + n : NULL;
}

static CK_RV number(const char *word)
{
	const char *s = ordered(word);

	return s == NULL ? CKR_OK : strtoul(s, NULL, 0);
}

static bool is_about(const char *word, CK_ATTRIBUTE_TYPE type)
{
	const char *s = ordered(word);

	for (size_t i = 0; s != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, s) == 0)
			return names[i].type == type;
	return false;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	CK_RV rv = number("gone");

	return rv != CKR_OK ? rv : real->C_GetSlotList(present, slots, count);
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *session)
{
	CK_RV rv = number("gone");

	return rv != CKR_OK ? rv : real->C_OpenSession(slot, flags, app, notify, session);
}

static bool is_private(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	CK_OBJECT_CLASS class = 0;
	CK_ATTRIBUTE a = {CKA_CLASS, &class, sizeof(class)};

	return real->C_GetAttributeValue(session, key, &a, 1) == CKR_OK && class == CKO_PRIVATE_KEY;
}

static CK_RV get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *a,
			   CK_ULONG count)
{
	CK_RV rv = number("gone");

	if (rv != CKR_OK)
		return rv;
	rv = real->C_GetAttributeValue(session, key, a, count);
	if (count != 1 || !is_private(session, key))
		return rv;
	if (ordered("value") != NULL && a->type == CKA_VALUE) {
		a->ulValueLen = 32;
		return CKR_OK;
	}
	if (is_about("silent", a->type)) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
	if (rv == CKR_OK && is_about("lie", a->type) && a->pValue != NULL)
		*(CK_BBOOL *)a->pValue = *(CK_BBOOL *)a->pValue == CK_TRUE ? CK_FALSE : CK_TRUE;
	return rv;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
	CK_RV rv = number("gone");

	if (rv == CKR_OK)
		rv = number("sign");
	if (ordered("once") == NULL)
		once_done = false;
	if (rv == CKR_OK && ordered("once") != NULL && !once_done) {
		once_done = true;
		rv = number("once");
	}
	return rv != CKR_OK ? rv : real->C_SignInit(session, mech, key);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *sig,
		  CK_ULONG *sig_len)
{
	CK_RV rv = real->C_Sign(session, data, len, sig, sig_len);

	if (rv == CKR_OK && sig != NULL && ordered("flip") != NULL)
		sig[*sig_len - 1] ^= 1;
	return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	void *handle = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
	void *symbol = handle == NULL ? NULL : dlsym(handle, "C_GetFunctionList");
	CK_C_GetFunctionList get;
	CK_RV rv;

	if (symbol == NULL)
		return CKR_GENERAL_ERROR;
	memcpy(&get, &symbol, sizeof(get));
	rv = get(&real);
	if (rv != CKR_OK)
		return rv;
	mine = *real;
	mine.C_GetFunctionList = C_GetFunctionList;
	mine.C_GetSlotList = get_slot_list;
	mine.C_OpenSession = open_session;
	mine.C_GetAttributeValue = get_attribute;
	mine.C_SignInit = sign_init;
	mine.C_Sign = sign;
	*list = &mine;
	return CKR_OK;
}
