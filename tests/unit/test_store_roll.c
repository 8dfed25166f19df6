/* Roll-over, retention, and what a walk meets meanwhile. */
#include "store_dir.h"

static const char first_name[] = "seg-00000000000000000001.mdb";
static const char second_name[] = "seg-00000000000000000011.mdb";

/* Ten events in a block, and state. */
static void fill(struct store_dir *dir, int64_t recv_time)
{
	struct store_txn *txn = NULL;
	store_dir_add(dir, 4, recv_time);
	store_dir_add(dir, 6, recv_time + 1);
	store_dir_seal(dir);
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_put_state(txn, "counters", TEXT("received 10"));
	store_put_state(txn, "alerts", TEXT(""));
	assert_int_equal(store_commit(&txn), STATUS_OK);
}

/* A segment for each, and a new one. */
static void fill_days(struct store_dir *dir, int days)
{
	for (int day = 0; day < days; day++) {
		fill(dir, DAY_0 + day * NS_PER_DAY);
		store_dir_roll(dir);
	}
}

static void check_state(struct store_dir *dir)
{
	struct buf out;
	buf_init(&out, 100);
	assert_int_equal(store_get_state(dir->store, "counters", &out), STATUS_OK);
	assert_true(text_equal(buf_text(&out), TEXT("received 10")));
	buf_clear(&out);
	assert_int_equal(store_get_state(dir->store, "alerts", &out), STATUS_OK);
	assert_int_equal(out.len, 0);
	assert_int_equal(store_get_state(dir->store, "other", &out), STATUS_NOT_FOUND);
	buf_finish(&out);
}

static void a_roll_is_due_by_day_and_by_size(void **state)
{
	struct store_dir *dir = *state;
	store_dir_open(dir);
	assert_false(store_roll_due(dir->store, DAY_0 + 5 * NS_PER_DAY)); /* nothing to roll */
	store_dir_add(dir, 1, DAY_0 + 3);
	assert_false(store_roll_due(dir->store, DAY_0 + NS_PER_DAY - 1));
	assert_true(store_roll_due(dir->store, DAY_0 + NS_PER_DAY));
	store_close(&dir->store, true);
	struct store_options options = store_dir_options;
	options.roll_daily = false;
	options.segment_bytes_max = 1024 * 1024;
	assert_int_equal(store_open(&dir->store, dir->path, &options, &dir->error), STATUS_OK);
	assert_false(store_roll_due(dir->store, DAY_0 + NS_PER_DAY));
	store_dir_add(dir, 3, DAY_0 + 3);
	assert_false(store_roll_due(dir->store, DAY_0 + 3));
	for (int i = 0; i < 40; i++)
		store_dir_add(dir, 5, DAY_0 + 3); /* from 5, 10, … on: 40 KB each */
	assert_true(store_roll_due(dir->store, DAY_0 + 3));
}

static void a_roll_carries_state_and_goes_on_with_seq(void **state)
{
	struct store_dir *dir = *state;
	store_dir_open(dir);
	store_dir_add(dir, 1, DAY_0);
	assert_int_equal(store_roll(dir->store, &dir->error), STATUS_CONFLICT); /* the tail is not sealed */
	store_dir_seal(dir);
	fill(dir, DAY_0 + 2);
	store_dir_roll(dir);
	assert_int_equal(store_dir_segments(dir), 2);
	assert_true(store_dir_has(dir, "seg-00000000000000000012.mdb"));
	assert_false(store_dir_has(dir, "seg-00000000000000000001.mdb-lock"));
	assert_int_equal(store_next_seq(dir->store), 12);
	assert_int_equal(store_last_recv_time(dir->store), DAY_0 + 3);
	check_state(dir);
	assert_int_equal(store_roll(dir->store, &dir->error), STATUS_OK); /* an empty segment is not rolled */
	assert_int_equal(store_dir_segments(dir), 2);
	store_dir_add(dir, 3, DAY_0 + NS_PER_DAY);
	store_dir_attach(dir);
	assert_int_equal(store_dir_walk(dir, 1), 14);
	store_reader_close(&dir->reader);
	store_close(&dir->store, false);
	store_dir_open(dir);
	assert_int_equal(store_next_seq(dir->store), 15);
	check_state(dir);
}

/* What is on disk when a roll-over stops: files of before it and of after it, put together in a directory. */
enum stopped { STOPPED_BEFORE, STOPPED_MAKING, STOPPED_BEFORE_RENAME, STOPPED_BEFORE_MARK, STOPPED_HALF_FILE };

static void stop_roll_at(
	const struct store_dir *before, const struct store_dir *after, struct store_dir *at, enum stopped stopped)
{
	char path[PATH_MAX];
	store_dir_copy_file(before, "store.json", at, "store.json");
	store_dir_copy_file(before, first_name, at, first_name);
	if (stopped == STOPPED_MAKING) {
		store_dir_path(at, "seg-00000000000000000011.tmp", path);
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite("half", 1, 4, file), 4);
		assert_int_equal(fclose(file), 0);
	}
	if (stopped == STOPPED_BEFORE_RENAME)
		store_dir_copy_file(after, second_name, at, "seg-00000000000000000011.tmp");
	if (stopped == STOPPED_BEFORE_MARK || stopped == STOPPED_HALF_FILE)
		store_dir_copy_file(after, second_name, at, second_name);
	if (stopped == STOPPED_BEFORE_MARK) { /* the lock file goes when the mark is set */
		store_dir_path(at, "seg-00000000000000000001.mdb-lock", path);
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fclose(file), 0);
	}
	store_dir_path(at, second_name, path);
	if (stopped == STOPPED_HALF_FILE)
		assert_int_equal(truncate(path, 5000), 0);
}

static void a_roll_stopped_anywhere_is_finished_at_open(void **state)
{
	struct store_dir *dir = *state;
	struct store_dir before, at;
	store_dir_init(&before);
	store_dir_open(dir);
	fill(dir, DAY_0);
	store_close(&dir->store, false);
	store_dir_copy_file(dir, "store.json", &before, "store.json");
	store_dir_copy_file(dir, first_name, &before, first_name);
	store_dir_open(dir);
	store_dir_roll(dir);
	store_close(&dir->store, false);
	for (enum stopped stopped = STOPPED_BEFORE; stopped <= STOPPED_HALF_FILE; stopped++) {
		bool rolled = stopped == STOPPED_BEFORE_MARK;
		store_dir_init(&at);
		stop_roll_at(&before, dir, &at, stopped);
		for (int open = 0; open < 2; open++) { /* whatever open does may be done again */
			store_dir_open(&at);
			assert_int_equal(store_next_seq(at.store), 11);
			assert_int_equal(store_dir_segments(&at), rolled ? 2 : 1);
			assert_false(store_dir_has(&at, "seg-00000000000000000011.tmp"));
			assert_int_equal(store_dir_has(&at, "seg-00000000000000000011.mdb.invalid"),
				stopped == STOPPED_HALF_FILE);
			assert_false(rolled && store_dir_has(&at, "seg-00000000000000000001.mdb-lock"));
			check_state(&at);
			store_close(&at.store, false);
		}
		store_dir_open(&at);
		if (!rolled)
			store_dir_roll(&at);
		store_dir_add(&at, 5, DAY_0 + NS_PER_DAY);
		store_dir_attach(&at);
		assert_int_equal(store_dir_walk(&at, 1), 15);
		struct store_prune_result pruned;
		assert_int_equal(store_prune(at.store, DAY_0 + 2, 0, false, &pruned), STATUS_OK);
		assert_int_equal(pruned.segments, 0); /* the reader has it open */
		store_reader_close(&at.reader);
		assert_int_equal(store_prune(at.store, DAY_0 + 2, 0, false, &pruned), STATUS_OK);
		assert_int_equal(pruned.segments, 1);
		store_dir_finish(&at);
	}
	store_dir_finish(&before);
}

static void a_damaged_newest_segment_behind_a_sealed_one_is_not_passed_over(void **state)
{
	struct store_dir *dir = *state;
	char path[PATH_MAX];
	store_dir_open(dir);
	fill(dir, DAY_0);
	store_dir_roll(dir);
	store_dir_add(dir, 5, DAY_0 + NS_PER_DAY); /* acknowledged */
	store_close(&dir->store, false);
	store_dir_path(dir, second_name, path);
	assert_int_equal(truncate(path, 5000), 0);
	assert_int_equal(store_open(&dir->store, dir->path, &store_dir_options, &dir->error), STATUS_DAMAGED);
	assert_non_null(strstr(dir->error.text, second_name));
	assert_int_equal(store_dir_segments(dir), 2);
}

static void a_store_without_its_newest_segment_goes_on_behind_the_sealed_one(void **state)
{
	struct store_dir *dir = *state;
	char path[PATH_MAX];
	store_dir_open(dir);
	fill(dir, DAY_0);
	store_dir_roll(dir);
	store_dir_add(dir, 5, DAY_0 + NS_PER_DAY);
	store_close(&dir->store, false);
	store_dir_path(dir, second_name, path);
	assert_int_equal(unlink(path), 0);
	store_dir_read(dir);
	assert_int_equal(store_reader_next_seq(dir->reader), 11);
	assert_int_equal(store_dir_walk(dir, 1), 10);
	store_reader_close(&dir->reader);
	store_dir_open(dir);
	assert_int_equal(store_next_seq(dir->store), 11);
	assert_int_equal(store_dir_segments(dir), 2);
	check_state(dir);
}

static void retention_removes_the_oldest_by_age_then_by_size(void **state)
{
	struct store_dir *dir = *state;
	struct store_prune_result pruned;
	struct store_unit unit;
	store_dir_open(dir);
	fill_days(dir, 5);
	assert_int_equal(store_dir_segments(dir), 6);
	store_dir_attach(dir);
	assert_int_equal(store_dir_walk(dir, 21), 30); /* holds the segments of day 2 and later */
	assert_int_equal(store_prune(dir->store, DAY_0 + 10 * NS_PER_DAY, 0, false, &pruned), STATUS_OK);
	assert_int_equal(pruned.segments, 2);
	assert_true(pruned.read); /* day 2 */
	assert_int_equal(pruned.events, 20);
	assert_int_equal(pruned.first_seq, 1);
	assert_int_equal(pruned.last_seq, 20);
	assert_int_equal(pruned.last_recv_time, DAY_0 + NS_PER_DAY + 1);
	assert_true(pruned.bytes > 0);
	assert_int_equal(store_dir_walk(dir, 21), 30);
	/* The reader still knows of the pruned ones, and passes over them. */
	assert_int_equal(store_reader_unit(dir->reader, 3, false, &unit, &dir->error), STATUS_OK);
	assert_int_equal(unit.first_seq, 21);
	assert_int_equal(store_reader_unit(dir->reader, 20, true, &unit, &dir->error), STATUS_NOT_FOUND);
	store_dir_renew(dir);
	assert_int_equal(store_reader_first_seq(dir->reader), 21);
	store_reader_close(&dir->reader);
	assert_int_equal(store_prune(dir->store, DAY_0 + 3 * NS_PER_DAY, 0, false, &pruned), STATUS_OK);
	assert_int_equal(pruned.segments, 1);
	assert_int_equal(store_prune(dir->store, 0, 1, false, &pruned), STATUS_OK);
	assert_int_equal(pruned.segments, 2); /* never the active one */
	assert_int_equal(store_dir_segments(dir), 1);
	assert_int_equal(store_prune(dir->store, 0, 1, false, &pruned), STATUS_OK);
	assert_int_equal(pruned.segments, 0);
	store_dir_attach(dir);
	assert_int_equal(store_reader_first_seq(dir->reader), 51);
	assert_int_equal(store_reader_next_seq(dir->reader), 51);
}

static void what_is_removed_while_it_is_read_can_be_read_on(void **state)
{
	struct store_dir *dir = *state;
	struct store_prune_result pruned;
	store_dir_open(dir);
	fill_days(dir, 3);
	store_dir_attach(dir);
	assert_int_equal(store_dir_walk(dir, 1), 30);
	assert_int_equal(store_prune(dir->store, DAY_0 + 2 * NS_PER_DAY, 0, true, &pruned), STATUS_OK);
	assert_int_equal(pruned.segments, 2);
	assert_false(pruned.read);
	assert_int_equal(store_dir_segments(dir), 2);
	assert_int_equal(store_dir_walk(dir, 1), 30);
	store_reader_close(&dir->reader);
	store_dir_attach(dir);
	assert_int_equal(store_dir_walk(dir, 21), 10);
}

static void retention_knows_segments_of_before_a_restart(void **state)
{
	struct store_dir *dir = *state;
	struct store_prune_result pruned;
	store_dir_open(dir);
	fill_days(dir, 3);
	store_close(&dir->store, true);
	store_dir_open(dir);
	assert_int_equal(store_prune(dir->store, DAY_0 + NS_PER_DAY + 2, 0, false, &pruned), STATUS_OK);
	assert_int_equal(pruned.segments, 2);
	assert_int_equal(pruned.last_seq, 20);
}

static void a_walk_meets_each_seq_once_over_seal_and_roll(void **state)
{
	struct store_dir *dir = *state;
	struct store_unit unit;
	uint64_t met = 0, seq = 1;
	store_dir_open(dir);
	for (int i = 0; i < 12; i++)
		store_dir_add(dir, 5, DAY_0 + i);
	store_dir_attach(dir);
	for (int step = 0; store_reader_unit(dir->reader, seq, false, &unit, &dir->error) == STATUS_OK; step++) {
		assert_true(store_dir_unit_is_right(&unit));
		assert_true(unit.first_seq <= seq);
		met += unit.first_seq + unit.count - seq;
		seq = unit.first_seq + unit.count;
		if (step == 2)
			store_dir_seal(dir);
		if (step == 3) {
			store_dir_roll(dir);
			store_dir_add(dir, 7, DAY_0 + 20);
		}
		store_dir_renew(dir);
	}
	assert_int_equal(met, 67);
	/* Backwards, with a seal between. */
	seq = 67;
	met = 0;
	while (seq > 0 && store_reader_unit(dir->reader, seq, true, &unit, &dir->error) == STATUS_OK) {
		assert_true(store_dir_unit_is_right(&unit));
		met += seq + 1 - unit.first_seq;
		seq = unit.first_seq - 1;
		if (met == 7)
			store_dir_seal(dir);
		store_dir_renew(dir);
	}
	assert_int_equal(met, 67);
}

static void a_reader_keeps_few_segments_open(void **state)
{
	struct store_dir *dir = *state;
	char path[64], target[PATH_MAX];
	store_dir_open(dir);
	for (int day = 0; day < 40; day++) {
		fill(dir, DAY_0 + day * NS_PER_DAY);
		store_dir_roll(dir);
	}
	store_dir_attach(dir);
	struct store_unit unit;
	uint64_t seq = 1;
	while (store_reader_unit(dir->reader, seq, false, &unit, &dir->error) == STATUS_OK) {
		assert_true(store_dir_unit_is_right(&unit));
		seq = unit.first_seq + unit.count;
		store_dir_renew(dir);
	}
	assert_int_equal(seq, 401);
	unsigned open_files = 0;
	for (int fd = 3; fd < 512; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t len = readlink(path, target, sizeof(target) - 1);
		if (len > 4 && memcmp(target + len - 4, ".mdb", 4) == 0)
			open_files++;
	}
	assert_in_range(open_files, 1, 2 * 17); /* LMDB has a second descriptor of one it writes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_roll_is_due_by_day_and_by_size, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_roll_carries_state_and_goes_on_with_seq, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_roll_stopped_anywhere_is_finished_at_open, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(a_damaged_newest_segment_behind_a_sealed_one_is_not_passed_over,
			store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(a_store_without_its_newest_segment_goes_on_behind_the_sealed_one,
			store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			retention_removes_the_oldest_by_age_then_by_size, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_removed_while_it_is_read_can_be_read_on, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			retention_knows_segments_of_before_a_restart, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_walk_meets_each_seq_once_over_seal_and_roll, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_reader_keeps_few_segments_open, store_dir_set_up, store_dir_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
