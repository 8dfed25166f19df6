#include "explain.h"

#include <inttypes.h>
#include <stdio.h>

#include "timestamp.h"

static const char *const fates[SKIP_COUNT] = {
	[SKIP_NOT] = "read",
	[SKIP_SEQ] = "by seq",
	[SKIP_TIME] = "by time",
	[SKIP_TENANT] = "by tenant",
	[SKIP_FIELD] = "no event has the field",
	[SKIP_SET] = "by the field's values",
	[SKIP_FILTER] = "by the filter of ids",
	[SKIP_WORDS] = "by words",
	[SKIP_ALL] = "every event is ruled out",
	[SKIP_COUNTED] = "the summary knows how many",
};

struct explain_pass *explain_begin(struct explain *explain, const char *purpose, struct text store_id)
{
	if (explain == NULL)
		return NULL;
	if (explain->count == EXPLAIN_PASSES_MAX) {
		explain->passes_not_shown++;
		return NULL;
	}
	struct explain_pass *pass = &explain->passes[explain->count++];
	*pass = (struct explain_pass){.purpose = purpose};
	(void)snprintf(pass->store_id, sizeof(pass->store_id), "%.*s", (int)store_id.len, store_id.at);
	return pass;
}

void explain_block(struct explain_pass *pass, uint64_t first_seq, uint32_t count, enum skip skip, unsigned column)
{
	uint64_t last_seq = first_seq + count - (count > 0);
	struct explain_run *run = pass->run_count > 0 ? &pass->runs[pass->run_count - 1] : NULL;
	pass->blocks[skip]++;
	if (pass->blocks_not_shown == 0 && run && run->skip == skip && run->column == column) {
		run->first_seq = first_seq < run->first_seq ? first_seq : run->first_seq;
		run->last_seq = last_seq > run->last_seq ? last_seq : run->last_seq;
		run->blocks++;
	} else if (pass->run_count < EXPLAIN_RUNS_MAX) {
		pass->runs[pass->run_count++] = (struct explain_run){
			.first_seq = first_seq, .last_seq = last_seq, .blocks = 1, .skip = skip, .column = column};
	} else {
		pass->blocks_not_shown++;
	}
}

static void put_time(struct buf *out, const char *what, int64_t ns)
{
	char text[TIMESTAMP_TEXT_BYTES];
	(void)duration_format(ns, text);
	buf_printf(out, ", %s %s", what, text);
}

static void put_totals(struct buf *out, const struct explain_pass *pass)
{
	uint64_t blocks = 0;
	for (size_t skip = 0; skip < SKIP_COUNT; skip++)
		blocks += pass->blocks[skip];
	buf_printf(out, "explain: %s: %" PRIu64 " of %" PRIu64 " blocks read (%" PRIu64 " KiB)", pass->purpose,
		pass->blocks[SKIP_NOT], blocks, pass->bytes / 1024);
	for (size_t skip = SKIP_NOT + 1; skip < SKIP_COUNT; skip++)
		if (pass->blocks[skip] > 0)
			buf_printf(out, ", %" PRIu64 " not: %s", pass->blocks[skip], fates[skip]);
	buf_printf(out, "; %" PRIu64 " parts of the tail; %" PRIu64 " events looked at, %" PRIu64 " taken", pass->parts,
		pass->rows, pass->found);
	put_time(out, "planned", pass->plan_ns);
	put_time(out, "matched", pass->match_ns);
	put_time(out, "answered", pass->answer_ns);
	buf_printf(out, "; store %s\n", pass->store_id);
}

static void put_run(struct buf *out, const struct explain_run *run)
{
	buf_printf(out, "explain:   seq %" PRIu64 "..%" PRIu64 " (%" PRIu64 " block%s): %s%s", run->first_seq,
		run->last_seq, run->blocks, run->blocks == 1 ? "" : "s", run->skip == SKIP_NOT ? "" : "not read, ",
		fates[run->skip]);
	if (run->column > 0)
		buf_printf(out, " (column %u)", run->column);
	buf_put_byte(out, '\n');
}

void explain_put(struct buf *out, const struct explain *explain)
{
	for (size_t i = 0; i < explain->count; i++) {
		const struct explain_pass *pass = &explain->passes[i];
		put_totals(out, pass);
		for (size_t run = 0; run < pass->run_count; run++)
			put_run(out, &pass->runs[run]);
		if (pass->blocks_not_shown > 0)
			buf_printf(out, "explain:   and %" PRIu64 " more blocks\n", pass->blocks_not_shown);
	}
	if (explain->passes_not_shown > 0)
		buf_printf(out, "explain: and %" PRIu64 " more walks over a store\n", explain->passes_not_shown);
}
