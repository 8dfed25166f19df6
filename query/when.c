#include "when.h"

#include "columns.h"
#include "timestamp.h"

struct sought {
	bool latest, by_recv_time;
	bool found;
	int64_t ns;
};

static void offer(struct sought *sought, int64_t ns)
{
	if (!sought->found || (sought->latest ? ns > sought->ns : ns < sought->ns))
		sought->ns = ns;
	sought->found = true;
}

static enum status look_at_rows(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct sought *sought = context;
	struct column own = {.rows = 0};
	struct column received;
	(void)place;
	enum status status = column_read(block, FIELD_RECV_TIME, &received);
	if (status == STATUS_OK && !sought->by_recv_time)
		status = column_read(block, FIELD_TIME, &own);
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++) {
		if (row < own.rows && row_is_set(own.present, row))
			offer(sought, own.numbers[row]);
		else if (row < received.rows)
			offer(sought, received.numbers[row]);
	}
	return status;
}

/* The words of WHICH(…); false: text is not of that form. */
static bool take_words(struct text text, const char *which, struct text *words)
{
	size_t len = strlen(which);
	if (text.len < len + 2 || memcmp(text.at, which, len) != 0 || text.at[len] != '(' ||
		text.at[text.len - 1] != ')')
		return false;
	*words = (struct text){text.at + len + 1, text.len - len - 2};
	return true;
}

static enum status time_of_event(struct text words, int64_t now, const struct scan *where, struct arena *arena,
	struct sought *sought, struct error *error)
{
	struct filter filter;
	struct scan scan = *where;
	scan.since = INT64_MIN;
	scan.until = INT64_MAX;
	scan.filter = &filter;
	scan.coverage = NULL;
	enum status status = filter_parse(words, now, arena, &filter, error);
	return status == STATUS_OK ? scan_run(&scan, look_at_rows, sought, error) : status;
}

/* NOLINTNEXTLINE(readability-function-size): what it reads, where it looks and where the answer goes */
enum status when_read(struct text text, const char *name, int64_t now, const struct scan *scan, struct arena *arena,
	int64_t *ns, struct error *error)
{
	struct text words;
	struct sought sought = {.latest = false, .by_recv_time = scan->by_recv_time};
	bool is_first = take_words(text, "first", &words);
	sought.latest = !is_first && take_words(text, "last", &words);
	if (is_first || sought.latest) {
		enum status status = time_of_event(words, now, scan, arena, &sought, error);
		if (status != STATUS_OK)
			return status;
		*ns = sought.ns;
		return sought.found ? STATUS_OK
				    : error_set(error, STATUS_NOT_FOUND, "%s: no event matches %.*s", name,
					      (int)(words.len < 200 ? words.len : 200), words.at);
	}
	if (timestamp_parse_human(text, now, ns) == STATUS_OK)
		return STATUS_OK;
	return error_set(error, STATUS_INVALID,
		"%s needs a time such as 2026-11-20T10:00:00Z, 2026-11-20, 2h or yesterday, or that of an event: "
		"first(verdict:denied)",
		name);
}
