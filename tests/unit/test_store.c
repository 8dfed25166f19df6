#include "store_dir.h"

#include <pthread.h>
#include <sys/wait.h>

static unsigned mode_of(const struct store_dir *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat stat_now;
	store_dir_path(dir, name, path);
	assert_int_equal(stat(path, &stat_now), 0);
	return stat_now.st_mode & 0777U;
}

static void a_new_store_is_private_and_empty(void **state)
{
	struct store_dir *dir = *state;
	char path[PATH_MAX];
	store_dir_path(dir, "made/below", path);
	assert_int_equal(store_open(&dir->store, path, &store_dir_options, &dir->error), STATUS_OK);
	assert_int_equal(mode_of(dir, "made"), 0700);
	assert_int_equal(mode_of(dir, "made/below"), 0700);
	assert_int_equal(mode_of(dir, "made/below/keys"), 0700);
	assert_int_equal(mode_of(dir, "made/below/keys/digest"), 0600);
	assert_int_equal(mode_of(dir, "made/below/store.json"), 0600);
	assert_int_equal(mode_of(dir, "made/below/seg-00000000000000000001.mdb"), 0600);
	assert_int_equal(mode_of(dir, "made/below/ballast"), 0600);
	assert_int_equal(store_next_seq(dir->store), 1);
	assert_int_equal(strlen(store_id(dir->store)), 16);
	store_dir_attach(dir);
	assert_int_equal(store_reader_next_seq(dir->reader), 1);
	assert_int_equal(store_reader_first_seq(dir->reader), 1);
	struct store_unit unit;
	assert_int_equal(store_reader_unit(dir->reader, 1, false, &unit, &dir->error), STATUS_NOT_FOUND);
	assert_int_equal(store_reader_unit(dir->reader, UINT64_MAX, true, &unit, &dir->error), STATUS_NOT_FOUND);
}

static void id_keys_and_counters_survive_a_restart(void **state)
{
	struct store_dir *dir = *state;
	char id[32], digest_id[32];
	uint8_t filter[16], dedup[16], digest[32];
	store_dir_open(dir);
	store_dir_add(dir, 7, DAY_0 + 5);
	(void)snprintf(id, sizeof(id), "%s", store_id(dir->store));
	(void)snprintf(digest_id, sizeof(digest_id), "%s", store_digest_key_id(dir->store));
	memcpy(filter, store_filter_key(dir->store), sizeof(filter));
	memcpy(dedup, store_dedup_key(dir->store), sizeof(dedup));
	memcpy(digest, store_digest_key(dir->store).at, sizeof(digest));
	store_close(&dir->store, false);
	store_dir_open(dir);
	assert_string_equal(store_id(dir->store), id);
	assert_string_equal(store_digest_key_id(dir->store), digest_id);
	assert_memory_equal(store_filter_key(dir->store), filter, sizeof(filter));
	assert_memory_equal(store_dedup_key(dir->store), dedup, sizeof(dedup));
	assert_memory_equal(store_digest_key(dir->store).at, digest, sizeof(digest));
	assert_int_equal(store_next_seq(dir->store), 8);
	assert_int_equal(store_last_recv_time(dir->store), DAY_0 + 5);
	struct store_tail_info info;
	store_tail_info(dir->store, &info);
	assert_int_equal(info.first_seq, 1);
	assert_int_equal(info.events, 7);
	assert_int_equal(info.chunks, 1);
	assert_int_equal(info.oldest_recv_time, DAY_0 + 5);
}

static void only_committed_events_are_there(void **state)
{
	struct store_dir *dir = *state;
	struct store_txn *txn = NULL;
	store_dir_open(dir);
	store_dir_attach(dir);
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_dir_put_tail(txn, 1, 3, DAY_0);
	store_put_state(txn, "counters", TEXT("3"));
	assert_int_equal(store_next_seq(dir->store), 1); /* until it is durable */
	store_dir_renew(dir);
	assert_int_equal(store_reader_next_seq(dir->reader), 1);
	store_abort(&txn);
	assert_null(txn);
	struct buf out;
	buf_init(&out, 100);
	assert_int_equal(store_get_state(dir->store, "counters", &out), STATUS_NOT_FOUND);
	store_dir_add(dir, 2, DAY_0 + 1);
	assert_int_equal(store_reader_next_seq(dir->reader), 1); /* as of the last renew */
	store_dir_renew(dir);
	assert_int_equal(store_reader_next_seq(dir->reader), 3);
	assert_int_equal(store_dir_walk(dir, 1), 2);
	buf_finish(&out);
}

static void a_commit_is_there_after_kill_9(void **state)
{
	struct store_dir *dir = *state;
	int told[2];
	char byte = 0;
	assert_int_equal(pipe(told), 0);
	pid_t child = fork();
	if (child == 0) {
		store_dir_open(dir);
		store_dir_add(dir, 5, DAY_0);
		struct store_txn *txn = NULL;
		(void)(store_begin(dir->store, &txn) == STATUS_OK);
		store_dir_put_tail(txn, 6, 5, DAY_0);
		(void)write(told[1], "x", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(told[0], &byte, 1), 1);
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	store_dir_open(dir);
	assert_int_equal(store_next_seq(dir->store), 6);
	store_dir_attach(dir);
	assert_int_equal(store_dir_walk(dir, 1), 5);
	(void)close(told[0]);
	(void)close(told[1]);
}

static void a_second_collector_is_told_who_holds_the_store(void **state)
{
	struct store_dir *dir = *state;
	char pid[32];
	store_dir_open(dir);
	struct store *second = NULL;
	assert_int_equal(store_open(&second, dir->path, &store_dir_options, &dir->error), STATUS_HELD);
	assert_null(second);
	(void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_non_null(strstr(dir->error.text, pid));
	store_close(&dir->store, true);
	store_dir_open(dir);
}

static void one_process_opens_a_store_in_one_way(void **state)
{
	struct store_dir *dir = *state;
	store_dir_open(dir);
	assert_int_equal(store_reader_open(&dir->reader, dir->path, &dir->error), STATUS_CONFLICT);
	assert_null(dir->reader);
	store_close(&dir->store, true);
	store_dir_read(dir);
	assert_int_equal(store_open(&dir->store, dir->path, &store_dir_options, &dir->error), STATUS_CONFLICT);
	store_reader_close(&dir->reader);
	store_dir_open(dir);
}

static void a_block_takes_the_place_of_its_tail_chunks(void **state)
{
	struct store_dir *dir = *state;
	struct store_unit unit;
	struct store_tail_info info;
	store_dir_open(dir);
	for (int i = 0; i < 10; i++)
		store_dir_add(dir, 3, DAY_0 + i);
	store_tail_info(dir->store, &info);
	assert_int_equal(info.chunks, 10);
	assert_true(info.bytes > 10000);
	store_dir_seal(dir);
	store_tail_info(dir->store, &info);
	assert_int_equal(info.chunks, 0);
	assert_int_equal(info.bytes, 0);
	store_dir_add(dir, 4, DAY_0 + 20);
	store_dir_add(dir, 4, DAY_0 + 21);
	store_tail_info(dir->store, &info);
	assert_int_equal(info.first_seq, 31);
	assert_int_equal(info.events, 8);
	assert_int_equal(info.chunks, 2);
	assert_int_equal(info.oldest_recv_time, DAY_0 + 20);
	store_dir_attach(dir);
	assert_int_equal(store_dir_walk(dir, 1), 38);
	assert_int_equal(store_reader_unit(dir->reader, 17, false, &unit, &dir->error), STATUS_OK);
	assert_true(unit.sealed);
	assert_int_equal(unit.first_seq, 1);
	assert_int_equal(unit.count, 30);
	assert_int_equal(store_reader_unit(dir->reader, UINT64_MAX, true, &unit, &dir->error), STATUS_OK);
	assert_int_equal(unit.first_seq, 35);
	assert_int_equal(store_reader_unit(dir->reader, 34, true, &unit, &dir->error), STATUS_OK);
	assert_int_equal(unit.first_seq, 31);
	assert_int_equal(store_reader_unit(dir->reader, 30, true, &unit, &dir->error), STATUS_OK);
	assert_int_equal(unit.first_seq, 1);
	assert_int_equal(store_reader_unit(dir->reader, 0, true, &unit, &dir->error), STATUS_NOT_FOUND);
	assert_int_equal(store_reader_peek(dir->reader, 0, false, &unit, &dir->error), STATUS_OK);
	assert_int_equal(unit.count, 30);
	assert_int_equal(unit.bytes.len, 0);
	assert_true(unit.summary.len > 500);
}

static void part_of_the_tail_can_be_sealed(void **state)
{
	struct store_dir *dir = *state;
	struct store_txn *txn = NULL;
	struct store_tail_info info;
	store_dir_open(dir);
	store_dir_add(dir, 10, DAY_0);
	store_dir_add(dir, 20, DAY_0 + 1);
	store_dir_add(dir, 30, DAY_0 + 2);
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_put_block(txn, 1, 30, TEXT("image"), TEXT("summary"));
	store_dir_put_tail(txn, 61, 5, DAY_0 + 3); /* new events may come in the same commit */
	assert_int_equal(store_commit(&txn), STATUS_OK);
	store_tail_info(dir->store, &info);
	assert_int_equal(info.first_seq, 31);
	assert_int_equal(info.events, 35);
	assert_int_equal(info.chunks, 2);
	assert_int_equal(info.oldest_recv_time, DAY_0 + 2);
	store_dir_attach(dir);
	assert_int_equal(store_dir_walk(dir, 31), 35);
	struct store_figures figures;
	assert_int_equal(store_reader_figures(dir->reader, &figures), STATUS_OK);
	assert_int_equal(figures.events, 65);
	assert_int_equal(figures.tail_events, 35);
	assert_int_equal(figures.blocks, 1);
	assert_int_equal(figures.block_bytes, 5);
	assert_int_equal(figures.summary_bytes, 7);
	assert_int_equal(figures.tail_bytes, info.bytes);
	assert_int_equal(figures.oldest_recv_time, DAY_0);
	assert_int_equal(figures.newest_recv_time, DAY_0 + 3);
	assert_true(figures.file_bytes > 0);
}

static void long_values_are_split_and_joined(void **state)
{
	struct store_dir *dir = *state;
	struct store_txn *txn = NULL;
	struct store_unit unit;
	struct buf chunk, image;
	const size_t part = 1024 * 4096 - 16 - 48;
	const size_t sizes[] = {0, 1, part - 1, part, part + 1, 3 * part + 7};
	store_dir_open(dir);
	buf_init(&chunk, 64 * 1024 * 1024);
	buf_init(&image, 64 * 1024 * 1024);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint64_t seq = store_next_seq(dir->store);
		store_dir_bytes(&chunk, 'T', seq, 10, sizes[i]);
		store_dir_bytes(&image, 'B', seq, 10, sizes[i]);
		assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
		store_put_tail(txn, seq, 10, DAY_0, buf_text(&chunk));
		assert_int_equal(store_commit(&txn), STATUS_OK);
		store_dir_attach(dir);
		assert_int_equal(store_reader_unit(dir->reader, seq, false, &unit, &dir->error), STATUS_OK);
		assert_true(text_equal(unit.bytes, buf_text(&chunk)));
		assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
		store_put_block(txn, seq, 10, buf_text(&image), buf_text(&chunk));
		assert_int_equal(store_commit(&txn), STATUS_OK);
		store_dir_renew(dir);
		assert_int_equal(store_reader_unit(dir->reader, seq + 9, true, &unit, &dir->error), STATUS_OK);
		assert_true(text_equal(unit.bytes, buf_text(&image)));
		assert_true(text_equal(unit.summary, buf_text(&chunk)));
		store_reader_close(&dir->reader);
	}
	buf_finish(&chunk);
	buf_finish(&image);
}

static void a_payload_is_stored_once(void **state)
{
	struct store_dir *dir = *state;
	struct store_txn *txn = NULL;
	struct store_figures figures;
	const struct payload_ref ref = {.key = {1, 2, 3}, .stored = TEXT("compressed")};
	const struct payload_ref other = {.key = {1, 2, 4}, .stored = TEXT("other")};
	store_dir_open(dir);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
		store_put_payload(txn, &ref);
		store_put_payload(txn, &ref);
		store_put_payload(txn, &other);
		assert_int_equal(store_commit(&txn), STATUS_OK);
	}
	store_dir_attach(dir);
	assert_int_equal(store_reader_figures(dir->reader, &figures), STATUS_OK);
	assert_int_equal(figures.payloads, 2);
	assert_int_equal(figures.payload_bytes, 15);
}

enum { PAYLOAD_BYTES = PAYLOAD_INLINE_BYTES_MAX + 1 };

static void a_long_payload_comes_back_from_its_segment(void **state)
{
	struct store_dir *dir = *state;
	struct store_txn *txn = NULL;
	struct rows *rows = NULL;
	struct event *event = calloc(1, sizeof(*event));
	const struct payload_ref *refs = NULL;
	struct arena arena;
	struct text payload;
	char *json = malloc(PAYLOAD_BYTES);
	assert_true(json && event);
	memset(json, 'x', PAYLOAD_BYTES);
	json[0] = json[PAYLOAD_BYTES - 1] = '"';
	event_set_text(event, FIELD_REQUEST, (struct text){json, PAYLOAD_BYTES});
	assert_int_equal(rows_create(&rows), STATUS_OK);
	assert_int_equal(rows_append(rows, event), STATUS_OK);
	assert_int_equal(rows_payloads(rows, &refs), 1);
	store_dir_open(dir);
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_put_payload(txn, refs);
	store_dir_put_tail(txn, 1, 1, DAY_0);
	assert_int_equal(store_commit(&txn), STATUS_OK);
	store_dir_attach(dir);
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(store_reader_payload(dir->reader, 1, refs->key, &arena, &payload), STATUS_OK);
	assert_true(text_equal(payload, (struct text){json, PAYLOAD_BYTES}));
	const uint8_t other[32] = {1};
	assert_int_equal(store_reader_payload(dir->reader, 1, other, &arena, &payload), STATUS_DAMAGED);
	assert_int_equal(store_reader_payload(dir->reader, 2, refs->key, &arena, &payload), STATUS_NOT_FOUND);
	arena_finish(&arena);
	rows_destroy(&rows);
	free(event);
	free(json);
}

static void too_large_a_state_fails_the_whole_commit(void **state)
{
	struct store_dir *dir = *state;
	struct store_txn *txn = NULL;
	char *large = calloc(1, 1024 * 1024 + 1);
	assert_non_null(large);
	store_dir_open(dir);
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_put_state(txn, "large", (struct text){large, 1024 * 1024 + 1});
	store_dir_put_tail(txn, 1, 1, DAY_0);
	assert_int_equal(store_commit(&txn), STATUS_TOO_LARGE);
	assert_int_equal(store_next_seq(dir->store), 1);
	assert_int_equal(store_begin(dir->store, &txn), STATUS_OK);
	store_put_state(txn, "large", (struct text){large, 1024 * 1024});
	assert_int_equal(store_commit(&txn), STATUS_OK);
	store_dir_add(dir, 1, DAY_0);
	free(large);
}

/* --- two threads --- */

enum { THREAD_ROUNDS = 60 };

static void *write_rounds(void *context)
{
	struct store_dir *dir = context;
	for (int round = 0; round < THREAD_ROUNDS; round++) {
		for (int i = 0; i < 4; i++)
			store_dir_add(dir, 5, DAY_0 + round * (NS_PER_DAY / 4));
		store_dir_seal(dir);
		if (round % 10 == 9)
			store_dir_roll(dir);
	}
	return NULL;
}

static void a_reader_on_another_thread_meets_every_event_once(void **state)
{
	struct store_dir *dir = *state;
	const uint64_t end = 1 + THREAD_ROUNDS * 20;
	pthread_t writer;
	store_dir_open(dir);
	store_dir_attach(dir);
	assert_int_equal(pthread_create(&writer, NULL, write_rounds, dir), 0);
	/* No assertion may leave the test while the other thread runs. */
	uint64_t seq = 1, next = 1;
	enum status status = STATUS_OK;
	while (seq < end && seq == next && status == STATUS_OK) {
		status = store_reader_renew(dir->reader, &dir->error);
		next = store_reader_next_seq(dir->reader);
		for (struct store_unit unit; status == STATUS_OK && seq < next;) {
			status = store_reader_unit(dir->reader, seq, false, &unit, &dir->error);
			bool right = status == STATUS_OK && unit.first_seq <= seq && store_dir_unit_is_right(&unit);
			seq = right ? unit.first_seq + unit.count : 0;
		}
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	if (status != STATUS_OK || seq != end)
		fail_msg("status %d, seq %llu: %s", status, (unsigned long long)seq, dir->error.text);
	store_dir_renew(dir);
	assert_int_equal(store_dir_walk(dir, 1), end - 1);
}

enum { ROUNDS = 60, ROUND_EVENTS = 1000 };

/* Bytes of the file after so much was added and sealed, while the reader holds what it saw at first, or has parked. */
static uint64_t file_bytes_after_rounds(struct store_dir *dir, bool parks)
{
	struct store_unit unit;
	store_dir_open(dir);
	store_dir_add(dir, ROUND_EVENTS, DAY_0);
	store_dir_attach(dir);
	assert_int_equal(store_reader_unit(dir->reader, 1, false, &unit, &dir->error), STATUS_OK);
	if (parks)
		store_reader_park(dir->reader);
	for (int round = 0; round < ROUNDS; round++) {
		store_dir_add(dir, ROUND_EVENTS, DAY_0);
		store_dir_seal(dir);
	}
	assert_true(store_dir_unit_is_right(&unit)); /* its chunk is gone, and its pages are used anew */
	if (parks) {
		/* What is read next is there, as of now. */
		assert_int_equal(store_reader_unit(dir->reader, 1, false, &unit, &dir->error), STATUS_OK);
		assert_true(unit.sealed);
		assert_true(store_dir_unit_is_right(&unit));
	}
	struct store_figures figures;
	store_dir_renew(dir);
	assert_int_equal(store_reader_figures(dir->reader, &figures), STATUS_OK);
	store_reader_close(&dir->reader);
	store_close(&dir->store, true);
	return figures.file_bytes;
}

static void a_parked_reader_lets_pages_be_used_anew(void **state)
{
	struct store_dir *dir = *state;
	struct store_dir other;
	store_dir_init(&other);
	uint64_t parked = file_bytes_after_rounds(dir, true);
	uint64_t held = file_bytes_after_rounds(&other, false);
	assert_true(parked < held * 2 / 3);
	store_dir_finish(&other);
}

/* Long ones are not copied, short ones stand in pages of the tree that are used anew. */
static void a_block_can_be_read_on_while_its_reader_is_parked(void **state)
{
	static const uint32_t counts[] = {20, 100, 2000, 4000};
	struct store_dir *dir = *state;
	struct buf bytes;
	buf_init(&bytes, 1024 * 1024);
	store_dir_open(dir);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct store_unit unit;
		uint64_t first_seq = store_next_seq(dir->store);
		store_dir_add(dir, counts[i], DAY_0);
		store_dir_seal(dir);
		store_dir_attach(dir);
		assert_int_equal(store_reader_unit(dir->reader, first_seq, false, &unit, &dir->error), STATUS_OK);
		assert_true(unit.sealed);
		assert_int_equal(unit.count, counts[i]);
		buf_clear(&bytes);
		buf_put(&bytes, unit.bytes.at, unit.bytes.len);
		store_reader_park(dir->reader);
		for (int round = 0; round < ROUNDS; round++) {
			store_dir_add(dir, ROUND_EVENTS, DAY_0);
			store_dir_seal(dir);
		}
		assert_true(text_equal(unit.bytes, buf_text(&bytes)));
		store_reader_close(&dir->reader);
	}
	buf_finish(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_new_store_is_private_and_empty, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			id_keys_and_counters_survive_a_restart, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(only_committed_events_are_there, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(a_commit_is_there_after_kill_9, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_second_collector_is_told_who_holds_the_store, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			one_process_opens_a_store_in_one_way, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_block_takes_the_place_of_its_tail_chunks, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(part_of_the_tail_can_be_sealed, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			long_values_are_split_and_joined, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(a_payload_is_stored_once, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_long_payload_comes_back_from_its_segment, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			too_large_a_state_fails_the_whole_commit, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_reader_on_another_thread_meets_every_event_once, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_parked_reader_lets_pages_be_used_anew, store_dir_set_up, store_dir_tear_down),
		cmocka_unit_test_setup_teardown(
			a_block_can_be_read_on_while_its_reader_is_parked, store_dir_set_up, store_dir_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
