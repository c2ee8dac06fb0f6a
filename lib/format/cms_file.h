/* cms_file - detached CMS signature over any file, worker's and CLI's half (see cms_tbs.h). */
#ifndef GS_FORMAT_CMS_FILE_H
#define GS_FORMAT_CMS_FILE_H

#include "lib/format/file.h"

extern const struct format_file format_cms_file;

#endif
