/* Files that LMDB wrote, read without it: whole ones, and with each kind of damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pages.h"

enum {
	PAGE = 4096,
	VALUES_MAX = 2000,
	FAULTS_MAX = 64,
	KEYS = 300,
	TAIL_KEYS = 12,
	MAP_BYTES = 64 << 20,
	FLIPS = 4000
};
enum { LEAF = 2, BRANCH = 1, OVERFLOW = 4 };
enum {
	META_TXNID_AT = 16 + 128,
	META_MAP_AT = 16 + 16,
	META_LAST_PAGE_AT = 16 + 120,
	META_FLAGS_AT = 16 + 72 + 4,
	META_FREE_ROOT_AT = 16 + 24 + 40
};

/* What was put: the key says the database, and the value begins with its key. */
struct item {
	enum env_db db;
	char key[16];
	size_t len;
};

struct file {
	char path[PATH_MAX];
	uint8_t *whole, *bytes; /* as LMDB wrote it; a copy to damage */
	size_t len;
	struct item items[VALUES_MAX];
	size_t item_count;
};

struct seen {
	const struct file *file;
	size_t values;
	bool right; /* the values are those that were put, each once, in order */
	char faults[FAULTS_MAX][160];
	size_t fault_count;
};

/* --- a file --- */

static size_t value_len(enum env_db db, unsigned number)
{
	if (db == ENV_BLOCK)
		return number % 3 == 0 ? 3 * PAGE + 5 : PAGE - 16; /* on pages of their own */
	if (db == ENV_TAIL && number % 4 == 0)
		return 2 * PAGE;
	return db == ENV_PAYLOAD && number % 50 == 0 ? 5 * PAGE : 30 + number % 90;
}

static void put(struct file *file, struct env_txn *txn, enum env_db db, unsigned number)
{
	struct item *item = &file->items[file->item_count++];
	item->db = db;
	(void)snprintf(item->key, sizeof(item->key), "%s%05u", env_db_name(db), number);
	item->len = value_len(db, number);
	char *value = calloc(1, item->len);
	assert_non_null(value);
	memcpy(value, item->key, strlen(item->key));
	env_put(txn, db, text_of(item->key), (struct text){value, item->len});
	free(value);
}

static void fill(struct file *file, struct env *env)
{
	struct env_txn *txn = NULL;
	/* What is deleted again leaves pages in the list of free ones. */
	for (unsigned commit = 0; commit < 4; commit++) {
		char key[16];
		assert_int_equal(env_begin(env, true, &txn), STATUS_OK);
		for (unsigned i = 0; i < 8; i++) {
			(void)snprintf(key, sizeof(key), "gone%05u", i);
			if (commit % 2 == 0)
				env_put(txn, ENV_TAIL, text_of(key),
					(struct text){(const char *)file->items, 3 * PAGE});
			else
				env_delete(txn, ENV_TAIL, text_of(key));
		}
		assert_int_equal(env_commit(&txn), STATUS_OK);
	}
	assert_int_equal(env_begin(env, true, &txn), STATUS_OK);
	put(file, txn, ENV_META, 1);
	for (unsigned i = 0; i < TAIL_KEYS; i++)
		put(file, txn, ENV_TAIL, i);
	for (unsigned i = 0; i < 20; i++)
		put(file, txn, ENV_BLOCK, i);
	for (unsigned i = 0; i < KEYS; i++)
		put(file, txn, ENV_SUMMARY, i);
	for (unsigned i = 0; i < KEYS; i++)
		put(file, txn, ENV_PAYLOAD, i);
	assert_int_equal(env_commit(&txn), STATUS_OK);
}

static void write_copy(const struct file *file, size_t len)
{
	FILE *out = fopen(file->path, "wb");
	assert_non_null(out);
	assert_int_equal(fwrite(file->bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
	struct file *file = calloc(1, sizeof(*file));
	struct env *env = NULL;
	struct stat stat_now;
	const char *base = getenv("TMPDIR");
	assert_non_null(file);
	(void)snprintf(file->path, sizeof(file->path), "%s/mcpledger-pages-%d", base ? base : "/tmp", (int)getpid());
	assert_int_equal(env_open(&env, file->path, ENV_CREATE, MAP_BYTES, NULL), STATUS_OK);
	fill(file, env);
	env_close(&env);
	FILE *in = fopen(file->path, "rb");
	assert_non_null(in);
	assert_int_equal(fstat(fileno(in), &stat_now), 0);
	file->len = (size_t)stat_now.st_size;
	file->whole = malloc(file->len);
	file->bytes = malloc(file->len);
	assert_true(file->whole && file->bytes);
	assert_int_equal(fread(file->whole, 1, file->len, in), file->len);
	(void)fclose(in);
	memcpy(file->bytes, file->whole, file->len);
	*state = file;
	return 0;
}

static int tear_down(void **state)
{
	struct file *file = *state;
	(void)unlink(file->path);
	free(file->whole);
	free(file->bytes);
	free(file);
	return 0;
}

/* --- walking --- */

static enum status see_value(
	void *context, enum env_db db, struct text key, struct text value, struct pages_place place)
{
	struct seen *seen = context;
	const struct item *item = &seen->file->items[seen->values++];
	assert_true(place.page >= 2 && place.at + value.len <= seen->file->len);
	seen->right = seen->right && memcmp(seen->file->bytes + place.at, value.at, value.len) == 0;
	seen->right = seen->right && seen->values <= seen->file->item_count && db == item->db &&
		      text_equal(key, text_of(item->key)) && value.len == item->len && value.len >= key.len &&
		      memcmp(value.at, key.at, key.len) == 0;
	return STATUS_OK;
}

static void see_fault(void *context, uint64_t page, const char *what)
{
	struct seen *seen = context;
	(void)page;
	if (seen->fault_count < FAULTS_MAX)
		(void)snprintf(seen->faults[seen->fault_count], sizeof(seen->faults[0]), "%s", what);
	seen->fault_count++;
}

static enum status walk(const struct file *file, struct seen *seen, struct pages_found *found)
{
	const struct pages_visitor visitor = {see_value, see_fault, seen};
	*seen = (struct seen){.file = file, .right = true};
	return pages_walk(file->path, 0, &visitor, found);
}

static bool is_told(const struct seen *seen, const char *words)
{
	for (size_t i = 0; i < seen->fault_count && i < FAULTS_MAX; i++)
		if (strstr(seen->faults[i], words))
			return true;
	return false;
}

/* --- places --- */

static uint64_t number_at(const uint8_t *at, unsigned size)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < size; i++)
		number |= (uint64_t)at[i] << (8 * i);
	return number;
}

static void set(uint8_t *at, uint64_t number, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(number >> (8 * i));
}

static uint8_t *node(uint8_t *page, unsigned number)
{
	return page + number_at(page + 16 + 2 * (size_t)number, 2);
}

static uint8_t *newest_meta(const struct file *file)
{
	uint64_t first = number_at(file->bytes + META_TXNID_AT, 8);
	return file->bytes + (number_at(file->bytes + PAGE + META_TXNID_AT, 8) > first ? PAGE : 0);
}

/* The record of a database in the main tree, which is one page. */
static uint8_t *tree_of(const struct file *file, enum env_db db)
{
	uint8_t *page = file->bytes + number_at(newest_meta(file) + 16 + 72 + 40, 8) * PAGE;
	const char *name = env_db_name(db);
	for (unsigned i = 0; i < ENV_DB_COUNT; i++) {
		uint8_t *at = node(page, i);
		if (number_at(at + 6, 2) == strlen(name) && memcmp(at + 8, name, strlen(name)) == 0)
			return at + 8 + strlen(name);
	}
	fail_msg("no tree %s", name);
	return NULL;
}

static uint8_t *root_of(const struct file *file, enum env_db db)
{
	return file->bytes + number_at(tree_of(file, db) + 40, 8) * PAGE;
}

/* The n-th leaf of a tree of two levels. */
static uint8_t *leaf_of(const struct file *file, enum env_db db, unsigned number)
{
	uint8_t *root = root_of(file, db);
	assert_int_equal(number_at(root + 10, 2), BRANCH);
	return file->bytes + number_at(node(root, number), 6) * PAGE;
}

/* The first node of a leaf with a value on pages of its own. */
static uint8_t *big_node(uint8_t *page)
{
	for (unsigned i = 0; i < (number_at(page + 12, 2) - 16) / 2; i++)
		if (number_at(node(page, i) + 4, 2) == 1)
			return node(page, i);
	fail_msg("no such node");
	return NULL;
}

static uint8_t *big_number(uint8_t *at)
{
	return at + 8 + number_at(at + 6, 2);
}

static uint8_t *free_page(const struct file *file)
{
	return file->bytes + number_at(newest_meta(file) + META_FREE_ROOT_AT, 8) * PAGE;
}

/* --- damage --- */

static void meta_magic(struct file *file)
{
	newest_meta(file)[16] ^= 1;
}
static void meta_txnid(struct file *file)
{
	newest_meta(file)[META_TXNID_AT] ^= 16;
}
static void meta_flags(struct file *file)
{
	newest_meta(file)[META_FLAGS_AT] ^= 8;
}
static void meta_map(struct file *file)
{
	set(newest_meta(file) + META_MAP_AT, 1, 8);
}
static void meta_last_page(struct file *file)
{
	uint8_t *at = newest_meta(file) + META_LAST_PAGE_AT;
	set(at, number_at(at, 8) + 1, 8);
}
static void page_number(struct file *file)
{
	leaf_of(file, ENV_SUMMARY, 1)[0] ^= 1;
}
static void page_kind(struct file *file)
{
	set(leaf_of(file, ENV_SUMMARY, 1) + 10, BRANCH, 2);
}
static void page_offsets(struct file *file)
{
	set(leaf_of(file, ENV_SUMMARY, 1) + 12, 4000, 2);
}
static void page_emptied(struct file *file)
{
	set(leaf_of(file, ENV_SUMMARY, 1) + 12, 16, 2);
}
static void node_offset(struct file *file)
{
	set(leaf_of(file, ENV_SUMMARY, 1) + 16, 4094, 2);
}
static void node_key_len(struct file *file)
{
	set(node(leaf_of(file, ENV_SUMMARY, 1), 0) + 6, 512, 2);
}
static void node_value_len(struct file *file)
{
	set(node(leaf_of(file, ENV_SUMMARY, 1), 0), 4000, 4);
}
static void node_flags(struct file *file)
{
	set(node(leaf_of(file, ENV_SUMMARY, 1), 0) + 4, 4, 2);
}
static void node_is_tree(struct file *file)
{
	set(node(leaf_of(file, ENV_SUMMARY, 1), 0) + 4, 2, 2);
}
static void keys_descend(struct file *file)
{
	node(leaf_of(file, ENV_SUMMARY, 1), 3)[8] = 'a';
}
static void key_of_other_page(struct file *file)
{
	node(leaf_of(file, ENV_SUMMARY, 1), 0)[8] = 'a';
}
static void child_twice(struct file *file)
{
	uint8_t *root = root_of(file, ENV_SUMMARY);
	memcpy(node(root, 1), node(root, 0), 6);
}
static void child_beyond(struct file *file)
{
	set(node(root_of(file, ENV_SUMMARY), 1), UINT32_MAX, 6);
}
static void big_beyond(struct file *file)
{
	set(big_number(big_node(root_of(file, ENV_BLOCK))), file->len / PAGE + 1, 8);
}
static void big_len(struct file *file)
{
	set(big_node(root_of(file, ENV_BLOCK)), UINT32_MAX, 4);
}
static void big_of_other(struct file *file)
{
	uint8_t *at = big_number(big_node(root_of(file, ENV_BLOCK)));
	memcpy(at, big_number(big_node(leaf_of(file, ENV_PAYLOAD, 0))), 8);
}
static void big_header(struct file *file)
{
	file->bytes[number_at(big_number(big_node(root_of(file, ENV_BLOCK))), 8) * PAGE + 10] ^= OVERFLOW;
}
static void big_header_of_what_goes(struct file *file)
{
	file->bytes[number_at(big_number(big_node(root_of(file, ENV_TAIL))), 8) * PAGE + 12] ^= 1;
}
static void tree_name(struct file *file)
{
	tree_of(file, ENV_SUMMARY)[-1] ^= 1;
}
static void tree_depth(struct file *file)
{
	set(tree_of(file, ENV_SUMMARY) + 6, 200, 2);
}
static void tree_entries(struct file *file)
{
	tree_of(file, ENV_SUMMARY)[32] ^= 1;
}
static void free_in_use(struct file *file)
{
	uint8_t *at = node(free_page(file), 0);
	set(at + 8 + 8 + 8, number_at(root_of(file, ENV_SUMMARY), 8), 8);
}
static void free_count(struct file *file)
{
	set(node(free_page(file), 0) + 8 + 8, 5000, 8);
}
static void free_key(struct file *file)
{
	set(node(free_page(file), 0) + 6, 7, 2);
}

static const struct {
	void (*damage)(struct file *);
	const char *told;
} damages[] = {
	{meta_magic, "this meta page is not whole"},
	{meta_txnid, "not of one commit and the next"},
	{meta_flags, "differ in what is never changed"},
	{meta_map, "sizes that cannot be"},
	{meta_last_page, "the file ends before it"},
	{page_number, "it says that it is another one"},
	{page_kind, "of another kind than the tree says"},
	{page_offsets, "its offsets are not within it"},
	{page_emptied, "it is empty"},
	{node_offset, "a node is not within it"},
	{node_key_len, "a node does not end within it"},
	{node_value_len, "a node does not end within it"},
	{node_flags, "a node is of no kind there is"},
	{node_is_tree, "a value stands in the wrong tree"},
	{keys_descend, "its keys do not ascend"},
	{key_of_other_page, "a key stands in the wrong page"},
	{child_twice, "belongs to something else"},
	{child_beyond, "not in the file"},
	{big_beyond, "on pages that are not there"},
	{big_len, "on pages that are not there"},
	{big_of_other, "belong to something else"},
	{big_header, "it is not the page of a value that it should be"},
	{big_header_of_what_goes, "it is not the page of a value that it should be"},
	{tree_name, "a database that there is not"},
	{tree_depth, "a database that there is not"},
	{tree_entries, "other numbers of pages or values than it says"},
	{free_in_use, "a page is free twice, or not in the file"},
	{free_count, "longer than its value"},
	{free_key, "a key is too short"},
};

/* --- tests --- */

static void a_whole_file_gives_all_its_values_in_order(void **state)
{
	const struct file *file = *state;
	struct seen seen;
	struct pages_found found;
	write_copy(file, file->len);
	assert_int_equal(walk(file, &seen, &found), STATUS_OK);
	assert_int_equal(seen.fault_count, 0);
	assert_int_equal(found.faults, 0);
	assert_true(seen.right);
	assert_int_equal(seen.values, file->item_count);
	assert_int_equal(found.pages, file->len / PAGE);
	assert_true(found.free > 0);
	assert_int_equal(2 + found.used + found.free + found.ignored, found.pages);
	assert_int_equal(found.ignored, 0);
	for (int scope = PAGES_TO_READ; scope <= PAGES_TO_WRITE; scope++)
		assert_int_equal(pages_check(file->path, 0, (enum pages_scope)scope), STATUS_OK);
	uint64_t newest = 0;
	assert_int_equal(pages_newest(file->path, &newest), STATUS_OK);
	assert_int_equal(newest, found.txnid);
	assert_int_equal(pages_check(file->path, newest + 1, PAGES_TO_READ), STATUS_CONFLICT);
}

static void each_kind_of_damage_is_told_and_the_rest_is_given(void **state)
{
	struct file *file = *state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct seen seen;
		struct pages_found found;
		memcpy(file->bytes, file->whole, file->len);
		damages[i].damage(file);
		write_copy(file, file->len);
		if (walk(file, &seen, &found) != STATUS_OK)
			fail_msg("number %zu ended the walk", i);
		if (!is_told(&seen, damages[i].told))
			fail_msg("number %zu, \"%s\", is not told but \"%s\"", i, damages[i].told, seen.faults[0]);
		assert_int_equal(found.faults, seen.fault_count);
		assert_true(damages[i].damage == meta_magic || seen.values > 0);
		/*
		 * LMDB does not look at the head of pages with a value, unless it deletes it; and who opens a file
		 * looks at its length.
		 */
		bool is_let = damages[i].damage == big_header || damages[i].damage == meta_last_page;
		if (is_let != (pages_check(file->path, 0, PAGES_TO_WRITE) == STATUS_OK))
			fail_msg("number %zu, \"%s\", does not keep LMDB away", i, damages[i].told);
	}
}

static void without_a_whole_meta_page_nothing_can_be_read(void **state)
{
	struct file *file = *state;
	struct seen seen;
	struct pages_found found;
	uint64_t newest = 0;
	memset(file->bytes, 0, 2 * (size_t)PAGE);
	write_copy(file, file->len);
	assert_int_equal(walk(file, &seen, &found), STATUS_DAMAGED);
	assert_int_equal(seen.fault_count, 2);
	assert_int_equal(pages_newest(file->path, &newest), STATUS_DAMAGED);
}

static void a_file_that_was_cut_gives_what_is_left(void **state)
{
	struct file *file = *state;
	struct seen seen;
	struct pages_found found;
	write_copy(file, file->len / PAGE / 2 * PAGE);
	assert_true(walk(file, &seen, &found) == STATUS_DAMAGED || seen.fault_count > 0);
	write_copy(file, file->len - PAGE);
	assert_int_equal(walk(file, &seen, &found), STATUS_OK);
	assert_true(seen.fault_count > 0);
	assert_true(seen.values > 0);
	write_copy(file, 100);
	assert_int_equal(walk(file, &seen, &found), STATUS_DAMAGED);
}

/* A tree that may be as large as the file is only looked at by who needs it. */
static void what_is_not_asked_for_is_not_checked(void **state)
{
	struct file *file = *state;
	leaf_of(file, ENV_PAYLOAD, 0)[0] ^= 1;
	write_copy(file, file->len);
	assert_int_equal(pages_check(file->path, 0, PAGES_TO_READ), STATUS_OK);
	assert_int_equal(pages_check(file->path, 0, PAGES_OF_PAYLOADS), STATUS_DAMAGED);
	memcpy(file->bytes, file->whole, file->len);
	free_in_use(file);
	write_copy(file, file->len);
	assert_int_equal(pages_check(file->path, 0, PAGES_TO_READ), STATUS_OK);
	assert_int_equal(pages_check(file->path, 0, PAGES_OF_PAYLOADS), STATUS_OK);
	assert_int_equal(pages_check(file->path, 0, PAGES_TO_WRITE), STATUS_DAMAGED);
}

static enum status count_value(
	void *context, enum env_db db, struct text key, struct text value, struct pages_place place)
{
	struct seen *seen = context;
	uint64_t sum = 0;
	(void)place;
	assert_true(db < ENV_DB_COUNT);
	for (size_t i = 0; i < key.len; i++)
		sum += (uint8_t)key.at[i];
	for (size_t i = 0; i < value.len; i++)
		sum += (uint8_t)value.at[i];
	seen->values += sum != UINT64_MAX;
	return STATUS_OK;
}

/* All that the visitor is given can be read, whatever the pages say, and the walk comes to an end. */
static void any_damage_leaves_a_walk_that_ends(void **state)
{
	struct file *file = *state;
	const char *given = getenv("MCPLEDGER_TEST_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	print_message("seed %u (MCPLEDGER_TEST_SEED)\n", seed);
	for (unsigned i = 0; i < FLIPS; i++) {
		struct seen seen = {.file = file};
		const struct pages_visitor visitor = {count_value, see_fault, &seen};
		struct pages_found found;
		size_t page = (size_t)rand_r(&seed) % (file->len / PAGE);
		size_t at = page * PAGE + (size_t)rand_r(&seed) % (i % 2 ? 160 : PAGE);
		FILE *out = fopen(file->path, i ? "r+b" : "wb");
		assert_non_null(out);
		if (i == 0)
			assert_int_equal(fwrite(file->whole, 1, file->len, out), file->len);
		assert_int_equal(fseek(out, (long)at, SEEK_SET), 0);
		(void)fputc(file->whole[at] ^ (1 << rand_r(&seed) % 8), out);
		assert_int_equal(fflush(out), 0);
		enum status status = pages_walk(file->path, 0, &visitor, &found);
		assert_true(status == STATUS_OK || status == STATUS_DAMAGED);
		assert_true(found.faults == seen.fault_count);
		assert_int_equal(fseek(out, (long)at, SEEK_SET), 0);
		(void)fputc(file->whole[at], out);
		assert_int_equal(fclose(out), 0);
	}
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FILE(a_whole_file_gives_all_its_values_in_order),
		WITH_FILE(each_kind_of_damage_is_told_and_the_rest_is_given),
		WITH_FILE(without_a_whole_meta_page_nothing_can_be_read),
		WITH_FILE(a_file_that_was_cut_gives_what_is_left),
		WITH_FILE(what_is_not_asked_for_is_not_checked),
		WITH_FILE(any_damage_leaves_a_walk_that_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
