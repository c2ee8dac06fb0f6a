#include "tests/lib/gate_world.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "prog/keeper/gate.h"
#include "prog/keeper/loop.h"
#include "prog/keeper/start.h"
#include "tests/lib/fixture.h"

struct world {
	struct fixture fx;
	struct conf conf;
	struct parts *parts;
	struct buf frame[GATE_TEMPLATES];
	struct buf out; /* answers of one message */
	uint64_t size;	/* entries of the log */
	unix_time begun;
	int listen_fd;
	int stop_fd;
};

#define FRESH_SECONDS 1500 /* then the messages expire, and are refused for that */

static struct world *world;

/* ---- The keeper ----------------------------------------------------------------------------*/

static void make_conf(struct world *w)
{
	struct conf *c = &w->conf;
	const char *dir = w->fx.dir;

	settings_defaults(&conf_settings, c);
	(void)snprintf(c->state, sizeof(c->state), "%s/state", dir);
	(void)snprintf(c->guard, sizeof(c->guard), "%s/guard", dir);
	(void)snprintf(c->policy, sizeof(c->policy), "%s/policy", dir);
	(void)snprintf(c->roster, sizeof(c->roster), "%s/roster", dir);
	(void)snprintf(c->origin, sizeof(c->origin), "keeper.test");
	(void)snprintf(c->tokens.text[0], sizeof(c->tokens.text[0]),
		       "file:main,passphrase=%s/passphrase,scrypt=10,parallel=1", dir);
	c->tokens.count = 1;
	c->self_sign = true;
}

static void open_parts(struct world *w)
{
	AUTO(unlock) struct unlock unlock = {.count = 0};
	struct journal_identity id;
	struct fault f = {0};

	w->parts = calloc(1, sizeof(*w->parts));
	fx_check(w->parts != NULL);
	fx_ok(keeper_init(&w->conf, &id, &f));
	fx_ok(unlock_read(&w->conf, &unlock, &f));
	fx_ok(parts_open(&w->conf, &unlock, w->parts, &f));
	fx_ok(parts_load(&w->conf, w->parts, &f));
	fx_ok(parts_start(w->parts, &f));
}

static void *serve(void *arg)
{
	struct world *w = (struct world *)arg;
	const struct loop_config c = {
		.keeper = &w->parts->keeper, .listen_fd = w->listen_fd, .signal_fd = w->stop_fd};

	fx_ok(loop_run(&c, NULL));
	return NULL;
}

static void listen_here(struct world *w)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	memcpy(at.sun_path, w->fx.socket, strlen(w->fx.socket));
	w->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fx_check(w->listen_fd >= 0 && w->stop_fd >= 0);
	fx_check(bind(w->listen_fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
	fx_check(listen(w->listen_fd, 4) == 0);
}

/* ---- The messages --------------------------------------------------------------------------*/

static void make_submit(struct world *w)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host_sig;
	struct keeper_submit m = {.sign = true};
	struct fx_request q;

	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host_sig, KEEPER_SIG_MAX);
	fx_request_new(&w->fx, "nightly", 2, &q);
	m.statement = buf_view(&q.statement);
	fx_sign_as(&w->fx, "robot", STATEMENT_REQUEST, m.statement, &sig);
	fx_sign(&fx_host(&w->fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns, m.statement,
		&host_sig);
	m.requester_sig = buf_view(&sig);
	m.host_sig = buf_view(&host_sig);
	keeper_put_submit(&w->frame[GATE_SUBMIT], 1, KEEPER_SUBMIT, &m);
	fx_request_release(&q);
}

static void make_act(struct world *w)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	struct keeper_act m = {.kind = STATEMENT_APPROVAL, .sign = true};
	struct fx_request q;
	struct act a;

	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_request_new(&w->fx, "release", 1, &q);
	fx_check(fx_submit(&w->fx, &q, true) == KEEPER_R_STATUS);
	fx_act(&w->fx, STATEMENT_APPROVAL, "bob", &q, &a);
	fx_ok(act_encode(&a, &statement, NULL));
	fx_sign_as(&w->fx, "bob", a.kind, buf_view(&statement), &sig);
	m.statement = buf_view(&statement);
	m.sig = buf_view(&sig);
	keeper_put_act(&w->frame[GATE_ACT], 2, &m);
	fx_request_release(&q);
}

static void make_change(struct world *w)
{
	static const char *const people[2] = {"erin", "frank"};
	struct document_change c = {.kind = STATEMENT_POLICY,
				    .previous = digest_of(buf_view(&w->fx.policy)),
				    .expires = fx_now(&w->fx) + 3600};
	struct keeper_change m = {.kind = STATEMENT_POLICY, .sig_count = 2};
	AUTO(buf) struct buf document;
	AUTO(buf) struct buf statement;
	struct buf sig[2];

	buf_init(&document, DOCUMENT_BYTES_MAX);
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&w->fx, 2, "", &document);
	c.document = buf_view(&document);
	fx_ok(document_change_encode(&c, &statement, NULL));
	m.statement = buf_view(&statement);
	for (size_t i = 0; i < 2; i++) {
		buf_init(&sig[i], KEEPER_SIG_MAX);
		fx_sign_as(&w->fx, people[i], m.kind, m.statement, &sig[i]);
		m.sigs[i] = buf_view(&sig[i]);
	}
	keeper_put_change(&w->frame[GATE_CHANGE], 3, &m);
	for (size_t i = 0; i < 2; i++)
		buf_release(&sig[i]);
}

/* ---- The world -----------------------------------------------------------------------------*/

/* The control: unchanged, each of the messages does get somewhere. */
static void accept_all(void)
{
	static const enum gate_template all[] = {GATE_ACT, GATE_CHANGE, GATE_SUBMIT};

	for (size_t i = 0; i < GATE_TEMPLATES; i++) {
		world->size = world->parts->keeper.ledger.committed.tree.size;
		fx_check(!gate_feed(gate_template(all[i])));
		fx_check(world->parts->keeper.ledger.committed.tree.size > world->size);
	}
}

static void world_end(void)
{
	if (fx_now(&world->fx) < world->begun + FRESH_SECONDS)
		accept_all();
	parts_release(world->parts);
	free(world->parts);
	for (size_t i = 0; i < GATE_TEMPLATES; i++)
		buf_release(&world->frame[i]);
	buf_release(&world->out);
	(void)close(world->listen_fd);
	(void)close(world->stop_fd);
	fx_end(&world->fx);
	free(world);
	world = NULL;
}

/* Its people speak to it through its loop; then the loop ends and the gate is ours. */
static void world_begin(void)
{
	const uint64_t one = 1;
	struct world *w = calloc(1, sizeof(*w));
	pthread_t thread;

	fx_check(w != NULL);
	log_setup("gate", LOG_LEVEL_ERR, false);
	fx_prepare(&w->fx);
	make_conf(w);
	open_parts(w);
	listen_here(w);
	for (size_t i = 0; i < GATE_TEMPLATES; i++)
		buf_init(&w->frame[i], KEEPER_FRAME_MAX);
	buf_init(&w->out, (size_t)64 << 20);
	fx_check(pthread_create(&thread, NULL, serve, w) == 0);
	w->fx.fd = fx_connect(&w->fx);
	fx_make_key(&w->fx, "release", "ecdsa-p256");
	fx_make_key(&w->fx, "nightly", "ecdsa-p256");
	make_submit(w);
	make_act(w);
	make_change(w);
	fx_check(write(w->stop_fd, &one, sizeof(one)) == sizeof(one));
	fx_check(pthread_join(thread, NULL) == 0);
	w->size = w->parts->keeper.ledger.committed.tree.size;
	w->begun = fx_now(&w->fx);
	world = w;
	(void)atexit(world_end);
}

struct view gate_template(enum gate_template t)
{
	if (world == NULL)
		world_begin();
	return buf_view(&world->frame[t]);
}

/* ---- What is signed ------------------------------------------------------------------------*/

static bool same_submit(struct view a, struct view b)
{
	struct keeper_submit x, y;

	return rc_is_ok(keeper_get_submit(a, &x)) && rc_is_ok(keeper_get_submit(b, &y)) &&
	       view_is_equal(x.statement, y.statement) &&
	       view_is_equal(x.requester_sig, y.requester_sig) &&
	       view_is_equal(x.host_sig, y.host_sig);
}

static bool same_act(struct view a, struct view b)
{
	struct keeper_act x, y;

	return rc_is_ok(keeper_get_act(a, &x)) && rc_is_ok(keeper_get_act(b, &y)) &&
	       x.kind == y.kind && view_is_equal(x.statement, y.statement) &&
	       view_is_equal(x.sig, y.sig);
}

static bool same_change(struct view a, struct view b)
{
	struct keeper_change x, y;

	if (!rc_is_ok(keeper_get_change(a, &x)) || !rc_is_ok(keeper_get_change(b, &y)) ||
	    x.kind != y.kind || !view_is_equal(x.statement, y.statement) ||
	    x.sig_count != y.sig_count)
		return false;
	for (size_t i = 0; i < x.sig_count; i++)
		if (!view_is_equal(x.sigs[i], y.sigs[i]))
			return false;
	return true;
}

bool gate_is_signed(enum gate_template t, struct view frame)
{
	static bool (*const same[GATE_TEMPLATES])(struct view, struct view) = {
		[GATE_SUBMIT] = same_submit, [GATE_ACT] = same_act, [GATE_CHANGE] = same_change};
	struct view ours = gate_template(t);
	struct keeper_header h, mine;

	return frame.len == ours.len && rc_is_ok(keeper_header_parse(frame, &h)) &&
	       rc_is_ok(keeper_header_parse(ours, &mine)) && h.type == mine.type &&
	       same[t](view_of(frame.ptr + KEEPER_HEADER, frame.len - KEEPER_HEADER),
		       view_of(ours.ptr + KEEPER_HEADER, ours.len - KEEPER_HEADER));
}

/* ---- Rounds --------------------------------------------------------------------------------*/

static struct buf *answers(void *ctx, const struct reply_to *to)
{
	(void)to;
	return &((struct world *)ctx)->out;
}

/* One round, with a message or without. */
static void one_round(struct world *w, const struct keeper_header *h, struct view body)
{
	const struct replies replies = {.out = answers, .ctx = w};
	const struct reply_to to = {.conn = 1, .correlation = h != NULL ? h->correlation : 0};
	struct keeper *k = &w->parts->keeper;
	struct fault f = {0};
	bool fatal;

	round_begin(k);
	if (h != NULL)
		(void)gate_handle(k, &to, h, body, &w->out);
	k->finished = pool_done(k->pool);
	if (!k->round.failed)
		fx_ok(uses_finish(k, &f));
	fx_check(!k->round.failed);
	fx_ok(round_end(k, &fatal, &f));
	round_answer(k, &replies, NULL);
}

/* A certificate request is made by the pool. */
static void wait_for_pool(struct world *w)
{
	while (w->parts->keeper.key_work_count > 0) {
		struct pollfd p = {.fd = pool_fd(w->parts->keeper.pool), .events = POLLIN};

		(void)poll(&p, 1, -1);
		one_round(w, NULL, view_of(NULL, 0));
	}
}

static bool has_result(struct view frames)
{
	struct keeper_header h;
	struct view body;

	while (frames.len > 0) {
		fx_ok(keeper_header_parse(frames, &h));
		fx_ok(view_slice(frames, KEEPER_HEADER, h.body_len, &body));
		if (h.type == KEEPER_R_RESULT)
			return true;
		frames.ptr += KEEPER_HEADER + h.body_len;
		frames.len -= KEEPER_HEADER + h.body_len;
	}
	return false;
}

bool gate_feed(struct view frames)
{
	struct world *w;
	struct keeper *k;
	struct keeper_header h;
	struct view body;

	(void)gate_template(GATE_SUBMIT); /* the world is there */
	w = world;
	k = &w->parts->keeper;
	while (rc_is_ok(keeper_header_parse(frames, &h)) &&
	       rc_is_ok(view_slice(frames, KEEPER_HEADER, h.body_len, &body))) {
		buf_clear(&w->out);
		one_round(w, &h, body);
		wait_for_pool(w);
		fx_ok(buf_done(&w->out));
		/* A certificate request is nobody's signature; that one was made is in the log. */
		if (h.type == KEEPER_CSR && k->ledger.committed.tree.size == w->size + 1)
			w->size++;
		if (has_result(buf_view(&w->out)) || k->job_count > 0 || k->waiter_count > 0 ||
		    k->ledger.committed.tree.size != w->size || k->policy->version != 1 ||
		    k->roster->version != 1)
			return false;
		frames.ptr += KEEPER_HEADER + h.body_len;
		frames.len -= KEEPER_HEADER + h.body_len;
	}
	return true;
}
