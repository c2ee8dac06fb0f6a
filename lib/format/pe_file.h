/* pe_file - Authenticode signature of a PE image, worker's and CLI's half (see pe_tbs.h). */
#ifndef GS_FORMAT_PE_FILE_H
#define GS_FORMAT_PE_FILE_H

#include "lib/format/file.h"

extern const struct format_file format_pe_file;

#endif
