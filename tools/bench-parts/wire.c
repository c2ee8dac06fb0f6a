#include "tools/bench-parts/wire.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define READ_AT_ONCE 16384u
#define LOCAL "unix:"

struct wire {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	struct digest pin;
	bool is_other; /* the server showed another key */
	struct buf in;
};

/* The pin is all that is verified. */
static int check_peer(X509_STORE_CTX *store, void *arg)
{
	struct wire *w = (struct wire *)arg;
	X509 *cert = X509_STORE_CTX_get0_cert(store);
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	struct digest d = digest_of(view_of(spki, len > 0 ? (size_t)len : 0));

	OPENSSL_free(spki);
	w->is_other = !digest_is_equal(&d, &w->pin);
	return w->is_other ? 0 : 1;
}

static rc dial_local(struct wire *w, const char *path, struct fault *f)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(a.sun_path))
		return fault_set(f, RC_USAGE, 0, "%s: too long", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || connect(w->fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return fault_set(f, RC_PEER, 0, "%s: no connection", path);
	return OK;
}

static rc dial(struct wire *w, const char *url, struct fault *f)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char host[128];
	char *port;
	int one = 1;

	if (strncmp(url, "https://", 8) != 0 || strlen(url + 8) >= sizeof(host))
		return fault_set(f, RC_USAGE, 0, "%s: not https://HOST:PORT", url);
	memcpy(host, url + 8, strlen(url + 8) + 1);
	port = strrchr(host, ':');
	if (port == NULL)
		return fault_set(f, RC_USAGE, 0, "%s: no port", url);
	*port++ = '\0';
	if (getaddrinfo(host, port, &hints, &list) != 0)
		return fault_set(f, RC_USAGE, 0, "%s: no such address", url);
	w->fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || connect(w->fd, list->ai_addr, list->ai_addrlen) != 0 ||
	    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
		freeaddrinfo(list);
		return fault_set(f, RC_PEER, 0, "%s: no connection", url);
	}
	freeaddrinfo(list);
	return OK;
}

static rc shake_hands(struct wire *w, const struct wire_spec *spec, struct fault *f)
{
	w->ctx = SSL_CTX_new(TLS_client_method());
	if (w->ctx == NULL)
		return RC(RC_NOMEM);
	SSL_CTX_set_verify(w->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(w->ctx, check_peer, w);
	if (spec->cert != NULL &&
	    (SSL_CTX_use_certificate_chain_file(w->ctx, spec->cert) != 1 ||
	     SSL_CTX_use_PrivateKey_file(w->ctx, spec->key, SSL_FILETYPE_PEM) != 1))
		return fault_set(f, RC_USAGE, 0, "%s: no certificate with its key", spec->cert);
	w->ssl = SSL_new(w->ctx);
	if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1)
		return RC(RC_NOMEM);
	if (SSL_connect(w->ssl) == 1)
		return OK;
	return fault_set(f, w->is_other ? RC_MISMATCH : RC_PEER, 0, "%s: TLS handshake", spec->url);
}

rc wire_open(const struct wire_spec *spec, struct wire **ret, struct fault *f)
{
	struct wire *w = (struct wire *)calloc(1, sizeof(*w));
	rc r;

	if (w == NULL)
		return RC(RC_NOMEM);
	w->fd = -1;
	w->pin = spec->pin;
	buf_init(&w->in, ANSWER_MAX);
	if (strncmp(spec->url, LOCAL, sizeof(LOCAL) - 1) == 0) {
		r = dial_local(w, spec->url + sizeof(LOCAL) - 1, f);
	} else {
		r = dial(w, spec->url, f);
		if (rc_is_ok(r))
			r = shake_hands(w, spec, f);
	}
	if (rc_is_ok(r))
		*ret = w;
	else
		wire_close(w);
	return r;
}

void wire_close(struct wire *w)
{
	if (w == NULL)
		return;
	SSL_free(w->ssl);
	SSL_CTX_free(w->ctx);
	fd_close(&w->fd);
	buf_release(&w->in);
	free(w);
}

static bool read_some(struct wire *w, uint8_t *out, size_t *ret)
{
	ssize_t n;

	if (w->ssl != NULL)
		return SSL_read_ex(w->ssl, out, READ_AT_ONCE, ret) == 1;
	n = read(w->fd, out, READ_AT_ONCE);
	*ret = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool write_all(struct wire *w, struct view bytes)
{
	size_t sent = 0;

	if (w->ssl != NULL)
		return SSL_write_ex(w->ssl, bytes.ptr, bytes.len, &sent) == 1;
	return rc_is_ok(fd_write_full(w->fd, bytes.ptr, bytes.len, NULL));
}

/* Reads on until n bytes are there. */
static rc fill(struct wire *w, size_t n, struct fault *f)
{
	while (w->in.len < n) {
		size_t got = 0;
		uint8_t *space = buf_space(&w->in, READ_AT_ONCE);

		if (space == NULL)
			return fault_set(f, buf_done(&w->in).code, 0, "the answer is too long");
		w->in.len -= READ_AT_ONCE;
		if (!read_some(w, space, &got))
			return fault_set(f, RC_PEER, 0, "the server closed the connection");
		w->in.len += got;
	}
	return OK;
}

/* Reads the header; *ret_end is where it ends. */
static rc read_header(struct wire *w, size_t *ret_end, struct fault *f)
{
	for (;;) {
		const uint8_t *end =
			w->in.len == 0 ? NULL : memmem(w->in.ptr, w->in.len, "\r\n\r\n", 4);

		if (end != NULL) {
			*ret_end = (size_t)(end - w->in.ptr) + 4;
			return OK;
		}
		TRY(fill(w, w->in.len + 1, f));
	}
}

static rc content_length(struct view header, uint64_t *ret)
{
	static const char name[] = "content-length:";
	struct view line;

	while (rc_is_ok(view_until(&header, '\n', &line))) {
		if (line.len < sizeof(name) ||
		    strncasecmp((const char *)line.ptr, name, sizeof(name) - 1) != 0)
			continue;
		TRY(view_skip(&line, sizeof(name) - 1));
		while (line.len > 0 && line.ptr[0] == ' ')
			TRY(view_skip(&line, 1));
		return num_parse_u64((const char *)line.ptr, line.len > 0 ? line.len - 1 : 0,
				     ANSWER_MAX, ret);
	}
	return RC(RC_NOTFOUND);
}

rc wire_call(struct wire *w, struct view request, unsigned *ret_status, struct view *ret_body,
	     struct fault *f)
{
	size_t end = 0;
	uint64_t length = 0;
	uint64_t status = 0;

	buf_clear(&w->in);
	if (!write_all(w, request))
		return fault_set(f, RC_PEER, 0, "the server does not read");
	TRY(read_header(w, &end, f));
	if (end < 12 || memcmp(w->in.ptr, "HTTP/1.1 ", 9) != 0 ||
	    !rc_is_ok(num_parse_u64((const char *)w->in.ptr + 9, 3, 999, &status)) ||
	    !rc_is_ok(content_length(view_of(w->in.ptr, end), &length)))
		return fault_set(f, RC_PEER, 0, "the answer is not understood");
	TRY(fill(w, end + (size_t)length, f));
	*ret_status = (unsigned)status;
	*ret_body = view_of(w->in.ptr + end, (size_t)length);
	return OK;
}
