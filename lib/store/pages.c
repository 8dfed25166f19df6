/*
 * Layout, all offsets in bytes; a page has 16 bytes of header:
 *
 *   0 its own number (8), 10 flags (2), 12 end of the offsets (2) and 14 begin of the nodes (2), or, of an overflow page,
 *   12 the number of pages it has (4); from 16 on the offsets of its nodes (2 each), which grow from the end of the page
 *   node: 0 size of the value or low bits of the child (4), 4 flags or high bits of the child (2), 6 size of the key (2),
 *   8 the key, then the value, or the number of the overflow page that has it
 *   tree: 4 flags (2), 6 depth (2), 8 branch, 16 leaf, 24 overflow pages, 32 entries, 40 root
 *   meta, behind the header of pages 0 and 1: 0 magic (4), 4 version (4), 16 bytes of the map (8), 24 tree of free pages
 *   (its first 4 bytes: size of a page), 72 main tree, 120 last page (8), 128 txnid (8)
 */
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "little_endian.h"

enum {
	PAGE_HEADER_BYTES = 16,
	NODE_HEADER_BYTES = 8,
	META_BYTES = 136,
	TREE_BYTES = 48,
	TREE_FREE_AT = 24,
	TREE_MAIN_AT = 72,
	KEY_BYTES_MAX = 511,
	DEPTH_MAX = 32,
	PAGE_BYTES_MIN = 512,
	PAGE_BYTES_MAX = 65536,
	META_VERSION = 1,
	OFFSETS_MAX = PAGE_BYTES_MAX / 2,
};
enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8, PAGE_KINDS = 0x7f };
enum { NODE_BIG = 1, NODE_TREE = 2 };
#define META_MAGIC      UINT32_C(0xBEEFC0DE)
#define NO_PAGE         UINT64_MAX
#define VALUE_BYTES_MAX (UINT64_C(64) << 20)
#define MAP_BYTES_MAX   (UINT64_C(1) << 45)

struct tree {
	unsigned depth;
	uint64_t branches, leaves, overflows, entries, root;
};

struct meta {
	uint64_t txnid, last_page;
	uint32_t page_bytes;
	uint64_t map_bytes;
	unsigned free_flags, main_flags;
	struct tree free, main;
};

enum tree_kind { TREE_OF_FREE, TREE_OF_TREES, TREE_OF_VALUES };

struct walk {
	int fd;
	uint64_t file_bytes;
	const struct pages_visitor *visitor;
	struct pages_found *found;
	struct meta meta;
	uint8_t *levels; /* a page for each level of a tree */
	uint8_t *seen;   /* a bit a page: in a tree, or free */
	struct buf value;
	bool skips_db[ENV_DB_COUNT], skips_free;
	bool skips_heads; /* of pages with values that nobody wants to see */
	enum tree_kind kind;
	enum env_db db;
	struct tree counted;
	struct tree dbs[ENV_DB_COUNT];
	bool has_db[ENV_DB_COUNT];
};

/* The keys that may stand in a page: from low up to, not with, high; at = NULL: no limit. */
struct range {
	struct text low, high;
};

static void tell(struct walk *walk, uint64_t page, const char *what)
{
	walk->found->faults++;
	walk->visitor->fault(walk->visitor->context, page, what);
}

/* Marks pages as accounted for; false: one of them is not in the file, or was met before, which is told. */
static bool mark(struct walk *walk, uint64_t first, uint64_t count)
{
	if (first < 2 || count == 0 || first > walk->meta.last_page || count > walk->meta.last_page - first + 1)
		return false;
	for (uint64_t page = first; page < first + count; page++) {
		if (walk->seen[page / 8] >> page % 8 & 1)
			return false;
	}
	for (uint64_t page = first; page < first + count; page++)
		walk->seen[page / 8] |= (uint8_t)(1U << page % 8);
	return true;
}

/* --- nodes --- */

static const uint8_t *level_page(const struct walk *walk, unsigned level)
{
	return walk->levels + (size_t)level * walk->meta.page_bytes;
}

static unsigned node_count(const uint8_t *page)
{
	return ((unsigned)get_le(page + 12, 2) - PAGE_HEADER_BYTES) / 2;
}

static const uint8_t *node_at(const uint8_t *page, unsigned number)
{
	return page + get_le(page + PAGE_HEADER_BYTES + 2 * (size_t)number, 2);
}

static struct text node_key(const uint8_t *node)
{
	return (struct text){(const char *)node + NODE_HEADER_BYTES, get_le(node + 6, 2)};
}

/* What a leaf's node takes of the page behind its key. */
static uint64_t node_rest(const uint8_t *node)
{
	return get_le(node + 4, 2) & NODE_BIG ? sizeof(uint64_t) : get_le(node, 4);
}

static int compare(enum tree_kind kind, struct text a, struct text b)
{
	if (kind == TREE_OF_FREE) { /* numbers of our own byte order */
		uint64_t x = a.len == 8 ? get_le((const uint8_t *)a.at, 8) : 0;
		uint64_t y = b.len == 8 ? get_le((const uint8_t *)b.at, 8) : 0;
		return (x > y) - (x < y);
	}
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.at, b.at, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Whether all nodes lie within the page; NULL, or what is wrong. */
static const char *check_nodes(const struct walk *walk, const uint8_t *page, bool is_leaf)
{
	size_t bytes = walk->meta.page_bytes;
	size_t lower = get_le(page + 12, 2);
	size_t upper = get_le(page + 14, 2);
	if (lower < PAGE_HEADER_BYTES || lower > upper || upper > bytes || (lower - PAGE_HEADER_BYTES) % 2 != 0)
		return "its offsets are not within it";
	if (lower == PAGE_HEADER_BYTES)
		return "it is empty";
	for (unsigned i = 0; i < node_count(page); i++) {
		size_t offset = get_le(page + PAGE_HEADER_BYTES + 2 * (size_t)i, 2);
		if (offset < upper || offset > bytes - NODE_HEADER_BYTES)
			return "a node is not within it";
		const uint8_t *node = page + offset;
		size_t left = bytes - offset - NODE_HEADER_BYTES;
		size_t key_len = node_key(node).len;
		if (key_len > KEY_BYTES_MAX || key_len > left || (is_leaf && node_rest(node) > left - key_len))
			return "a node does not end within it";
		if (is_leaf && (key_len == 0 || (get_le(node + 4, 2) & ~(uint64_t)(NODE_BIG | NODE_TREE)) != 0))
			return "a node is of no kind there is";
	}
	return NULL;
}

/* Whether its keys ascend, and are in the range that the page above says. */
static const char *check_order(const struct walk *walk, const uint8_t *page, bool is_leaf, const struct range *range)
{
	unsigned count = node_count(page);
	for (unsigned i = is_leaf ? 0 : 1; i < count; i++) { /* the first key of a branch is not looked at */
		struct text key = node_key(node_at(page, i));
		if (walk->kind == TREE_OF_FREE && key.len != sizeof(uint64_t))
			return "a key is too short";
		if (i > (is_leaf ? 0U : 1U) && compare(walk->kind, node_key(node_at(page, i - 1)), key) >= 0)
			return "its keys do not ascend";
		if ((range->low.at && compare(walk->kind, key, range->low) < 0) ||
			(range->high.at && compare(walk->kind, key, range->high) >= 0))
			return "a key stands in the wrong page";
	}
	return NULL;
}

/* --- leaves --- */

static enum status take_free(struct walk *walk, struct text value, uint64_t page)
{
	const uint8_t *at = (const uint8_t *)value.at;
	uint64_t count = value.len >= 8 ? get_le(at, 8) : UINT64_MAX;
	if (count > value.len / 8 - 1 || value.len < 8) {
		tell(walk, page, "a list of free pages is longer than its value");
		return STATUS_OK;
	}
	for (uint64_t i = 1; i <= count; i++) {
		if (mark(walk, get_le(at + 8 * i, 8), 1))
			walk->found->free++;
		else
			tell(walk, page, "a page is free twice, or not in the file");
	}
	return STATUS_OK;
}

static bool read_tree(const uint8_t *at, struct tree *tree)
{
	*tree = (struct tree){
		.depth = (unsigned)get_le(at + 6, 2),
		.branches = get_le(at + 8, 8),
		.leaves = get_le(at + 16, 8),
		.overflows = get_le(at + 24, 8),
		.entries = get_le(at + 32, 8),
		.root = get_le(at + 40, 8),
	};
	return tree->depth <= DEPTH_MAX && (tree->root == NO_PAGE) == (tree->depth == 0);
}

static void take_tree(struct walk *walk, struct text key, struct text value, uint64_t page)
{
	unsigned db = 0;
	while (db < ENV_DB_COUNT && !text_equal(key, text_of(env_db_name((enum env_db)db))))
		db++;
	struct tree tree;
	/* Ours have no flags, and no size that all keys have. */
	if (db == ENV_DB_COUNT || value.len != TREE_BYTES || get_le((const uint8_t *)value.at, 6) != 0 ||
		!read_tree((const uint8_t *)value.at, &tree)) {
		tell(walk, page, "it tells of a database that there is not");
		return;
	}
	walk->dbs[db] = tree;
	walk->has_db[db] = true;
}

/* The value on pages of its own, in walk->value. */
static enum status read_big(struct walk *walk, const uint8_t *node, uint64_t page, struct text *value, uint64_t *at)
{
	uint8_t header[PAGE_HEADER_BYTES];
	struct text key = node_key(node);
	uint64_t size = get_le(node, 4);
	uint64_t first = get_le((const uint8_t *)key.at + key.len, 8);
	uint64_t count = (PAGE_HEADER_BYTES + size - 1) / walk->meta.page_bytes + 1;
	bool is_there = size <= VALUE_BYTES_MAX && mark(walk, first, count) &&
			(first + count) * walk->meta.page_bytes <= walk->file_bytes;
	if (!is_there) {
		tell(walk, page, "a value is said to be on pages that are not there, or belong to something else");
		return STATUS_NOT_FOUND;
	}
	walk->found->used += count;
	walk->counted.overflows += count;
	bool is_read = walk->visitor->value || walk->kind == TREE_OF_FREE;
	/* What is replaced or deleted gives free as many pages as its head says. */
	bool may_go = walk->kind == TREE_OF_VALUES && (walk->db == ENV_TAIL || walk->db == ENV_META);
	if (!is_read && (walk->skips_heads || !may_go))
		return STATUS_NOT_FOUND;
	enum status status = files_read_at(walk->fd, first * walk->meta.page_bytes, header, sizeof(header));
	if (status == STATUS_OK &&
		(get_le(header, 8) != first || (get_le(header + 10, 2) & PAGE_KINDS) != PAGE_OVERFLOW ||
			get_le(header + 12, 4) != count))
		status = STATUS_DAMAGED;
	if (status == STATUS_OK && !is_read)
		return STATUS_NOT_FOUND;
	if (status == STATUS_OK) {
		buf_clear(&walk->value);
		char *to = buf_reserve(&walk->value, size);
		if (to == NULL)
			return STATUS_NO_MEMORY;
		status = files_read_at(walk->fd, first * walk->meta.page_bytes + PAGE_HEADER_BYTES, to, size);
		*value = (struct text){to, size};
		*at = first * walk->meta.page_bytes + PAGE_HEADER_BYTES;
	}
	if (status != STATUS_DAMAGED)
		return status;
	tell(walk, first, "it is not the page of a value that it should be");
	return STATUS_NOT_FOUND;
}

static enum status take_node(struct walk *walk, const uint8_t *node, const uint8_t *bytes, uint64_t page)
{
	struct text key = node_key(node);
	struct text value = {key.at + key.len, get_le(node, 4)};
	unsigned flags = (unsigned)get_le(node + 4, 2);
	bool is_tree = flags & NODE_TREE;
	walk->counted.entries++;
	if (is_tree != (walk->kind == TREE_OF_TREES) || (is_tree && flags & NODE_BIG)) {
		tell(walk, page, "a value stands in the wrong tree");
		return STATUS_OK;
	}
	struct pages_place place = {page, page * walk->meta.page_bytes + (size_t)((const uint8_t *)value.at - bytes)};
	enum status status = flags & NODE_BIG ? read_big(walk, node, page, &value, &place.at) : STATUS_OK;
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	switch (walk->kind) {
	case TREE_OF_FREE:
		return take_free(walk, value, page);
	case TREE_OF_TREES:
		take_tree(walk, key, value, page);
		return STATUS_OK;
	case TREE_OF_VALUES:
		break;
	}
	if (walk->visitor->value == NULL)
		return STATUS_OK;
	return walk->visitor->value(walk->visitor->context, walk->db, key, value, place);
}

/* --- trees --- */

/* STATUS_NOT_FOUND: it was told what is wrong. */
static enum status read_page(
	struct walk *walk, uint64_t number, unsigned level, unsigned depth, const struct range *range)
{
	uint8_t *page = walk->levels + (size_t)level * walk->meta.page_bytes;
	bool is_leaf = level + 1 == depth;
	const char *what = NULL;
	if (!mark(walk, number, 1)) {
		tell(walk, number, "it is asked for, but not in the file, or belongs to something else");
		return STATUS_NOT_FOUND;
	}
	walk->found->used++;
	*(is_leaf ? &walk->counted.leaves : &walk->counted.branches) += 1;
	enum status status = files_read_at(walk->fd, number * walk->meta.page_bytes, page, walk->meta.page_bytes);
	if (status == STATUS_DAMAGED)
		what = "the file ends before it";
	else if (status != STATUS_OK)
		return status;
	else if (get_le(page, 8) != number)
		what = "it says that it is another one";
	else if ((get_le(page + 10, 2) & PAGE_KINDS) != (is_leaf ? PAGE_LEAF : PAGE_BRANCH))
		what = "it is of another kind than the tree says";
	if (what == NULL)
		what = check_nodes(walk, page, is_leaf);
	if (what == NULL)
		what = check_order(walk, page, is_leaf, range);
	if (what == NULL)
		return STATUS_OK;
	tell(walk, number, what);
	return STATUS_NOT_FOUND;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, at most DEPTH_MAX */
static enum status walk_page(
	struct walk *walk, uint64_t number, unsigned level, unsigned depth, const struct range *range)
{
	enum status status = read_page(walk, number, level, depth, range);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	const uint8_t *page = level_page(walk, level);
	unsigned count = node_count(page);
	for (unsigned i = 0; i < count && status == STATUS_OK; i++) {
		const uint8_t *node = node_at(page, i);
		if (level + 1 == depth) {
			status = take_node(walk, node, page, number);
			continue;
		}
		struct range below = {
			.low = i > 0 ? node_key(node) : range->low,
			.high = i + 1 < count ? node_key(node_at(page, i + 1)) : range->high,
		};
		status = walk_page(walk, get_le(node, 6), level + 1, depth, &below);
	}
	return status;
}

static enum status walk_tree(struct walk *walk, const struct tree *tree, enum tree_kind kind)
{
	const struct range all = {{NULL, 0}, {NULL, 0}};
	uint64_t faults = walk->found->faults;
	walk->kind = kind;
	walk->counted = (struct tree){.depth = 0};
	enum status status = tree->root == NO_PAGE ? STATUS_OK : walk_page(walk, tree->root, 0, tree->depth, &all);
	const struct tree *counted = &walk->counted;
	if (status == STATUS_OK && faults == walk->found->faults &&
		(counted->entries != tree->entries || counted->branches != tree->branches ||
			counted->leaves != tree->leaves || counted->overflows != tree->overflows))
		tell(walk, tree->root == NO_PAGE ? 0 : tree->root,
			"its tree has other numbers of pages or values than it says");
	return status;
}

static enum status walk_trees(struct walk *walk)
{
	enum status status = walk_tree(walk, &walk->meta.main, TREE_OF_TREES);
	for (unsigned db = 0; db < ENV_DB_COUNT && status == STATUS_OK; db++) {
		walk->db = (enum env_db)db;
		if (walk->has_db[db] && !walk->skips_db[db])
			status = walk_tree(walk, &walk->dbs[db], TREE_OF_VALUES);
		else if (!walk->has_db[db])
			tell(walk, walk->meta.main.root == NO_PAGE ? 0 : walk->meta.main.root,
				"a database is not there");
	}
	/* Last, so that a page which is in use and free is told of as a fault of the list. */
	return status == STATUS_OK && !walk->skips_free ? walk_tree(walk, &walk->meta.free, TREE_OF_FREE) : status;
}

/* --- metas --- */

static bool read_meta(int fd, unsigned number, uint32_t page_bytes, uint64_t file_bytes, struct meta *meta)
{
	uint8_t bytes[PAGE_HEADER_BYTES + META_BYTES];
	const uint8_t *at = bytes + PAGE_HEADER_BYTES;
	if (files_read_at(fd, (uint64_t)number * page_bytes, bytes, sizeof(bytes)) != STATUS_OK ||
		get_le(bytes, 8) != number || (get_le(bytes + 10, 2) & PAGE_KINDS) != PAGE_META ||
		get_le(at, 4) != META_MAGIC || get_le(at + 4, 4) != META_VERSION)
		return false;
	*meta = (struct meta){
		.txnid = get_le(at + 128, 8),
		.last_page = get_le(at + 120, 8),
		.map_bytes = get_le(at + 16, 8),
		.page_bytes = (uint32_t)get_le(at + TREE_FREE_AT, 4),
		.free_flags = (unsigned)get_le(at + TREE_FREE_AT + 4, 2),
		.main_flags = (unsigned)get_le(at + TREE_MAIN_AT + 4, 2),
	};
	bool sizes = meta->page_bytes >= PAGE_BYTES_MIN && meta->page_bytes <= PAGE_BYTES_MAX &&
		     (meta->page_bytes & (meta->page_bytes - 1)) == 0 && meta->last_page >= 1 &&
		     meta->last_page < file_bytes / meta->page_bytes + 1;
	return sizes && read_tree(at + TREE_FREE_AT, &meta->free) && read_tree(at + TREE_MAIN_AT, &meta->main);
}

/* The second meta stands on page 1, whose place the size of a page tells; if the first is damaged, sizes are tried. */
static void read_metas(int fd, uint64_t file_bytes, struct meta metas[2], bool whole[2])
{
	whole[0] = read_meta(fd, 0, PAGE_BYTES_MIN, file_bytes, &metas[0]);
	whole[1] = false;
	uint32_t least = whole[0] ? metas[0].page_bytes : PAGE_BYTES_MIN;
	uint32_t most = whole[0] ? metas[0].page_bytes : PAGE_BYTES_MAX;
	for (uint32_t bytes = least; bytes <= most && !whole[1]; bytes *= 2)
		whole[1] = read_meta(fd, 1, bytes, file_bytes, &metas[1]) && metas[1].page_bytes == bytes;
}

/* What LMDB keeps to: commits go to the pages in turn, and some things are the same for ever.  NULL: all is so. */
static const char *compare_metas(const struct meta metas[2])
{
	uint64_t low = metas[0].txnid < metas[1].txnid ? metas[0].txnid : metas[1].txnid;
	if (metas[0].txnid % 2 != 0 || metas[1].txnid % 2 != 1 || metas[0].txnid + metas[1].txnid - 2 * low != 1)
		return "its meta pages are not of one commit and the next: the newest events may be hidden";
	if (metas[0].free_flags != metas[1].free_flags || metas[0].main_flags != metas[1].main_flags)
		return "its meta pages differ in what is never changed";
	const struct meta *older = &metas[metas[0].txnid != low];
	const struct meta *newer = &metas[metas[0].txnid == low];
	if (newer->map_bytes < older->map_bytes || newer->map_bytes > MAP_BYTES_MAX ||
		newer->last_page < older->last_page || newer->last_page >= newer->map_bytes / newer->page_bytes)
		return "its meta pages tell of sizes that cannot be";
	return NULL;
}

static enum status choose_meta(struct walk *walk, uint64_t txnid)
{
	struct meta metas[2];
	bool whole[2];
	read_metas(walk->fd, walk->file_bytes, metas, whole);
	for (unsigned i = 0; i < 2; i++)
		if (!whole[i])
			tell(walk, i, "this meta page is not whole");
	if (!whole[0] && !whole[1])
		return STATUS_DAMAGED;
	const char *differs = whole[0] && whole[1] ? compare_metas(metas) : NULL;
	unsigned newer = !whole[0] || (whole[1] && metas[1].txnid > metas[0].txnid);
	if (txnid && (!whole[newer] || metas[newer].txnid != txnid))
		newer = !newer;
	if (txnid && (!whole[newer] || metas[newer].txnid != txnid))
		return STATUS_CONFLICT;
	if (differs)
		tell(walk, newer, differs);
	walk->meta = metas[newer];
	walk->found->txnid = metas[newer].txnid;
	walk->found->pages = metas[newer].last_page + 1;
	return STATUS_OK;
}

static enum status walk_file(struct walk *walk)
{
	walk->levels = malloc((size_t)DEPTH_MAX * walk->meta.page_bytes);
	walk->seen = calloc(walk->meta.last_page / 8 + 1, 1);
	enum status status = walk->levels && walk->seen ? walk_trees(walk) : STATUS_NO_MEMORY;
	uint64_t known = 2 + walk->found->used + walk->found->free;
	walk->found->ignored = known < walk->found->pages ? walk->found->pages - known : 0;
	return status;
}

/* Opens the file and chooses its meta; for both calls. */
static enum status begin_walk(struct walk *walk, const char *path, uint64_t txnid)
{
	struct stat stat_now;
	walk->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (walk->fd < 0)
		return files_status(errno);
	if (fstat(walk->fd, &stat_now) != 0)
		return files_status(errno);
	walk->file_bytes = (uint64_t)stat_now.st_size;
	return choose_meta(walk, txnid);
}

static void end_walk(struct walk *walk)
{
	buf_finish(&walk->value);
	free(walk->levels);
	free(walk->seen);
	if (walk->fd >= 0)
		(void)close(walk->fd);
}

/*
 * The writer sees to it that the file is as long as its meta page says, right after a commit: so it is asked for last.
 * Before LMDB is let loose this is the matter of who opens the file, since a writer makes up for it.
 */
static void check_length(struct walk *walk)
{
	struct stat stat_now;
	uint64_t bytes = walk->found->pages * walk->meta.page_bytes;
	if (fstat(walk->fd, &stat_now) == 0 && (uint64_t)stat_now.st_size < bytes)
		tell(walk, walk->meta.last_page, "the file ends before it");
}

static enum status walk_whole(struct walk *walk, const char *path, uint64_t txnid)
{
	buf_init(&walk->value, VALUE_BYTES_MAX);
	enum status status = begin_walk(walk, path, txnid);
	if (status == STATUS_OK)
		status = walk_file(walk);
	if (status == STATUS_OK && walk->visitor->value)
		check_length(walk);
	end_walk(walk);
	return status;
}

enum status pages_walk(const char *path, uint64_t txnid, const struct pages_visitor *visitor, struct pages_found *found)
{
	*found = (struct pages_found){.txnid = 0};
	struct walk walk = {.visitor = visitor, .found = found};
	return walk_whole(&walk, path, txnid);
}

static void note_fault(void *context, uint64_t page, const char *what)
{
	bool *is_whole = context;
	(void)page;
	(void)what;
	*is_whole = false;
}

enum status pages_newest(const char *path, uint64_t *txnid)
{
	enum { TRIES_MAX = 16 }; /* a commit may come between the reading of one meta page and the other */
	enum status status = STATUS_DAMAGED;
	for (unsigned i = 0; i < TRIES_MAX && status == STATUS_DAMAGED; i++) {
		bool is_whole = true;
		const struct pages_visitor visitor = {.fault = note_fault, .context = &is_whole};
		struct pages_found found = {.txnid = 0};
		struct walk walk = {.visitor = &visitor, .found = &found};
		status = begin_walk(&walk, path, 0);
		if (status == STATUS_OK && !is_whole)
			status = STATUS_DAMAGED;
		*txnid = found.txnid;
		end_walk(&walk);
	}
	return status;
}

enum status pages_check(const char *path, uint64_t txnid, enum pages_scope scope)
{
	bool is_whole = true;
	const struct pages_visitor visitor = {.fault = note_fault, .context = &is_whole};
	struct pages_found found = {.txnid = 0};
	bool reads = scope != PAGES_TO_WRITE;
	struct walk walk = {.visitor = &visitor, .found = &found, .skips_free = reads, .skips_heads = reads};
	for (unsigned db = 0; db < ENV_DB_COUNT; db++)
		walk.skips_db[db] = reads && (db == ENV_PAYLOAD) != (scope == PAGES_OF_PAYLOADS);
	enum status status = walk_whole(&walk, path, txnid);
	return status == STATUS_OK && !is_whole ? STATUS_DAMAGED : status;
}
