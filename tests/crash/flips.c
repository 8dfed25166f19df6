/*
 * flips DIR ID FIRST END EVERY BITS SEED: flips BITS bits of each EVERY-th byte of a store's only segment, one after another,
 * of the bytes from FIRST up to END.  ID is that of an event in it.
 *
 * Each time the store is verified and read, all in this process, which takes a hundredth of the time that a program takes
 * to start: so that every bit of a small store can be tried.  An event that is another one, or is missing without a word,
 * a reader that says damage where verification finds none, a signal and a hang end it with status 1 and the place.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"
#include "store_verify.h"

enum { EVENTS_MAX = 4096, RANGES_MAX = 64, SECONDS_MAX = 30 };

/* What one look at the store gave. */
struct look {
	uint64_t hash[EVENTS_MAX]; /* of the event with this seq; 0: it is not there */
	unsigned events;
	bool says_damage; /* the reader does */
	uint64_t faults;  /* verification */
	bool all_ranged;  /* each fault names events */
	uint64_t first[RANGES_MAX], last[RANGES_MAX];
	unsigned ranges;
	unsigned summaries, may_have; /* of them; the event that is known to be there */
};

static const char *dir, *known_id;
static struct look whole, now;
static struct buf line;
static char place[128];

static void die(const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", place, what);
	exit(1);
}

static void die_by_signal(int number)
{
	static const char text[] = ": a signal, or a hang\n";
	(void)!write(STDERR_FILENO, place, strlen(place));
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(number == SIGALRM ? 2 : 1);
}

/* --- reading --- */

static uint64_t hash_of(struct text text)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (uint8_t)text.at[i]) * UINT64_C(1099511628211);
	return hash | 1;
}

struct reading {
	struct look *look;
	struct store_reader *reader;
	struct store_unit unit;
};

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	const struct reading *reading = context;
	return store_reader_payload(reading->reader, reading->unit.segment_number, key, arena, payload);
}

static enum status read_events(struct reading *reading, struct block *block)
{
	static struct event event;
	enum status status = STATUS_OK;
	block_set_payload_source(block, (struct payload_source){get_payload, reading});
	for (uint32_t row = 0; row < block_count(block) && status == STATUS_OK; row++) {
		status = block_event(block, row, &event);
		if (status != STATUS_OK)
			break;
		uint64_t seq = block_first_seq(block) + row;
		buf_clear(&line);
		event_put_json(&line, &event, text_of(store_reader_id(reading->reader)));
		if (seq >= EVENTS_MAX || buf_status(&line) != STATUS_OK)
			die("an event that cannot be");
		reading->look->hash[seq] = hash_of(buf_text(&line));
		reading->look->events++;
	}
	block_close(&block);
	return status;
}

static enum status read_tail(struct reading *reading)
{
	struct tail_part part;
	struct block *block = NULL;
	size_t at = 0;
	enum status status = tail_next(reading->unit.bytes, &at, &part);
	while (status == STATUS_OK) {
		status = block_open_part(&part, &block, NULL);
		if (status == STATUS_OK)
			status = read_events(reading, block);
		if (status == STATUS_OK)
			status = tail_next(reading->unit.bytes, &at, &part);
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* A summary that is taken for whole must not say of an event that is there that it is not. */
static void check_summary(struct look *look, const struct store_unit *unit)
{
	struct summary *summary = NULL;
	if (!unit->sealed || summary_open(unit->summary, &summary) != STATUS_OK)
		return;
	if (summary_first_seq(summary) != unit->first_seq || summary_count(summary) != unit->count)
		die("a summary of something else");
	look->may_have += summary_may_have(summary, FIELD_ID, text_of(known_id), TEXT("default"));
	look->summaries++;
	summary_close(&summary);
}

static void read_units(struct reading *reading)
{
	struct store_unit *unit = &reading->unit;
	struct block *block = NULL;
	enum status status = STATUS_OK;
	for (uint64_t seq = 1; status != STATUS_NOT_FOUND; seq = unit->first_seq + unit->count) {
		*unit = (struct store_unit){.count = 0};
		status = store_reader_peek(reading->reader, seq, false, unit, NULL);
		if (status == STATUS_OK) {
			check_summary(reading->look, unit);
			status = store_reader_unit(reading->reader, seq, false, unit, NULL);
		}
		if (status == STATUS_OK && unit->sealed) {
			status = block_open(unit->bytes, &block, NULL);
			if (status == STATUS_OK)
				status = read_events(reading, block);
		} else if (status == STATUS_OK) {
			status = read_tail(reading);
		}
		if (status != STATUS_OK && status != STATUS_NOT_FOUND && status != STATUS_DAMAGED)
			die(status_text(status));
		reading->look->says_damage |= status == STATUS_DAMAGED;
		if (status == STATUS_DAMAGED && (unit->count == 0 || unit->first_seq + unit->count <= seq))
			return;
	}
}

static void see_fault(void *context, const struct store_fault *fault)
{
	struct look *look = context;
	if (fault->first_seq == 0 || look->ranges == RANGES_MAX) {
		look->all_ranged = false;
		return;
	}
	look->first[look->ranges] = fault->first_seq;
	look->last[look->ranges++] = fault->last_seq;
}

static void look_at(struct look *look)
{
	const struct store_verify_visitor visitor = {.fault = see_fault, .context = look};
	struct store_verified verified;
	struct reading reading = {.look = look};
	*look = (struct look){.all_ranged = true};
	enum status status = store_verify(dir, &visitor, &verified, NULL);
	if (status != STATUS_OK && status != STATUS_UNSUPPORTED)
		die(status_text(status));
	look->faults = status == STATUS_OK ? verified.faults : 1;
	look->all_ranged = look->all_ranged && status == STATUS_OK;
	status = store_reader_open(&reading.reader, dir, NULL);
	if (status == STATUS_OK)
		read_units(&reading);
	else if (status != STATUS_DAMAGED && status != STATUS_UNSUPPORTED)
		die(status_text(status));
	look->says_damage |= status == STATUS_DAMAGED || status == STATUS_UNSUPPORTED;
	store_reader_close(&reading.reader);
}

static bool is_named(uint64_t seq)
{
	for (unsigned i = 0; i < now.ranges; i++)
		if (now.first[i] <= seq && seq <= now.last[i])
			return true;
	return false;
}

static void compare(void)
{
	for (uint64_t seq = 0; seq < EVENTS_MAX; seq++) {
		if (now.hash[seq] && now.hash[seq] != whole.hash[seq])
			die("another event than was written");
		if (now.hash[seq] || whole.hash[seq] == 0)
			continue;
		if (!now.says_damage)
			die("an event is missing without a word");
		if (now.faults > 0 && now.all_ranged && !is_named(seq))
			die("verification does not name an event that cannot be read");
	}
	if (now.summaries == whole.summaries && now.may_have < whole.may_have)
		die("a summary hides an event");
	if (now.says_damage && now.faults == 0)
		die("damage that verification does not find");
}

/* --- flipping --- */

static void find_segment(char path[PATH_MAX])
{
	DIR *stream = opendir(dir);
	const struct dirent *entry = NULL;
	while (stream && (entry = readdir(stream)) != NULL)
		if (strncmp(entry->d_name, "seg-", 4) == 0 && strstr(entry->d_name, "lock") == NULL)
			(void)snprintf(path, PATH_MAX, "%s/%s", dir, entry->d_name);
	if (stream)
		(void)closedir(stream);
}

static void flip(int fd, unsigned long at, unsigned bit)
{
	uint8_t byte = 0;
	uint8_t flipped = 0;
	(void)snprintf(place, sizeof(place), "bit %u of byte %lu (page %lu, %lu in it)", bit, at, at / 4096, at % 4096);
	if (pread(fd, &byte, 1, (off_t)at) != 1)
		die("cannot be read");
	flipped = byte ^ (uint8_t)(1U << bit);
	if (pwrite(fd, &flipped, 1, (off_t)at) != 1)
		die("cannot be written");
	(void)alarm(SECONDS_MAX);
	look_at(&now);
	compare();
	if (pwrite(fd, &byte, 1, (off_t)at) != 1)
		die("cannot be written");
}

int main(int argc, char **argv)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
	char path[PATH_MAX] = "";
	unsigned long number[5] = {0};
	if (argc != 8)
		return 2;
	dir = argv[1];
	known_id = argv[2];
	for (int i = 0; i < 5; i++)
		number[i] = strtoul(argv[3 + i], NULL, 10);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], die_by_signal);
	buf_init(&line, 1 << 28);
	find_segment(path);
	int fd = open(path, O_RDWR);
	if (fd < 0)
		die("there is no segment");
	look_at(&whole);
	if (whole.faults || whole.says_damage || whole.events == 0)
		die("the store is not whole");
	unsigned seed = (unsigned)number[4];
	unsigned long flips = 0;
	for (unsigned long at = number[0]; at < number[1]; at += number[2]) {
		unsigned first = (unsigned)rand_r(&seed) % 8;
		for (unsigned i = 0; i < number[3]; i++, flips++)
			flip(fd, at, (first + i) % 8);
	}
	(void)printf("%lu\n", flips);
	buf_finish(&line);
	return 0;
}
