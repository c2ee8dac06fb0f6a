#include "prog/cli/api.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/crypt/jwt.h"
#include "lib/model/call.h"
#include "lib/model/statement.h"
#include "lib/net/https_client.h"
#include "prog/cli/encode.h"
#include "prog/cli/job.h"
#include "prog/cli/shown.h"

#define WAIT_PATIENCE 120
#define AUTHORIZATION_MAX (16 + JWT_BYTES_MAX + 1) /* a call's signature is smaller */
_Static_assert(AUTHORIZATION_MAX > CALL_HEADER_MAX + 64, "holds both kinds");

struct api {
	struct https_client *client;
	struct digest pin;
};

rc api_open(const struct config *config, struct api **ret, struct fault *f)
{
	struct https_client_spec spec = {
		.base_url = config->server,
		.unix_socket = config->agent[0] != '\0' ? config->agent : NULL,
		.has_pin = true,
		.client_cert = config->client_cert[0] != '\0' ? config->client_cert : NULL,
		.client_key = config->client_key[0] != '\0' ? config->client_key : NULL,
	};
	struct api *a;
	struct hash pin;
	rc r;

	if (config->pin[0] != '\0') { /* else init-client --agent, which asks for it */
		TRY(hash_parse(view_str(config->pin), &pin));
		memcpy(spec.pin.b, pin.b, DIGEST_SIZE);
	}
	TRY(https_setup());
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	a->pin = spec.pin;
	r = https_client_new(&spec, &a->client, f);
	if (!rc_is_ok(r)) {
		api_close(a);
		return r;
	}
	*ret = a;
	return OK;
}

void api_close(struct api *a)
{
	if (a == NULL)
		return;
	https_client_free(a->client);
	free(a);
}

/* What to send: the pieces of one call. */
struct outgoing {
	const char *method;
	const char *target;
	struct view body;
	bool open;
	bool upload; /* the body is named by the path, not signed again */
};

/* "Authorization: Bearer TOKEN": the same for every call. */
static rc show_token(struct cli *c, struct buf *out)
{
	struct view token;

	TRY(job_call_token(c, &token));
	buf_put_str(out, "Authorization: Bearer ");
	buf_put_view(out, token);
	(void)buf_cstr(out);
	return rc_is_ok(buf_done(out)) ? OK : cli_problem(c, RC_USAGE, "", "the token is too long");
}

/* "Authorization: Greatseal ..." for the call. */
static rc sign_call(struct cli *c, const struct api *a, const struct outgoing *o, struct buf *out)
{
	struct call call = {
		.method = view_str(o->method),
		.target = view_str(o->target),
		.has_body_digest = !o->upload,
		.body = digest_of(o->body),
		.time = clock_now(&clock_system),
		.pin = a->pin,
	};
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf sig = {0};
	struct sshsigner *key;
	struct fault f = {0};

	buf_init(&text, API_TARGET_MAX + 1024);
	buf_init(&sig, CALL_HEADER_MAX);
	TRY(cli_person_key(c, &key));
	if (!rc_is_ok(rng_fill(&rng_system, call.nonce, sizeof(call.nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	CLI_TRY(c, &f, call_text(&call, &text));
	TRY(cli_sign(c, key, statement_info(STATEMENT_CALL)->ns, buf_view(&text), &sig));
	buf_put_str(out, "Authorization: ");
	CLI_TRY(c, &f, call_header_encode(&call, buf_view(&sig), out));
	(void)buf_cstr(out);
	return OK;
}

static rc transport_problem(struct cli *c, rc r, const struct fault *f)
{
	const char *remedy = "";

	if (c->config.agent[0] != '\0')
		return cli_problem(c, r.code == RC_NOTFOUND ? RC_IO : r.code,
				   "is it running, and may you use its socket? systemctl status "
				   "greatseal-agent",
				   "the agent at %s: %s", c->config.agent, f->text);
	if (r.code == RC_MISMATCH)
		remedy = "if the server has a new key: greatseal init-client --pin, with the pin "
			 "from "
			 "its administrator";
	else if (r.code == RC_IO || r.code == RC_NOTFOUND)
		remedy = "is the server running? see the address in the configuration";
	else if (r.code == RC_USAGE)
		remedy = "greatseal init-client --client-cert FILE --client-key FILE, with files "
			 "that can be read";
	if (r.code == RC_MISMATCH)
		r = RC(RC_CRYPTO);
	else if (r.code == RC_NOTFOUND)
		r = RC(RC_IO);
	/* Most texts name it already. */
	if (strstr(f->text, c->config.server) != NULL)
		return cli_problem(c, r.code, remedy, "%s", f->text);
	return cli_problem(c, r.code, remedy, "%s: %s", c->config.server, f->text);
}

/* Our disk is full, not the server's, or fails: where the answer should have gone. */
static rc sink_problem(struct cli *c, rc r, int fd, const struct fault *f)
{
	char link[64];
	char path[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	return cli_problem(c, r.code,
			   r.code == RC_NOSPACE ? "make room there, or write elsewhere"
						: "write elsewhere",
			   "%s: %s", n < 0 ? "the file to write" : path, f->text);
}

static enum rc_code code_of(unsigned status)
{
	switch (status) {
	case 400:
	case 413:
	case 422:
		return RC_USAGE;
	case 403:
	case 409:
		return RC_DENIED;
	case 404:
		return RC_NOTFOUND;
	case 429:
	case 503:
		return RC_BUSY;
	case 507:
		return RC_NOSPACE;
	default:
		return RC_PEER;
	}
}

/* Turns {"error":{"code","text","remedy"}} into the problem. */
static rc server_problem(struct cli *c, const struct https_answer *answer)
{
	AUTO(json)
	json_t *root = json_loadb((const char *)answer->body.ptr, answer->body.len,
				  JSON_REJECT_DUPLICATES, NULL);
	const json_t *error = json_object_get(root, "error");
	enum rc_code code = code_of(answer->status);

	if (!json_is_object(error))
		return cli_problem(c, code, "", "the server answered %u without a reason",
				   answer->status);
	(void)cli_problem(c, code, json_text(error, "remedy"), "%s", json_text(error, "text"));
	(void)snprintf(c->problem.code, sizeof(c->problem.code), "%s", json_text(error, "code"));
	shown_text(c->problem.code, sizeof(c->problem.code));
	/* Refusals of signatures and approvals are denials whatever their status. */
	return RC(code);
}

/* Who calls, as headers of the call. */
struct credentials {
	struct secret mem;
	char service[sizeof("Greatseal-Service: ") + NAME_MAX_LEN];
};

static void credentials_release(struct credentials *k)
{
	secret_release(&k->mem);
}
AUTO_DEFINE(credentials, struct credentials, credentials_release)

static rc authorize(struct cli *c, const struct api *a, const struct outgoing *o,
		    struct credentials *k, struct https_request *q)
{
	struct fault f = {0};
	struct buf line;

	CLI_TRY(c, &f, secret_new(&k->mem, AUTHORIZATION_MAX));
	buf_init_fixed(&line, k->mem.ptr, k->mem.len);
	TRY(job_asks(c) ? show_token(c, &line) : sign_call(c, a, o, &line));
	q->headers[0] = (const char *)k->mem.ptr;
	(void)snprintf(k->service, sizeof(k->service), "Greatseal-Service: %s", c->config.person.s);
	if (job_asks(c))
		q->headers[1] = k->service;
	return OK;
}

/* Sends one call; q has the body and sink already. */
static rc send(struct cli *c, struct api *a, const struct outgoing *o, struct https_request *q,
	       struct https_answer *answer)
{
	AUTO(credentials) struct credentials k = {0};
	struct fault f = {0};
	size_t headers = 0;
	rc r;

	if (!o->open)
		TRY(authorize(c, a, o, &k, q));
	while (q->headers[headers] != NULL)
		headers++;
	if (o->body.len > 0)
		q->headers[headers++] = "Content-Type: application/json";
	q->method = o->method;
	q->target = o->target;
	q->patience = WAIT_PATIENCE;
	if (q->progress == NULL)
		q->progress = c->watch;
	r = https_call(a->client, q, answer, &f);
	if (answer->sink_failed)
		return sink_problem(c, r, q->sink_fd, &f);
	if (!rc_is_ok(r))
		return transport_problem(c, r, &f);
	if (answer->status / 100 == 2)
		return OK;
	r = server_problem(c, answer);
	https_answer_release(answer);
	return r;
}

__attribute__((format(printf, 3, 0))) static rc make_target(struct cli *c, char out[API_TARGET_MAX],
							    const char *fmt, va_list ap)
{
	int n = vsnprintf(out, API_TARGET_MAX, fmt, ap);

	if (n < 0 || n >= API_TARGET_MAX)
		return cli_problem(c, RC_USAGE, "", "an argument is too long");
	return OK;
}

static rc parse_json(struct cli *c, const struct https_answer *answer, bool exact, json_t **ret)
{
	json_error_t e;
	json_t *root = json_loadb((const char *)answer->body.ptr, answer->body.len,
				  JSON_REJECT_DUPLICATES, &e);

	if (root == NULL)
		return cli_problem(c, RC_PEER, "", "the server's answer is not JSON: %s", e.text);
	if (!exact && !c->json && !rc_is_ok(shown_json(root))) {
		json_decref(root);
		return cli_problem(c, RC_PEER, "", "the server's answer cannot be shown");
	}
	*ret = root;
	return OK;
}

rc api_json(struct cli *c, const struct api_call *call, json_t **ret, const char *fmt, ...)
{
	AUTO(https_answer) struct https_answer answer = {0};
	struct https_request q = {.answer_max = API_JSON_MAX};
	char target[API_TARGET_MAX];
	struct outgoing o = {.method = call->method, .target = target, .open = call->open};
	struct api *a;
	char *body = NULL;
	va_list ap;
	rc r;

	TRY(cli_api(c, &a));
	va_start(ap, fmt);
	r = make_target(c, target, fmt, ap);
	va_end(ap);
	TRY(r);
	if (call->body != NULL) {
		body = json_dumps(call->body, JSON_COMPACT);
		if (body == NULL)
			return cli_problem(c, RC_NOMEM, "", "no memory");
		o.body = view_str(body);
	}
	q.body = o.body;
	r = send(c, a, &o, &q, &answer);
	secret_wipe(body, o.body.len); /* a token may be in it */
	free(body);
	TRY(r);
	return parse_json(c, &answer, call->exact, ret);
}

rc api_bytes(struct cli *c, bool open, struct buf *out, const char *fmt, ...)
{
	AUTO(https_answer) struct https_answer answer = {0};
	struct https_request q = {.answer_max = API_JSON_MAX};
	char target[API_TARGET_MAX];
	const struct outgoing o = {.method = "GET", .target = target, .open = open};
	struct api *a;
	va_list ap;
	rc r;

	TRY(cli_api(c, &a));
	va_start(ap, fmt);
	r = make_target(c, target, fmt, ap);
	va_end(ap);
	TRY(r);
	TRY(send(c, a, &o, &q, &answer));
	buf_put_view(out, buf_view(&answer.body));
	return rc_is_ok(buf_done(out)) ? OK
				       : cli_problem(c, RC_LIMIT, "", "the answer is too large");
}

/* A line on the terminal, overwritten in place. */
static bool show_progress(void *ctx, uint64_t moved, uint64_t total)
{
	const struct cli *c = ctx;

	if (total > 0)
		(void)fprintf(stderr, "\r  %3llu %%  %llu of %llu MiB ",
			      (unsigned long long)(moved * 100 / total),
			      (unsigned long long)(moved >> 20), (unsigned long long)(total >> 20));
	(void)c;
	return true;
}

#define PROGRESS_FROM ((uint64_t)8 << 20)

static bool wants_progress(const struct cli *c, uint64_t size)
{
	return size >= PROGRESS_FROM && !c->quiet && isatty(STDERR_FILENO);
}

static rc hash_fd(struct cli *c, int fd, struct digest *ret)
{
	AUTO(hasher) struct hasher *h = NULL;
	_Alignas(FD_ALIGN) uint8_t block[65536];
	struct hash sum;
	off_t at = 0;

	TRY(hasher_new(HASH_SHA256, &h));
	for (;;) {
		ssize_t got = pread(fd, block, sizeof(block), at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cli_problem(c, RC_IO, "", "cannot read back: %s", strerror(errno));
		if (got == 0)
			break;
		TRY(hasher_update(h, view_of(block, (size_t)got)));
		at += got;
	}
	TRY(hasher_finish(h, &sum));
	memcpy(ret->b, sum.b, DIGEST_SIZE);
	return OK;
}

rc api_download(struct cli *c, int fd, struct digest *ret_sha256, const char *fmt, ...)
{
	AUTO(https_answer) struct https_answer answer = {0};
	struct https_progress progress = {.step = show_progress, .ctx = c};
	struct https_request q = {.has_sink_fd = true, .sink_fd = fd, .sink_max = UINT64_MAX >> 1};
	char target[API_TARGET_MAX];
	const struct outgoing o = {.method = "GET", .target = target};
	struct api *a;
	va_list ap;
	rc r;

	TRY(cli_api(c, &a));
	va_start(ap, fmt);
	r = make_target(c, target, fmt, ap);
	va_end(ap);
	TRY(r);
	if (wants_progress(c, UINT64_MAX))
		q.progress = &progress;
	r = send(c, a, &o, &q, &answer);
	if (q.progress != NULL)
		(void)fprintf(stderr, "\r\033[K");
	TRY(r);
	return hash_fd(c, fd, ret_sha256);
}

/* Creates or joins the upload; where it stands. */
static rc upload_offset(struct cli *c, const struct digest *sha256, uint64_t size, const char *name,
			uint64_t *ret_offset, bool *ret_complete)
{
	const struct api_call post = {.method = "POST", .body = NULL};
	struct api_call call = post;
	char hex[DIGEST_HEX];
	AUTO(json) json_t *body = NULL;
	AUTO(json) json_t *answer = NULL;

	digest_hex(sha256, hex);
	body = json_pack("{s:s,s:s,s:I}", "name", name, "sha256", hex, "size", (json_int_t)size);
	if (body == NULL)
		return cli_problem(c, RC_USAGE, "", "%s: the file's name is not UTF-8", name);
	call.body = body;
	TRY(api_json(c, &call, &answer, "/v1/uploads"));
	*ret_offset = (uint64_t)json_number(answer, "offset");
	*ret_complete = json_is_true(json_object_get(answer, "complete"));
	if (*ret_offset > size)
		return cli_problem(c, RC_PEER, "",
				   "the server claims more bytes than the file has");
	return OK;
}

rc api_upload(struct cli *c, int fd, const struct digest *sha256, uint64_t size, const char *name)
{
	AUTO(https_answer) struct https_answer answer = {0};
	struct https_progress progress = {.step = show_progress, .ctx = c};
	struct https_request q = {.has_body_fd = true, .body_fd = fd};
	char target[API_TARGET_MAX];
	char hex[DIGEST_HEX];
	const struct outgoing o = {.method = "PATCH", .target = target, .upload = true};
	struct api *a;
	bool complete = false;
	rc r;

	TRY(cli_api(c, &a));
	TRY(upload_offset(c, sha256, size, name, &q.body_offset, &complete));
	if (complete)
		return OK;
	digest_hex(sha256, hex);
	(void)snprintf(target, sizeof(target), "/v1/uploads/%s?offset=%llu", hex,
		       (unsigned long long)q.body_offset);
	q.body_size = size - q.body_offset;
	if (wants_progress(c, q.body_size)) {
		cli_say(c, "uploading %s", name);
		q.progress = &progress;
	}
	r = send(c, a, &o, &q, &answer);
	if (q.progress != NULL)
		(void)fprintf(stderr, "\r\033[K");
	return r;
}

rc api_info(struct cli *c, struct api *a, json_t **ret)
{
	AUTO(https_answer) struct https_answer answer = {0};
	struct https_request q = {0};
	const struct outgoing o = {.method = "GET", .target = "/v1/info", .open = true};

	TRY(send(c, a, &o, &q, &answer));
	return parse_json(c, &answer, false, ret);
}

rc api_agent_info(struct cli *c, struct api *a, json_t **ret)
{
	AUTO(https_answer) struct https_answer answer = {0};
	struct https_request q = {0};
	const struct outgoing o = {.method = "GET", .target = "/agent/v1/info", .open = true};

	TRY(send(c, a, &o, &q, &answer));
	return parse_json(c, &answer, false, ret);
}

rc api_host_signature(struct cli *c, struct view statement, struct buf *out)
{
	const struct api_call post = {.method = "POST", .open = true, .exact = true};
	struct api_call call = post;
	AUTO(json) json_t *body = json_object();
	AUTO(json) json_t *answer = NULL;

	TRY(json_put_base64(c, body, "statement", statement));
	call.body = body;
	TRY(api_json(c, &call, &answer, "/agent/v1/host-signature"));
	return json_get_base64(c, answer, "signature", out);
}

rc api_host_provenance(struct cli *c, struct view payload, char *keyid, size_t cap, struct buf *out)
{
	AUTO(json) json_t *body = json_object();
	AUTO(json) json_t *answer = NULL;
	const struct api_call post = {.method = "POST", .open = true, .exact = true, .body = body};
	const char *name;

	TRY(json_put_base64(c, body, "payload", payload));
	TRY(api_json(c, &post, &answer, "/agent/v1/provenance"));
	name = json_text(answer, "keyid");
	if (strlen(name) >= cap)
		return cli_problem(c, RC_PEER, "", "the agent's answer names no key");
	memcpy(keyid, name, strlen(name) + 1);
	return json_get_base64(c, answer, "signature", out);
}
