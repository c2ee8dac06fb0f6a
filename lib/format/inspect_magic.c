/* Recognising a file by its first bytes, and what its name promises. Owns the two tables. */
#include <string.h>
#include <strings.h>

#include "lib/format/inspect_impl.h"
#include "lib/model/guard_token.h"

struct row {
	const char *type;
	size_t at;
	const char *bytes;
	size_t len;
	bool archive;
};
#define ROW(type, at, bytes, archive)                                                              \
	{                                                                                          \
		type, at, bytes, sizeof(bytes) - 1, archive                                        \
	}

/* The first row that fits decides, so the longer magic stands first. */
static const struct row rows[] = {
	ROW("elf", 0, "\177ELF", false),
	ROW("zip", 0, "PK\003\004", true),
	ROW("zip", 0, "PK\005\006", true),
	ROW("gzip", 0, "\037\213\010", true),
	ROW("xz", 0, "\3757zXZ\0", true),
	ROW("zstd", 0, "\050\265\057\375", true),
	ROW("bzip2", 0, "BZh", true),
	ROW("deb", 0, "!<arch>\ndebian-binary", true),
	ROW("ar", 0, "!<arch>\n", true),
	ROW("rpm", 0, "\355\253\356\333", true),
	ROW("tar", 257, "ustar", true),
	ROW("cpio", 0, "070701", true),
	ROW("cpio", 0, "070702", true),
	ROW("cpio", 0, "070707", true),
	ROW("pdf", 0, "%PDF-", false),
	ROW("msi", 0, "\320\317\021\340\241\261\032\341", false),
	ROW("cab", 0, "MSCF\0\0\0\0", false),
	ROW("macho", 0, "\317\372\355\376", false),
	ROW("macho", 0, "\312\376\272\276", false),
	ROW("list", 0, "greatseal-list-1", false),
	ROW("record", 0, "greatseal-pack-1", false),
	ROW("guard-token", 0, GUARD_TOKEN_MAGIC, false),
	ROW("png", 0, "\211PNG\r\n\032\n", false),
	ROW("script", 0, "#!", false),
};

static bool is_pe(struct view head)
{
	struct view at;
	uint32_t pe;

	/* MZ, and at 0x3c the offset of "PE\0\0" (PE/COFF 3.1). The header may lie past the bytes
	 * we look at; "MZ" is then taken for a PE too, and its reader says what is wrong. */
	if (head.len < 64 || memcmp(head.ptr, "MZ", 2) != 0)
		return false;
	if (!rc_is_ok(view_slice(head, 0x3c, 4, &at)) || !rc_is_ok(view_u32le(&at, &pe)))
		return false;
	return !rc_is_ok(view_slice(head, pe, 4, &at)) || memcmp(at.ptr, "PE\0\0", 4) == 0;
}

static bool is_text(struct view head)
{
	for (size_t i = 0; i < head.len; i++)
		if (head.ptr[i] == 0 ||
		    (head.ptr[i] < 0x20 && strchr("\t\n\r\f\b\033", head.ptr[i]) == NULL))
			return false;
	return head.len > 0;
}

struct magic magic_find(struct view head)
{
	if (head.len == 0)
		return (struct magic){.type = "empty"};
	if (is_pe(head))
		return (struct magic){.type = "pe"};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct view part;

		if (rc_is_ok(view_slice(head, rows[i].at, rows[i].len, &part)) &&
		    memcmp(part.ptr, rows[i].bytes, rows[i].len) == 0)
			return (struct magic){.type = rows[i].type, .archive = rows[i].archive};
	}
	return (struct magic){.type = is_text(head) ? "text" : "data"};
}

static const struct {
	const char *ending;
	const char *type;
} endings[] = {
	{".exe", "pe"},	  {".dll", "pe"},  {".sys", "pe"},    {".efi", "pe"},	{".deb", "deb"},
	{".zip", "zip"},  {".jar", "zip"}, {".apk", "zip"},   {".whl", "zip"},	{".tar", "tar"},
	{".tgz", "gzip"}, {".gz", "gzip"}, {".xz", "xz"},     {".zst", "zstd"}, {".bz2", "bzip2"},
	{".rpm", "rpm"},  {".so", "elf"},  {".ko", "elf"},    {".a", "ar"},	{".pdf", "pdf"},
	{".msi", "msi"},  {".cab", "cab"}, {".sh", "script"}, {".png", "png"},
};

const char *magic_of_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(endings) / sizeof(endings[0]); i++)
		if (strcasecmp(dot, endings[i].ending) == 0)
			return endings[i].type;
	return NULL;
}
