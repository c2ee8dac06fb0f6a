/* pe_inspect - what the files that inspect PE images share: the headers, once read.
 *
 * Owns: turning addresses into file offsets. Must not own: the signed digest and the certificate
 * table's contents (that is the signature format's file half).
 * Sections are those of the PE/COFF specification (Microsoft, "PE Format"). */
#ifndef GS_FORMAT_PE_INSPECT_H
#define GS_FORMAT_PE_INSPECT_H

#include "lib/format/inspect_impl.h"

#define PE_SECTIONS_MAX 256 /* listed; Windows loads at most 96 */
#define PE_DLLS_MAX 512
#define PE_FUNCTIONS_MAX 20000 /* of all imported DLLs together */
#define PE_NAME_MAX 256
#define PE_RESOURCES_MAX 4096 /* directory entries that are looked at */

/* The data directories that are looked into (PE/COFF, "Optional Header Data Directories"). */
enum pe_dir {
	PE_EXPORT = 0,
	PE_IMPORT = 1,
	PE_RESOURCE = 2,
	PE_CERTIFICATE = 4, /* its address is a file offset */
	PE_DEBUG = 6,
	PE_DELAY_IMPORT = 13,
	PE_DOTNET = 14,
	PE_DIRS = 16
};

struct pe_section {
	char name[9];
	uint32_t virtual_size;
	uint32_t address;
	uint32_t raw_size;
	uint32_t raw_offset;
	uint32_t flags;
};

struct pe {
	struct inspection *in;
	json_t *o; /* the report's pe object */
	bool plus; /* PE32+ */
	uint32_t entry_point;
	uint32_t headers_size;
	uint32_t dir_address[PE_DIRS];
	uint32_t dir_size[PE_DIRS];
	struct pe_section sections[PE_SECTIONS_MAX];
	size_t section_count;
};

/* File offset of an address in the image (sums of 32-bit numbers may pass 32 bits): RC_NOTFOUND if
 * no byte of the file is loaded there. *ret_left is how many bytes of the file follow in the same
 * section. */
MUST rc pe_offset(const struct pe *pe, uint64_t address, uint64_t *ret, uint64_t *ret_left);

/* Reads exactly n bytes at an address: RC_NOTFOUND, RC_TRUNCATED, RC_IO. */
MUST rc pe_read(const struct pe *pe, uint64_t address, void *out, size_t n);

/* A NUL-terminated string of at most PE_NAME_MAX bytes at an address. out holds PE_NAME_MAX bytes,
 * *ret is a view of it. RC_NOTFOUND, RC_TRUNCATED, RC_LIMIT (no NUL), RC_IO. */
MUST rc pe_string(const struct pe *pe, uint64_t address, uint8_t *out, struct view *ret);

/* Whether a failed read is the file's fault (a finding) and not ours. */
bool pe_is_malformed(rc r);

MUST rc pe_imports(struct pe *pe);	/* "imports", and delayed ones */
MUST rc pe_exports(struct pe *pe);	/* "exports": {count, name} */
MUST rc pe_debug(struct pe *pe);	/* "pdb" */
MUST rc pe_resources(struct pe *pe);	/* "version", "manifest" */
MUST rc pe_certificates(struct pe *pe); /* "signatures" */

#endif
