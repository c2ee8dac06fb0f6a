/* Mutual TLS: with client-ca, greatseald talks to holders of a valid certificate and to nobody
 * else, and says to the others what is wrong with theirs. Also through the command line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/front.h"
#include "tests/support/tls_ca.h"

#define DAY 86400L

static struct fixture fx;
static struct front s;
static struct tls_ca ours, theirs;

/* Files in the fixture's directory; a few at a time. */
static const char *in_dir(const char *name)
{
	static char ring[8][300];
	static size_t at;

	at = (at + 1) % 8;
	(void)snprintf(ring[at], sizeof(ring[at]), "%s/%s", fx.dir, name);
	return ring[at];
}

static void issue(const struct tls_ca *ca, const char *name, long from, long to, const char *usage)
{
	const struct tls_ca_client c = {
		.name = name, .from_seconds = from, .to_seconds = to, .usage = usage};
	char cert[64], key[64];

	(void)snprintf(cert, sizeof(cert), "%s.crt", name);
	(void)snprintf(key, sizeof(key), "%s.key", name);
	tls_ca_issue(ca, &c, in_dir(cert), in_dir(key));
}

static int group_setup(void **state)
{
	static char ca[300], cert[300], key[300];
	const struct front_options o = {
		.settings = {"--client-ca", ca}, .client_cert = cert, .client_key = key};

	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	(void)strcpy(ca, in_dir("ours.crt"));
	(void)strcpy(cert, in_dir("good.crt"));
	(void)strcpy(key, in_dir("good.key"));
	tls_ca_new(&ours, "Our Clients", ca);
	tls_ca_new(&theirs, "Their Clients", in_dir("theirs.crt"));
	issue(&ours, "good", -DAY, DAY, "clientAuth");
	issue(&ours, "plain", -DAY, DAY, NULL);
	issue(&ours, "expired", -3 * DAY, -DAY, "clientAuth");
	issue(&ours, "early", DAY, 2 * DAY, "clientAuth");
	issue(&ours, "code", -DAY, DAY, "codeSigning");
	issue(&theirs, "foreign", -DAY, DAY, "clientAuth");
	front_start_with(&s, &fx, &o);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	tls_ca_free(&ours);
	tls_ca_free(&theirs);
	return 0;
}

/* A connection that shows this certificate, or none. */
static void connect_as(struct front *other, const char *name)
{
	char cert[64], key[64];

	*other = s;
	(void)snprintf(cert, sizeof(cert), "%s.crt", name == NULL ? "" : name);
	(void)snprintf(key, sizeof(key), "%s.key", name == NULL ? "" : name);
	other->options.client_cert = name == NULL ? NULL : in_dir(cert);
	other->options.client_key = name == NULL ? NULL : in_dir(key);
	front_clone(other, other);
}

static void valid_certificates_are_let_in(void **state)
{
	static const char *const names[] = {"good", "plain"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fx_request q;
		struct front f;

		connect_as(&f, names[i]);
		assert_int_equal(front_get(&f, NULL, "/readyz"), 200);
		assert_int_equal(front_get(&f, "alice", "/v1/keys"), 200);
		/* The certificate opens the connection; who calls is still the signature's word. */
		assert_int_equal(front_get(&f, NULL, "/v1/keys"), 401);
		assert_string_equal(front_reason(&f), reason_id(REASON_CALL_AUTH));
		fx_request_new(&fx, "nightly", 1, &q);
		assert_int_equal(front_submit(&f, "/v1/requests", &q, true), 200);
		assert_string_equal(front_text(&f, "status.state"), "done");
		fx_request_release(&q);
		front_clone_end(&f);
	}
}

static void others_are_told_why_not(void **state)
{
	static const struct {
		const char *name;
		const char *text;
	} cases[] = {
		{NULL, "has no client certificate"}, {"foreign", "of another authority"},
		{"expired", "has expired"},	     {"early", "not valid yet"},
		{"code", "not for TLS clients"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *body = json_object();
		struct front f;

		connect_as(&f, cases[i].name);
		/* Not even what is open to everybody, and the same on a kept connection. */
		for (int again = 0; again < 2; again++) {
			assert_int_equal(front_get(&f, NULL, "/healthz"), 401);
			assert_string_equal(front_reason(&f), reason_id(REASON_CALL_CERTIFICATE));
			if (strstr(front_text(&f, "error.text"), cases[i].text) == NULL)
				fail_msg("%s", front_text(&f, "error.text"));
			assert_non_null(strstr(front_text(&f, "error.remedy"), "--client-cert"));
		}
		assert_int_equal(front_get(&f, "alice", "/v1/keys"), 401);
		assert_int_equal(front_post(&f, "alice", "/v1/uploads", body), 401);
		assert_string_equal(front_reason(&f), reason_id(REASON_CALL_CERTIFICATE));
		front_clone_end(&f);
	}
}

/* ---- The command line ----------------------------------------------------------------------*/

/* Runs greatseal with what it says in *out; its exit code. */
static int cli(struct buf *out, const char *const *args)
{
	const char *build = getenv("BUILD");
	const char *argv[24] = {"greatseal"};
	AUTO(fd) int fd = open(in_dir("cli.out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char program[400];
	int status;
	pid_t pid;

	(void)snprintf(program, sizeof(program), "%s/prog/cli/greatseal", build);
	for (size_t i = 0; args[i] != NULL; i++)
		argv[1 + i] = args[i];
	pid = fork();
	fx_check(fd >= 0 && pid >= 0);
	if (pid == 0) {
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
		(void)setenv("GREATSEAL_CONFIG", in_dir("client.json"), 1);
		(void)execv(program, (char *const *)(uintptr_t)argv);
		_exit(98);
	}
	fx_check(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	buf_clear(out);
	fx_ok(file_read(in_dir("cli.out"), out, NULL));
	return WEXITSTATUS(status);
}

static int init_client(struct buf *out, const char *cert, const char *key)
{
	char url[100], pin[80], hex[DIGEST_HEX];
	const char *args[16] = {"init-client", "--server", url, "--pin", pin, "--person", "alice"};
	size_t n = 7;

	digest_hex(&s.pin, hex);
	(void)snprintf(url, sizeof(url), "https://%s", s.address);
	(void)snprintf(pin, sizeof(pin), "sha256:%s", hex);
	if (cert != NULL) {
		args[n++] = "--client-cert";
		args[n++] = cert;
	}
	if (key != NULL) {
		args[n++] = "--client-key";
		args[n++] = key;
	}
	return cli(out, args);
}

#define says(out, words)                                                                           \
	do {                                                                                       \
		if (strstr(buf_cstr(out), words) == NULL)                                          \
			fail_msg("no \"%s\" in: %s", words, buf_cstr(out));                        \
	} while (0)

static void command_line_shows_its_certificate(void **state)
{
	const char *const fetch[] = {"log", "checkpoint", NULL};
	AUTO(buf) struct buf out;
	AUTO(buf) struct buf both;
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = in_dir("both.pem"), .mode = 0600};

	(void)state;
	buf_init(&out, 65536);
	buf_init(&both, 65536);
	/* Relative names are remembered as absolute ones. */
	assert_int_equal(chdir(fx.dir), 0);
	if (init_client(&out, "good.crt", "good.key") != 0)
		fail_msg("%s", buf_cstr(&out));
	assert_int_equal(chdir("/"), 0);
	if (cli(&out, fetch) != 0)
		fail_msg("%s", buf_cstr(&out));
	/* Certificate and key in one file. */
	fx_ok(file_read(in_dir("good.key"), &both, NULL));
	fx_ok(file_read(in_dir("good.crt"), &both, NULL));
	fx_ok(file_replace(&spec, buf_view(&both), NULL));
	assert_int_equal(init_client(&out, in_dir("both.pem"), NULL), 0);
	assert_int_equal(cli(&out, fetch), 0);
	/* The file is gone when it is needed. */
	assert_int_equal(unlink(in_dir("both.pem")), 0);
	assert_int_not_equal(cli(&out, fetch), 0);
	says(&out, "both.pem");
	says(&out, "--client-cert");
}

static void command_line_says_what_is_wrong(void **state)
{
	AUTO(buf) struct buf out;

	(void)state;
	buf_init(&out, 65536);
	assert_int_equal(init_client(&out, NULL, NULL), 1);
	says(&out, "the connection has no client certificate");
	says(&out, "greatseal init-client --client-cert FILE --client-key FILE");
	says(&out, "call.certificate");
	assert_int_equal(init_client(&out, in_dir("expired.crt"), in_dir("expired.key")), 1);
	says(&out, "the client certificate has expired");
	assert_int_equal(init_client(&out, in_dir("foreign.crt"), in_dir("foreign.key")), 1);
	says(&out, "another authority");
	/* Before anything is sent: files that do not belong together, or are none. */
	assert_int_equal(init_client(&out, in_dir("good.crt"), in_dir("plain.key")), 2);
	says(&out, "the key is not the certificate's");
	assert_int_equal(init_client(&out, in_dir("good.crt"), NULL), 2);
	says(&out, "no unencrypted PEM private key");
	assert_int_equal(init_client(&out, NULL, in_dir("good.key")), 2);
	says(&out, "--client-key without --client-cert");
	assert_int_not_equal(init_client(&out, in_dir("nothing.crt"), in_dir("good.key")), 0);
	says(&out, "nothing.crt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_certificates_are_let_in),
		cmocka_unit_test(others_are_told_why_not),
		cmocka_unit_test(command_line_shows_its_certificate),
		cmocka_unit_test(command_line_says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
