#include "outage.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "log.h"
#include "timestamp.h"

enum { RESERVE_SHARE = 16, MARGIN_SHARE = 4, DETAIL_BYTES = 256 };

static uint64_t total_dropped(struct counters *counters, enum reason reason)
{
	uint64_t total = 0;
	for (unsigned source = 0; source < SOURCE_COUNT; source++) {
		struct counts counts;
		counters_get(counters, (enum source)source, &counts);
		total += counts.dropped[reason];
	}
	return total;
}

void outage_begin(struct outage *outage, enum reason reason, struct store *store, struct counters *counters,
	struct ledger *ledger)
{
	atomic_store(&outage->reason, (int)reason);
	outage->from = timestamp_now();
	outage->dropped_before = total_dropped(counters, reason);
	log_line(LOG_LEVEL_ERROR, "events are refused: the store cannot write", "reason", reason_name(reason), NULL);
	char detail[DETAIL_BYTES];
	int len = snprintf(detail, sizeof(detail), "{\"state\":\"begin\",\"reason\":\"%s\",\"from\":%" PRId64 "}",
		reason_name(reason), outage->from);
	ledger_note(ledger, "full", (struct text){detail, (size_t)len});
	store_ballast_release(store);
}

void outage_end(struct outage *outage, struct counters *counters, struct ledger *ledger)
{
	enum reason reason = outage_reason(outage);
	char detail[DETAIL_BYTES];
	int len = snprintf(detail, sizeof(detail),
		"{\"state\":\"end\",\"reason\":\"%s\",\"from\":%" PRId64 ",\"until\":%" PRId64 ",\"dropped\":%" PRIu64
		"}",
		reason_name(reason), outage->from, timestamp_now(),
		total_dropped(counters, reason) - outage->dropped_before);
	ledger_note(ledger, "full", (struct text){detail, (size_t)len});
	atomic_store(&outage->reason, REASON_NONE);
	log_line(LOG_LEVEL_INFO, "events are taken again: the store can write", NULL);
}

uint64_t outage_reserve(const char *store_dir, uint64_t free_bytes_min)
{
	struct statvfs fs;
	if (statvfs(store_dir, &fs) != 0)
		return free_bytes_min;
	uint64_t share = (uint64_t)fs.f_blocks * fs.f_frsize / RESERVE_SHARE;
	return free_bytes_min < share ? free_bytes_min : share;
}

bool outage_has_space_again(struct store *store, uint64_t reserve)
{
	uint64_t free_bytes = 0;
	bool has = store_ballast_restore(store) == STATUS_OK && store_space(store, &free_bytes) == STATUS_OK &&
		   free_bytes >= reserve + reserve / MARGIN_SHARE;
	if (!has)
		store_ballast_release(store);
	return has;
}
