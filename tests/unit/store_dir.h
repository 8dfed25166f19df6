/* A store in a directory of its own, and bytes that tell which events they stand for. */
#ifndef MCPLEDGER_TEST_STORE_DIR_H
#define MCPLEDGER_TEST_STORE_DIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"
#include "timestamp.h"

#define DAY_0 (INT64_C(20000) * NS_PER_DAY)

static const struct store_options store_dir_options = {
	.segment_bytes_max = UINT64_C(1) << 30,
	.roll_daily = true,
	.map_bytes = UINT64_C(4) << 30,
	.ballast_bytes = 256 * 1024,
};

struct store_dir {
	char path[64];
	struct store *store;
	struct store_reader *reader;
	struct error error;
};

static inline void store_dir_init(struct store_dir *dir)
{
	const char *base = getenv("TMPDIR");
	*dir = (struct store_dir){.store = NULL};
	(void)snprintf(dir->path, sizeof(dir->path), "%s/mcpledger-XXXXXX", base && strlen(base) < 32 ? base : "/tmp");
	assert_non_null(mkdtemp(dir->path));
}

static inline void store_dir_path(const struct store_dir *dir, const char *name, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s", dir->path, name);
}

static inline int store_dir_remove_one(const char *path, const struct stat *stat_now, int type, struct FTW *place)
{
	(void)stat_now;
	(void)type;
	(void)place;
	return remove(path);
}

static inline void store_dir_finish(struct store_dir *dir)
{
	store_reader_close(&dir->reader);
	store_close(&dir->store, true);
	(void)nftw(dir->path, store_dir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline bool store_dir_has(const struct store_dir *dir, const char *name)
{
	char path[PATH_MAX];
	store_dir_path(dir, name, path);
	return access(path, F_OK) == 0;
}

static inline void store_dir_copy_file(
	const struct store_dir *from, const char *name, const struct store_dir *to, const char *to_name)
{
	char path[PATH_MAX], bytes[65536];
	store_dir_path(from, name, path);
	FILE *in = fopen(path, "rb");
	assert_non_null(in);
	store_dir_path(to, to_name, path);
	FILE *out = fopen(path, "wb");
	assert_non_null(out);
	for (size_t got; (got = fread(bytes, 1, sizeof(bytes), in)) > 0;)
		assert_int_equal(fwrite(bytes, 1, got, out), got);
	(void)fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* Data files, and their names in order; returns how many. */
static inline unsigned store_dir_segments(const struct store_dir *dir)
{
	unsigned count = 0;
	DIR *stream = opendir(dir->path);
	assert_non_null(stream);
	const struct dirent *entry;
	while ((entry = readdir(stream)) != NULL) {
		size_t len = strlen(entry->d_name);
		count += len > 4 && strcmp(entry->d_name + len - 4, ".mdb") == 0;
	}
	(void)closedir(stream);
	return count;
}

static inline void store_dir_open(struct store_dir *dir)
{
	dir->error.text[0] = 0;
	if (store_open(&dir->store, dir->path, &store_dir_options, &dir->error) != STATUS_OK)
		fail_msg("store_open: %s", dir->error.text);
}

static inline void store_dir_attach(struct store_dir *dir)
{
	if (store_reader_attach(&dir->reader, dir->store, &dir->error) != STATUS_OK)
		fail_msg("store_reader_attach: %s", dir->error.text);
}

static inline void store_dir_read(struct store_dir *dir)
{
	if (store_reader_open(&dir->reader, dir->path, &dir->error) != STATUS_OK)
		fail_msg("store_reader_open: %s", dir->error.text);
}

/* Bytes that depend on kind and events, of a length of their own. */
static inline void store_dir_bytes(struct buf *out, char kind, uint64_t first_seq, uint32_t count, size_t len)
{
	uint64_t state = first_seq * 31 + count + (uint64_t)kind * 1000003;
	buf_clear(out);
	buf_printf(out, "%c %llu %u ", kind, (unsigned long long)first_seq, count);
	char *at = buf_reserve(out, len);
	assert_non_null(at);
	for (size_t i = 0; i < len; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
		at[i] = (char)(state >> 56);
	}
	out->len += len;
}

static inline size_t store_dir_tail_len(uint64_t first_seq)
{
	return first_seq % 5 == 0 ? 40000 : 100 + (size_t)(first_seq % 7) * 900;
}

static inline void store_dir_put_tail(struct store_txn *txn, uint64_t first_seq, uint32_t count, int64_t recv_time)
{
	struct buf bytes;
	buf_init(&bytes, 64 * 1024 * 1024);
	store_dir_bytes(&bytes, 'T', first_seq, count, store_dir_tail_len(first_seq));
	store_put_tail(txn, first_seq, count, recv_time, buf_text(&bytes));
	buf_finish(&bytes);
}

/* One commit with one tail chunk of count events. */
static inline enum status store_dir_try_add(struct store_dir *dir, uint32_t count, int64_t recv_time)
{
	struct store_txn *txn = NULL;
	enum status status = store_begin(dir->store, &txn);
	if (status != STATUS_OK)
		return status;
	store_dir_put_tail(txn, store_next_seq(dir->store), count, recv_time);
	return store_commit(&txn);
}

static inline void store_dir_add(struct store_dir *dir, uint32_t count, int64_t recv_time)
{
	assert_int_equal(store_dir_try_add(dir, count, recv_time), STATUS_OK);
}

/* One commit that seals the whole tail into one block. */
static inline void store_dir_seal(struct store_dir *dir)
{
	struct store_tail_info info;
	struct store_txn *txn = NULL;
	struct buf image, summary;
	store_tail_info(dir->store, &info);
	buf_init(&image, 64 * 1024 * 1024);
	buf_init(&summary, 1024 * 1024);
	store_dir_bytes(&image, 'B', info.first_seq, (uint32_t)info.events, (size_t)info.events * 60);
	store_dir_bytes(&summary, 'S', info.first_seq, (uint32_t)info.events, 500);
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_put_block(txn, info.first_seq, (uint32_t)info.events, buf_text(&image), buf_text(&summary));
	assert_int_equal(store_commit(&txn), STATUS_OK);
	buf_finish(&image);
	buf_finish(&summary);
}

static inline void store_dir_roll(struct store_dir *dir)
{
	if (store_roll(dir->store, &dir->error) != STATUS_OK)
		fail_msg("store_roll: %s", dir->error.text);
}

static inline void store_dir_renew(struct store_dir *dir)
{
	if (store_reader_renew(dir->reader, &dir->error) != STATUS_OK)
		fail_msg("store_reader_renew: %s", dir->error.text);
}

/* Whether the bytes of a unit are those that were put for its events. */
static inline bool store_dir_unit_is_right(const struct store_unit *unit)
{
	struct buf want;
	buf_init(&want, 64 * 1024 * 1024);
	if (unit->sealed)
		store_dir_bytes(&want, 'B', unit->first_seq, unit->count, (size_t)unit->count * 60);
	else
		store_dir_bytes(&want, 'T', unit->first_seq, unit->count, store_dir_tail_len(unit->first_seq));
	bool right = text_equal(unit->bytes, buf_text(&want));
	buf_clear(&want);
	if (unit->sealed)
		store_dir_bytes(&want, 'S', unit->first_seq, unit->count, 500);
	right = right && text_equal(unit->summary, buf_text(&want));
	buf_finish(&want);
	return right;
}

/* Walks everything from `from`, checks every unit, and returns how many events there were; they must be dense. */
static inline uint64_t store_dir_walk(struct store_dir *dir, uint64_t from)
{
	struct store_unit unit;
	uint64_t seq = from, events = 0;
	while (store_reader_unit(dir->reader, seq, false, &unit, &dir->error) == STATUS_OK) {
		assert_true(unit.first_seq <= seq && unit.first_seq + unit.count > seq);
		assert_true(store_dir_unit_is_right(&unit));
		events += unit.first_seq + unit.count - seq;
		seq = unit.first_seq + unit.count;
	}
	return events;
}

/* cmocka's fixture: *state is a store directory of the test's own. */
static inline int store_dir_set_up(void **state)
{
	struct store_dir *dir = calloc(1, sizeof(*dir));
	if (dir == NULL)
		return -1;
	store_dir_init(dir);
	*state = dir;
	return 0;
}

static inline int store_dir_tear_down(void **state)
{
	store_dir_finish(*state);
	free(*state);
	return 0;
}

#endif
