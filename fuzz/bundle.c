/* Proof files come with signed files from anywhere: reading one, and all that is recomputed from
 * it. */
#include "prog/cli/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of the logs that the seeds are from, so that what is changed in them is looked at. */
	static const char *const keys[] = {
		"log.example+aec1f33f+AevZ6MNB0YmYjcHdhhKi5k+juyOIdWlK+l48XzBuag8b",
		"log.example+1f224649+AVX74nlmqfCDTyS7xVx0GFBxMzjbmLLvpLb8MJiwGhFe"};
	AUTO(bundle) struct bundle b;
	AUTO(buf) struct buf object = {0};
	struct bundle_batch batch;
	struct vkey log;
	bool found;

	bundle_init(&b);
	if (rc_is_ok(bundle_find_batch(view_of(data, size), &batch, &found, NULL)) && found) {
		rc_ignore(bundle_parse_part(view_of(data, size), view_of(data, size), &b, NULL),
			  "no file holds its own digest");
		return 0;
	}
	buf_init(&object, 1u << 20);
	if (!rc_is_ok(bundle_parse(view_of(data, size), &b, NULL)))
		return 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		AUTO(bundle_report) struct bundle_report report = {0};

		if (rc_is_ok(vkey_parse(view_str(keys[i]), &log, NULL)))
			rc_ignore(bundle_prove(&b, &log, &report, &(struct fault){0}),
				  "any answer is right");
		buf_clear(&object);
		if (report.item != NULL)
			rc_ignore(bundle_object(&b, report.item, &object, &(struct fault){0}),
				  "any");
	}
	return 0;
}
