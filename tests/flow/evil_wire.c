/* The evil front end on the wire: frames that no encoder of ours would write, and more
 * than anybody needs. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/flow/evil.h"

/* ---- The wire ------------------------------------------------------------------------------*/

/* Sends bytes on a connection of their own; true if the keeper closes it, after at most one answer
 * that is an error. */
static bool closes(const void *bytes, size_t len, bool half_close)
{
	uint8_t answer[4096];
	int fd = fx_connect(&fx);
	size_t got = 0;
	ssize_t n;

	assert_true(fd >= 0);
	(void)send(fd, bytes, len, MSG_NOSIGNAL);
	if (half_close)
		(void)shutdown(fd, SHUT_WR);
	while ((n = recv(fd, answer + got, sizeof(answer) - got, 0)) > 0)
		got += (size_t)n;
	(void)close(fd);
	if (got == 0)
		return true;
	return got >= KEEPER_HEADER && answer[4] == 0 && answer[5] == KEEPER_R_ERROR;
}

static void broken_frames(void **state)
{
	static const struct {
		uint8_t bytes[20];
		size_t len;
	} frames[] = {
		{{0xff, 0xff, 0xff, 0xff, 0, 2}, 16}, /* longer than anything */
		{{0, 0, 0, 0, 0, 1}, 16},	      /* shorter than a header */
		{{0, 0, 0, 14, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 18},	 /* no such type */
		{{0, 0, 0, 14, 0, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 18}, /* an answer */
		{{0, 0, 0, 14, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 18},	 /* not zero */
		{{0, 0, 0, 14, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9}, 18},	 /* protocol 9 */
		{{0, 0, 0, 13, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, 17},	 /* half a number */
		{{0, 0, 0, 15, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0},
		 19}, /* one byte more */
		{{0, 0, 0, 16, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}, 20},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		assert_true(closes(frames[i].bytes, frames[i].len, false));
	/* Cut off anywhere: no answer, and the keeper goes on. */
	AUTO(buf) struct buf frame;
	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, 7);
	for (size_t n = 0; n < frame.len; n++)
		assert_true(closes(frame.ptr, n, true));
	assert_int_equal(fx_show(&fx, &q), KEEPER_R_ERROR);
}

/* Two connections, whose frames arrive byte by byte in turn; each gets its own answer. */
static void interleaved_frames(void **state)
{
	struct buf frame[2];
	uint8_t answer[2][KEEPER_HEADER];
	int fd[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fd[i] = fx_connect(&fx);
		assert_true(fd[i] >= 0);
		buf_init(&frame[i], 4096);
		keeper_put_hello_request(&frame[i], 100 + i);
	}
	for (size_t n = 0; n < frame[0].len; n++)
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(send(fd[i], frame[i].ptr + n, 1, MSG_NOSIGNAL), 1);
	for (size_t i = 0; i < 2; i++) {
		struct keeper_header h;

		fx_ok(fd_read_full(fd[i], answer[i], KEEPER_HEADER, NULL));
		fx_ok(keeper_header_parse(view_of(answer[i], KEEPER_HEADER), &h));
		assert_int_equal(h.type, KEEPER_R_HELLO);
		assert_int_equal(h.correlation, 100 + i);
		(void)close(fd[i]);
		buf_release(&frame[i]);
	}
}

static enum keeper_type ask_csr(void)
{
	const struct view names[2] = {view_str("release"), view_str("CN=x")};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_CSR, names, 2);
	return fx_exchange(&fx, &frame);
}

static uint64_t log_size(void)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello m;

	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++fx.correlation);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&fx.body), &m));
	return m.log_size;
}

/* Certificate requests are signed by nobody, and each adds an entry. */
static void certificate_requests_do_not_fill_the_log(void **state)
{
	uint64_t size = log_size();

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask_csr(), KEEPER_R_BYTES);
	assert_int_equal(log_size(), size + 20);
	for (int i = 0; i < 3; i++)
		refused(REASON_KEEPER_BUSY, ask_csr());
	assert_int_equal(log_size(), size + 20);
	/* nor after a start, by whatever way it came */
	fx_kill(&fx);
	fx_run(&fx);
	size = log_size();
	for (int i = 0; i < 3; i++)
		refused(REASON_KEEPER_BUSY, ask_csr());
	assert_int_equal(log_size(), size);
	fx_clock(&fx, fx.clock + 3600);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask_csr(), KEEPER_R_BYTES);
	refused(REASON_KEEPER_BUSY, ask_csr());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(broken_frames, fresh, done),
		cmocka_unit_test_setup_teardown(interleaved_frames, fresh, done),
		cmocka_unit_test_setup_teardown(certificate_requests_do_not_fill_the_log, fresh,
						done),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
