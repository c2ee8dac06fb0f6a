/* http_server - see http_server.h. Purpose: the state machine between libmicrohttpd's callbacks and
 * our handler. Owns: struct http_exchange. Must not own: sockets and limits (http_listen.c). */
#include "lib/net/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/secret.h"
#include "lib/net/http_internal.h"

const char *http_method(const struct http_exchange *x)
{
	return x->method;
}

struct view http_raw_target(const struct http_exchange *x)
{
	return view_of(x->target, x->target_len);
}

struct header_search {
	const char *name;
	const char *value;
	unsigned count;
};

static enum MHD_Result find_header(void *ctx, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct header_search *s = (struct header_search *)ctx;

	(void)kind;
	if (strcasecmp(name, s->name) != 0)
		return MHD_YES;
	s->value = value == NULL ? "" : value;
	s->count++;
	return MHD_YES;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
	struct header_search s = {.name = name};

	(void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, find_header, &s);
	return s.count > 1 ? "" : s.value;
}

size_t http_address(const struct http_exchange *x, uint8_t out[16])
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (info == NULL || info->client_addr == NULL)
		return 0;
	if (info->client_addr->sa_family == AF_INET) {
		struct sockaddr_in a;

		memcpy(&a, info->client_addr, sizeof(a));
		memcpy(out, &a.sin_addr, 4);
		return 4;
	}
	if (info->client_addr->sa_family == AF_INET6) {
		struct sockaddr_in6 a;

		memcpy(&a, info->client_addr, sizeof(a));
		memcpy(out, &a.sin6_addr, 16);
		return 16;
	}
	return 0;
}

bool http_client_is_trusted(const struct http_exchange *x)
{
	return x->server->has_client_ca && x->conn != NULL && x->conn->trusted == 1;
}

size_t http_client_chain(const struct http_exchange *x, struct view out[HTTP_CLIENT_CHAIN_MAX])
{
	size_t at = 0;

	if (x->conn == NULL)
		return 0;
	for (size_t i = 0; i < x->conn->chain_count; i++) {
		out[i] = view_of(x->conn->chain.ptr + at, x->conn->chain_end[i] - at);
		at = x->conn->chain_end[i];
	}
	return x->conn->chain_count;
}

struct view http_body(const struct http_exchange *x)
{
	return buf_view(&x->body);
}

uint64_t http_body_size(const struct http_exchange *x)
{
	return x->body_size;
}

void http_set_user(struct http_exchange *x, void *user)
{
	x->user = user;
}

void *http_user(const struct http_exchange *x)
{
	return x->user;
}

enum http_fault http_fault(const struct http_exchange *x)
{
	return x->fault;
}

const char *http_fault_text(const struct http_exchange *x)
{
	if (x->fault == HTTP_FAULT_CLIENT_CERT && x->conn != NULL && x->conn->distrust != NULL)
		return x->conn->distrust;
	return "";
}

void http_expect_memory(struct http_exchange *x, size_t max)
{
	x->mode = BODY_MEMORY;
	buf_init(&x->body, max);
	http_conn_arm(x->conn, x->server->spec.body_seconds);
}

void http_expect_stream(struct http_exchange *x)
{
	x->mode = BODY_STREAM;
}

void http_defer(struct http_exchange *x, void (*fn)(struct http_exchange *x, void *ctx), void *ctx)
{
	x->next = fn;
	x->next_ctx = ctx;
}

void http_wake(struct http_exchange *x)
{
	/* The connection is named before the exchange: between the exchange of states and the call
	 * only a suspended connection can be ours, and nobody else wakes it. */
	struct MHD_Connection *connection = x->connection;

	if (atomic_exchange(&x->state, EXCHANGE_WOKEN) == EXCHANGE_SUSPENDED)
		MHD_resume_connection(connection);
}

/* ---- Answers -------------------------------------------------------------------------------*/

static struct MHD_Response *make_response(const struct http_answer *a)
{
	struct MHD_Response *r;
	uint8_t *bytes;
	size_t n;

	if (a->has_fd) {
		r = MHD_create_response_from_fd64(a->size, a->fd);
		if (r == NULL)
			(void)close(a->fd);
		return r;
	}
	if (a->pull != NULL)
		return http_local_response(a);
	if (a->body == NULL)
		return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!rc_is_ok(buf_done(a->body)))
		return NULL;
	bytes = buf_take(a->body, &n);
	r = MHD_create_response_from_buffer(n, bytes, MHD_RESPMEM_MUST_FREE);
	if (r == NULL)
		free(bytes);
	return r;
}

static void add_headers(struct MHD_Response *r, const struct http_answer *a, bool closing)
{
	char number[16];

	(void)MHD_add_response_header(
		r, "Content-Type", a->content_type != NULL ? a->content_type : "application/json");
	(void)MHD_add_response_header(r, "Cache-Control", a->cache != NULL ? a->cache : "no-store");
	(void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(r, "Content-Security-Policy",
				      "default-src 'none'; frame-ancestors 'none'");
	(void)MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	(void)MHD_add_response_header(r, "Strict-Transport-Security", "max-age=31536000");
	if (a->allow != NULL)
		(void)MHD_add_response_header(r, "Allow", a->allow);
	if (a->retry_seconds != 0) {
		(void)snprintf(number, sizeof(number), "%u", a->retry_seconds);
		(void)MHD_add_response_header(r, "Retry-After", number);
	}
	if (closing)
		(void)MHD_add_response_header(r, "Connection", "close");
}

void http_answer(struct http_exchange *x, const struct http_answer *a)
{
	struct MHD_Response *r;

	if (x->answered) {
		if (a->has_fd)
			(void)close(a->fd);
		return;
	}
	x->answered = true;
	x->status = a->status;
	r = make_response(a);
	if (a->body != NULL)
		buf_release(a->body);
	if (r == NULL)
		return;
	add_headers(r, a, atomic_load(&x->server->closing) || x->fault == HTTP_FAULT_FRAMING);
	x->response = r;
}

/* libmicrohttpd sends headers and body of an answer apart, as a TLS record and a packet each, and
 * wakes the client twice. What is held back goes out when the answer is complete; the kernel does
 * not wait long for that. */
static void hold_packets(const struct http_conn *conn, int hold)
{
	if (conn != NULL && !conn->local)
		(void)setsockopt(conn->fd, IPPROTO_TCP, TCP_CORK, &hold, sizeof(hold));
}

static enum MHD_Result send_answer(struct http_exchange *x)
{
	enum MHD_Result done;

	x->phase = PHASE_SENT;
	http_conn_disarm(x->conn);
	if (x->response == NULL)
		return MHD_NO;
	hold_packets(x->conn, 1);
	done = MHD_queue_response(x->connection, x->status, x->response);
	MHD_destroy_response(x->response);
	x->response = NULL;
	return done;
}

/* ---- libmicrohttpd's callbacks -------------------------------------------------------------*/

void *http_on_target(void *ctx, const char *uri, struct MHD_Connection *connection)
{
	struct http_server *s = (struct http_server *)ctx;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_exchange *x;

	x = (struct http_exchange *)calloc(1, sizeof(*x));
	if (x == NULL)
		return NULL;
	x->server = s;
	x->connection = connection;
	x->conn = info == NULL ? NULL : (struct http_conn *)info->socket_context;
	x->target_len = strnlen(uri, HTTP_TARGET_KEEP);
	memcpy(x->target, uri, x->target_len);
	atomic_fetch_add(&s->exchanges, 1);
	http_conn_arm(x->conn, s->spec.header_seconds);
	return x;
}

static void read_framing(struct http_exchange *x)
{
	const char *length = http_header(x, "Content-Length");
	const char *coding = http_header(x, "Transfer-Encoding");

	x->body_size = 0;
	if (coding != NULL) {
		x->body_size = UINT64_MAX;
		if (length != NULL || strcasecmp(coding, "chunked") != 0)
			x->fault = HTTP_FAULT_FRAMING;
	} else if (length != NULL) {
		char *end = NULL;

		/* libmicrohttpd has refused what is no number; this keeps the number. */
		x->body_size = strtoull(length, &end, 10);
		if (*length < '0' || *length > '9' || *end != '\0')
			x->fault = HTTP_FAULT_FRAMING;
	}
}

static enum MHD_Result wait_or_send(struct http_exchange *x)
{
	if (x->answered)
		return send_answer(x);
	if (x->next == NULL)
		return MHD_NO; /* the handler broke its contract: cut off */
	http_conn_disarm(x->conn);
	MHD_suspend_connection(x->connection);
	if (atomic_exchange(&x->state, EXCHANGE_SUSPENDED) == EXCHANGE_WOKEN) {
		atomic_store(&x->state, EXCHANGE_WOKEN);
		MHD_resume_connection(x->connection);
	}
	return MHD_YES;
}

static enum MHD_Result run_next(struct http_exchange *x)
{
	void (*fn)(struct http_exchange *, void *) = x->next;

	if (atomic_load(&x->state) != EXCHANGE_WOKEN)
		return MHD_YES;
	atomic_store(&x->state, EXCHANGE_RUNNING);
	x->next = NULL;
	fn(x, x->next_ctx);
	return wait_or_send(x);
}

/* Reads a small body off first, so that the peer sees the answer and the connection lives on. A
 * long one is cut. */
static enum MHD_Result refuse_body(struct http_exchange *x)
{
	if (x->fault == HTTP_FAULT_FRAMING || x->body_size > HTTP_DRAIN_MAX)
		return send_answer(x);
	x->phase = PHASE_BODY;
	http_conn_arm(x->conn, x->server->spec.body_seconds);
	return MHD_YES;
}

/* The function deferred in begin() has its turn: it may still ask for the body. */
static enum MHD_Result run_begin_deferred(struct http_exchange *x)
{
	void (*fn)(struct http_exchange *, void *) = x->next;

	if (atomic_load(&x->state) != EXCHANGE_WOKEN)
		return MHD_YES;
	atomic_store(&x->state, EXCHANGE_RUNNING);
	x->next = NULL;
	fn(x, x->next_ctx);
	if (x->answered)
		return refuse_body(x);
	if (x->next != NULL || x->mode == BODY_NONE)
		return wait_or_send(x);
	x->phase = PHASE_BODY;
	return MHD_YES;
}

static enum MHD_Result begin(struct http_exchange *x)
{
	struct http_server *s = x->server;

	read_framing(x);
	/* Looked at in any case: the first call of a connection does. */
	if (x->fault == 0 && !http_conn_is_trusted(s, x->connection, x->conn) &&
	    !s->spec.client_judged)
		x->fault = HTTP_FAULT_CLIENT_CERT;
	http_conn_disarm(x->conn);
	x->phase = PHASE_BODY;
	s->handler->begin(s->handler->ctx, x);
	if (x->answered)
		return refuse_body(x);
	if (x->next != NULL) {
		x->phase = PHASE_BEGIN_DEFERRED;
		return wait_or_send(x);
	}
	return MHD_YES;
}

static bool reserve_memory(struct http_exchange *x, size_t n)
{
	struct http_server *s = x->server;

	if (atomic_fetch_add(&s->body_memory, n) + n > s->spec.body_memory) {
		atomic_fetch_sub(&s->body_memory, n);
		return false;
	}
	x->reserved += n;
	return true;
}

static void take_piece(struct http_exchange *x, const char *data, size_t n)
{
	struct http_server *s = x->server;

	if (x->answered || x->fault != 0)
		return;
	if (x->mode == BODY_STREAM) {
		if (!s->handler->data(s->handler->ctx, x, view_of(data, n)))
			x->answered = true;
		return;
	}
	if (x->mode != BODY_MEMORY)
		return;
	if (!reserve_memory(x, n)) {
		x->fault = HTTP_FAULT_MEMORY;
		return;
	}
	buf_put(&x->body, data, n);
	if (!rc_is_ok(buf_done(&x->body)))
		x->fault = buf_done(&x->body).code == RC_LIMIT ? HTTP_FAULT_BODY_LIMIT
							       : HTTP_FAULT_MEMORY;
}

/* How much of a refused body has been read off. Beyond the drain limit the connection is cut. */
static bool is_worth_draining(struct http_exchange *x, size_t n)
{
	if (!x->answered && x->fault == 0)
		return true;
	x->drained += n;
	return x->drained <= HTTP_DRAIN_MAX;
}

enum MHD_Result http_on_access(void *ctx, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *data,
			       size_t *data_size, void **con_cls)
{
	struct http_exchange *x = (struct http_exchange *)*con_cls;
	struct http_server *s = (struct http_server *)ctx;

	(void)connection;
	(void)url;
	(void)version;
	if (x == NULL)
		return MHD_NO;
	switch (x->phase) {
	case PHASE_HEADERS:
		x->method = method;
		return begin(x);
	case PHASE_BODY:
		if (*data_size > 0) {
			size_t n = *data_size;

			take_piece(x, data, n);
			*data_size = 0;
			return is_worth_draining(x, n) ? MHD_YES : MHD_NO;
		}
		x->phase = PHASE_READY;
		http_conn_disarm(x->conn);
		if (!x->answered)
			s->handler->ready(s->handler->ctx, x);
		return wait_or_send(x);
	case PHASE_BEGIN_DEFERRED:
		return run_begin_deferred(x);
	case PHASE_READY:
		return x->next != NULL ? run_next(x) : wait_or_send(x);
	case PHASE_SENT:
		return MHD_YES;
	}
	return MHD_NO;
}

void http_on_completed(void *ctx, struct MHD_Connection *connection, void **con_cls,
		       enum MHD_RequestTerminationCode why)
{
	struct http_exchange *x = (struct http_exchange *)*con_cls;
	struct http_server *s = (struct http_server *)ctx;

	(void)connection;
	(void)why;
	if (x == NULL)
		return;
	*con_cls = NULL;
	if (x->phase == PHASE_SENT)
		hold_packets(x->conn, 0);
	if (x->phase != PHASE_HEADERS)
		s->handler->end(s->handler->ctx, x);
	http_conn_arm(x->conn, s->spec.idle_seconds + s->spec.header_seconds);
	if (x->response != NULL)
		MHD_destroy_response(x->response);
	atomic_fetch_sub(&s->body_memory, x->reserved);
	secret_buf_release(&x->body); /* a token may be in it */
	free(x);
	if (atomic_fetch_sub(&s->exchanges, 1) == 1)
		http_server_idle(s);
}
