/* Who may ask and who may approve, against a real keeper: services and the people behind them,
 * seats of a channel, passkeys that may be copied, nested groups, keys and names that are somebody
 * else's. Nothing of it yields a signature or a roster that reads in two ways. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/model/preapproval.h"
#include "tests/flow/evil.h"
#include "tests/lib/passkey.h"

#define WEB "https://sign.example"

static const char *const two[] = {"erin", "frank", NULL};
static const struct passkey_form in_browser = {true, PASSKEY_VERIFIED, WEB};
static const struct passkey_form copied = {true, PASSKEY_SYNCED, WEB};
static const struct passkey_form on_cli = {false, PASSKEY_VERIFIED, NULL};

static struct passkey carols; /* a passkey */
static struct passkey daves;  /* a security key of the command line */
static struct fx_key robots;  /* of the service */
static struct fx_key spare;   /* of nobody */

/* ---- Documents -----------------------------------------------------------------------------*/

static void put_line(const struct fx_key *k, struct buf *out)
{
	sshkey_put_line(k->ssh, view_of(NULL, 0), out);
}

/* The roster of the people as they are, with "groups" (or "") and services behind. */
static void roster_with(const char *groups, const char *services, struct buf *out)
{
	AUTO(buf) struct buf plain;
	const char *text;
	const char *hosts;
	const char *version;

	buf_init(&plain, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, fx.roster_version + 1, &plain);
	text = buf_cstr(&plain);
	hosts = strstr(text, "\"hosts\":");
	version = strstr(text, "\"version\":");
	assert_true(hosts != NULL && version != NULL);
	buf_clear(out);
	buf_put(out, text, (size_t)(hosts - text));
	buf_put_str(out, groups);
	buf_put(out, hosts, (size_t)(version - hosts));
	buf_put_str(out, services);
	buf_put_str(out, version);
	fx_ok(buf_done(out));
}

static enum keeper_type propose(enum statement_kind kind, const struct buf *doc)
{
	struct buf *old = kind == STATEMENT_POLICY ? &fx.policy : &fx.roster;
	struct digest in_force = digest_of(buf_view(old));
	enum keeper_type answer = fx_change_document(&fx, kind, buf_view(doc), &in_force, two);

	if (answer == KEEPER_R_CHANGE) {
		if (kind == STATEMENT_POLICY)
			fx.policy_version++;
		else
			fx.roster_version++;
		buf_clear(old);
		buf_put_view(old, buf_view(doc));
	}
	return answer;
}

static enum keeper_type propose_roster(const char *groups, const char *services)
{
	AUTO(buf) struct buf doc;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	roster_with(groups, services, &doc);
	return propose(STATEMENT_ROSTER, &doc);
}

/* "ci" with its key and this owner, "" for none. */
static const char *service_of(const char *owner)
{
	static struct buf text;

	buf_release(&text);
	buf_init(&text, 4096);
	buf_put_str(&text, "\"services\":[{\"keys\":[\"");
	put_line(&robots, &text);
	buf_put_str(&text, "\"],\"name\":\"ci\"");
	if (owner[0] != '\0')
		buf_printf(&text, ",\"owners\":[\"%s\"]", owner);
	buf_put_str(&text, "}],");
	return buf_cstr(&text);
}

static bool takes_early; /* the rule counts preapprovals */

/* Rule "release" with these seats and more fields (in the order of their names, behind "name"). */
static void policy_with(const char *seats, const char *request, const char *more)
{
	AUTO(buf) struct buf doc;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	buf_printf(&doc,
		   "{\"admin\":{\"approve\":[\"2 of admins\"]},"
		   "\"change\":{\"approve\":[\"2 of admins\"]},\"rules\":["
		   "{\"approve\":[%s],\"formats\":[\"cms\",\"pe\"],"
		   "\"from\":[\"group:builders\"],\"keys\":[\"release\"],\"max_uses\":3,"
		   "\"name\":\"release\"%s,\"request\":[%s]%s,\"upload\":\"optional\"}],"
		   "\"unlock\":{\"approve\":[\"2 of admins\"]},\"version\":%llu}",
		   seats, takes_early ? ",\"preapproved\":{\"max_age\":600}" : "", request, more,
		   (unsigned long long)fx.policy_version + 1);
	if (propose(STATEMENT_POLICY, &doc) != KEEPER_R_CHANGE)
		fail_msg("%s: %.*s", reason_id(fx_reason(&fx)), (int)fx.body.len,
			 (const char *)fx.body.ptr);
}

#define DEVELOPERS "\"group:developers\""
#define CLI "\"1 of security (cli)\""
#define BOTH CLI ",\"1 of security (browser)\""

static void put_signer(const char *name, const struct fx_key *k)
{
	struct fx_who *who = fx_person(&fx, name);

	who->key[who->key_count++] = *k;
}

static int roster_setup(void **state)
{
	static const char *const settings[] = {"--web-origin", WEB, "--synced-passkeys", "yes",
					       NULL};

	(void)group_setup(state);
	fx_stop(&fx);
	fx.run_with = settings;
	fx_run(&fx);
	passkey_new(&carols, "sign.example");
	passkey_new(&daves, "ssh:");
	fx_key_new(&robots, false);
	fx_key_new(&spare, false);
	put_signer("carol", &carols.key);
	put_signer("dave", &daves.key);
	assert_int_equal(propose_roster("", service_of("")), KEEPER_R_CHANGE);
	return 0;
}

static int roster_teardown(void **state)
{
	/* The fixture frees what its people hold. */
	sshkey_free(carols.plain);
	sshkey_free(daves.plain);
	ed25519_key_free(robots.ed);
	sshkey_free(robots.ssh);
	ed25519_key_free(spare.ed);
	sshkey_free(spare.ssh);
	return group_teardown(state);
}

static enum keeper_type passkey_approve(const struct passkey *p, const char *person,
					const struct passkey_form *form)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	struct act a;

	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_act(&fx, STATEMENT_APPROVAL, person, &q, &a);
	fx_ok(act_encode(&a, &statement, NULL));
	passkey_sign(p, form, statement_info(STATEMENT_APPROVAL)->ns, buf_view(&statement), &sig);
	return fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true);
}

/* ---- Channels ------------------------------------------------------------------------------*/

static void each_seat_from_its_channel(void **state)
{
	(void)state;
	policy_with(BOTH, DEVELOPERS, "");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	/* Two from the command line leave the browser's seat open. */
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "dave", &q, true));
	assert_non_null(memmem(fx.body.ptr, fx.body.len, "1 of security (browser)", 23));
	assert_int_equal(passkey_approve(&carols, "carol", &in_browser), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

/* One person with two keys is one person, who may say yes in both channels. */
static void one_person_fills_one_seat(void **state)
{
	(void)state;
	policy_with(BOTH, DEVELOPERS, "");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, passkey_approve(&carols, "carol", &in_browser));
	refused(REASON_APPROVE_DUPLICATE, passkey_approve(&carols, "carol", &in_browser));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "carol", &q, true));
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

static void browser_is_no_command_line(void **state)
{
	(void)state;
	policy_with(CLI, DEVELOPERS, "");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	refused(REASON_WHO_CHANNEL, passkey_approve(&carols, "carol", &in_browser));
	/* A passkey that says it is a key of the command line, and the reverse. */
	refused(REASON_WHO_CHANNEL, passkey_approve(&carols, "carol", &on_cli));
	refused(REASON_WHO_CHANNEL, passkey_approve(&daves, "dave", &in_browser));
	refused(REASON_SIG_APPROVER,
		passkey_approve(&carols, "carol",
				&(struct passkey_form){true, PASSKEY_TOUCHED, WEB}));
	refused(REASON_SIG_APPROVER,
		passkey_approve(&carols, "carol",
				&(struct passkey_form){true, PASSKEY_VERIFIED,
						       "https://sign.example.evil.example"}));
	/* carol's passkey does not speak for bob. */
	refused(REASON_SIG_APPROVER, passkey_approve(&carols, "bob", &in_browser));
	assert_int_equal(passkey_approve(&daves, "dave", &on_cli), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

static void copied_passkeys(void **state)
{
	(void)state;
	policy_with("\"1 of security\"", DEVELOPERS, ",\"synced\":\"false\"");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	refused(REASON_APPROVE_SYNCED, passkey_approve(&carols, "carol", &copied));
	assert_int_equal(passkey_approve(&carols, "carol", &in_browser), KEEPER_R_RESULT);
	fx_request_release(&q);
	fx_request_new(&fx, "release", 2, &q);
	policy_with("\"2 of security\"", DEVELOPERS, "");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, passkey_approve(&carols, "carol", &copied));
	/* The flag is kept with the approval: a rule that becomes strict, and a restart. */
	fx_kill(&fx);
	fx_run(&fx);
	policy_with("\"2 of security\"", DEVELOPERS, ",\"synced\":\"false\"");
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_non_null(memmem(fx.body.ptr, fx.body.len, "\"live\":false", 12));
	assert_int_equal(fx_approve(&fx, "dave", &q, true), KEEPER_R_RESULT);
}

/* A passkey alone does not fill a change's seat of the command line. */
static void changes_have_channels(void **state)
{
	(void)state;
	AUTO(buf) struct buf doc;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	buf_printf(&doc,
		   "{\"admin\":{\"approve\":[\"1 of @carol (cli)\"]},"
		   "\"change\":{\"approve\":[\"2 of admins\"]},\"rules\":[],"
		   "\"unlock\":{\"approve\":[\"1 of @bob (browser)\"]},\"version\":%llu}",
		   (unsigned long long)fx.policy_version + 1);
	/* bob has no passkey: nobody could unlock. */
	refused(REASON_CHANGE_INVALID, propose(STATEMENT_POLICY, &doc));
}

/* ---- Services ------------------------------------------------------------------------------*/

static enum keeper_type submit_as(const char *requester, const struct fx_key *k)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host;

	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host, KEEPER_SIG_MAX);
	fx_ok(name_parse(view_str(requester), &q.r.requester));
	fx_request_encode(&q);
	fx_sign(k, statement_info(STATEMENT_REQUEST)->ns, buf_view(&q.statement), &sig);
	fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&q.statement), &host);
	return fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement), buf_view(&sig),
			     buf_view(&host), true);
}

static enum keeper_type act_as(enum statement_kind kind, const char *who, const struct fx_key *k)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	struct act a;

	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_act(&fx, kind, who, &q, &a);
	fx_ok(act_encode(&a, &statement, NULL));
	fx_sign(k, statement_info(kind)->ns, buf_view(&statement), &sig);
	return fx_act_raw(&fx, kind, buf_view(&statement), buf_view(&sig), true);
}

static void service_asks(void **state)
{
	(void)state;
	policy_with("\"1 of security\"", "\"service:ci\"", "");
	refused(REASON_SIG_REQUESTER, submit_as("ci", &spare));
	refused(REASON_SIG_REQUESTER, submit_as("ci", &fx_person(&fx, "alice")->key[0]));
	refused(REASON_SIG_REQUESTER, submit_as("alice", &robots));
	waits(REASON_APPROVE_QUORUM, submit_as("ci", &robots));
	/* It approves nothing, not even as itself. */
	refused(REASON_WHO_PERSON, act_as(STATEMENT_APPROVAL, "ci", &robots));
	refused(REASON_WHO_PERSON, act_as(STATEMENT_DENIAL, "ci", &robots));
	refused(REASON_SIG_APPROVER, act_as(STATEMENT_APPROVAL, "bob", &robots));
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

static void service_cancels(void **state)
{
	(void)state;
	policy_with("\"1 of security\"", "\"service:*\"", "");
	waits(REASON_APPROVE_QUORUM, submit_as("ci", &robots));
	refused(REASON_WHO_OWNER,
		act_as(STATEMENT_CANCELLATION, "alice", &fx_person(&fx, "alice")->key[0]));
	assert_int_equal(act_as(STATEMENT_CANCELLATION, "ci", &robots), KEEPER_R_STATUS);
	refused(REASON_STATE_CANCELLED, fx_approve(&fx, "bob", &q, true));
}

/* A rule for people does not let a service ask, and the reverse. */
static void services_are_no_people(void **state)
{
	(void)state;
	policy_with("\"1 of security\"", DEVELOPERS, "");
	assert_int_equal(submit_as("ci", &robots), KEEPER_R_ERROR);
	assert_int_equal(fx_reason(&fx), REASON_RULE_REQUESTER);
	policy_with("\"1 of security\"", "\"service:*\"", "");
	assert_int_equal(submit_as("alice", &fx_person(&fx, "alice")->key[0]), KEEPER_R_ERROR);
	assert_int_equal(fx_reason(&fx), REASON_RULE_REQUESTER);
}

static void people_behind_a_service(void **state)
{
	(void)state;
	policy_with("\"1 of security\"", "\"service:ci\"", "");
	waits(REASON_APPROVE_QUORUM, submit_as("ci", &robots));
	assert_int_equal(propose_roster("", service_of("bob")), KEEPER_R_CHANGE);
	refused(REASON_WHO_BEHIND, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(fx_approve(&fx, "dave", &q, true), KEEPER_R_RESULT);
	assert_int_equal(propose_roster("", service_of("")), KEEPER_R_CHANGE);
}

/* bob approves, and is seen to be behind the service before the second approval comes. */
static void seen_behind_it_later(void **state)
{
	(void)state;
	policy_with("\"2 of security\"", "\"service:ci\"", "");
	waits(REASON_APPROVE_QUORUM, submit_as("ci", &robots));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(propose_roster("", service_of("bob")), KEEPER_R_CHANGE);
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "dave", &q, true));
	assert_int_equal(passkey_approve(&carols, "carol", &in_browser), KEEPER_R_RESULT);
	assert_int_equal(propose_roster("", service_of("")), KEEPER_R_CHANGE);
}

/* What the service signed is not signed once it has left the roster. */
static void service_taken_away(void **state)
{
	(void)state;
	policy_with("\"1 of security\"", "\"service:ci\"", "");
	waits(REASON_APPROVE_QUORUM, submit_as("ci", &robots));
	policy_with("\"1 of security\"", DEVELOPERS, "");
	assert_int_equal(propose_roster("", ""), KEEPER_R_CHANGE);
	assert_int_equal(fx_show(&fx, &q), KEEPER_R_STATUS);
	assert_int_not_equal(fx_reason(&fx), REASON_NONE);
	waits(REASON_WHO_PERSON, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(propose_roster("", service_of("")), KEEPER_R_CHANGE);
}

/* ---- Before the request -------------------------------------------------------------------*/

/* Sends a preapproval of q's files; form NULL: with the person's first key. */
static enum keeper_type preapprove(const char *person, const struct passkey_form *form)
{
	struct preapproval p = {.key = q.r.key,
				.key_fingerprint = q.r.key_fingerprint,
				.origin = "keeper.test",
				.expires = fx_now(&fx) + 3600,
				.uses = 2,
				.count = 1};
	const char *ns = statement_info(STATEMENT_PREAPPROVAL)->ns;
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	struct act a;

	buf_init(&statement, PREAPPROVAL_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_act(&fx, STATEMENT_APPROVAL, person, &q, &a);
	p.rule = a.rule;
	memcpy(p.nonce, a.nonce, sizeof(p.nonce));
	fx_ok(name_parse(view_str(person), &p.person));
	p.items[0] = (struct preapproval_item){.sha256 = q.items[0].sha256,
					       .content = q.items[0].content,
					       .format = "cms",
					       .params = q.items[0].params};
	fx_ok(preapproval_encode(&p, &statement, NULL));
	if (form != NULL)
		passkey_sign(&carols, form, ns, buf_view(&statement), &sig);
	else
		fx_sign_as(&fx, person, STATEMENT_PREAPPROVAL, buf_view(&statement), &sig);
	return fx_act_raw(&fx, STATEMENT_PREAPPROVAL, buf_view(&statement), buf_view(&sig), true);
}

static void one_file(void)
{
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q);
}

/* What is said before the request has a channel, too. */
static void preapprovals_have_channels(void **state)
{
	(void)state;
	one_file();
	takes_early = true;
	policy_with("\"1 of security (cli)\"", DEVELOPERS, "");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	assert_int_equal(preapprove("carol", &on_cli), KEEPER_R_ERROR);
	assert_int_equal(fx_reason(&fx), REASON_WHO_CHANNEL);
	refused(REASON_WHO_CHANNEL, preapprove("carol", &in_browser));
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	assert_int_equal(preapprove("bob", NULL), KEEPER_R_JSON);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	takes_early = false;
}

static void preapprovals_of_copied_passkeys(void **state)
{
	(void)state;
	one_file();
	takes_early = true;
	policy_with("\"1 of security\"", DEVELOPERS, ",\"synced\":\"false\"");
	q.items[0].content.b[0] ^= 1; /* a set that nobody has preapproved */
	fx_request_encode(&q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	refused(REASON_APPROVE_SYNCED, preapprove("carol", &copied));
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	takes_early = false;
}

/* An owner of the service does not fill a seat beforehand. */
static void preapprovals_from_behind(void **state)
{
	(void)state;
	one_file();
	takes_early = true;
	policy_with("\"1 of security\"", "\"service:ci\"", "");
	q.items[0].content.b[0] ^= 2;
	waits(REASON_APPROVE_QUORUM, submit_as("ci", &robots));
	assert_int_equal(propose_roster("", service_of("bob")), KEEPER_R_CHANGE);
	assert_int_equal(preapprove("bob", NULL), KEEPER_R_JSON);
	waits(REASON_APPROVE_QUORUM, submit_as("ci", &robots));
	assert_int_equal(propose_roster("", service_of("")), KEEPER_R_CHANGE);
	takes_early = false;
}

/* ---- Rosters that are refused --------------------------------------------------------------*/

static void key_line(const struct fx_key *k, const char *before, const char *behind,
		     struct buf *out)
{
	buf_init(out, 4096);
	buf_put_str(out, before);
	put_line(k, out);
	buf_put_str(out, behind);
	fx_ok(buf_done(out));
}

static void refused_roster(const char *groups, const char *services)
{
	refused(REASON_CHANGE_INVALID, propose_roster(groups, services));
}

static void rosters_that_read_in_two_ways(void **state)
{
	static const char *const names[] = {"alice", "\\u0441i", "CI", "", "ci ", "../ci", "*"};
	AUTO(buf) struct buf text;

	(void)state;
	/* A service with a person's name, and names that only look like one. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char behind[64];

		(void)snprintf(behind, sizeof(behind), "\"],\"name\":\"%s\"}],", names[i]);
		key_line(&spare, "\"services\":[{\"keys\":[\"", behind, &text);
		refused_roster("", buf_cstr(&text));
		buf_release(&text);
	}
	/* One key for a person and a service. */
	key_line(&fx_person(&fx, "alice")->key[0], "\"services\":[{\"keys\":[\"",
		 "\"],\"name\":\"other\"}],", &text);
	refused_roster("", buf_cstr(&text));
	buf_release(&text);
	key_line(&fx_person(&fx, "alice")->key[0], "\"builders\":[{\"keys\":[\"",
		 "\"],\"name\":\"other\"}],", &text);
	refused_roster(buf_cstr(&text), "");
	buf_release(&text);
	key_line(&robots, "\"builders\":[{\"keys\":[\"", "\"],\"name\":\"other\"}],", &text);
	refused_roster(buf_cstr(&text), service_of(""));
	/* Owners are people of the roster. */
	refused_roster("", service_of("ci"));
	refused_roster("", service_of("mallory"));
	refused_roster("", "\"services\":[],");
	refused_roster("", "\"services\":[{\"name\":\"empty\"}],");
}

static void groups_in_a_circle_and_empty(void **state)
{
	char deep[1200] = "\"groups\":[";
	size_t len = strlen(deep);

	(void)state;
	refused_roster("\"groups\":[{\"groups\":[\"a\"],\"name\":\"a\"}],", "");
	refused_roster("\"groups\":[{\"groups\":[\"b\"],\"name\":\"a\"},"
		       "{\"groups\":[\"a\"],\"name\":\"b\"}],",
		       "");
	/* A circle that has members all the same. */
	refused_roster("\"groups\":[{\"groups\":[\"b\",\"security\"],\"name\":\"a\"},"
		       "{\"groups\":[\"a\"],\"name\":\"b\"}],",
		       "");
	refused_roster("\"groups\":[{\"groups\":[\"nobody\"],\"name\":\"a\"}],", "");
	refused_roster("\"groups\":[{\"groups\":[\"builders\"],\"name\":\"a\"}],", ""); /* hosts */
	refused_roster("\"groups\":[{\"groups\":[\"ci\"],\"name\":\"a\"}],", service_of(""));
	refused_roster("\"groups\":[{\"groups\":[],\"name\":\"a\"}],", "");
	refused_roster("\"groups\":[],", "");
	for (int i = 0; i < 9; i++)
		len += (size_t)snprintf(deep + len, sizeof(deep) - len,
					"%s{\"groups\":[\"%s%c\"],\"name\":\"%c\"}",
					i == 0 ? "" : ",", i == 0 ? "securit" : "",
					i == 0 ? 'y' : 'a' + i - 1, 'a' + i);
	(void)snprintf(deep + len, sizeof(deep) - len, "],");
	refused_roster(deep, "");
}

/* A service of the name of a group is not in it; a nested group's members are. */
static void a_service_is_in_no_group(void **state)
{
	AUTO(buf) struct buf text;

	(void)state;
	policy_with("\"1 of security\"", DEVELOPERS, "");
	key_line(&robots, "\"services\":[{\"keys\":[\"", "\"],\"name\":\"security\"}],", &text);
	assert_int_equal(propose_roster("\"groups\":[{\"groups\":[\"security\"],\"name\":"
					"\"signers\"}],",
					buf_cstr(&text)),
			 KEEPER_R_CHANGE);
	policy_with("\"1 of signers\"", DEVELOPERS, "");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	refused(REASON_WHO_PERSON, act_as(STATEMENT_APPROVAL, "security", &robots));
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_RESULT);
	policy_with("\"1 of security\"", DEVELOPERS, "");
	assert_int_equal(propose_roster("", service_of("")), KEEPER_R_CHANGE);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fresh, done)
	const struct CMUnitTest tests[] = {
		CASE(each_seat_from_its_channel),
		CASE(one_person_fills_one_seat),
		CASE(browser_is_no_command_line),
		CASE(copied_passkeys),
		CASE(changes_have_channels),
		CASE(service_asks),
		CASE(service_cancels),
		CASE(services_are_no_people),
		CASE(people_behind_a_service),
		CASE(seen_behind_it_later),
		CASE(service_taken_away),
		CASE(preapprovals_have_channels),
		CASE(preapprovals_of_copied_passkeys),
		CASE(preapprovals_from_behind),
		CASE(rosters_that_read_in_two_ways),
		CASE(groups_in_a_circle_and_empty),
		CASE(a_service_is_in_no_group),
	};

	return cmocka_run_group_tests(tests, roster_setup, roster_teardown);
}
