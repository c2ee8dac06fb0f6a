/* Services that ask by tokens, against a real keeper: what a taken-over server or another job could
 * do with tokens that are stolen, replayed, forged or simply somebody else's. */
#include "tests/flow/evil.h"

#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/crypt/jwt.h"
#include "lib/model/token.h"
#include "lib/proto/keeper_caller.h"
#include "tests/support/token_maker.h"

#define ISSUER "https://ids.test"
#define GOOD ",\"repository_id\":1234,\"ref_protected\":true,\"actor\":\"mallory\""

static const char *const two[] = {"erin", "frank", NULL};
static struct token_key *issuer; /* pinned, kid "k" */
static struct token_key *rsa;	 /* pinned, kid "r" */
static struct token_key *other;	 /* of another issuer, which has a service too */
static const char *host_actor;	 /* the claim of ci-host's tokens that the roster names; or NULL */

/* ---- Documents -----------------------------------------------------------------------------*/

static void put_set(const struct token_key *a, const struct token_key *b, struct buf *out)
{
	buf_put_str(out, "{\"keys\":[");
	token_put_jwk(a, "k", ",\"use\":\"sig\"", out);
	if (b != NULL) {
		buf_put_str(out, ",");
		token_put_jwk(b, "r", "", out);
	}
	buf_put_str(out, "]}");
	fx_ok(buf_done(out));
}

struct service {
	const char *name;
	const char *actor;
	const char *audience; /* NULL: bound */
	const char *issuer;
	const struct buf *jwks;
};

static void put_service(const struct service *s, bool strict, struct jcan_out *w)
{
	static const char *const match[] = {"ref_protected=true", "repository_id=1234"};

	jcan_out_object(w);
	jcan_out_key(w, "name");
	jcan_out_string(w, s->name);
	jcan_out_key(w, "oidc");
	jcan_out_object(w);
	if (s->actor != NULL) {
		jcan_out_key(w, "actor");
		jcan_out_string(w, s->actor);
	}
	jcan_out_key(w, s->audience == NULL ? "bind" : "audience");
	jcan_out_string(w, s->audience == NULL ? "audience" : s->audience);
	jcan_out_key(w, "issuer");
	jcan_out_string(w, s->issuer);
	if (s->jwks != NULL) {
		jcan_out_key(w, "jwks");
		jcan_out_view(w, buf_view(s->jwks));
	}
	jcan_out_key(w, "match");
	jcan_out_array(w);
	if (strict)
		jcan_out_string(w, "environment=release");
	for (size_t i = 0; i < 2; i++)
		jcan_out_string(w, match[i]);
	jcan_out_array_end(w);
	jcan_out_key(w, "name");
	jcan_out_string(w, "github");
	jcan_out_object_end(w);
	jcan_out_object_end(w);
}

static void put_services(bool strict, struct buf *out)
{
	AUTO(buf) struct buf set;
	AUTO(buf) struct buf others;
	const struct service services[] = {
		{"ci", "actor", NULL, ISSUER, &set},
		{"ci-host", host_actor, "https://keeper.test", ISSUER, &set},
		{"ci-other", NULL, NULL, "https://other.test", &others},
		{"ci-lax", NULL, "https://keeper.test/api", ISSUER, &set},
		{"ci-lost", NULL, "https://keeper.test/request/sha256:any", ISSUER, &set},
		{"ci-keyless", NULL, NULL, "https://keyless.test", NULL},
	};
	struct jcan_out w;

	buf_init(&set, 8192);
	buf_init(&others, 8192);
	put_set(issuer, rsa, &set);
	put_set(other, NULL, &others);
	buf_put_str(out, "\"services\":");
	jcan_out_init(&w, out);
	jcan_out_array(&w);
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		put_service(&services[i], strict, &w);
	jcan_out_array_end(&w);
	fx_ok(jcan_out_done(&w));
	buf_put_str(out, ",");
}

static void put_bobs_account(struct view before, struct buf *out)
{
	const char *text = (const char *)before.ptr;
	const char *bob = strstr(text, "\"name\":\"bob\"");
	const char *at = bob;

	fx_check(bob != NULL);
	while (strncmp(at, "{\"groups\"", 9) != 0)
		at--;
	buf_put(out, text, (size_t)(at + 1 - text));
	buf_put_str(out, "\"accounts\":[\"github:mallory\"],");
	buf_put_str(out, at + 1);
}

/* strict: another claim is demanded. */
static void take_roster(bool strict)
{
	AUTO(buf) struct buf plain;
	AUTO(buf) struct buf named;
	AUTO(buf) struct buf doc;
	struct digest before = digest_of(buf_view(&fx.roster));
	const char *text;
	const char *version;

	buf_init(&plain, DOCUMENT_BYTES_MAX);
	buf_init(&named, DOCUMENT_BYTES_MAX);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, fx.roster_version + 1, &plain);
	(void)buf_cstr(&plain);
	put_bobs_account(buf_view(&plain), &named);
	text = buf_cstr(&named);
	version = strstr(text, "\"version\":");
	buf_put(&doc, text, (size_t)(version - text));
	put_services(strict, &doc);
	buf_put_str(&doc, version);
	fx_ok(buf_done(&doc));
	if (fx_change_document(&fx, STATEMENT_ROSTER, buf_view(&doc), &before, two) !=
	    KEEPER_R_CHANGE)
		fail_msg("%s: %.*s", reason_id(fx_reason(&fx)), (int)fx.body.len,
			 (const char *)fx.body.ptr);
	fx.roster_version++;
	buf_clear(&fx.roster);
	buf_put_view(&fx.roster, buf_view(&doc));
}

#define RULE                                                                                       \
	",{\"approve\":[\"1 of security\"],\"formats\":[\"cms\"],\"from\":[\"build1\","            \
	"\"issuer:github\"],\"keys\":[\"ci\"],\"max_uses\":3,\"name\":\"ci\","                     \
	"\"request\":[\"service:*\"],\"upload\":\"optional\"}"

static int tokens_setup(void **state)
{
	AUTO(buf) struct buf doc;
	struct digest before;

	(void)group_setup(state);
	issuer = token_key_new(TOKEN_P256);
	rsa = token_key_new(TOKEN_RSA);
	other = token_key_new(TOKEN_P256);
	take_roster(false);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	before = digest_of(buf_view(&fx.policy));
	fx_policy_doc(&fx, fx.policy_version + 1, RULE, &doc);
	assert_int_equal(fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &before, two),
			 KEEPER_R_CHANGE);
	fx.policy_version++;
	fx_make_key(&fx, "ci", "ecdsa-p256");
	return 0;
}

static int tokens_teardown(void **state)
{
	token_key_free(issuer);
	token_key_free(rsa);
	token_key_free(other);
	return group_teardown(state);
}

/* ---- Requests and tokens -------------------------------------------------------------------*/

static void ask(const char *service, const char *host)
{
	fx_request_release(&q);
	fx_request_new(&fx, "ci", 1, &q);
	q.r.requester = (struct name){0};
	q.r.host = (struct name){0};
	fx_ok(name_parse(view_str(service), &q.r.requester));
	if (host != NULL)
		fx_ok(name_parse(view_str(host), &q.r.host));
	fx_request_encode(&q);
}

static struct token {
	const struct token_key *key;
	const char *header;
	const char *iss;
	const char *audience; /* NULL: bound to q */
	const char *claims;
	long age; /* seconds before now that it was made */
} good;

static int fresh_token(void **state)
{
	(void)state;
	good = (struct token){issuer, "{\"alg\":\"ES256\",\"kid\":\"k\"}", ISSUER, NULL, GOOD, 0};
	memset(&q, 0, sizeof(q));
	ask("ci", NULL);
	return 0;
}

static void claims_of(const struct token *t, char *out, size_t cap)
{
	char bound[TOKEN_AUDIENCE_MAX];

	token_audience("keeper.test", &q.id, bound);
	(void)snprintf(out, cap, "{\"iss\":\"%s\",\"aud\":\"%s\",\"iat\":%lld,\"exp\":%lld%s}",
		       t->iss, t->audience == NULL ? bound : t->audience,
		       (long long)fx_now(&fx) - t->age, (long long)fx_now(&fx) - t->age + 300,
		       t->claims);
}

static void make(const struct token *t, struct buf *out)
{
	char claims[4096];

	claims_of(t, claims, sizeof(claims));
	buf_init(out, JWT_BYTES_MAX);
	token_put(t->key, t->header, claims, out);
	fx_ok(buf_done(out));
}

static enum keeper_type send_bytes(struct view token, bool sign)
{
	AUTO(buf) struct buf host_sig;

	buf_init(&host_sig, KEEPER_SIG_MAX);
	if (q.r.host.s[0] != '\0')
		fx_sign(&fx_host(&fx, q.r.host.s)->key[0], statement_info(STATEMENT_HOST)->ns,
			buf_view(&q.statement), &host_sig);
	return fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement), token, buf_view(&host_sig),
			     sign);
}

static enum keeper_type send(const struct token *t)
{
	AUTO(buf) struct buf token;

	make(t, &token);
	return send_bytes(buf_view(&token), true);
}

/* ---- What is taken -------------------------------------------------------------------------*/

/* No host, no key: the issuer's word about this very request, and a person. */
static void a_bound_job_gets_its_signature(void **state)
{
	AUTO(buf) struct buf token;
	AUTO(buf) struct buf frame;
	struct keeper_document doc;
	struct token_record record;

	(void)state;
	make(&good, &token);
	waits(REASON_APPROVE_QUORUM, send_bytes(buf_view(&token), true));
	/* the same again is the same request */
	waits(REASON_APPROVE_QUORUM, send_bytes(buf_view(&token), true));
	assert_int_equal(KEEPER_R_RESULT, fx_approve(&fx, "dave", &q, true));
	fx_check_result(&fx, &q);
	/* What is kept is a record of it and not the token. */
	buf_init(&frame, 4096);
	keeper_put_digest(&frame, ++fx.correlation, KEEPER_STATEMENT, &q.id);
	assert_int_equal(KEEPER_R_DOCUMENT, fx_exchange(&fx, &frame));
	fx_ok(keeper_get_document(buf_view(&fx.body), &doc));
	assert_int_equal(2, doc.sig_count);
	assert_int_equal(0, doc.sigs[1].len);
	fx_ok(token_record_parse(doc.sigs[0], &record, NULL));
	assert_string_equal("mallory", record.actor);
	assert_string_equal("", record.audience);
	assert_string_equal("ci", record.service.s);
	assert_true(digest_is_equal(&record.request, &q.id));
	assert_null(memmem(fx.body.ptr, fx.body.len, token.ptr + token.len - 40, 40));
}

static void an_unbound_token_is_good_once(void **state)
{
	AUTO(buf) struct buf token;

	(void)state;
	ask("ci-host", "build1");
	good.audience = "https://keeper.test";
	good.claims = GOOD ",\"jti\":\"one\"";
	make(&good, &token);
	waits(REASON_APPROVE_QUORUM, send_bytes(buf_view(&token), true));
	waits(REASON_APPROVE_QUORUM, send_bytes(buf_view(&token), true));
	ask("ci-host", "build1");
	refused(REASON_TOKEN_REPLAY, send_bytes(buf_view(&token), true));
	/* also after a crash, and by another token of that jti */
	fx_kill(&fx);
	fx_run(&fx);
	refused(REASON_TOKEN_REPLAY, send_bytes(buf_view(&token), true));
	refused(REASON_TOKEN_REPLAY, send(&good));
	good.claims = GOOD;
	refused(REASON_TOKEN_REPLAY, send(&good));
	good.claims = GOOD ",\"jti\":\"two\"";
	waits(REASON_APPROVE_QUORUM, send(&good));
}

/* A refusal uses up nothing. */
static void a_refused_request_leaves_the_token_good(void **state)
{
	AUTO(buf) struct buf token;

	(void)state;
	ask("ci-host", "laptop");
	good.audience = "https://keeper.test";
	good.claims = GOOD ",\"jti\":\"three\"";
	make(&good, &token);
	refused(REASON_RULE_HOST, send_bytes(buf_view(&token), true));
	ask("ci-host", "build1");
	waits(REASON_APPROVE_QUORUM, send_bytes(buf_view(&token), true));
}

/* ---- Cancellations -------------------------------------------------------------------------*/

/* What `service` says to take q back; of the kind, so that others can be tried. */
static void write_act(enum statement_kind kind, const char *service, struct buf *out)
{
	struct act a;

	fx_act(&fx, kind, "alice", &q, &a);
	a.person = (struct name){0};
	fx_ok(name_parse(view_str(service), &a.person));
	buf_init(out, ACT_BYTES_MAX);
	fx_ok(act_encode(&a, out, NULL));
}

/* By a token for `audience`, or (NULL) for these very bytes. */
static enum keeper_type say_by(enum statement_kind kind, struct view statement,
			       const char *audience)
{
	AUTO(buf) struct buf token;
	char bound[TOKEN_AUDIENCE_MAX];
	struct token by = good;
	struct digest d = digest_of(statement);

	token_audience("keeper.test", &d, bound);
	by.audience = audience != NULL ? audience : bound;
	make(&by, &token);
	return fx_act_raw(&fx, kind, statement, buf_view(&token), false);
}

static void a_job_takes_its_request_back(void **state)
{
	AUTO(buf) struct buf cancel;
	AUTO(buf) struct buf another;
	AUTO(buf) struct buf denial;
	AUTO(buf) struct buf frame;
	char bound[TOKEN_AUDIENCE_MAX];
	struct keeper_document doc;
	struct token_record record;
	struct digest d;

	(void)state;
	waits(REASON_APPROVE_QUORUM, send(&good));
	write_act(STATEMENT_CANCELLATION, "ci", &cancel);
	/* The server has seen the token of the request and those of calls. */
	refused(REASON_TOKEN_AUDIENCE,
		say_by(STATEMENT_CANCELLATION, buf_view(&cancel), "https://keeper.test/api"));
	token_audience("keeper.test", &q.id, bound);
	refused(REASON_TOKEN_AUDIENCE, say_by(STATEMENT_CANCELLATION, buf_view(&cancel), bound));
	/* and what it was shown for another cancellation */
	write_act(STATEMENT_CANCELLATION, "ci", &another);
	d = digest_of(buf_view(&another));
	token_audience("keeper.test", &d, bound);
	refused(REASON_TOKEN_AUDIENCE, say_by(STATEMENT_CANCELLATION, buf_view(&cancel), bound));
	/* A job says nothing else, and nobody says it for another service. */
	write_act(STATEMENT_DENIAL, "ci", &denial);
	refused(REASON_WHO_PERSON, say_by(STATEMENT_DENIAL, buf_view(&denial), NULL));
	buf_release(&another);
	write_act(STATEMENT_CANCELLATION, "ci-host", &another);
	refused(REASON_TOKEN_AUDIENCE, say_by(STATEMENT_CANCELLATION, buf_view(&another), NULL));
	buf_release(&another);
	write_act(STATEMENT_CANCELLATION, "ci-other", &another);
	refused(REASON_TOKEN_ISSUER, say_by(STATEMENT_CANCELLATION, buf_view(&another), NULL));
	good.age = 1000;
	refused(REASON_TOKEN_TIME, say_by(STATEMENT_CANCELLATION, buf_view(&cancel), NULL));
	good.age = 0;
	good.key = other;
	refused(REASON_TOKEN_SIGNATURE, say_by(STATEMENT_CANCELLATION, buf_view(&cancel), NULL));
	good.key = issuer;
	waits(REASON_APPROVE_QUORUM, fx_show(&fx, &q));
	assert_int_equal(KEEPER_R_STATUS, say_by(STATEMENT_CANCELLATION, buf_view(&cancel), NULL));
	waits(REASON_STATE_CANCELLED, fx_show(&fx, &q));
	fx_kill(&fx);
	fx_run(&fx);
	waits(REASON_STATE_CANCELLED, fx_show(&fx, &q));
	/* What is kept is the token's record. */
	d = digest_of(buf_view(&cancel));
	buf_init(&frame, 4096);
	keeper_put_digest(&frame, ++fx.correlation, KEEPER_STATEMENT, &d);
	assert_int_equal(KEEPER_R_DOCUMENT, fx_exchange(&fx, &frame));
	fx_ok(keeper_get_document(buf_view(&fx.body), &doc));
	assert_int_equal(1, doc.sig_count);
	fx_ok(token_record_parse(doc.sigs[0], &record, NULL));
	assert_true(digest_is_equal(&record.request, &d));
}

/* ---- What is refused -----------------------------------------------------------------------*/

static void tokens_of_others_are_refused(void **state)
{
	AUTO(buf) struct buf token;

	(void)state;
	/* of another request: a server keeps the token and makes a request of its own */
	make(&good, &token);
	ask("ci", NULL);
	refused(REASON_TOKEN_AUDIENCE, send_bytes(buf_view(&token), true));
	good.audience = "https://keeper.test";
	refused(REASON_TOKEN_AUDIENCE, send(&good));
	good.audience = NULL;
	/* another issuer's key, in the other's name and in its own */
	good.key = other;
	refused(REASON_TOKEN_SIGNATURE, send(&good));
	good.iss = "https://other.test";
	refused(REASON_TOKEN_ISSUER, send(&good));
	good.iss = ISSUER "/";
	good.key = issuer;
	refused(REASON_TOKEN_ISSUER, send(&good));
	good.iss = ISSUER;
	good.header = "{\"alg\":\"ES256\",\"kid\":\"nobody\"}";
	refused(REASON_TOKEN_KEYS, send(&good));
	ask("ci-keyless", NULL);
	good.iss = "https://keyless.test";
	refused(REASON_TOKEN_KEYS, send(&good));
}

static void forged_tokens_are_refused(void **state)
{
	AUTO(buf) struct buf pem;
	AUTO(buf) struct buf token;
	char claims[4096];

	(void)state;
	good.header = "{\"alg\":\"none\",\"kid\":\"k\"}";
	refused(REASON_TOKEN_FORM, send(&good));
	/* the issuer's public key as a shared secret */
	buf_init(&pem, 4096);
	buf_init(&token, JWT_BYTES_MAX);
	token_put_public_pem(rsa, &pem);
	claims_of(&good, claims, sizeof(claims));
	token_put_hmac(buf_view(&pem), "{\"alg\":\"HS256\",\"kid\":\"r\"}", claims, &token);
	refused(REASON_TOKEN_FORM, send_bytes(buf_view(&token), true));
	buf_clear(&token);
	token_put_hmac(buf_view(&pem), "{\"alg\":\"RS256\",\"kid\":\"r\"}", claims, &token);
	refused(REASON_TOKEN_SIGNATURE, send_bytes(buf_view(&token), true));
	good.header = "{\"alg\":\"ES256\",\"kid\":\"r\"}";
	refused(REASON_TOKEN_SIGNATURE, send(&good));
	refused(REASON_TOKEN_FORM, send_bytes(view_str("eyJ"), true));
	refused(REASON_SIG_REQUESTER, send_bytes(view_of("", 0), true));
	refused(REASON_SIG_REQUESTER, send_bytes(view_str("{\"actor\":\"x\"}"), true));
}

static void times_and_claims_are_held_against_the_roster(void **state)
{
	static const char *const wrong[] = {
		",\"repository_id\":1234,\"actor\":\"x\"",
		",\"repository_id\":1234,\"ref_protected\":false,\"actor\":\"x\"",
		",\"repository_id\":12345,\"ref_protected\":true,\"actor\":\"x\"",
		",\"repository_id\":[1234],\"ref_protected\":true,\"actor\":\"x\"",
		",\"repository_id\":{\"1234\":1},\"ref_protected\":true,\"actor\":\"x\"",
		",\"repository_id\":1234.0,\"ref_protected\":true,\"actor\":\"x\"",
		",\"repository_id\":\"1234\\u200b\",\"ref_protected\":true,\"actor\":\"x\"",
		/* who is behind it is not said */
		",\"repository_id\":1234,\"ref_protected\":true",
		",\"repository_id\":1234,\"ref_protected\":true,\"actor\":[\"x\"]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		good.claims = wrong[i];
		refused(REASON_TOKEN_MATCH, send(&good));
	}
	good.claims = GOOD;
	good.age = 331;
	refused(REASON_TOKEN_TIME, send(&good));
	good.age = -40;
	refused(REASON_TOKEN_TIME, send(&good));
	good.age = 0;
	/* text is as good as a number: issuers differ */
	good.claims = ",\"repository_id\":\"1234\",\"ref_protected\":\"true\",\"actor\":\"x\"";
	waits(REASON_APPROVE_QUORUM, send(&good));
}

/* Without a host only by a token for this request; with one the host signs as ever. */
static void hosts_are_left_out_by_bound_jobs_alone(void **state)
{
	AUTO(buf) struct buf sig;

	(void)state;
	ask("ci-host", NULL);
	good.audience = "https://keeper.test";
	good.claims = GOOD ",\"jti\":\"four\"";
	refused(REASON_WHO_HOST, send(&good));
	good.audience = NULL;
	refused(REASON_TOKEN_AUDIENCE, send(&good));
	assert_non_null(memmem(fx.body.ptr, fx.body.len, "where bind: audience is needed", 30));
	ask("ci", "build1");
	AUTO(buf) struct buf token;

	make(&good, &token);
	refused(REASON_SIG_HOST, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
					       buf_view(&token), view_of("", 0), true));
	waits(REASON_APPROVE_QUORUM, send(&good));
	/* a person */
	buf_init(&sig, KEEPER_SIG_MAX);
	ask("alice", NULL);
	fx_sign_as(&fx, "alice", STATEMENT_REQUEST, buf_view(&q.statement), &sig);
	refused(REASON_WHO_HOST, send_bytes(buf_view(&sig), true));
	refused(REASON_SIG_REQUESTER, send(&good));
}

/* Who started the job does not approve it, whatever they are called here. */
static void actors_do_not_approve_their_own_jobs(void **state)
{
	(void)state;
	waits(REASON_APPROVE_QUORUM, send(&good));
	refused(REASON_WHO_BEHIND, fx_approve(&fx, "bob", &q, true));
	fx_kill(&fx);
	fx_run(&fx);
	refused(REASON_WHO_BEHIND, fx_approve(&fx, "bob", &q, true));
	ask("ci", NULL);
	good.claims = ",\"repository_id\":1234,\"ref_protected\":true,\"actor\":\"somebody\"";
	waits(REASON_APPROVE_QUORUM, send(&good));
	assert_int_equal(KEEPER_R_RESULT, fx_approve(&fx, "bob", &q, true));
}

/* A roster that demands more of the service stops what was asked under the old one. */
static void tokens_are_weighed_by_the_roster_in_force(void **state)
{
	(void)state;
	waits(REASON_APPROVE_QUORUM, send(&good));
	take_roster(true);
	waits(REASON_SIG_REQUESTER, fx_show(&fx, &q));
	take_roster(false);
	waits(REASON_APPROVE_QUORUM, fx_show(&fx, &q));
}

/* Who was behind a job when nobody had to be named is not known later: bob, perhaps. */
static void a_job_without_an_actor_ends_when_one_is_demanded(void **state)
{
	(void)state;
	ask("ci-host", "build1");
	good.audience = "https://keeper.test";
	good.claims = GOOD ",\"jti\":\"nobody\"";
	waits(REASON_APPROVE_QUORUM, send(&good));
	host_actor = "actor";
	take_roster(false);
	waits(REASON_SIG_REQUESTER, fx_show(&fx, &q));
	(void)fx_approve(&fx, "bob", &q, true);
	waits(REASON_SIG_REQUESTER, fx_commit(&fx, &q, 1));
	host_actor = NULL;
	take_roster(false);
}

/* ---- Calls to the server -------------------------------------------------------------------*/

static enum keeper_type call_by(const char *service, struct view token)
{
	const struct keeper_caller m = {.service = view_str(service), .token = token};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	keeper_put_caller(&frame, ++fx.correlation, &m);
	return fx_exchange(&fx, &frame);
}

static enum keeper_type call(const char *service, const struct token *t)
{
	AUTO(buf) struct buf token;

	make(t, &token);
	return call_by(service, buf_view(&token));
}

/* The keeper says whose token it is, as often as it is asked. */
static void a_call_shows_whose_token_it_is(void **state)
{
	struct digest digest = digest_of(buf_view(&fx.roster));
	char expected[512];
	char roster[DIGEST_HEX];
	char expires[TIME_TEXT];

	(void)state;
	good.audience = "https://keeper.test/api";
	for (int i = 0; i < 2; i++)
		assert_int_equal(KEEPER_R_JSON, call("ci", &good));
	digest_hex(&digest, roster);
	fx_ok(time_format(fx_now(&fx) + 300, expires));
	(void)snprintf(expected, sizeof(expected),
		       "{\"expires\":\"%s\",\"roster\":\"%s\",\"service\":\"ci\"}", expires,
		       roster);
	assert_int_equal(strlen(expected), fx.body.len);
	assert_memory_equal(expected, fx.body.ptr, fx.body.len);
	/* What is not bound serves for both; a call does not use it up. */
	ask("ci-host", "build1");
	good.audience = "https://keeper.test";
	good.claims = GOOD ",\"jti\":\"calls\"";
	assert_int_equal(KEEPER_R_JSON, call("ci-host", &good));
	waits(REASON_APPROVE_QUORUM, send(&good));
	assert_int_equal(KEEPER_R_JSON, call("ci-host", &good));
}

/* A token for a request calls nobody, and one for calls asks for nothing, in any service's name. */
static void calls_and_requests_have_tokens_of_their_own(void **state)
{
	(void)state;
	refused(REASON_TOKEN_AUDIENCE, call("ci", &good));
	good.audience = "https://keeper.test/api";
	refused(REASON_TOKEN_AUDIENCE, send(&good));
	/* even where a roster was made that says so */
	good.claims = GOOD ",\"jti\":\"lax\"";
	ask("ci-lax", "build1");
	refused(REASON_TOKEN_AUDIENCE, send(&good));
	refused(REASON_TOKEN_AUDIENCE, call("ci-lax", &good));
	ask("ci-lost", "build1");
	good.audience = "https://keeper.test/request/sha256:any";
	refused(REASON_TOKEN_AUDIENCE, send(&good));
}

static void callers_are_held_against_the_roster(void **state)
{
	AUTO(buf) struct buf token;

	(void)state;
	good.audience = "https://keeper.test/api";
	make(&good, &token);
	refused(REASON_TOKEN_ISSUER, call("ci-other", &good));
	refused(REASON_TOKEN_AUDIENCE, call("ci-host", &good));
	refused(REASON_WHO_PERSON, call("alice", &good));
	refused(REASON_WHO_PERSON, call("NOBODY!", &good));
	refused(REASON_TOKEN_FORM, call_by("ci", view_str("eyJ")));
	token.ptr[token.len - 5] = token.ptr[token.len - 5] == 'A' ? 'B' : 'A';
	refused(REASON_TOKEN_SIGNATURE, call_by("ci", buf_view(&token)));
	good.key = other;
	refused(REASON_TOKEN_SIGNATURE, call("ci", &good));
	good.key = issuer;
	good.age = 331;
	refused(REASON_TOKEN_TIME, call("ci", &good));
	good.age = 0;
	good.claims = ",\"repository_id\":1235,\"ref_protected\":true";
	refused(REASON_TOKEN_MATCH, call("ci", &good));
	good.claims = ",\"repository_id\":1234,\"ref_protected\":false";
	refused(REASON_TOKEN_MATCH, call("ci", &good));
	good.claims = GOOD;
	take_roster(true);
	refused(REASON_TOKEN_MATCH, call("ci", &good));
	take_roster(false);
	assert_int_equal(KEEPER_R_JSON, call("ci", &good));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fresh_token, done)
		T(a_bound_job_gets_its_signature),
		T(an_unbound_token_is_good_once),
		T(a_refused_request_leaves_the_token_good),
		T(a_job_takes_its_request_back),
		T(tokens_of_others_are_refused),
		T(forged_tokens_are_refused),
		T(times_and_claims_are_held_against_the_roster),
		T(hosts_are_left_out_by_bound_jobs_alone),
		T(actors_do_not_approve_their_own_jobs),
		T(tokens_are_weighed_by_the_roster_in_force),
		T(a_job_without_an_actor_ends_when_one_is_demanded),
		T(a_call_shows_whose_token_it_is),
		T(calls_and_requests_have_tokens_of_their_own),
		T(callers_are_held_against_the_roster),
	};

	(void)fresh;
	return cmocka_run_group_tests(tests, tokens_setup, tokens_teardown);
}
