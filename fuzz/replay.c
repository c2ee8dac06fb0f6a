/* replay - feeds every file of a corpus directory to a fuzz target, for builds without libFuzzer.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	static uint8_t data[16 << 20];
	FILE *file = fopen(path, "rb");
	size_t n;

	if (file == NULL)
		return 1;
	n = fread(data, 1, sizeof(data), file);
	(void)fclose(file);
	/* A copy of exact size, so that the sanitizer sees a read past the end. */
	uint8_t *exact = (uint8_t *)malloc(n == 0 ? 1 : n);
	if (exact == NULL)
		return 1;
	for (size_t i = 0; i < n; i++)
		exact[i] = data[i];
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	const struct dirent *e;
	char path[PATH_MAX];
	size_t count = 0;

	if (dir == NULL) {
		(void)fprintf(stderr, "usage: %s CORPUS-DIR\n", argv[0]);
		return 2;
	}
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		if (replay(path) != 0)
			return 1;
		count++;
	}
	(void)closedir(dir);
	(void)printf("%zu inputs replayed\n", count);
	return count == 0;
}
