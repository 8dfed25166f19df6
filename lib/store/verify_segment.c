/*
 * Values come in the order of databases (env.h) and keys: what the head says is known first, then units must follow each
 * other without a hole, the tail behind the blocks, and the summaries must be those of the blocks.
 *
 * Faults are told when the segment is through: of a live one whose pages were used again meanwhile, none was real.
 */
#include "verify_segment.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "pages.h"
#include "printable.h"

enum { TRIES_MAX = 64, FAULTS_TOLD_MAX = 1000, FAULT_TEXT_MAX = 160, DIGEST_BYTES = 32 };
enum { NAME_SHOWN_COLUMNS = 24, NAME_SHOWN_BYTES_MAX = 512 };

struct fault {
	uint64_t page, first_seq, last_seq;
	char what[FAULT_TEXT_MAX];
};

/* The values of one database, as they come. */
struct series {
	uint64_t next_seq; /* of the unit that should come */
	uint64_t count, bytes;
	struct segment_part part;  /* the last one */
	char digest[DIGEST_BYTES]; /* of the last payload */
	bool is_open;              /* further parts should come */
};

struct check {
	struct verified_segment found;
	uint64_t commit; /* that was read, as the meta page says */
	struct series series[ENV_DB_COUNT];
	struct segment_unit *blocks; /* allocated */
	size_t block_count, block_capacity;
	size_t summary_at;    /* the block whose summary should come */
	struct fault *faults; /* allocated: FAULTS_TOLD_MAX */
	size_t fault_count;
};

static const char *const value_names[ENV_DB_COUNT] = {
	[ENV_META] = "record",
	[ENV_TAIL] = "tail chunk",
	[ENV_BLOCK] = "block",
	[ENV_SUMMARY] = "summary",
	[ENV_PAYLOAD] = "large payload",
};

/* --- faults --- */

__attribute__((format(printf, 5, 6))) static void tell(
	struct check *check, uint64_t page, uint64_t first_seq, uint64_t last_seq, const char *format, ...)
{
	va_list arguments;
	check->found.faults++;
	if (check->fault_count == FAULTS_TOLD_MAX)
		return;
	struct fault *fault = &check->faults[check->fault_count++];
	*fault = (struct fault){.page = page, .first_seq = first_seq, .last_seq = last_seq};
	va_start(arguments, format);
	(void)vsnprintf(fault->what, sizeof(fault->what), format, arguments);
	va_end(arguments);
}

static void tell_page(void *context, uint64_t page, const char *what)
{
	tell(context, page, 0, 0, "%s", what);
}

static uint64_t last_of(struct segment_unit unit)
{
	return unit.first_seq + unit.count - 1;
}

static void tell_part(
	struct check *check, enum env_db db, const struct segment_part *part, uint64_t page, const char *what)
{
	bool is_unit = part->has_key && db != ENV_PAYLOAD;
	tell(check, page, is_unit ? part->unit.first_seq : 0, is_unit ? last_of(part->unit) : 0, "%s: %s",
		value_names[db], what);
}

/* --- values --- */

/* What is not what was written may be the name, too. */
static enum status tell_record(struct check *check, struct text name, uint64_t page)
{
	struct buf shown;
	buf_init(&shown, NAME_SHOWN_BYTES_MAX);
	printable_put_columns(&shown, name, NAME_SHOWN_COLUMNS);
	enum status status = buf_status(&shown);
	if (status == STATUS_OK)
		tell(check, page, 0, 0, "the record \"%.*s\" is not what was written", (int)shown.len, shown.at);
	buf_finish(&shown);
	return status;
}

static enum status see_record(struct check *check, struct text key, struct text value, uint64_t page)
{
	struct verified_segment *found = &check->found;
	enum status status = STATUS_OK;
	if (text_equal(key, TEXT("head"))) {
		status = segment_parse_head(value, &found->head);
		found->has_head = status == STATUS_OK;
		check->series[ENV_BLOCK].next_seq = found->head.first_seq;
		check->series[ENV_TAIL].next_seq = found->head.tail_first_seq;
	} else if (text_equal(key, TEXT("store"))) {
		status = segment_parse_identity(value, &found->identity);
		found->has_identity = status == STATUS_OK;
	} else {
		struct segment_state state;
		status = segment_parse_state(key, value, &state);
		if (status == STATUS_NOT_FOUND) /* neither is any other that we know */
			status = STATUS_DAMAGED;
	}
	return status == STATUS_DAMAGED ? tell_record(check, key, page) : status;
}

static void end_value(struct check *check, enum env_db db)
{
	struct series *series = &check->series[db];
	if (series->is_open)
		tell_part(check, db, &series->part, 0, "its last parts are missing");
	series->is_open = false;
}

static const char *missing(const struct check *check)
{
	return check->found.head.salvaged ? "these events were lost before the store was salvaged"
					  : "these events are not there";
}

/* The unit that a database begins with, or that follows the one before. */
static enum status begin_unit(struct check *check, enum env_db db, struct segment_unit unit, uint64_t page)
{
	struct series *series = &check->series[db];
	if (db == ENV_SUMMARY) {
		while (check->summary_at < check->block_count &&
			check->blocks[check->summary_at].first_seq < unit.first_seq) {
			struct segment_unit block = check->blocks[check->summary_at++];
			tell(check, 0, block.first_seq, last_of(block), "block: it has lost its summary");
		}
		if (check->summary_at < check->block_count &&
			check->blocks[check->summary_at].first_seq == unit.first_seq &&
			check->blocks[check->summary_at].count == unit.count)
			check->summary_at++;
		else
			tell(check, page, unit.first_seq, last_of(unit), "summary: of a block that there is not");
		return STATUS_OK;
	}
	if (check->found.has_head && unit.first_seq > series->next_seq)
		tell(check, 0, series->next_seq, unit.first_seq - 1, "%s", missing(check));
	if (series->count > 0 && unit.first_seq < series->next_seq)
		tell(check, page, unit.first_seq, last_of(unit), "%s: it overlaps the one before", value_names[db]);
	series->next_seq = unit.first_seq + unit.count;
	if (db != ENV_BLOCK)
		return STATUS_OK;
	if (check->block_count == check->block_capacity) {
		size_t capacity = check->block_capacity ? check->block_capacity * 2 : 256;
		struct segment_unit *grown = realloc(check->blocks, capacity * sizeof(*grown));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		check->blocks = grown;
		check->block_capacity = capacity;
	}
	check->blocks[check->block_count++] = unit;
	return STATUS_OK;
}

/* Whether a further part is that of the value at hand. */
static bool continues(const struct series *series, enum env_db db, const struct segment_part *part, struct text key)
{
	const struct segment_part *last = &series->part;
	if (!series->is_open || part->number != last->number + 1 || part->bytes_whole != last->bytes_whole ||
		part->recv_time != last->recv_time)
		return false;
	if (db == ENV_PAYLOAD)
		return memcmp(series->digest, key.at, DIGEST_BYTES) == 0;
	return part->unit.first_seq == last->unit.first_seq && part->unit.count == last->unit.count;
}

static enum status see_part(struct check *check, enum env_db db, struct text key, struct text value, uint64_t page)
{
	struct series *series = &check->series[db];
	struct segment_part part;
	enum status parsed = segment_parse_part(db, key, value, &part);
	enum status status = STATUS_OK;
	if (parsed != STATUS_OK)
		tell_part(check, db, &part, page, part.has_key ? "it is not what was written" : "its key is none");
	if (!part.has_key)
		return STATUS_OK;
	if (part.number == 0) {
		end_value(check, db);
		series->count++;
		if (db == ENV_PAYLOAD)
			memcpy(series->digest, key.at, DIGEST_BYTES);
		else
			status = begin_unit(check, db, part.unit, page);
	} else if (!continues(series, db, &part, key)) {
		end_value(check, db);
		tell_part(check, db, &part, page, "a part of it stands alone");
	}
	series->bytes += part.bytes.len;
	/* Of a damaged part it is not known how many should follow. */
	series->is_open = parsed == STATUS_OK && part.number + 1 < part.parts;
	series->part = part;
	return status;
}

static enum status see_value(
	void *context, enum env_db db, struct text key, struct text value, struct pages_place place)
{
	return db == ENV_META ? see_record(context, key, value, place.page)
			      : see_part(context, db, key, value, place.page);
}

/* --- the whole segment --- */

static void compare(struct check *check, const char *what, uint64_t found, uint64_t said)
{
	if (found != said)
		tell(check, 0, 0, 0, "it holds %" PRIu64 " %s, and its head says %" PRIu64, found, what, said);
}

/* Only where no fault explains it: a page that is lost takes many values along. */
static void compare_head(struct check *check)
{
	const struct segment_head *head = &check->found.head;
	const struct series *series = check->series;
	compare(check, "blocks", series[ENV_BLOCK].count, head->blocks);
	compare(check, "tail chunks", series[ENV_TAIL].count, head->tail_chunks);
	compare(check, "large payloads", series[ENV_PAYLOAD].count, head->payloads);
	compare(check, "bytes of blocks", series[ENV_BLOCK].bytes, head->block_bytes);
	compare(check, "bytes of summaries", series[ENV_SUMMARY].bytes, head->summary_bytes);
	compare(check, "bytes of tail chunks", series[ENV_TAIL].bytes, head->tail_bytes);
	compare(check, "bytes of large payloads", series[ENV_PAYLOAD].bytes, head->payload_bytes);
}

static void end_segment(struct check *check, uint64_t first_seq)
{
	struct verified_segment *found = &check->found;
	const struct segment_head *head = &found->head;
	for (unsigned db = ENV_TAIL; db < ENV_DB_COUNT; db++)
		end_value(check, (enum env_db)db);
	for (; check->summary_at < check->block_count; check->summary_at++) {
		struct segment_unit block = check->blocks[check->summary_at];
		tell(check, 0, block.first_seq, last_of(block), "block: it has lost its summary");
	}
	found->blocks = check->series[ENV_BLOCK].count;
	found->tail_chunks = check->series[ENV_TAIL].count;
	found->payloads = check->series[ENV_PAYLOAD].count;
	if (!found->has_identity && found->faults == 0)
		tell(check, 0, 0, 0, "it does not say to which store it belongs");
	if (!found->has_head) {
		if (found->faults == 0)
			tell(check, 0, 0, 0, "it does not say what it holds");
		return;
	}
	if (head->commit != check->commit)
		tell(check, 0, 0, 0,
			"it shows what commit %" PRIu64 " left, and its meta page says %" PRIu64
			": the newest events may be hidden",
			head->commit, check->commit);
	if (head->first_seq != first_seq)
		tell(check, 0, 0, 0, "its name says that it begins with event %" PRIu64 ", and its head with %" PRIu64,
			first_seq, head->first_seq);
	if (check->series[ENV_BLOCK].next_seq < head->tail_first_seq)
		tell(check, 0, check->series[ENV_BLOCK].next_seq, head->tail_first_seq - 1, "%s", missing(check));
	if (check->series[ENV_TAIL].next_seq < head->next_seq)
		tell(check, 0, check->series[ENV_TAIL].next_seq, head->next_seq - 1, "%s", missing(check));
	if (found->faults == 0)
		compare_head(check);
}

static void begin_check(struct check *check)
{
	free(check->blocks);
	*check = (struct check){.faults = check->faults};
}

/* A file that nobody can write has no lock file. */
static bool has_lock_file(const char *path)
{
	char lock[PATH_MAX + 8];
	(void)snprintf(lock, sizeof(lock), "%s-lock", path);
	return access(lock, F_OK) == 0;
}

/* STATUS_CONFLICT: another commit came between. */
static enum status check_once(struct check *check, const char *path)
{
	const struct pages_visitor visitor = {see_value, tell_page, check};
	struct env_hold *hold = NULL;
	struct pages_found pages;
	uint64_t txnid = 0;
	/* Also to hold a file, LMDB has to believe its meta pages. */
	bool held = has_lock_file(path) && pages_newest(path, &txnid) == STATUS_OK &&
		    env_hold(&hold, path, &txnid) == STATUS_OK;
	begin_check(check);
	enum status status = pages_walk(path, held ? txnid : 0, &visitor, &pages);
	if (status == STATUS_DAMAGED) /* which was told */
		status = STATUS_OK;
	check->found.pages = pages.pages;
	check->found.unused_pages = pages.faults > 0 ? 0 : pages.ignored;
	check->commit = pages.txnid;
	if (status == STATUS_OK && !held && check->found.faults > 0) {
		uint64_t now = 0;
		if (pages_newest(path, &now) == STATUS_OK && now != pages.txnid)
			status = STATUS_BUSY;
	}
	env_let_go(&hold);
	return status;
}

static void tell_all(const struct check *check, const char *name, const struct store_verify_visitor *visitor)
{
	for (size_t i = 0; i < check->fault_count; i++) {
		const struct fault *fault = &check->faults[i];
		const struct store_fault told = {name, fault->page, fault->first_seq, fault->last_seq, fault->what};
		visitor->fault(visitor->context, &told);
	}
}

enum status verify_segment(
	const char *dir, uint64_t first_seq, const struct store_verify_visitor *visitor, struct verified_segment *found)
{
	char name[SEGMENT_NAME_BYTES];
	char path[PATH_MAX];
	struct check check = {.faults = malloc(FAULTS_TOLD_MAX * sizeof(*check.faults))};
	segment_name(first_seq, name);
	enum status status = check.faults ? files_path(dir, name, path) : STATUS_NO_MEMORY;
	enum status tried = STATUS_CONFLICT;
	for (unsigned i = 0; i < TRIES_MAX && status == STATUS_OK && (tried == STATUS_CONFLICT || tried == STATUS_BUSY);
		i++)
		tried = check_once(&check, path);
	if (status == STATUS_OK)
		status = tried == STATUS_CONFLICT ? STATUS_BUSY : tried;
	if (status == STATUS_OK) {
		end_segment(&check, first_seq);
		tell_all(&check, name, visitor);
		*found = check.found;
	}
	free(check.blocks);
	free(check.faults);
	return status;
}
