/* token_pkcs11_module - one loaded PKCS#11 module, shared by all of its tokens; the table of CK_RV.
 *
 * Owns: dlopen, C_Initialize, C_Finalize, who may call while, what a return value means. Must not
 * own: slots, sessions, keys. For the files token_pkcs11*.c alone. Source: OASIS PKCS#11 v2.40. */
#ifndef GS_KEEPER_TOKEN_PKCS11_MODULE_H
#define GS_KEEPER_TOKEN_PKCS11_MODULE_H

#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"

struct p11_module {
	struct p11_module *next;
	char *path;
	void *handle;
	CK_FUNCTION_LIST *fn;	  /* NULL while not initialised */
	bool ours;		  /* C_Initialize was our call, so is C_Finalize */
	unsigned users;		  /* tokens */
	_Atomic unsigned present; /* tokens that are ready now */
	pthread_rwlock_t use;	  /* read: calls; write: C_Initialize, C_Finalize */
};

/* The module of that path, the same one for every caller; it need not be loadable yet. RC_NOMEM. */
MUST rc p11_module_get(const char *path, struct p11_module **ret);
/* Accepts NULL. The last user's put finalizes the module. */
void p11_module_put(struct p11_module *m);

/* Loads and initialises if that is not done yet. RC_TOKEN. */
MUST rc p11_module_start(struct p11_module *m, struct fault *f);
/* C_Finalize and C_Initialize, unless a token of the module is ready or a call is going on
 * (RC_BUSY): some modules learn of a returned token in no other way. */
MUST rc p11_module_restart(struct p11_module *m, struct fault *f);

/* Between these two no C_Finalize happens. RC_TOKEN while the module is not initialised. */
MUST rc p11_module_enter(struct p11_module *m, struct fault *f);
void p11_module_leave(struct p11_module *m);

/* What a CK_RV says about the token. */
enum p11_meaning {
	P11_FINE,
	P11_GONE,	 /* the token, its session or handle is not there: connect anew */
	P11_PIN,	 /* never try again by ourselves */
	P11_BUSY,	 /* out of sessions or memory */
	P11_UNSUPPORTED, /* it cannot do this */
	P11_FAILED,	 /* anything else */
};
enum p11_meaning p11_meaning(CK_RV rv);
/* RC_OK, or the rc that goes with the meaning (in their order: RC_TOKEN, RC_DENIED, RC_BUSY,
 * RC_UNSUPPORTED, RC_CRYPTO) and "token NAME: C_Sign: CKR_DEVICE_REMOVED (0x32)". */
MUST rc p11_result(CK_RV rv, const char *token, const char *call, struct fault *f);

#endif
