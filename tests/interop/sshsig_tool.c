/* sshsig_tool - our SSH signing and verifying as a command, for tests/interop/sshsig.sh.
 *
 *   key PUB                                 type, channel and fingerprint
 *   verify PUB NS MESSAGE SIG [RULE...]     RULE: touch, synced, origin=URL; prints what is known
 *   sign WAY NS MESSAGE KEY|- [SOCKET]      WAY: file, agent, keygen: fails unless that way is
 * chosen bench PUB NS MESSAGE SIG COUNT          microseconds per verification Refusals: "refused:
 * CODE: TEXT" on standard error and exit status 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/crypt/sshsig.h"
#include "lib/net/sshsigner.h"

static int refused(rc r, const struct fault *f)
{
	(void)fprintf(stderr, "refused: %s: %s\n", rc_name(r), f->text);
	return 1;
}

static rc read_key(const char *path, struct sshkey **ret, struct fault *f)
{
	AUTO(buf) struct buf line;

	buf_init(&line, SSHKEY_LINE_MAX + 1);
	TRY(file_read(path, &line, f));
	return sshkey_parse_line(buf_view(&line), ret, NULL, f);
}

static int key(char **argv, struct fault *f)
{
	AUTO(sshkey) struct sshkey *k = NULL;
	char text[SSHKEY_FINGERPRINT];
	rc r = read_key(argv[0], &k, f);

	if (!rc_is_ok(r))
		return refused(r, f);
	sshkey_fingerprint_text(sshkey_fingerprint(k), text);
	(void)printf("%s %s %s\n", sshkey_type_name(sshkey_type(k)),
		     sshkey_channel_name(sshkey_channel(k)), text);
	return 0;
}

static rc load(char **argv, struct sshkey **k, struct buf *message, struct buf *blob,
	       struct fault *f)
{
	AUTO(buf) struct buf armor;

	buf_init(&armor, SSHSIG_ARMOR_MAX + 1);
	TRY(read_key(argv[0], k, f));
	TRY(file_read(argv[2], message, f));
	TRY(file_read(argv[3], &armor, f));
	return sshsig_dearmor(buf_view(&armor), blob, f);
}

static int verify(int argc, char **argv, struct fault *f)
{
	AUTO(sshkey) struct sshkey *k = NULL;
	AUTO(buf) struct buf message;
	AUTO(buf) struct buf blob;
	struct view origin = {0};
	struct sshsig_rules rules = {.origins = &origin};
	struct sshsig_info info;
	rc r;

	buf_init(&message, 1 << 20);
	buf_init(&blob, SSHSIG_BLOB_MAX);
	for (int i = 4; i < argc; i++) {
		if (strcmp(argv[i], "touch") == 0) {
			rules.allow_unverified = true;
		} else if (strcmp(argv[i], "synced") == 0) {
			rules.allow_synced = true;
		} else if (strncmp(argv[i], "origin=", 7) == 0) {
			origin = view_str(argv[i] + 7);
			rules.origin_count = 1;
		}
	}
	r = load(argv, &k, &message, &blob, f);
	if (rc_is_ok(r))
		r = sshsig_verify(k, argv[1], buf_view(&message), buf_view(&blob), &rules, &info,
				  f);
	if (!rc_is_ok(r))
		return refused(r, f);
	(void)printf("good %s %s uv=%d flags=%d counter=%u\n", sshkey_channel_name(info.channel),
		     hash_name(info.hash), info.user_verified, info.flags, info.counter);
	return 0;
}

static int sign(int argc, char **argv, struct fault *f)
{
	static const char *const ways[] = {
		[SSHSIGNER_FILE] = "file",
		[SSHSIGNER_AGENT] = "agent",
		[SSHSIGNER_KEYGEN] = "keygen",
	};
	const struct sshsigner_spec spec = {
		.key_path = strcmp(argv[3], "-") == 0 ? NULL : argv[3],
		.agent_socket = argc > 4 ? argv[4] : NULL,
		.environment = environ,
	};
	AUTO(sshsigner) struct sshsigner *s = NULL;
	AUTO(buf) struct buf message;
	AUTO(buf) struct buf blob;
	AUTO(buf) struct buf armor;
	rc r;

	buf_init(&message, 1 << 20);
	buf_init(&blob, SSHSIG_BLOB_MAX);
	buf_init(&armor, SSHSIG_ARMOR_MAX);
	r = file_read(argv[2], &message, f);
	if (rc_is_ok(r))
		r = sshsigner_open(&spec, &s, f);
	if (rc_is_ok(r) && strcmp(ways[sshsigner_way(s)], argv[0]) != 0) {
		(void)fprintf(stderr, "way is %s, not %s\n", ways[sshsigner_way(s)], argv[0]);
		return 2;
	}
	if (rc_is_ok(r))
		r = sshsigner_sign(s, argv[1], buf_view(&message), &blob, f);
	if (!rc_is_ok(r))
		return refused(r, f);
	sshsig_armor(buf_view(&blob), &armor);
	return fputs(buf_cstr(&armor), stdout) < 0;
}

static int bench(char **argv, struct fault *f)
{
	AUTO(sshkey) struct sshkey *k = NULL;
	AUTO(buf) struct buf message;
	AUTO(buf) struct buf blob;
	const struct sshsig_rules rules = {.allow_unverified = true};
	struct timespec a;
	struct timespec b;
	int count = atoi(argv[4]);
	rc r;

	buf_init(&message, 1 << 20);
	buf_init(&blob, SSHSIG_BLOB_MAX);
	r = load(argv, &k, &message, &blob, f);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int i = 0; rc_is_ok(r) && i < count; i++)
		r = sshsig_verify(k, argv[1], buf_view(&message), buf_view(&blob), &rules, NULL, f);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	if (!rc_is_ok(r))
		return refused(r, f);
	(void)printf("%s: %.2f us of CPU per verification\n", sshkey_type_name(sshkey_type(k)),
		     ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e3 /
			     count);
	return 0;
}

int main(int argc, char **argv)
{
	struct fault f = {0};

	if (argc == 3 && strcmp(argv[1], "key") == 0)
		return key(argv + 2, &f);
	if (argc >= 6 && strcmp(argv[1], "verify") == 0)
		return verify(argc - 2, argv + 2, &f);
	if (argc >= 6 && strcmp(argv[1], "sign") == 0)
		return sign(argc - 2, argv + 2, &f);
	if (argc == 7 && strcmp(argv[1], "bench") == 0)
		return bench(argv + 2, &f);
	(void)fprintf(stderr, "usage: see the top of tests/interop/sshsig_tool.c\n");
	return 2;
}
