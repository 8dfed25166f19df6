#include "utf8.h"

/* Length of the well-formed sequence at `at`, 0 when there is none (RFC 3629: no overlong forms, no surrogates). */
static size_t sequence_len(const uint8_t *at, size_t left)
{
	uint8_t lead = at[0];
	if (lead < 0x80)
		return 1;
	size_t len = lead >= 0xc2 && lead <= 0xdf   ? 2
		     : (lead & 0xf0) == 0xe0        ? 3
		     : lead >= 0xf0 && lead <= 0xf4 ? 4
						    : 0;
	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] > 0x9f) || (lead == 0xf0 && at[1] < 0x90) ||
		(lead == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}

void utf8_put_clean(struct buf *out, struct text text)
{
	size_t i = 0;
	while (i < text.len) {
		size_t start = i;
		size_t len = 1;
		while (i < text.len && (len = sequence_len((const uint8_t *)text.at + i, text.len - i)) > 0)
			i += len;
		buf_put(out, text.at + start, i - start);
		if (len == 0) {
			buf_put_string(out, "\xef\xbf\xbd");
			i++;
		}
	}
}
