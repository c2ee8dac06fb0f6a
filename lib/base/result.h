/* result - the one result type of the project.
 *
 * Owns: the code list and the two macros that every fallible function uses.
 * Must not own: messages (fault.h) or policy reason codes (model/reason.h). */
#ifndef GS_BASE_RESULT_H
#define GS_BASE_RESULT_H

enum rc_code {
	RC_OK = 0,
	RC_NOMEM,	/* an allocation failed */
	RC_IO,		/* the kernel said no; errno is in the fault text */
	RC_NOSPACE,	/* disk or quota full */
	RC_TRUNCATED,	/* input ends before the value does */
	RC_TRAILING,	/* bytes are left over after the value */
	RC_RANGE,	/* number outside its range, or arithmetic would wrap */
	RC_LIMIT,	/* a named maximum is exceeded */
	RC_SYNTAX,	/* input is not of the form its specification demands */
	RC_NONCANON,	/* understood, but not the one permitted encoding */
	RC_DUPLICATE,	/* a name or person appears twice */
	RC_UNKNOWN,	/* unknown field, name or identifier */
	RC_UNSUPPORTED, /* known to exist, not served here */
	RC_MISMATCH,	/* two values that must be equal are not */
	RC_BADSIG,	/* a signature does not verify */
	RC_NOTFOUND,	/* no such object */
	RC_EXISTS,	/* the object is there already */
	RC_DENIED,	/* refused by rule; see the reason code */
	RC_WAIT,	/* not yet; see the reason code */
	RC_STATE,	/* the object is in a state that does not permit this */
	RC_EXPIRED,	/* a deadline or validity period has passed */
	RC_CRYPTO,	/* the crypto library failed */
	RC_TOKEN,	/* the key token failed or is absent */
	RC_PEER,	/* the other process broke the protocol or went away */
	RC_BUSY,	/* a limit on work in flight is reached; try again */
	RC_CORRUPT,	/* stored data contradicts itself */
	RC_USAGE,	/* wrong arguments or configuration */
	RC__COUNT
};

/* One member, so that a comparison with a number or a use as a truth value does not compile. */
typedef struct rc {
	enum rc_code code;
} rc;

#define MUST __attribute__((warn_unused_result))
#define RC(c) ((rc){.code = (c)})
#define OK RC(RC_OK)

static inline _Bool rc_is_ok(rc r)
{
	return r.code == RC_OK;
}

/* Short lower-case name of the code ("truncated"), for logs and --json; never NULL. */
const char *rc_name(rc r);

/* Marks a result as looked at and set aside; why is a string literal for the reader. */
#define rc_ignore(expr, why)                                                                       \
	do {                                                                                       \
		rc rc_ignored_ = (expr);                                                           \
		(void)rc_ignored_;                                                                 \
		(void)(why "");                                                                    \
	} while (0)

/* Returns from the calling function (which returns rc) when expr fails. */
#define TRY(expr)                                                                                  \
	do {                                                                                       \
		rc rc_try_ = (expr);                                                               \
		if (rc_try_.code != RC_OK)                                                         \
			return rc_try_;                                                            \
	} while (0)

/* AUTO(buf) b; calls buf_autorelease(&b) when b goes out of scope. The module defines the function
 * with AUTO_DEFINE(buf, struct buf, buf_release). */
#define AUTO(name) __attribute__((cleanup(name##_autorelease)))
#define AUTO_DEFINE(name, type, fn)                                                                \
	static inline void name##_autorelease(type *p)                                             \
	{                                                                                          \
		fn(p);                                                                             \
	}

#endif
