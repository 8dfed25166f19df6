/* Stores of other processes, copies, damaged ones, and ones of a newer version. */
#include "store_dir.h"

#include <sys/wait.h>

static const char first_name[] = "seg-00000000000000000001.mdb";

/* Three segments, each of a block of 10 events; then a tail of 9. */
static void fill(struct store_dir *dir)
{
	store_dir_open(dir);
	for (int day = 0; day < 3; day++) {
		store_dir_add(dir, 5, DAY_0 + day * NS_PER_DAY);
		store_dir_add(dir, 5, DAY_0 + day * NS_PER_DAY);
		store_dir_seal(dir);
		store_dir_roll(dir);
	}
	store_dir_add(dir, 9, DAY_0 + 3 * NS_PER_DAY);
	struct store_txn *txn = NULL;
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_put_state(txn, "counters", TEXT("39"));
	assert_int_equal(store_commit(&txn), STATUS_OK);
}

/* Copies the data files but the one named leave_out. */
static void copy(const struct store_dir *from, struct store_dir *to, const char *leave_out)
{
	store_dir_init(to);
	DIR *stream = opendir(from->path);
	assert_non_null(stream);
	const struct dirent *entry;
	while ((entry = readdir(stream)) != NULL) {
		size_t len = strlen(entry->d_name);
		if (len > 4 && strcmp(entry->d_name + len - 4, ".mdb") == 0 && strcmp(entry->d_name, leave_out) != 0)
			store_dir_copy_file(from, entry->d_name, to, entry->d_name);
	}
	(void)closedir(stream);
}

/* Changes every place of a file that holds `bytes`; returns how many there were. */
static unsigned patch(const struct store_dir *dir, const char *name, struct text bytes, struct text by)
{
	char path[PATH_MAX];
	struct stat stat_now;
	unsigned places = 0;
	store_dir_path(dir, name, path);
	FILE *file = fopen(path, "r+b");
	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &stat_now), 0);
	char *all = malloc((size_t)stat_now.st_size);
	assert_non_null(all);
	assert_int_equal(fread(all, 1, (size_t)stat_now.st_size, file), stat_now.st_size);
	for (char *at = all; (at = memmem(at, (size_t)(all + stat_now.st_size - at), bytes.at, bytes.len)) != NULL;
		at++) {
		memcpy(at, by.at, by.len);
		places++;
	}
	rewind(file);
	assert_int_equal(fwrite(all, 1, (size_t)stat_now.st_size, file), stat_now.st_size);
	assert_int_equal(fclose(file), 0);
	free(all);
	return places;
}

static void the_data_files_alone_are_a_readable_store(void **state)
{
	struct store_dir *dir = *state;
	struct store_dir other;
	struct store_figures figures;
	struct buf out;
	fill(dir);
	copy(dir, &other, ""); /* while the daemon runs */
	store_dir_read(&other);
	assert_string_equal(store_reader_id(other.reader), store_id(dir->store));
	assert_int_equal(store_reader_first_seq(other.reader), 1);
	assert_int_equal(store_reader_next_seq(other.reader), 40);
	assert_int_equal(store_dir_walk(&other, 1), 39);
	assert_int_equal(store_reader_figures(other.reader, &figures), STATUS_OK);
	assert_int_equal(figures.events, 39);
	assert_int_equal(figures.segments, 4);
	assert_int_equal(figures.blocks, 3);
	buf_init(&out, 100);
	assert_int_equal(store_reader_state(other.reader, "counters", &out), STATUS_OK);
	assert_true(text_equal(buf_text(&out), TEXT("39")));
	assert_int_equal(store_reader_state(other.reader, "none", &out), STATUS_NOT_FOUND);
	buf_finish(&out);
	assert_false(store_dir_has(&other, "seg-00000000000000000031.mdb-lock")); /* reading leaves no trace */
	assert_false(store_dir_has(&other, "lock"));
	store_dir_finish(&other);
}

static void a_missing_segment_is_a_jump_in_seq(void **state)
{
	struct store_dir *dir = *state;
	struct store_dir other;
	struct store_unit unit;
	fill(dir);
	copy(dir, &other, "seg-00000000000000000011.mdb");
	store_dir_read(&other);
	assert_int_equal(store_reader_unit(other.reader, 11, false, &unit, &other.error), STATUS_OK);
	assert_int_equal(unit.first_seq, 21);
	assert_int_equal(store_reader_unit(other.reader, 20, true, &unit, &other.error), STATUS_OK);
	assert_int_equal(unit.first_seq, 1);
	store_dir_finish(&other);
	copy(dir, &other, "seg-00000000000000000031.mdb");
	store_dir_read(&other);
	assert_int_equal(store_reader_next_seq(other.reader), 31);
	assert_int_equal(store_dir_walk(&other, 1), 30);
	store_dir_finish(&other);
}

static void a_copy_becomes_a_store_of_its_own_with_new_keys(void **state)
{
	struct store_dir *dir = *state;
	struct store_dir other;
	fill(dir);
	copy(dir, &other, "");
	store_dir_open(&other);
	assert_string_equal(store_id(other.store), store_id(dir->store));
	assert_memory_equal(store_filter_key(other.store), store_filter_key(dir->store), 16);
	assert_memory_not_equal(store_dedup_key(other.store), store_dedup_key(dir->store), 16);
	assert_string_not_equal(store_digest_key_id(other.store), store_digest_key_id(dir->store));
	assert_true(store_dir_has(&other, "store.json"));
	assert_int_equal(store_next_seq(other.store), 40);
	store_dir_finish(&other);
}

static void nothing_there_is_not_a_store(void **state)
{
	struct store_dir *dir = *state;
	char path[PATH_MAX];
	assert_int_equal(store_reader_open(&dir->reader, dir->path, &dir->error), STATUS_NOT_FOUND);
	store_dir_path(dir, "missing", path);
	assert_int_equal(store_reader_open(&dir->reader, path, &dir->error), STATUS_NOT_FOUND);
	assert_non_null(strstr(dir->error.text, "missing"));
	assert_false(store_dir_has(dir, "missing"));
}

static void a_newer_format_is_refused(void **state)
{
	struct store_dir *dir = *state;
	fill(dir);
	store_close(&dir->store, true);
	assert_int_equal(patch(dir, "store.json", TEXT("\"format\":1"), TEXT("\"format\":2")), 1);
	assert_int_equal(store_open(&dir->store, dir->path, &store_dir_options, &dir->error), STATUS_UNSUPPORTED);
	assert_int_equal(store_reader_open(&dir->reader, dir->path, &dir->error), STATUS_UNSUPPORTED);
	assert_int_equal(patch(dir, "store.json", TEXT("\"format\":2"), TEXT("\"format\":1")), 1);
	const char *newest = "seg-00000000000000000031.mdb";
	assert_true(patch(dir, newest, TEXT("head\1\0\0\0"), TEXT("head\2\0\0\0")) > 0);
	/* All else is as this version writes it. */
	assert_int_equal(store_open(&dir->store, dir->path, &store_dir_options, &dir->error), STATUS_DAMAGED);
	assert_true(patch(dir, newest, TEXT("head\2\0\0\0\0\0"), TEXT("head\2\0\0\0\0\1")) > 0);
	assert_int_equal(store_open(&dir->store, dir->path, &store_dir_options, &dir->error), STATUS_UNSUPPORTED);
	assert_int_equal(store_reader_open(&dir->reader, dir->path, &dir->error), STATUS_UNSUPPORTED);
}

static void a_damaged_store_json_or_key_is_told(void **state)
{
	struct store_dir *dir = *state;
	store_dir_open(dir);
	store_close(&dir->store, true);
	assert_int_equal(patch(dir, "store.json", TEXT("\"id\":\""), TEXT("\"id\":\"x")), 1);
	assert_int_equal(store_open(&dir->store, dir->path, &store_dir_options, &dir->error), STATUS_DAMAGED);
	char path[PATH_MAX];
	store_dir_path(dir, "store.json", path);
	assert_int_equal(unlink(path), 0);
	store_dir_open(dir); /* the segments know the id */
	store_close(&dir->store, true);
	store_dir_path(dir, "keys/dedup", path);
	assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(store_open(&dir->store, dir->path, &store_dir_options, &dir->error), STATUS_DAMAGED);
	assert_non_null(strstr(dir->error.text, "dedup"));
}

static void a_damaged_unit_is_told_and_passed(void **state)
{
	struct store_dir *dir = *state;
	struct store_unit unit;
	fill(dir);
	store_dir_add(dir, 4, DAY_0 + 3 * NS_PER_DAY);
	store_close(&dir->store, true);
	assert_true(patch(dir, "seg-00000000000000000031.mdb", TEXT("T 31 9 "), TEXT("X")) > 0);
	assert_true(patch(dir, first_name, TEXT("S 1 10 "), TEXT("X")) > 0);
	assert_true(patch(dir, "seg-00000000000000000011.mdb", TEXT("mlB1"), TEXT("X")) > 0);
	store_dir_read(dir);
	/* A tail chunk: its checksum. */
	assert_int_equal(store_reader_unit(dir->reader, 33, false, &unit, &dir->error), STATUS_DAMAGED);
	assert_int_equal(unit.first_seq, 31);
	assert_int_equal(unit.count, 9);
	assert_int_equal(unit.bytes.len, 0);
	assert_non_null(strstr(dir->error.text, "seg-00000000000000000031.mdb"));
	assert_non_null(strstr(dir->error.text, "31 to 39"));
	assert_int_equal(store_dir_walk(dir, 40), 4);
	/* A summary is checked where it is opened; the block is still there. */
	assert_int_equal(store_reader_peek(dir->reader, 1, false, &unit, &dir->error), STATUS_OK);
	assert_true(unit.sealed);
	assert_true(unit.summary.len > 0 && unit.bytes.len == 0);
	assert_int_equal(store_reader_unit(dir->reader, 1, false, &unit, &dir->error), STATUS_OK);
	assert_true(unit.bytes.len > 0);
	/* A block. */
	assert_int_equal(store_reader_unit(dir->reader, 11, false, &unit, &dir->error), STATUS_DAMAGED);
	assert_int_equal(unit.first_seq, 11);
	assert_int_equal(unit.count, 10);
	assert_int_equal(store_dir_walk(dir, 21), 10);
}

static void damaged_state_is_told(void **state)
{
	struct store_dir *dir = *state;
	struct buf out;
	buf_init(&out, 1024);
	fill(dir);
	store_close(&dir->store, true);
	/* its bytes stand behind its name, its commit and its checksum */
	char path[PATH_MAX];
	store_dir_path(dir, "seg-00000000000000000031.mdb", path);
	char all[64 * 4096];
	FILE *file = fopen(path, "r+b");
	assert_non_null(file);
	size_t len = fread(all, 1, sizeof(all), file);
	for (char *at = all; (at = memmem(at, (size_t)(all + len - at), "state.counters", 14)) != NULL; at++)
		at[14 + 16] ^= 1;
	rewind(file);
	assert_int_equal(fwrite(all, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	store_dir_read(dir);
	assert_int_equal(store_reader_state(dir->reader, "counters", &out), STATUS_DAMAGED);
	buf_finish(&out);
}

/* Pages are checked when the file is opened; what happens to them later must be no signal either. */
static void a_length_that_leads_out_of_the_file_is_told(void **state)
{
	struct store_dir *dir = *state;
	struct store_txn *txn = NULL;
	struct arena arena;
	struct text payload;
	char key[32] = "a key that stands nowhere else.";
	char stored[9000] = {0};
	char node[8 + sizeof(key)] = {0, 0, 0, 0, 1, 0, 34, 0};
	const char longer[8] = {0, 0, 0, 0x40, 1, 0, 34, 0};
	char header[32] = "mlP1\0\0\1";
	const uint32_t bytes = sizeof(stored), more = 4000000;
	struct payload_ref ref = {.stored = {stored, sizeof(stored)}};
	memcpy(ref.key, key, sizeof(key));
	memcpy(node + 8, key, sizeof(key));
	node[0] = (char)((sizeof(stored) + 48) & 0xff);
	node[1] = (char)((sizeof(stored) + 48) >> 8);
	arena_init(&arena, 1 << 20);
	store_dir_open(dir);
	store_dir_add(dir, 5, DAY_0);
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_put_payload(txn, &ref);
	assert_int_equal(store_commit(&txn), STATUS_OK);
	store_close(&dir->store, true);
	store_dir_read(dir);
	const uint8_t other[32] = {1};
	assert_int_equal(store_reader_payload(dir->reader, 1, other, &arena, &payload), STATUS_DAMAGED);
	assert_true(patch(dir, first_name, (struct text){node, sizeof(node)}, (struct text){longer, 8}) > 0);
	memcpy(header + 20, &bytes, 4);
	memcpy(header + 24, &bytes, 4);
	struct text before = {header, sizeof(header)};
	char after[sizeof(header)];
	memcpy(after, header, sizeof(header));
	memcpy(after + 20, &more, 4);
	memcpy(after + 24, &more, 4);
	assert_true(patch(dir, first_name, before, (struct text){after, sizeof(after)}) > 0);
	assert_int_equal(store_reader_payload(dir->reader, 1, ref.key, &arena, &payload), STATUS_DAMAGED);
	arena_finish(&arena);
}

static void a_segment_that_cannot_be_read_is_one_damaged_unit(void **state)
{
	struct store_dir *dir = *state;
	struct store_unit unit;
	char path[PATH_MAX];
	fill(dir);
	store_close(&dir->store, true);
	store_dir_path(dir, "seg-00000000000000000011.mdb", path);
	struct stat stat_now;
	assert_int_equal(stat(path, &stat_now), 0);
	const off_t sizes[] = {0, 100, 8192, stat_now.st_size - 4096};
	for (unsigned i = sizeof(sizes) / sizeof(*sizes); i-- > 0;) {
		assert_int_equal(truncate(path, sizes[i]), 0);
		store_dir_read(dir);
		assert_int_equal(store_dir_walk(dir, 1), 10);
		assert_int_equal(store_reader_unit(dir->reader, 11, false, &unit, &dir->error), STATUS_DAMAGED);
		assert_int_equal(unit.first_seq, 11);
		assert_int_equal(unit.count, 10);
		assert_non_null(strstr(dir->error.text, "seg-00000000000000000011.mdb"));
		assert_int_equal(store_dir_walk(dir, 21), 19);
		assert_int_equal(store_reader_unit(dir->reader, 20, true, &unit, &dir->error), STATUS_DAMAGED);
		store_reader_close(&dir->reader);
	}
	store_dir_open(dir); /* the daemon goes on */
	store_dir_add(dir, 1, DAY_0 + 3 * NS_PER_DAY);
	assert_int_equal(store_next_seq(dir->store), 41);
}

/* --- a writer in another process --- */

struct writer {
	pid_t pid;
	int go[2], done[2];
};

/* The child does `step` once for each tell(). */
static void start_writer(struct writer *writer, struct store_dir *dir, void (*step)(struct store_dir *, int))
{
	assert_int_equal(pipe(writer->go), 0);
	assert_int_equal(pipe(writer->done), 0);
	writer->pid = fork();
	if (writer->pid != 0)
		return;
	char byte;
	(void)close(writer->go[1]);
	store_dir_open(dir);
	for (int number = 0; read(writer->go[0], &byte, 1) == 1; number++) {
		step(dir, number);
		(void)write(writer->done[1], "d", 1);
	}
	_exit(0);
}

static void tell(struct writer *writer)
{
	assert_int_equal(write(writer->go[1], "g", 1), 1);
}

static void await(struct writer *writer)
{
	char byte;
	assert_int_equal(read(writer->done[0], &byte, 1), 1);
}

static void stop_writer(struct writer *writer)
{
	int status = 0;
	(void)close(writer->go[1]);
	assert_int_equal(waitpid(writer->pid, &status, 0), writer->pid);
	assert_int_equal(status, 0);
	(void)close(writer->go[0]);
	(void)close(writer->done[0]);
	(void)close(writer->done[1]);
}

static void add_seal_roll_prune(struct store_dir *dir, int number)
{
	for (int i = 0; i < 5; i++)
		store_dir_add(dir, 4, DAY_0 + number * NS_PER_DAY);
	if (number % 3 == 0)
		return;
	store_dir_seal(dir);
	if (number % 3 == 2)
		store_dir_roll(dir);
}

static void a_reader_of_another_process_follows_seal_and_roll(void **state)
{
	struct store_dir *dir = *state;
	struct writer writer;
	start_writer(&writer, dir, add_seal_roll_prune);
	tell(&writer);
	await(&writer);
	store_dir_read(dir);
	uint64_t seq = 1;
	for (int round = 1; round < 20; round++) {
		tell(&writer); /* it writes while we walk */
		seq += store_dir_walk(dir, seq);
		assert_int_equal(seq, store_reader_next_seq(dir->reader));
		await(&writer);
		store_dir_renew(dir);
		assert_int_equal(store_reader_next_seq(dir->reader), 1 + 20 * (round + 1));
	}
	assert_int_equal(store_dir_walk(dir, 1), 400);
	stop_writer(&writer);
}

static void prune_all(struct store_dir *dir, int number)
{
	struct store_prune_result pruned;
	if (number == 0) {
		add_seal_roll_prune(dir, 2);
		add_seal_roll_prune(dir, 2);
		add_seal_roll_prune(dir, 3);
		return;
	}
	(void)(store_prune(dir->store, INT64_MAX, 0, false, &pruned) == STATUS_OK);
}

static void what_another_process_reads_is_not_pruned(void **state)
{
	struct store_dir *dir = *state;
	struct writer writer;
	start_writer(&writer, dir, prune_all);
	tell(&writer);
	await(&writer);
	store_dir_read(dir);
	assert_int_equal(store_dir_walk(dir, 1), 60);
	tell(&writer);
	await(&writer);
	assert_int_equal(store_dir_segments(dir), 3);
	store_reader_close(&dir->reader);
	tell(&writer);
	await(&writer);
	assert_int_equal(store_dir_segments(dir), 1);
	store_dir_read(dir);
	assert_int_equal(store_reader_first_seq(dir->reader), 41);
	stop_writer(&writer);
}

static void add_many(struct store_dir *dir, int number)
{
	(void)number;
	for (int i = 0; i < 50; i++) {
		store_dir_add(dir, 5, DAY_0);
		if (i % 10 == 9)
			store_dir_seal(dir);
	}
}

static void a_live_store_is_read_without_its_lock_file(void **state)
{
	struct store_dir *dir = *state;
	struct writer writer;
	char path[PATH_MAX];
	start_writer(&writer, dir, add_many);
	tell(&writer);
	await(&writer);
	/* As in a directory that may not be written: there is no slot for us, and the writer reuses pages we see. */
	store_dir_path(dir, "seg-00000000000000000001.mdb-lock", path);
	assert_int_equal(unlink(path), 0);
	store_dir_read(dir);
	uint64_t seq = 1;
	unsigned busy = 0;
	for (int round = 0; round < 10; round++) {
		struct store_unit unit;
		tell(&writer);
		while (seq < 251 + (uint64_t)round * 250) {
			enum status status = store_reader_unit(dir->reader, seq, false, &unit, &dir->error);
			busy += status == STATUS_BUSY;
			if (status == STATUS_BUSY)
				continue;
			assert_int_equal(status, STATUS_OK);
			assert_true(store_dir_unit_is_right(&unit));
			seq = unit.first_seq + unit.count;
		}
		await(&writer);
		store_dir_renew(dir);
	}
	print_message("busy: %u\n", busy);
	assert_int_equal(store_dir_walk(dir, 1), 11 * 250);
	assert_false(store_dir_has(dir, "seg-00000000000000000001.mdb-lock"));
	stop_writer(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_data_files_alone_are_a_readable_store, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_missing_segment_is_a_jump_in_seq, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_copy_becomes_a_store_of_its_own_with_new_keys, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(nothing_there_is_not_a_store, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(a_newer_format_is_refused, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_damaged_store_json_or_key_is_told, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_damaged_unit_is_told_and_passed, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(damaged_state_is_told, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_length_that_leads_out_of_the_file_is_told, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_segment_that_cannot_be_read_is_one_damaged_unit, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_reader_of_another_process_follows_seal_and_roll, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			what_another_process_reads_is_not_pruned, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_live_store_is_read_without_its_lock_file, store_dir_set_up, store_dir_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
