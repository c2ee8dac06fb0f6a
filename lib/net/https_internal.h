/* https_internal - what https_client.c (whole calls) and https_stream.c (calls in pieces) share.
 * Not for anybody else. */
#ifndef GS_NET_HTTPS_INTERNAL_H
#define GS_NET_HTTPS_INTERNAL_H

#include <curl/curl.h>

#include "lib/net/https_client.h"

struct https_client {
	CURL *curl;
	CURLM *multi;	/* of streams; made with the first one */
	uint8_t *block; /* likewise: their answers pass through it */
	char *base_url;
	struct tls_identity *identity;
	bool has_pin;
	bool has_peer;
	struct digest peer; /* of the last full handshake */
	unsigned stall_seconds;
	char error[CURL_ERROR_SIZE];
};

/* base and target into url. RC_USAGE: method, target or a header (NULL ends the list) cannot be
 * sent. *list is the caller's also on failure; expect and type (may be NULL) are added. */
MUST rc https_prepare(const struct https_client *c, const char *method, const char *target,
		      char url[HTTPS_URL_MAX], struct fault *f);
MUST rc https_headers(const char *const headers[HTTPS_HEADERS_MAX], const char *type,
		      const char *expect, struct curl_slist **list, struct fault *f);
/* What a code other than CURLE_OK means. */
rc https_failed(const struct https_client *c, CURLcode code, struct fault *f);

#endif
