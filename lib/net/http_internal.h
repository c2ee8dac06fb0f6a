/* http_internal - what http_server.c (exchanges) and http_listen.c (connections) share. Not for
 * anybody else. */
#ifndef GS_NET_HTTP_INTERNAL_H
#define GS_NET_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "lib/net/http_server.h"

enum body_mode { BODY_NONE, BODY_MEMORY, BODY_STREAM };
enum exchange_phase { PHASE_HEADERS, PHASE_BEGIN_DEFERRED, PHASE_BODY, PHASE_READY, PHASE_SENT };
enum exchange_state { EXCHANGE_RUNNING, EXCHANGE_SUSPENDED, EXCHANGE_WOKEN };

/* One TCP connection, in the server's list from accept to close. */
struct http_conn {
	struct http_conn *prev;
	struct http_conn *next;
	int fd;
	_Atomic int64_t deadline; /* monotonic seconds; 0: none */
	bool local;
	struct http_peer peer; /* local: whose */
	int trusted;	       /* client certificate: 0 not looked at, 1 yes, -1 no */
	const char *distrust;  /* why not; a literal */
	struct buf chain;      /* what the client has shown, where the program judges */
	size_t chain_end[HTTP_CLIENT_CHAIN_MAX];
	size_t chain_count;
};

struct http_exchange {
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_conn *conn;
	const char *method;
	char target[HTTP_TARGET_KEEP];
	size_t target_len;
	enum exchange_phase phase;
	enum body_mode mode;
	enum http_fault fault;
	uint64_t body_size;
	struct buf body;
	size_t reserved; /* bytes counted in server->body_memory */
	size_t drained;
	bool answered;
	unsigned status;
	struct MHD_Response *response;
	_Atomic int state;
	void (*next)(struct http_exchange *x, void *ctx);
	void *next_ctx;
	void *user;
};

struct http_server {
	struct http_server_spec spec;
	const struct http_handler *handler;
	struct MHD_Daemon *daemon;
	char address[64];
	bool needs_client_cert;
	bool has_client_ca;
	atomic_bool closing;
	atomic_bool draining; /* somebody waits for exchanges to reach 0 */
	atomic_uint exchanges;
	_Atomic size_t body_memory;
	pthread_mutex_t lock; /* conns, stopping, and waiting for exchanges to reach 0 */
	pthread_cond_t changed;
	struct http_conn *conns;
	bool stopping;
	bool has_reaper;
	pthread_t reaper;
};

/* http_server.c: libmicrohttpd's callbacks; ctx is the server. */
void *http_on_target(void *ctx, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_on_access(void *ctx, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *data,
			       size_t *data_size, void **con_cls);
void http_on_completed(void *ctx, struct MHD_Connection *connection, void **con_cls,
		       enum MHD_RequestTerminationCode why);

/* http_listen.c: the connection is shut down unless disarmed or armed anew within so many seconds.
 * conn may be NULL. */
void http_conn_arm(struct http_conn *conn, unsigned seconds);
void http_conn_disarm(struct http_conn *conn);
/* Whether the peer may talk to us at all: its certificate, if there is a client CA. */
bool http_conn_is_trusted(struct http_server *s, struct MHD_Connection *connection,
			  struct http_conn *conn);
/* http_local.c: the daemon of a local server; NULL if it cannot be made. */
struct MHD_Daemon *http_local_daemon(struct http_server *s, const struct http_server_spec *spec,
				     int fd);
/* Looks who it is. */
void http_local_begin(struct http_conn *conn);
/* The response that pulls. NULL without memory. */
struct MHD_Response *http_local_response(const struct http_answer *a);
/* http_listen.c, for the daemon's options. */
size_t http_keep_target(void *ctx, struct MHD_Connection *connection, char *text);
void http_drop_log(void *ctx, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
void http_on_connection(void *ctx, struct MHD_Connection *connection, void **socket_context,
			enum MHD_ConnectionNotificationCode what);
/* The last exchange has ended. */
void http_server_idle(struct http_server *s);

#endif
