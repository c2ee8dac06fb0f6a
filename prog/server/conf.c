#include "prog/server/conf.h"

#include <string.h>

static const struct setting rows[] = {
	SETTING_TEXT("listen", listen, "127.0.0.1:8443",
		     "address and port; port 0 takes a free one"),
	SETTING_TEXT("data", data, "", "directory of uploads, reports, the store and the TLS key"),
	SETTING_TEXT("keeper-socket", keeper_socket, "", "unix socket of greatseal-keeper"),
	SETTING_TEXT("public-log", public_log, "", "the log's directory that the keeper publishes"),
	SETTING_TEXT("worker", worker, "", "path of greatseal-worker"),
	SETTING_TEXT(
		"client-ca", client_ca, "",
		"who may connect: keeper (its hosts), a PEM file, or keeper,FILE; empty: anybody"),
	SETTING_NUMBER("upload-max", upload_max, 1, UINT64_MAX >> 2, "17179869184",
		       "bytes of one file"),
	SETTING_NUMBER("upload-keep", upload_keep, 1, 87600, "72",
		       "hours that an incomplete upload may rest"),
	SETTING_NUMBER("uploads-total", uploads_total, 0, UINT64_MAX >> 2, "274877906944",
		       "bytes of all files that are kept or announced; 0: no limit"),
	SETTING_NUMBER("artifacts-keep", artifacts_keep, 0, 36500, "0",
		       "days that files are kept after the last deadline of their requests; 0: for "
		       "ever"),
	SETTING_NUMBER("threads", threads, 1, 64, "4", "HTTP threads"),
	SETTING_NUMBER("tasks", tasks, 1, 512, "32", "threads that wait for the keeper"),
	SETTING_NUMBER("workers", workers, 1, 64, "2", "files inspected or finished at a time"),
	SETTING_NUMBER("connections", connections, 4, 65536, "4096", "connections in all"),
	SETTING_NUMBER("connections-address", connections_address, 0, 65536, "1024",
		       "connections from one address; 0: no limit of its own"),
	SETTING_NUMBER("guard-silence", guard_silence, 10, 604800, "900",
		       "seconds without a word from a host's guard before it counts as silent"),
	SETTING_NUMBER("guard-events", guard_events, 100, 10000000, "20000",
		       "events of one host's guard that are kept"),
	SETTING_NUMBER("guard-digests", guard_digests, 100, 10000000, "200000",
		       "contents that one host's guard has seen and that are kept"),
	SETTING_NUMBER("guard-keep", guard_keep, 1, 36500, "365",
		       "days that events, contents and hosts of guards are kept"),
};

const struct settings conf_settings = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.conf_size = sizeof(struct conf),
	.manual = "greatseald(8)",
};

/* "keeper", "FILE", or both with a comma between them. */
static rc split_client_ca(struct conf *c, struct fault *f)
{
	static const char word[] = "keeper";
	const size_t n = sizeof(word) - 1;
	const char *file = c->client_ca;

	c->client_hosts = strncmp(c->client_ca, word, n) == 0 &&
			  (c->client_ca[n] == '\0' || c->client_ca[n] == ',');
	if (c->client_hosts)
		file += n;
	if (file[0] == ',' && *++file == '\0')
		return fault_set(f, RC_USAGE, 0, "client-ca: no file behind the comma");
	memmove(c->client_file, file, strlen(file) + 1);
	return OK;
}

rc conf_check(struct conf *c, struct fault *f)
{
	const char *const needed[][2] = {{"data", c->data},
					 {"keeper-socket", c->keeper_socket},
					 {"public-log", c->public_log},
					 {"worker", c->worker}};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i][1][0] != '/')
			return fault_set(f, RC_USAGE, 0, "%s must be an absolute path",
					 needed[i][0]);
	return split_client_ca(c, f);
}
