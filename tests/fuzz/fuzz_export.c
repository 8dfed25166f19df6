/*
 * Events: canonical bytes, read as a line of `export`, give the same canonical bytes; what was hidden stays hidden.
 * Only in what is left of a cut payload may the second reading hide more, as text that was JSON before.
 */
#include <assert.h>
#include <stdlib.h>

#include "event.h"
#include "fuzz.h"

enum { OUT_BYTES_MAX = 64 << 20 };

static void render(struct buf *out, const struct event *event)
{
	buf_init(out, OUT_BYTES_MAX);
	event_put_canonical(out, event);
	assert(buf_status(out) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct event event;
	struct event_decoder *decoder = NULL;
	struct event_rules rules = {.tenant = TEXT("default"),
		.event_bytes_max = OUT_BYTES_MAX,
		.payload_bytes_max = 200,
		.depth_max = 16,
		.digest_key = TEXT("key"),
		.digest_key_id = TEXT("1"),
		.may_write_ledger = true};
	struct reject why;
	if (event_decoder_create(&decoder) != STATUS_OK)
		return 0;
	if (event_decode(decoder, (struct text){(const char *)bytes, len}, &rules, &event, &why) == STATUS_OK) {
		struct buf first;
		struct buf second;
		render(&first, &event);
		bool was_cut = event_has(&event, FIELD_MARKS_CUT);
		rules.from_export = true;
		enum status status = event_decode(decoder, buf_text(&first), &rules, &event, &why);
		assert(status == STATUS_OK);
		render(&second, &event);
		bool hides_more = was_cut && event_has(&event, FIELD_REDACTION_COUNT);
		assert(hides_more || text_equal(buf_text(&first), buf_text(&second)));
		buf_finish(&first);
		buf_finish(&second);
	}
	event_decoder_destroy(&decoder);
	return 0;
}
