/* https_internal - what https_client.c (whole calls) and https_stream.c (calls in pieces) share.
 * Not for anybody else. */
#ifndef GS_NET_HTTPS_INTERNAL_H
#define GS_NET_HTTPS_INTERNAL_H

#include <curl/curl.h>

#include "lib/net/https_client.h"

struct https_client {
	CURL *curl;
	/* Of streams: a handle of their own, made with the first (libcurl looks for the connection
	 * of one that has made calls, too, among those); the connection, where there is one; and
	 * what has come of an answer. */
	CURL *line;
	CURLM *multi;
	int fd;
	int64_t since; /* monotonic seconds: the last call's end */
	uint8_t *block;
	char *base_url;
	struct tls_identity *identity;
	bool has_pin;
	bool has_peer;
	struct digest peer; /* of the last full handshake */
	unsigned stall_seconds;
	char error[CURL_ERROR_SIZE];
};

/* base and target into url. RC_USAGE: method or target cannot be sent. */
MUST rc https_prepare(const struct https_client *c, const char *method, const char *target,
		      char url[HTTPS_URL_MAX], struct fault *f);
/* RC_USAGE: the header cannot be sent; it is the i-th. */
MUST rc https_header_check(const char *header, size_t i, struct fault *f);
/* Ends the connection of streams, if there is one. */
void https_hang_up(struct https_client *c);
/* What a code other than CURLE_OK means. */
rc https_failed(const struct https_client *c, CURLcode code, struct fault *f);

#endif
