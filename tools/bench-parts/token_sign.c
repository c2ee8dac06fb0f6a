/* token_sign - signatures a second of one thread through a token, for
 * tools/bench-parts/token_sign.sh.
 *
 * usage: token_sign SPEC DIR SECONDS ALGORITHM...   (the secret: standard input or as SPEC says)
 * Prints "ALGORITHM RATE" by the thread's CPU time, one line each. Makes the keys; a file token too
 * if it is not there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "prog/keeper/token.h"

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static rc measure(struct token *t, enum key_alg alg, double seconds, struct fault *f)
{
	const struct token_wish w = {.id = digest_of(view_str(key_alg_name(alg))), .alg = alg};
	const struct hash h = hash_of(HASH_SHA256, view_str("bytes"));
	const struct sign_input in = {
		.scheme = key_alg_scheme(alg), .hash = HASH_SHA256, .input = hash_view(&h)};
	AUTO(token_session) struct token_session *s = NULL;
	uint8_t spki_mem[PKEY_SPKI_MAX];
	uint8_t sig_mem[PKEY_SIGNATURE_MAX];
	struct buf spki;
	struct buf sig;
	double begin;
	double end;
	long n = 0;

	buf_init_fixed(&spki, spki_mem, sizeof(spki_mem));
	buf_init_fixed(&sig, sig_mem, sizeof(sig_mem));
	TRY(token_create_key(t, &w, &spki, f));
	TRY(token_session_new(t, &w.id, buf_view(&spki), &s, f));
	begin = now();
	do {
		buf_clear(&sig);
		TRY(token_session_sign(s, &in, &sig, f));
		n++;
		end = now();
	} while (end - begin < seconds);
	printf("%s %.0f\n", key_alg_name(alg), (double)n / (end - begin));
	return OK;
}

static rc run(int argc, char **argv, struct fault *f)
{
	AUTO(token) struct token *t = NULL;
	AUTO(secret) struct secret secret = {0};
	struct token_spec spec;
	enum key_alg alg;
	rc r;

	TRY(token_spec_parse(view_str(argv[1]), argv[2], &spec, f));
	TRY(token_secret_read(&spec, &secret, f));
	r = token_make(&spec, &secret, f);
	if (r.code != RC_EXISTS && r.code != RC_UNSUPPORTED)
		TRY(r);
	TRY(token_open(&spec, &secret, &t, f));
	for (int i = 4; i < argc; i++) {
		TRY(key_alg_parse(view_str(argv[i]), &alg));
		TRY(measure(t, alg, atof(argv[3]), f));
	}
	return OK;
}

int main(int argc, char **argv)
{
	struct fault f = {.text = "unknown algorithm"};

	if (argc < 5) {
		fputs("usage: token_sign SPEC DIR SECONDS ALGORITHM...\n", stderr);
		return 2;
	}
	if (rc_is_ok(run(argc, argv, &f)))
		return 0;
	fprintf(stderr, "token_sign: %s\n", f.text);
	return 1;
}
