/* load - many clients that ask one greatseald for signatures as fast as they get them.
 *
 * Every client is a thread with one kept-alive connection. A request is what `greatseal submit
 * --no-upload --new` makes: fresh content digests, a statement with a nonce, the requester's and
 * the host's signature over it, and the signature over the call. --prepared N: so many in all are
 * made before the clock starts, and the run ends when a client has none left; without it each is
 * made when it is sent. An answer counts when it holds one signature for every item. Prints one
 * JSON object; cpu_seconds is what the clients used while the clock ran, made_us what making one
 * took. Owns: the clock of the measurement. Must not own: what is compared with what (tools/bench).
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/codec/base64.h"
#include "lib/codec/jcan.h"
#include "lib/crypt/sshpriv.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/call.h"
#include "lib/model/statement.h"
#include "tools/bench-parts/wire.h"

#define CLIENTS_MAX 256u
#define SAMPLES_MAX 200000u
#define DEADLINE 3600

struct plan {
	const char *server, *pin, *origin, *person, *person_key, *host, *host_key, *key, *print,
		*client_cert, *client_key;
	uint64_t clients, items, seconds, count, prepared;
};

struct run {
	struct plan plan;
	struct digest pin, fingerprint;
	struct sshpriv *person, *host;
	int64_t end_ns;
	uint64_t left; /* requests that may still begin; atomic */
	bool dry;      /* a client has sent all that it had prepared; atomic */
};

struct client {
	const struct run *run;
	struct run *shared;
	pthread_t thread;
	struct wire *wire;
	struct request request;
	char (*text)[64];
	const char **names;
	struct buf *prepared; /* whole requests */
	size_t prepared_count, next;
	uint32_t *sample_us;
	size_t samples;
	uint64_t done;
	int64_t last_ns;
	struct fault fault;
	bool failed;
};

static int64_t now_ns(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static rc statement_make(struct client *c, struct buf *out)
{
	struct request *r = &c->request;

	r->not_before = clock_now(&clock_system);
	r->deadline = r->not_before + DEADLINE;
	TRY(rng_fill(&rng_system, r->nonce, sizeof(r->nonce)));
	for (size_t i = 0; i < r->count; i++) {
		struct request_item *item = &r->items[i];
		uint8_t content[64] = {0};

		memcpy(content, r->nonce, sizeof(r->nonce));
		memcpy(content + sizeof(r->nonce), &i, sizeof(i));
		item->sha256 = digest_of(view_of(content, sizeof(content)));
		/* Of a file signed with cms the content digest is the file's. */
		item->content = (struct hash){.alg = HASH_SHA256, .size = DIGEST_SIZE};
		memcpy(item->content.b, item->sha256.b, DIGEST_SIZE);
	}
	return request_encode(r, c->names, out, &c->fault);
}

static void put_base64(struct buf *out, const char *name, struct view bytes)
{
	buf_put_str(out, name);
	base64_put(BASE64_STD, bytes, out);
	buf_put_str(out, "\"");
}

static rc body_make(struct client *c, struct buf *out)
{
	const struct run *run = c->run;
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf requester = {0};
	AUTO(buf) struct buf host = {0};

	buf_init(&statement, REQUEST_BYTES_MAX);
	buf_init(&requester, SSHSIG_BLOB_MAX);
	buf_init(&host, SSHSIG_BLOB_MAX);
	TRY(statement_make(c, &statement));
	TRY(sshpriv_sign(run->person, statement_info(STATEMENT_REQUEST)->ns, buf_view(&statement),
			 &requester, &c->fault));
	TRY(sshpriv_sign(run->host, statement_info(STATEMENT_HOST)->ns, buf_view(&statement), &host,
			 &c->fault));
	put_base64(out, "{\"host_signature\":\"", buf_view(&host));
	put_base64(out, ",\"requester_signature\":\"", buf_view(&requester));
	buf_put_str(out, ",\"sign\":true");
	put_base64(out, ",\"statement\":\"", buf_view(&statement));
	buf_put_str(out, "}");
	return buf_done(out);
}

static rc authorization(struct client *c, struct view body, struct buf *out)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf sig = {0};
	struct call call = {.method = view_str("POST"),
			    .target = view_str("/v1/requests"),
			    .has_body_digest = true,
			    .body = digest_of(body),
			    .time = clock_now(&clock_system),
			    .pin = c->run->pin};

	buf_init(&text, CALL_TARGET_MAX + 1024);
	buf_init(&sig, SSHSIG_BLOB_MAX);
	TRY(rng_fill(&rng_system, call.nonce, sizeof(call.nonce)));
	TRY(call_text(&call, &text));
	TRY(sshpriv_sign(c->run->person, statement_info(STATEMENT_CALL)->ns, buf_view(&text), &sig,
			 &c->fault));
	return call_header_encode(&call, buf_view(&sig), out);
}

/* A whole request as it goes over the wire. */
static rc message_make(struct client *c, struct buf *out)
{
	AUTO(buf) struct buf body = {0};

	buf_init(&body, 2 * REQUEST_BYTES_MAX);
	buf_init(out, 2 * REQUEST_BYTES_MAX + CALL_HEADER_MAX + 256);
	TRY(body_make(c, &body));
	buf_printf(out,
		   "POST /v1/requests HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
		   "Content-Length: %zu\r\nAuthorization: ",
		   body.len);
	TRY(authorization(c, buf_view(&body), out));
	buf_put_str(out, "\r\n\r\n");
	buf_put_view(out, buf_view(&body));
	return buf_done(out);
}

/* Counts the signatures of {"result":{..."signatures":[...]...},...}. */
static rc count_signatures(struct view body, size_t *ret)
{
	struct view result, signatures, one;
	bool more = true;
	struct jcan j;

	*ret = 0;
	jcan_init(&j, body, NULL);
	TRY(jcan_object(&j));
	TRY(jcan_peek(&j, "result", &result));
	jcan_init(&j, result, NULL);
	TRY(jcan_object(&j));
	TRY(jcan_peek(&j, "signatures", &signatures));
	jcan_init(&j, signatures, NULL);
	TRY(jcan_array(&j));
	while (more) {
		TRY(jcan_next(&j, &more));
		if (more)
			TRY(jcan_text(&j, 2048, &one));
		*ret += more;
	}
	return jcan_end(&j);
}

/* One signature for every item, or the words of the refusal. */
static rc answer_check(struct client *c, unsigned status, struct view body)
{
	size_t count = 0;

	if (status / 100 == 2 && rc_is_ok(count_signatures(body, &count)) &&
	    count == c->request.count)
		return OK;
	return fault_set(&c->fault, RC_PEER, 0, "status %u: %.*s", status,
			 (int)(body.len < 150 ? body.len : 150), (const char *)body.ptr);
}

static rc send_one(struct client *c, const struct buf *message, int64_t begun)
{
	unsigned status = 0;
	struct view body;

	TRY(wire_call(c->wire, buf_view(message), &status, &body, &c->fault));
	TRY(answer_check(c, status, body));
	c->last_ns = now_ns();
	c->done++;
	if (c->samples < SAMPLES_MAX)
		c->sample_us[c->samples++] = (uint32_t)((c->last_ns - begun) / 1000);
	return OK;
}

static rc one(struct client *c)
{
	int64_t begun = now_ns();
	AUTO(buf) struct buf message = {0};

	if (c->prepared_count > 0) {
		if (c->next + 1 == c->prepared_count)
			__atomic_store_n(&c->shared->dry, true, __ATOMIC_RELAXED);
		return send_one(c, &c->prepared[c->next++], begun);
	}
	TRY(message_make(c, &message));
	return send_one(c, &message, begun);
}

static void note_failure(struct client *c, rc r)
{
	c->failed = !rc_is_ok(r);
	if (c->failed && c->fault.code == RC_OK)
		rc_ignore(fault_set(&c->fault, r.code, 0, "%s", rc_name(r)), "the code");
}

static void *client_main(void *arg)
{
	struct client *c = arg;

	while (!c->failed && now_ns() < c->run->end_ns &&
	       !__atomic_load_n(&c->shared->dry, __ATOMIC_RELAXED) &&
	       __atomic_fetch_sub(&c->shared->left, 1, __ATOMIC_RELAXED) - 1 < UINT64_MAX / 2)
		note_failure(c, one(c));
	return NULL;
}

static void *client_prepare(void *arg)
{
	struct client *c = arg;

	for (size_t i = 0; i < c->prepared_count && !c->failed; i++)
		note_failure(c, message_make(c, &c->prepared[i]));
	return NULL;
}

static rc client_init(struct client *c, struct run *run)
{
	const struct plan *p = &run->plan;
	const struct wire_spec spec = {
		.url = p->server, .pin = run->pin, .cert = p->client_cert, .key = p->client_key};
	struct request *r = &c->request;

	c->run = c->shared = run;
	(void)snprintf(r->origin, sizeof(r->origin), "%s", p->origin);
	(void)snprintf(r->key.s, sizeof(r->key.s), "%s", p->key);
	(void)snprintf(r->requester.s, sizeof(r->requester.s), "%s", p->person);
	(void)snprintf(r->host.s, sizeof(r->host.s), "%s", p->host);
	(void)snprintf(r->reason, sizeof(r->reason), "load");
	r->key_fingerprint = run->fingerprint;
	r->uses = 1;
	r->count = p->items;
	r->items = calloc(p->items, sizeof(*r->items));
	c->text = calloc(p->items, sizeof(*c->text));
	c->names = calloc(p->items, sizeof(*c->names));
	c->sample_us = calloc(SAMPLES_MAX, sizeof(*c->sample_us));
	c->prepared_count = (p->prepared + p->clients - 1) / p->clients;
	c->prepared = calloc(c->prepared_count + 1, sizeof(*c->prepared));
	if (c->prepared == NULL || r->items == NULL || c->text == NULL || c->names == NULL ||
	    c->sample_us == NULL)
		return fault_set(&c->fault, RC_NOMEM, 0, "no memory");
	for (size_t i = 0; i < p->items; i++) {
		struct request_item *item = &r->items[i];

		(void)snprintf(c->text[i], sizeof(c->text[i]), "file-%zu.bin", i);
		c->names[i] = c->text[i];
		(void)snprintf(item->product.s, sizeof(item->product.s), "file");
		(void)snprintf(item->format, sizeof(item->format), "cms");
		item->size = 64;
		item->params = view_str("{\"digest\":\"sha256\"}");
	}
	return wire_open(&spec, &c->wire, &c->fault);
}

static rc key_load(const char *path, struct sshpriv **ret, struct fault *f)
{
	AUTO(buf) struct buf text = {0};

	buf_init(&text, SSHPRIV_FILE_MAX);
	TRY(file_read(path, &text, f));
	return sshpriv_parse(buf_view(&text), ret, f);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Processor microseconds of this process so far. */
static int64_t used_us(void)
{
	struct rusage used = {0};

	(void)getrusage(RUSAGE_SELF, &used);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec +
	       used.ru_stime.tv_usec;
}

struct times {
	int64_t begin_ns;
	int64_t used_us;
	int64_t made_us;
};

static int report(const struct run *run, struct client *clients, const struct times *t)
{
	uint32_t *all = calloc((size_t)run->plan.clients * SAMPLES_MAX, sizeof(*all));
	int64_t last = t->begin_ns;
	uint64_t done = 0;
	size_t n = 0;

	if (all == NULL)
		return 1;
	for (size_t i = 0; i < run->plan.clients; i++) {
		struct client *c = &clients[i];

		if (c->failed) {
			(void)fprintf(stderr, "load: client %zu: %s\n", i, c->fault.text);
			return 1;
		}
		memcpy(all + n, c->sample_us, c->samples * sizeof(*all));
		n += c->samples;
		done += c->done;
		last = c->last_ns > last ? c->last_ns : last;
	}
	if (n == 0)
		return 1;
	qsort(all, n, sizeof(*all), by_value);
	(void)printf("{\"requests\":%llu,\"signatures\":%llu,\"seconds\":%.3f,\"p50_us\":%u,"
		     "\"p99_us\":%u,\"max_us\":%u,\"cpu_seconds\":%.3f,\"made_us\":%lld}\n",
		     (unsigned long long)done, (unsigned long long)(done * run->plan.items),
		     (double)(last - t->begin_ns) / 1e9, all[n / 2], all[n * 99 / 100], all[n - 1],
		     (double)t->used_us / 1e6, (long long)t->made_us);
	free(all);
	return 0;
}

static rc run_init(struct run *run, struct fault *f)
{
	const struct plan *p = &run->plan;

	TRY(digest_parse(view_str(p->pin), &run->pin));
	TRY(digest_parse(view_str(p->print), &run->fingerprint));
	TRY(key_load(p->person_key, &run->person, f));
	TRY(key_load(p->host_key, &run->host, f));
	run->left = p->count == 0 ? UINT64_MAX / 2 : p->count;
	return OK;
}

static rc plan_read(struct plan *p, int argc, char **argv)
{
	const struct {
		const char *name;
		const char **text;
		uint64_t *number;
	} table[] = {
		{"--server", &p->server, NULL},		{"--pin", &p->pin, NULL},
		{"--origin", &p->origin, NULL},		{"--person", &p->person, NULL},
		{"--person-key", &p->person_key, NULL}, {"--host", &p->host, NULL},
		{"--host-key", &p->host_key, NULL},	{"--key", &p->key, NULL},
		{"--fingerprint", &p->print, NULL},	{"--clients", NULL, &p->clients},
		{"--items", NULL, &p->items},		{"--seconds", NULL, &p->seconds},
		{"--count", NULL, &p->count},		{"--prepared", NULL, &p->prepared},
		{"--count", NULL, &p->count},		{"--client-cert", &p->client_cert, NULL},
		{"--client-key", &p->client_key, NULL},
	};
	const size_t optional = 2; /* the last rows */
	const size_t rows = sizeof(table) / sizeof(table[0]);

	for (int i = 1; i < argc; i += 2) {
		size_t at = 0;

		while (at < rows && strcmp(table[at].name, argv[i]) != 0)
			at++;
		if (at == rows || i + 1 == argc)
			return RC(RC_USAGE);
		if (table[at].text != NULL)
			*table[at].text = argv[i + 1];
		else
			TRY(num_parse_u64(argv[i + 1], strlen(argv[i + 1]), UINT32_MAX,
					  table[at].number));
	}
	for (size_t i = 0; i < rows - optional; i++)
		if (table[i].text != NULL && *table[i].text == NULL)
			return RC(RC_USAGE);
	return p->clients == 0 || p->clients > CLIENTS_MAX || p->items == 0 ||
			       p->items > REQUEST_ITEMS_MAX
		       ? RC(RC_USAGE)
		       : OK;
}

/* Runs fn in a thread for each client and waits for all. */
static bool run_all(const struct run *run, struct client *clients, void *(*fn)(void *))
{
	size_t started = 0;

	while (started < run->plan.clients &&
	       pthread_create(&clients[started].thread, NULL, fn, &clients[started]) == 0)
		started++;
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(clients[i].thread, NULL);
	return started == run->plan.clients;
}

int main(int argc, char **argv)
{
	static struct client clients[CLIENTS_MAX];
	struct run run = {.plan = {.clients = 16, .items = 1, .seconds = 5}};
	struct times times = {0};
	struct fault f = {0};

	if (!rc_is_ok(plan_read(&run.plan, argc, argv)) || !rc_is_ok(run_init(&run, &f))) {
		(void)fprintf(stderr, "load: bad arguments %s\n", f.text);
		return 2;
	}
	for (size_t i = 0; i < run.plan.clients; i++)
		if (!rc_is_ok(client_init(&clients[i], &run))) {
			(void)fprintf(stderr, "load: %s\n", clients[i].fault.text);
			return 2;
		}
	times.used_us = used_us();
	if (!run_all(&run, clients, client_prepare))
		return 2;
	times.made_us = run.plan.prepared == 0
				? 0
				: (used_us() - times.used_us) / (int64_t)run.plan.prepared;
	times.begin_ns = now_ns();
	times.used_us = used_us();
	run.end_ns = times.begin_ns + (int64_t)run.plan.seconds * 1000000000;
	if (!run_all(&run, clients, client_main))
		return 2;
	times.used_us = used_us() - times.used_us;
	return report(&run, clients, &times);
}
