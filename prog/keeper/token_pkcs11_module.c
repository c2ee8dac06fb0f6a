/* Purpose: see token_pkcs11_module.h. */
#include "prog/keeper/token_pkcs11_module.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* A PKCS#11 module is initialised once per process (v2.40 5.4, C_Initialize), whoever uses it: the
 * list of them is the process's, so it is a global. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct p11_module *list;

rc p11_module_get(const char *path, struct p11_module **ret)
{
	struct p11_module *m;
	rc r = OK;

	(void)pthread_mutex_lock(&list_lock);
	for (m = list; m != NULL; m = m->next)
		if (strcmp(m->path, path) == 0)
			break;
	if (m == NULL) {
		m = (struct p11_module *)calloc(1, sizeof(*m));
		if (m != NULL)
			m->path = strdup(path);
		if (m == NULL || m->path == NULL) {
			free(m);
			m = NULL;
			r = RC(RC_NOMEM);
		} else {
			(void)pthread_rwlock_init(&m->use, NULL);
			m->next = list;
			list = m;
		}
	}
	if (m != NULL) {
		m->users++;
		*ret = m;
	}
	(void)pthread_mutex_unlock(&list_lock);
	return r;
}

/* With the write lock held. */
static void finalize(struct p11_module *m)
{
	if (m->fn != NULL && m->ours)
		(void)m->fn->C_Finalize(NULL);
	m->fn = NULL;
}

void p11_module_put(struct p11_module *m)
{
	struct p11_module **at;

	if (m == NULL)
		return;
	(void)pthread_mutex_lock(&list_lock);
	if (--m->users > 0) {
		(void)pthread_mutex_unlock(&list_lock);
		return;
	}
	for (at = &list; *at != m; at = &(*at)->next)
		;
	*at = m->next;
	(void)pthread_mutex_unlock(&list_lock);
	finalize(m);
	/* Not dlclose()d: modules leave atexit handlers and threads behind. */
	(void)pthread_rwlock_destroy(&m->use);
	free(m->path);
	free(m);
}

static rc load(struct p11_module *m, CK_FUNCTION_LIST **ret, struct fault *f)
{
	CK_C_GetFunctionList get;
	void *symbol;
	CK_RV rv;

	if (m->handle == NULL)
		m->handle = dlopen(m->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (m->handle == NULL)
		return fault_set(f, RC_TOKEN, 0, "pkcs11: %s", dlerror());
	symbol = dlsym(m->handle, "C_GetFunctionList");
	if (symbol == NULL)
		return fault_set(f, RC_TOKEN, 0, "pkcs11: %s has no C_GetFunctionList", m->path);
	memcpy(&get, &symbol, sizeof(get)); /* ISO C has no cast for this */
	rv = get(ret);
	if (rv == CKR_OK && (*ret == NULL || (*ret)->version.major != 2))
		return fault_set(f, RC_TOKEN, 0, "pkcs11: %s is not of version 2", m->path);
	return p11_result(rv, m->path, "C_GetFunctionList", f);
}

/* With the write lock held. */
static rc initialize(struct p11_module *m, struct fault *f)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	CK_FUNCTION_LIST *fn = NULL;
	CK_RV rv;

	TRY(load(m, &fn, f));
	rv = fn->C_Initialize(&args);
	/* SoftHSM fails now and then when another process starts at the same moment. */
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		rv = fn->C_Initialize(&args);
	m->ours = rv == CKR_OK;
	if (rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		TRY(p11_result(rv, m->path, "C_Initialize", f));
	m->fn = fn;
	return OK;
}

rc p11_module_start(struct p11_module *m, struct fault *f)
{
	rc r = OK;

	if (rc_is_ok(p11_module_enter(m, NULL))) {
		p11_module_leave(m);
		return OK;
	}
	(void)pthread_rwlock_wrlock(&m->use);
	if (m->fn == NULL)
		r = initialize(m, f);
	(void)pthread_rwlock_unlock(&m->use);
	return r;
}

rc p11_module_restart(struct p11_module *m, struct fault *f)
{
	rc r;

	/* Not waiting: a call that hangs in an absent token must not stop the others' calls. */
	if (m->present > 0 || pthread_rwlock_trywrlock(&m->use) != 0)
		return fault_set(f, RC_BUSY, 0, "pkcs11: %s is in use", m->path);
	finalize(m);
	r = initialize(m, f);
	(void)pthread_rwlock_unlock(&m->use);
	return r;
}

rc p11_module_enter(struct p11_module *m, struct fault *f)
{
	(void)pthread_rwlock_rdlock(&m->use);
	if (m->fn != NULL)
		return OK;
	(void)pthread_rwlock_unlock(&m->use);
	return fault_set(f, RC_TOKEN, 0, "pkcs11: %s is not initialised", m->path);
}

void p11_module_leave(struct p11_module *m)
{
	(void)pthread_rwlock_unlock(&m->use);
}

/* ---- CK_RV (v2.40 5.1) ----------------------------------------------------------------------- */

#define ROW(rv, what)                                                                              \
	{                                                                                          \
		rv, #rv, what                                                                      \
	}

static const struct {
	CK_RV rv;
	const char *name;
	enum p11_meaning meaning;
} values[] = {
	ROW(CKR_OK, P11_FINE),
	ROW(CKR_HOST_MEMORY, P11_BUSY),
	ROW(CKR_SLOT_ID_INVALID, P11_GONE),
	/* Catch-alls: an HSM that lost its network says these. Connecting anew settles it. */
	ROW(CKR_GENERAL_ERROR, P11_GONE),
	ROW(CKR_FUNCTION_FAILED, P11_GONE),
	ROW(CKR_ARGUMENTS_BAD, P11_FAILED),
	ROW(CKR_ATTRIBUTE_READ_ONLY, P11_FAILED),
	ROW(CKR_ATTRIBUTE_SENSITIVE, P11_FAILED),
	ROW(CKR_ATTRIBUTE_TYPE_INVALID, P11_UNSUPPORTED),
	ROW(CKR_ATTRIBUTE_VALUE_INVALID, P11_UNSUPPORTED),
	ROW(CKR_DATA_INVALID, P11_FAILED),
	ROW(CKR_DATA_LEN_RANGE, P11_FAILED),
	ROW(CKR_DEVICE_ERROR, P11_GONE),
	ROW(CKR_DEVICE_MEMORY, P11_BUSY),
	ROW(CKR_DEVICE_REMOVED, P11_GONE),
	ROW(CKR_FUNCTION_NOT_SUPPORTED, P11_UNSUPPORTED),
	ROW(CKR_KEY_HANDLE_INVALID, P11_GONE),
	ROW(CKR_KEY_SIZE_RANGE, P11_UNSUPPORTED),
	ROW(CKR_KEY_TYPE_INCONSISTENT, P11_FAILED),
	ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, P11_FAILED),
	ROW(CKR_MECHANISM_INVALID, P11_UNSUPPORTED),
	ROW(CKR_MECHANISM_PARAM_INVALID, P11_UNSUPPORTED),
	ROW(CKR_OBJECT_HANDLE_INVALID, P11_GONE),
	ROW(CKR_OPERATION_ACTIVE, P11_GONE), /* our session is in a state we did not leave it in */
	ROW(CKR_OPERATION_NOT_INITIALIZED, P11_GONE),
	ROW(CKR_PIN_INCORRECT, P11_PIN),
	ROW(CKR_PIN_INVALID, P11_PIN),
	ROW(CKR_PIN_LEN_RANGE, P11_PIN),
	ROW(CKR_PIN_EXPIRED, P11_PIN),
	ROW(CKR_PIN_LOCKED, P11_PIN),
	ROW(CKR_SESSION_CLOSED, P11_GONE),
	ROW(CKR_SESSION_COUNT, P11_BUSY),
	ROW(CKR_SESSION_HANDLE_INVALID, P11_GONE),
	ROW(CKR_SESSION_READ_ONLY, P11_FAILED),
	ROW(CKR_TEMPLATE_INCOMPLETE, P11_UNSUPPORTED),
	ROW(CKR_TEMPLATE_INCONSISTENT, P11_UNSUPPORTED),
	ROW(CKR_TOKEN_NOT_PRESENT, P11_GONE),
	ROW(CKR_TOKEN_NOT_RECOGNIZED, P11_GONE),
	ROW(CKR_TOKEN_WRITE_PROTECTED, P11_FAILED),
	ROW(CKR_USER_ALREADY_LOGGED_IN, P11_FINE),
	ROW(CKR_USER_NOT_LOGGED_IN, P11_GONE),
	ROW(CKR_USER_PIN_NOT_INITIALIZED, P11_PIN),
	ROW(CKR_USER_TYPE_INVALID, P11_FAILED),
	ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, P11_FAILED),
	ROW(CKR_DOMAIN_PARAMS_INVALID, P11_UNSUPPORTED),
	ROW(CKR_CURVE_NOT_SUPPORTED, P11_UNSUPPORTED),
	ROW(CKR_BUFFER_TOO_SMALL, P11_FAILED),
	ROW(CKR_CRYPTOKI_NOT_INITIALIZED, P11_GONE),
	ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, P11_FAILED),
	ROW(CKR_MUTEX_BAD, P11_FAILED),
	ROW(CKR_FUNCTION_REJECTED, P11_FAILED),
};

#define VALUES (sizeof(values) / sizeof(values[0]))

static size_t row_of(CK_RV rv)
{
	size_t i = 0;

	while (i < VALUES && values[i].rv != rv)
		i++;
	return i;
}

enum p11_meaning p11_meaning(CK_RV rv)
{
	size_t i = row_of(rv);

	return i < VALUES ? values[i].meaning : P11_FAILED;
}

rc p11_result(CK_RV rv, const char *token, const char *call, struct fault *f)
{
	static const enum rc_code codes[] = {
		[P11_FINE] = RC_OK,
		[P11_GONE] = RC_TOKEN,
		[P11_PIN] = RC_DENIED,
		[P11_BUSY] = RC_BUSY,
		[P11_UNSUPPORTED] = RC_UNSUPPORTED,
		[P11_FAILED] = RC_CRYPTO,
	};
	size_t i = row_of(rv);
	enum rc_code code = codes[p11_meaning(rv)];

	if (code == RC_OK)
		return OK;
	return fault_set(f, code, 0, "token %s: %s: %s (0x%lx)", token, call,
			 i < VALUES ? values[i].name : "vendor's or unknown value", rv);
}
