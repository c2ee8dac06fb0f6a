/* reason - every reason for which Great Seal waits or refuses: one table, stable ids.
 *
 * Shown by server, CLI and keeper alike; docs/reasons.md is checked against it; every row has a
 * test that provokes it. Owns: ids, one-line texts, remedies. Must not own: the decision. */
#ifndef GS_MODEL_REASON_H
#define GS_MODEL_REASON_H

#include "lib/base/result.h"
#include "lib/base/view.h"

/* X(enum suffix, stable id, what happened, what would make it pass) */
#define REASON_TABLE(X)                                                                            \
	X(NONE, "ok", "nothing is wrong", "")                                                      \
	/* form of what was sent */                                                                \
	X(FORM_STATEMENT, "form.statement", "the statement is not in canonical form",              \
	  "send the exact bytes that the command line made")                                       \
	X(FORM_KIND, "form.kind", "the statement is of another kind than this message carries",    \
	  "send it with the command that belongs to it")                                           \
	X(FORM_LIMIT, "form.limit", "a size or count is over its maximum", "split the request")    \
	X(FORM_MESSAGE, "form.message", "the message is malformed", "update the sender")           \
	X(FORM_ORIGIN, "form.origin", "the statement is for another log origin",                   \
	  "make it for the origin that this keeper names")                                         \
	X(FORM_TIME, "form.time", "the times in the statement contradict each other or the clock", \
	  "check the clock and the deadline")                                                      \
	/* who */                                                                                  \
	X(SIG_REQUESTER, "sig.requester", "the requester's signature does not verify",             \
	  "sign with a key that the roster lists for this person")                                 \
	X(SIG_HOST, "sig.host", "the host's signature is missing or does not verify",              \
	  "sign on an enrolled host with its host key")                                            \
	X(SIG_APPROVER, "sig.approver", "the approver's signature does not verify",                \
	  "sign with a key that the roster lists for this person")                                 \
	X(SIG_ADMIN, "sig.admin", "a signature under the change does not verify",                  \
	  "sign with a key that the roster lists for this person")                                 \
	X(WHO_PERSON, "who.person", "the roster has no such person or service",                    \
	  "ask for a roster change")                                                               \
	X(WHO_HOST, "who.host", "the roster has no such host",                                     \
	  "an administrator: greatseal host add with --group; then greatseal-agent enrol there")   \
	X(WHO_SELF, "who.self", "nobody approves a request of their own",                          \
	  "ask somebody else who holds a seat of the rule")                                        \
	X(WHO_SEAT, "who.seat", "this person holds no seat of the rule",                           \
	  "ask a member of the groups that the rule names")                                        \
	X(WHO_BEHIND, "who.behind", "this person is behind the service that asks",                 \
	  "ask somebody else who holds a seat of the rule")                                        \
	X(WHO_CHANNEL, "who.channel", "the seat is for approvals from elsewhere",                  \
	  "approve where the seat asks for it: (cli) on the command line")                         \
	X(WHO_OWNER, "who.owner", "only the requester may do this", "ask the requester")           \
	X(HOST_UNENROLLED, "host.unenrolled", "the host has no key yet, or has another one",       \
	  "greatseal host add, then greatseal-agent enrol on the host")                            \
	X(HOST_LOCKED, "host.locked", "the host is locked",                                        \
	  "greatseal host unlock; after a clone alarm: greatseal host forget, then add")           \
	X(HOST_CERTIFICATE, "host.certificate",                                                    \
	  "this is not the certificate that the host has now",                                     \
	  "greatseal-agent renew on the host; if that is refused: does the host have a copy?")     \
	X(HOST_EXPIRED, "host.expired", "the host's certificate has ended",                        \
	  "greatseal-agent renew on the host; when it is too late for that: greatseal host add")   \
	X(HOST_TOKEN, "host.token", "the token opens no invitation for this host",                 \
	  "greatseal host add, and enrol with the new token in time")                              \
	X(HOST_CLONE, "host.clone", "the host's number of renewals does not fit: it has a copy",   \
	  "find the copy; greatseal host forget, then add and enrol anew")                         \
	X(HOST_CLASS, "host.class", "the host's key is not kept as well as is demanded",           \
	  "enrol with a TPM, or ask for another class in the roster or the policy")                \
	X(HOST_GUARD, "host.guard", "the host's guard is not known to stand as is demanded",       \
	  "on the host: greatseal-guard enforce, guard = in the agent's settings; then ask anew")  \
	/* tokens of CI jobs */                                                                    \
	X(TOKEN_ISSUER, "token.issuer",                                                            \
	  "the token is not of an issuer that the roster names for it",                            \
	  "see services[].oidc in the roster")                                                     \
	X(TOKEN_KEYS, "token.keys", "there are no keys of the issuer that count",                  \
	  "is greatseal-jwksd running, and does it reach the issuer?")                             \
	/* the key */                                                                              \
	X(KEY_UNKNOWN, "key.unknown", "the keeper has no such key", "see: greatseal key list")     \
	X(KEY_FINGERPRINT, "key.fingerprint", "the key has another fingerprint than the request",  \
	  "make the request anew")                                                                 \
	X(KEY_LOCKED, "key.locked", "the key is locked", "unlocking needs the unlock quorum")      \
	X(KEY_REVIEW, "key.review", "a use of the key broke the glass, and its review is overdue", \
	  "greatseal review, by the people named")                                                 \
	X(KEY_RETIRED, "key.retired", "the key is retired", "use its successor")                   \
	X(KEY_NO_CERT, "key.no-certificate", "the key has no certificate that this format needs",  \
	  "greatseal key import-cert")                                                             \
	X(KEY_CERT_TIME, "key.certificate-time", "the certificate is not valid now",               \
	  "import a renewed certificate")                                                          \
	X(KEY_EXISTS, "key.exists", "a key of this name exists", "choose another name")            \
	X(KEY_TOKEN, "key.token", "the token that holds the key is absent or failed",              \
	  "bring the token back; the request resumes by itself")                                   \
	X(KEY_CERT, "key.certificate", "the certificate does not fit the key or its purpose",      \
	  "see the text; order a code-signing certificate for this key")                           \
	/* policy */                                                                               \
	X(RULE_NONE, "rule.none", "no rule permits this request", "greatseal explain")             \
	X(RULE_KEY, "rule.key", "the rule is for other keys", "use a key that it names")           \
	X(RULE_REQUESTER, "rule.requester", "the rule does not let this person request",           \
	  "ask for the role")                                                                      \
	X(RULE_HOST, "rule.host", "the rule does not accept this host",                            \
	  "submit from a host that the rule names")                                                \
	X(RULE_FORMAT, "rule.format", "the rule does not permit this format", "use one it names")  \
	X(RULE_PARAMS, "rule.params", "the format refuses the item's parameters",                  \
	  "see the text for the parameter")                                                        \
	X(RULE_USES, "rule.uses", "more uses than the rule permits", "ask for fewer")              \
	X(RULE_DEADLINE, "rule.deadline", "the deadline is further away than the rule permits",    \
	  "choose an earlier deadline")                                                            \
	X(RULE_NO_APPROVERS, "rule.no-approvers", "the rule demands nobody and is not unattended", \
	  "name approvers, or say unattended")                                                     \
	X(RULE_EMPTY_GROUP, "rule.empty-group", "a group that the rule names has no member",       \
	  "add people to the group")                                                               \
	X(RULE_UPLOAD, "rule.upload", "the rule demands that the files are uploaded",              \
	  "submit without --no-upload")                                                            \
	X(RULE_REASON, "rule.reason", "the rule demands a reason", "submit with -m and why")       \
	X(RULE_TICKET, "rule.ticket",                                                              \
	  "the reason names no ticket of the form that the rule demands",                          \
	  "name the ticket in the reason (-m)")                                                    \
	X(RULE_OBSERVE, "rule.observe", "the rule is on trial and permits nothing",                \
	  "propose the rule without mode: observe")                                                \
	X(APPROVE_QUORUM, "approve.quorum", "approvals are missing",                               \
	  "greatseal approve, by the people named")                                                \
	X(APPROVE_RULE, "approve.rule-changed", "the approval is for another version of the rule", \
	  "approve again")                                                                         \
	X(APPROVE_EXPIRED, "approve.expired", "the approval has expired", "approve again")         \
	X(APPROVE_SYNCED, "approve.synced",                                                        \
	  "the approval is by a passkey that may be on several devices",                           \
	  "approve with a security key, or on the command line")                                   \
	X(APPROVE_DUPLICATE, "approve.duplicate", "this person has approved already",              \
	  "nothing to do: one person fills one seat")                                              \
	X(TIME_NOT_BEFORE, "time.not-before", "the request is not to be signed yet",               \
	  "wait; it is signed at that time")                                                       \
	X(TIME_DEADLINE, "time.deadline", "the request's deadline has passed", "submit it anew")   \
	X(TIME_CLOCK, "time.clock", "the keeper's clock is behind its own log",                    \
	  "set the clock of the keeper's machine")                                                 \
	X(TIME_WINDOW, "time.window", "the rule's windows are closed",                             \
	  "wait; it is signed when the next one opens")                                            \
	X(TIME_FREEZE, "time.freeze", "the key is frozen",                                         \
	  "wait until the freeze ends, or use a break-glass rule")                                 \
	X(TIME_ZONE, "time.zone", "the file of a time zone cannot be read",                        \
	  "install the zone files on the keeper's machine (setting zoneinfo)")                     \
	X(TIME_HOLD, "time.hold",                                                                  \
	  "the approvals are complete, and the rule holds them for a while",                       \
	  "wait; it is signed then, unless somebody withdraws, denies or locks the key")           \
	X(TIME_RELEASE, "time.release", "the signature is held until the time of its release",     \
	  "wait; it is given out then, unless somebody denies, cancels or locks the key")          \
	X(LIMIT_RATE, "limit.rate", "the key has been used as often as its rate permits",          \
	  "wait; it is signed when the rate permits it")                                           \
	X(LIMIT_PREAPPROVAL, "limit.preapproval",                                                  \
	  "the approval came before the request and counts no more, or not under this rule",       \
	  "greatseal approve, or preapprove again")                                                \
	X(STATE_UNKNOWN, "state.unknown", "the keeper does not know this request",                 \
	  "submit it first")                                                                       \
	X(STATE_DENIED, "state.denied", "the request was denied", "submit a new request")          \
	X(STATE_CANCELLED, "state.cancelled", "the request was cancelled", "submit a new request") \
	X(STATE_EXPIRED, "state.expired", "the request has expired", "submit a new request")       \
	X(STATE_COMMITTED, "state.committed", "too late: the request is being signed",             \
	  "lock the key if the signature must not be used")                                        \
	X(STATE_REVIEW, "state.review", "no review of this use is owed",                           \
	  "greatseal inbox lists the reviews that are")                                            \
	X(STATE_USES, "state.uses", "every granted use is spent", "submit a new request")          \
	X(STATE_NO_APPROVAL, "state.no-approval", "there is no approval of this person",           \
	  "nothing to withdraw")                                                                   \
	/* policy, roster and key administration */                                                \
	X(CHANGE_VERSION, "change.version", "the version is not the next one",                     \
	  "base the change on the version in force")                                               \
	X(CHANGE_PREVIOUS, "change.previous", "the change is based on another version's text",     \
	  "base the change on the version in force")                                               \
	X(CHANGE_QUORUM, "change.quorum", "signatures are missing under the change",               \
	  "greatseal policy sign, by the people named")                                            \
	X(CHANGE_INVALID, "change.invalid", "the new document is not valid",                       \
	  "mend what the text names, then propose it anew")                                        \
	X(CHANGE_EXPIRED, "change.expired", "the change's own deadline has passed",                \
	  "propose it anew")                                                                       \
	X(CHANGE_DELAY, "change.delay", "the change is accepted and not in force yet",             \
	  "wait until the time named, or greatseal policy object")                                 \
	X(CHANGE_RECOVERY, "change.recovery", "the roster is not changed so by recovery keys",     \
	  "recovery keys replace the roster alone, after the policy's delay")                      \
	X(CHANGE_TESTS, "change.tests", "tests that travel with the change fail",                  \
	  "greatseal policy test, then propose it anew")                                           \
	X(CHANGE_OBJECTION, "change.objection",                                                    \
	  "the change does not wait for its time, or was stopped",                                 \
	  "greatseal policy pending lists what waits")                                             \
	/* access to a key for a while */                                                          \
	X(ACCESS_OWNER, "access.owner",                                                            \
	  "the owners of the key did not decide this, or it has none",                             \
	  "ask the people whom keys[].owners of the policy names")                                 \
	X(ACCESS_LIFE, "access.life", "the access would last too long, or has ended",              \
	  "greatseal access request, for a time that the policy permits")                          \
	X(ACCESS_REVOKED, "access.revoked", "the access was ended, or asked for before it was",    \
	  "greatseal access request, anew")                                                        \
	/* the artifact (server and worker) */                                                     \
	X(ARTIFACT_MISSING, "artifact.missing", "a file of the request is not uploaded",           \
	  "upload it; greatseal submit does so")                                                   \
	X(ARTIFACT_DIGEST, "artifact.digest", "an uploaded file differs from the request",         \
	  "build, hash and submit again")                                                          \
	X(ARTIFACT_CONTENT, "artifact.content-digest",                                             \
	  "the content digest is not what the file gives", "submit with a current command line")   \
	X(ARTIFACT_FORMAT, "artifact.format", "the file is not of this format",                    \
	  "choose another format")                                                                 \
	/* evidence */                                                                             \
	X(ARTIFACT_NAME, "artifact.name", "the rule is for files of other names",                  \
	  "use a rule that names such files")                                                      \
	X(ARTIFACT_PRODUCT, "artifact.product", "the rule is for other products",                  \
	  "use a rule for this product")                                                           \
	X(ARTIFACT_SIZE, "artifact.size", "a file is larger than the rule permits",                \
	  "sign a smaller file, or use another rule")                                              \
	X(EVIDENCE_SCAN, "evidence.scan", "a scan that the rule demands is missing or too old",    \
	  "greatseal attest scan, by the machines named")                                          \
	X(EVIDENCE_VERDICT, "evidence.verdict", "a scanner found a file not clean",                \
	  "find out why; a newer scan that is clean lifts it")                                     \
	X(EVIDENCE_PROVENANCE, "evidence.provenance",                                              \
	  "no provenance says that the file is of the builder and source that the rule demands",   \
	  "build it there, and send its provenance")                                               \
	X(EVIDENCE_REBUILD, "evidence.rebuild", "too few builders made the very same file",        \
	  "greatseal attest rebuild, by the builders named; greatseal show says who disagrees")    \
	X(EVIDENCE_SIGNER, "evidence.signer",                                                      \
	  "no host, service or builder of the roster has signed this evidence so",                 \
	  "sign it with the key that the roster lists for this name")                              \
	/* tokens of services */                                                                   \
	X(TOKEN_FORM, "token.form", "the token is not one that is taken",                          \
	  "see the text: compact JWT, RS256, ES256 or EdDSA, with kid, iss, aud, exp")             \
	X(TOKEN_SIGNATURE, "token.signature", "the token's signature does not verify",             \
	  "get the token from the issuer that the roster names")                                   \
	X(TOKEN_AUDIENCE, "token.audience", "the token is for somebody else",                      \
	  "ask the issuer for a token with the audience in the text")                              \
	X(TOKEN_TIME, "token.time", "the token has ended, or has not begun",                       \
	  "get a new token just before the request; check the clocks")                             \
	X(TOKEN_REPLAY, "token.replay", "the token was used for another request",                  \
	  "get a new token for each request, or bind: audience")                                   \
	X(TOKEN_MATCH, "token.match", "the token's claims are not those of the service",           \
	  "run the job that the roster describes, or ask for a roster change")                     \
	/* access to the server */                                                                 \
	X(CALL_AUTH, "call.auth", "the call is not signed by a key of the roster",                 \
	  "greatseal init-client")                                                                 \
	X(CALL_CERTIFICATE, "call.certificate",                                                    \
	  "this server talks to holders of a client certificate only",                             \
	  "greatseal init-client --client-cert FILE --client-key FILE, or --agent SOCKET of the "  \
	  "host")                                                                                  \
	X(CALL_REPLAY, "call.replay", "this signed call was seen before", "repeat the command")    \
	X(CALL_TIME, "call.time", "the call's time is too far from the server's clock",            \
	  "set the clock")                                                                         \
	X(CALL_NOTFOUND, "call.not-found", "there is no such object", "check the id")              \
	X(CALL_METHOD, "call.method", "the path has no such method",                               \
	  "use a method that the header Allow names")                                              \
	X(CALL_LIMIT, "call.limit", "a limit of the server is reached", "try again later")         \
	X(CALL_QUOTA, "call.quota", "the server keeps as many bytes as it may",                    \
	  "ask its administrator: uploads-total, upload-keep, artifacts-keep")                     \
	X(CALL_FORM, "call.form", "the call is malformed", "see docs/api.md")                      \
	/* the keeper itself */                                                                    \
	X(KEEPER_UNAVAILABLE, "keeper.unavailable", "the keeper does not answer",                  \
	  "see: systemctl status greatseal-keeper")                                                \
	X(KEEPER_STORAGE, "keeper.storage", "the keeper cannot write its journal",                 \
	  "free space or mend the disk, then ask again; nothing was released")                     \
	X(KEEPER_BUSY, "keeper.busy", "too much is in flight", "try again")                        \
	X(KEEPER_RESTORED, "keeper.restored", "the journal is older than what was published",      \
	  "restore the newest journal, or start a new origin")                                     \
	X(KEEPER_INTERNAL, "keeper.internal", "the keeper found a fault of its own",               \
	  "report it; nothing was signed")

enum reason {
#define REASON_ENUM(suffix, id, what, remedy) REASON_##suffix,
	REASON_TABLE(REASON_ENUM)
#undef REASON_ENUM
		REASON__COUNT
};

/* All three never NULL. */
const char *reason_id(enum reason r);
const char *reason_what(enum reason r);
const char *reason_remedy(enum reason r);
/* RC_UNKNOWN for an id that is not in the table. */
MUST rc reason_parse(struct view id, enum reason *ret);

/* Reasons that time or people can mend: approve.quorum, time.not-before, time.window, time.freeze,
 * time.hold, time.release, limit.rate, key.token, key.locked, host.locked, keeper.busy,
 * evidence.scan, .provenance, .rebuild. */
bool reason_is_wait(enum reason r);

/* A reason with the words for this one case ("carol asked for it herself"). */
#define REASON_TEXT 200
struct refusal {
	enum reason reason;
	char text[REASON_TEXT];
};

/* Fills *ret (may be NULL) and returns RC(RC_WAIT) if reason_is_wait(r), else RC(RC_DENIED). The
 * text is cut at REASON_TEXT - 1 bytes; bytes outside 0x20..0x7e become '?'. */
rc refuse(struct refusal *ret, enum reason r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
