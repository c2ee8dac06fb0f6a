/* http_listen - the listening half of http_server.h: socket, TLS, limits of connections and time.
 *
 * libmicrohttpd's own timeout counts from the last byte, so a peer that sends one byte a minute
 * would hold a connection for ever: the reaper thread holds each phase to a deadline as a whole. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/base/fd.h"
#include "lib/net/http_internal.h"

#define BACKLOG 1024
#define TLS_PRIORITY                                                                               \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:"     \
	"+CHACHA20-POLY1305:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:%SERVER_PRECEDENCE"

static int64_t monotonic_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ---- Connections ---------------------------------------------------------------------------*/

void http_conn_arm(struct http_conn *conn, unsigned seconds)
{
	if (conn != NULL)
		atomic_store(&conn->deadline, monotonic_seconds() + (int64_t)seconds);
}

void http_conn_disarm(struct http_conn *conn)
{
	if (conn != NULL)
		atomic_store(&conn->deadline, 0);
}

/* Whether this user has as many connections as one user may have. */
static bool is_crowd(const struct http_server *s, uint32_t uid)
{
	unsigned n = 0;

	for (const struct http_conn *c = s->conns; c != NULL; c = c->next)
		n += c->local && c->peer.uid == uid;
	return n >= s->spec.connections_user;
}

/* Before the handshake. Without names of authorities: ours comes and goes while we run. */
static void ask_client(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (info == NULL)
		return;
	gnutls_certificate_server_set_request((gnutls_session_t)info->tls_session,
					      GNUTLS_CERT_REQUEST);
	gnutls_certificate_send_x509_rdn_sequence((gnutls_session_t)info->tls_session, 1);
}

static void conn_begin(struct http_server *s, struct MHD_Connection *connection, void **ret)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_conn *c = (struct http_conn *)calloc(1, sizeof(*c));

	*ret = c;
	if (c == NULL)
		return;
	c->fd = info == NULL ? -1 : (int)info->connect_fd;
	if (s->spec.client_judged)
		ask_client(connection);
	http_conn_arm(c, s->spec.header_seconds); /* handshake and first request together */
	if (s->spec.local)
		http_local_begin(c);
	(void)pthread_mutex_lock(&s->lock);
	if (c->local && s->spec.connections_user != 0 && is_crowd(s, c->peer.uid))
		(void)shutdown(c->fd, SHUT_RDWR);
	c->next = s->conns;
	if (s->conns != NULL)
		s->conns->prev = c;
	s->conns = c;
	(void)pthread_mutex_unlock(&s->lock);
}

static void conn_end(struct http_server *s, void **ctx)
{
	struct http_conn *c = (struct http_conn *)*ctx;

	if (c == NULL)
		return;
	*ctx = NULL;
	(void)pthread_mutex_lock(&s->lock);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	(void)pthread_mutex_unlock(&s->lock);
	buf_release(&c->chain);
	free(c);
}

void http_on_connection(void *ctx, struct MHD_Connection *connection, void **socket_context,
			enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = (struct http_server *)ctx;

	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		conn_begin(s, connection, socket_context);
	else
		conn_end(s, socket_context);
}

/* Under the lock a listed descriptor is still open: conn_end() comes before close. */
static void reap(struct http_server *s)
{
	int64_t now = monotonic_seconds();

	for (struct http_conn *c = s->conns; c != NULL; c = c->next) {
		int64_t deadline = atomic_load(&c->deadline);

		if (deadline == 0 || deadline > now)
			continue;
		(void)shutdown(c->fd, SHUT_RDWR);
		atomic_store(&c->deadline, 0);
	}
}

static void *run_reaper(void *ctx)
{
	struct http_server *s = (struct http_server *)ctx;

	(void)pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		struct timespec t;

		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec += 1;
		(void)pthread_cond_timedwait(&s->changed, &s->lock, &t);
		reap(s);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* What GnuTLS found wrong, the most telling first. */
static const char *distrust_text(int code, unsigned status)
{
	static const struct {
		unsigned flag;
		const char *text;
	} table[] = {
		{GNUTLS_CERT_REVOKED, "the client certificate has been revoked"},
		{GNUTLS_CERT_SIGNER_NOT_FOUND, "the client certificate is of another authority"},
		{GNUTLS_CERT_SIGNER_NOT_CA, "the client certificate's issuer is no authority"},
		{GNUTLS_CERT_EXPIRED, "the client certificate has expired"},
		{GNUTLS_CERT_NOT_ACTIVATED, "the client certificate is not valid yet"},
		{GNUTLS_CERT_PURPOSE_MISMATCH,
		 "the certificate is not for TLS clients (RFC 5280 4.2.1.12, clientAuth)"},
	};

	if (code == GNUTLS_E_NO_CERTIFICATE_FOUND)
		return "the connection has no client certificate";
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if ((status & table[i].flag) != 0)
			return table[i].text;
	return "the client certificate does not verify";
}

/* Copied: calls are judged in other threads than TLS runs in. */
static void keep_chain(gnutls_session_t session, struct http_conn *conn)
{
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);

	if (chain == NULL || count > HTTP_CLIENT_CHAIN_MAX)
		return;
	buf_init(&conn->chain, HTTP_CLIENT_CHAIN_BYTES);
	for (unsigned i = 0; i < count; i++) {
		buf_put(&conn->chain, chain[i].data, chain[i].size);
		conn->chain_end[i] = conn->chain.len;
	}
	conn->chain_count = rc_is_ok(buf_done(&conn->chain)) ? count : 0;
}

/* Once for each connection. */
static void look_at_client(struct http_server *s, struct MHD_Connection *connection,
			   struct http_conn *conn)
{
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
					 .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	int code = GNUTLS_E_NO_CERTIFICATE_FOUND;
	unsigned status = 0;

	if (info != NULL && s->spec.client_judged)
		keep_chain((gnutls_session_t)info->tls_session, conn);
	if (info != NULL && s->has_client_ca)
		code = gnutls_certificate_verify_peers((gnutls_session_t)info->tls_session,
						       &purpose, 1, &status);
	conn->trusted = code == GNUTLS_E_SUCCESS && status == 0 ? 1 : -1;
	if (conn->trusted < 0)
		conn->distrust = distrust_text(code, status);
}

bool http_conn_is_trusted(struct http_server *s, struct MHD_Connection *connection,
			  struct http_conn *conn)
{
	if (!s->needs_client_cert)
		return true;
	if (conn == NULL)
		return false;
	if (conn->trusted == 0)
		look_at_client(s, connection, conn);
	return conn->trusted == 1;
}

/* ---- Listening -----------------------------------------------------------------------------*/

/* "HOST:PORT" or "[HOST]:PORT" with a numeric host. */
rc http_listen(const char *text, int *ret_fd, struct fault *f)
{
	AUTO(fd) int fd = -1;
	const char *colon = strrchr(text, ':');
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char host[64];
	size_t n;
	int one = 1;
	int failed;

	if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof(host))
		return fault_set(f, RC_USAGE, 0, "listen: must be ADDRESS:PORT");
	n = (size_t)(colon - text);
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	memcpy(host, text, n);
	host[n] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return fault_set(f, RC_USAGE, 0, "listen: must be a numeric ADDRESS:PORT");
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	failed = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
		 bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0;
	freeaddrinfo(found);
	if (failed)
		return fault_errno(f, errno, "listen on %s%s", host, colon);
	*ret_fd = fd;
	fd = -1;
	return OK;
}

static rc name_address(int fd, char *out, size_t cap, struct fault *f)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	char host[64];
	char port[8];

	if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return fault_errno(f, errno, "listen");
	if (a.ss_family == AF_UNIX) {
		(void)snprintf(out, cap, "%s", "local");
		return OK;
	}
	if (getnameinfo((struct sockaddr *)&a, n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return fault_set(f, RC_IO, 0, "listen: address has no name");
	(void)snprintf(out, cap, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return OK;
}

size_t http_keep_target(void *ctx, struct MHD_Connection *connection, char *text)
{
	(void)ctx;
	(void)connection;
	return strlen(text); /* nothing is decoded: http_target reads what was sent */
}

void http_drop_log(void *ctx, const char *format, va_list args)
{
	(void)ctx;
	(void)format;
	(void)args; /* failed handshakes of strangers; no decision is made here */
}

static struct MHD_Daemon *start_daemon(struct http_server *s, const struct http_server_spec *spec,
				       int fd)
{
	struct MHD_OptionItem items[] = {
		{MHD_OPTION_LISTEN_SOCKET, fd, NULL},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)spec->key_pem},
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)spec->cert_pem},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITY},
		{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)spec->threads, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, (intptr_t)spec->connections, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_HEADERS_MEMORY, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)spec->idle_seconds, NULL},
		{MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)spec->connections_address, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
		{MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)http_keep_target, NULL},
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)http_on_target, s},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)http_on_completed, s},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)http_on_connection, s},
		/* Last, so that it can be left out. */
		{spec->client_ca_pem != NULL ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
		 (void *)(uintptr_t)spec->client_ca_pem},
		{MHD_OPTION_END, 0, NULL},
	};

	return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_TLS |
					MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
				0, NULL, NULL, http_on_access, s, MHD_OPTION_EXTERNAL_LOGGER,
				http_drop_log, NULL, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static rc start_reaper(struct http_server *s, struct fault *f)
{
	int failed = pthread_create(&s->reaper, NULL, run_reaper, s);

	if (failed != 0)
		return fault_errno(f, failed, "http: thread");
	s->has_reaper = true;
	return OK;
}

static rc start(struct http_server *s, const struct http_server_spec *spec, struct fault *f)
{
	AUTO(fd) int fd = spec->has_fd ? spec->fd : -1;

	if (!spec->has_fd)
		TRY(http_listen(spec->address, &fd, f));
	TRY(name_address(fd, s->address, sizeof(s->address), f));
	s->daemon = spec->local ? http_local_daemon(s, spec, fd) : start_daemon(s, spec, fd);
	if (s->daemon == NULL)
		return fault_set(f, RC_CRYPTO, 0, "http: key, certificate or client CA is refused");
	fd = -1; /* the daemon's */
	return start_reaper(s, f);
}

rc http_server_start(const struct http_server_spec *spec, struct http_server **ret, struct fault *f)
{
	struct http_server *s = (struct http_server *)calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	rc r;

	if (s == NULL)
		return RC(RC_NOMEM);
	s->spec = *spec;
	s->handler = spec->handler;
	s->has_client_ca = spec->client_ca_pem != NULL;
	s->needs_client_cert = s->has_client_ca || spec->client_judged;
	s->spec.address = s->spec.key_pem = s->spec.cert_pem = s->spec.client_ca_pem = NULL;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	(void)pthread_mutex_init(&s->lock, NULL);
	r = start(s, spec, f);
	if (!rc_is_ok(r)) {
		http_server_free(s);
		return r;
	}
	*ret = s;
	return OK;
}

const char *http_server_address(const struct http_server *s)
{
	return s->address;
}

void http_server_quiesce(struct http_server *s)
{
	MHD_socket fd;

	if (atomic_exchange(&s->closing, true))
		return;
	fd = MHD_quiesce_daemon(s->daemon);
	if (fd != MHD_INVALID_SOCKET)
		(void)close(fd);
}

void http_server_idle(struct http_server *s)
{
	/* With one client each call is the last: that is nothing to wake the reaper for. */
	if (!atomic_load(&s->draining))
		return;
	(void)pthread_mutex_lock(&s->lock);
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
}

bool http_server_drain(struct http_server *s, unsigned milliseconds)
{
	struct timespec t;
	bool done;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += milliseconds / 1000;
	t.tv_nsec += (long)(milliseconds % 1000) * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	(void)pthread_mutex_lock(&s->lock);
	atomic_store(&s->draining, true); /* before the number is looked at */
	while (atomic_load(&s->exchanges) != 0 &&
	       pthread_cond_timedwait(&s->changed, &s->lock, &t) != ETIMEDOUT)
		continue;
	done = atomic_load(&s->exchanges) == 0;
	(void)pthread_mutex_unlock(&s->lock);
	return done;
}

void http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	if (s->daemon != NULL) {
		http_server_quiesce(s);
		MHD_stop_daemon(s->daemon);
	}
	(void)pthread_mutex_lock(&s->lock);
	s->stopping = true;
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
	if (s->has_reaper)
		(void)pthread_join(s->reaper, NULL);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_cond_destroy(&s->changed);
	free(s);
}
