/*
 * A part that was found says where it ends, and is not searched itself: only what lies in none is.
 *
 * LMDB puts nodes at even places of a page, and a value behind its key:
 *   tail chunks, blocks, summaries   their part's header tells the unit
 *   payloads                         34 bytes of key before the part; or, where the part is on pages of its own, a node with
 *                                    the flags 1, a key of 34 bytes, and the number of the page
 *   head, store, state.NAME          the name, then the value
 */
#include "salvage_find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "little_endian.h"
#include "pages.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_HEADER_BYTES = 16,
	NODE_HEADER_BYTES = 8,
	STATE_BYTES_MAX = 1024 * 1024 + 16,
	STATE_KEY_BYTES_MAX = 70,
	ORPHANS_TRIED_MAX = 4096,
	VALUE_BYTES_MAX = SEGMENT_VALUE_BYTES_MAX,
};

/* A part as it was found; those of one value are brought together later. */
struct piece {
	struct salvage_part part;
	enum env_db db;
	struct segment_unit unit;
	uint8_t digest[SEGMENT_PAYLOAD_DIGEST_BYTES];
	bool has_digest, by_tree;
	uint64_t bytes_whole;
	int64_t recv_time;
	uint16_t parts;
};

struct search {
	struct salvage_found *found;
	struct piece *pieces;
	size_t piece_count, piece_room;
	uint64_t file_bytes, commit;
	bool metas_differ, by_tree;
	uint64_t faults;
	struct buf value;
};

static enum status grow(void **items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return STATUS_OK;
	size_t more = *room ? *room * 2 : 256;
	void *grown = realloc(*items, more * size);
	if (grown == NULL)
		return STATUS_NO_MEMORY;
	*items = grown;
	*room = more;
	return STATUS_OK;
}

/* --- what meta holds --- */

static void see_head(struct search *search, struct text value)
{
	struct salvage_found *found = search->found;
	struct segment_head head;
	if (segment_parse_head(value, &head) != STATUS_OK || (found->has_head && head.commit <= found->head.commit))
		return;
	found->head = head;
	found->has_head = true;
	found->is_newest = search->by_tree;
}

static void see_identity(struct search *search, struct text value)
{
	struct salvage_found *found = search->found;
	if (!found->has_identity)
		found->has_identity = segment_parse_identity(value, &found->identity) == STATUS_OK;
}

/* Of each name the one that was written last. */
static enum status see_state(struct search *search, struct text key, struct text value)
{
	struct salvage_found *found = search->found;
	struct segment_state state;
	size_t at = 0;
	if (segment_parse_state(key, value, &state) != STATUS_OK)
		return STATUS_OK;
	while (at < found->state_count && !text_equal(text_of(found->states[at].name), state.name))
		at++;
	if (at < found->state_count && state.commit <= found->states[at].commit)
		return STATUS_OK;
	if (at == found->state_count) {
		struct salvage_state *grown = realloc(found->states, (at + 1) * sizeof(*grown));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		found->states = grown;
		grown[at] = (struct salvage_state){.name = strndup(state.name.at, state.name.len)};
		if (grown[at].name == NULL)
			return STATUS_NO_MEMORY;
		buf_init(&grown[at].bytes, STATE_BYTES_MAX);
		found->state_count++;
	}
	buf_clear(&found->states[at].bytes);
	buf_put_text(&found->states[at].bytes, state.bytes);
	found->states[at].commit = state.commit;
	found->states[at].by_tree = search->by_tree;
	return buf_status(&found->states[at].bytes);
}

/* --- pieces --- */

static enum status add_piece(
	struct search *search, const struct segment_part *part, const char *digest, uint64_t at, size_t len)
{
	enum status status =
		grow((void **)&search->pieces, search->piece_count, &search->piece_room, sizeof(*search->pieces));
	if (status != STATUS_OK)
		return status;
	struct piece *piece = &search->pieces[search->piece_count++];
	*piece = (struct piece){
		.part = {at, (uint32_t)len, (uint16_t)part->number},
		.db = part->db,
		.has_digest = digest != NULL,
		.by_tree = search->by_tree,
		.bytes_whole = part->bytes_whole,
		.recv_time = part->recv_time,
		.parts = (uint16_t)part->parts,
	};
	if (part->db != ENV_PAYLOAD)
		piece->unit = part->unit;
	if (digest)
		memcpy(piece->digest, digest, SEGMENT_PAYLOAD_DIGEST_BYTES);
	return STATUS_OK;
}

static enum status see_value(
	void *context, enum env_db db, struct text key, struct text value, struct pages_place place)
{
	struct search *search = context;
	struct segment_part part;
	if (db == ENV_META && text_equal(key, TEXT("head")))
		see_head(search, value);
	else if (db == ENV_META && text_equal(key, TEXT("store")))
		see_identity(search, value);
	else if (db == ENV_META)
		return see_state(search, key, value);
	else if (segment_parse_part(db, key, value, &part) == STATUS_OK)
		return add_piece(search, &part, db == ENV_PAYLOAD ? key.at : NULL, place.at,
			SEGMENT_PART_HEADER_BYTES + part.bytes.len);
	else
		search->faults++;
	return STATUS_OK;
}

static void see_fault(void *context, uint64_t page, const char *what)
{
	struct search *search = context;
	(void)what;
	search->faults++;
	search->metas_differ = search->metas_differ || page < 2;
}

/* --- scanning --- */

/* The value on pages of its own, from this page on, into search->value.  STATUS_NOT_FOUND: there is none. */
static enum status read_big(struct search *search, uint64_t page, size_t len)
{
	if (page < 2 || page > search->file_bytes / PAGE_BYTES || len > VALUE_BYTES_MAX)
		return STATUS_NOT_FOUND;
	buf_clear(&search->value);
	char *to = buf_reserve(&search->value, len);
	if (to == NULL)
		return STATUS_NO_MEMORY;
	search->value.len = len;
	enum status status = files_read_at(search->found->fd, page * PAGE_BYTES + PAGE_HEADER_BYTES, to, len);
	return status == STATUS_DAMAGED ? STATUS_NOT_FOUND : status;
}

/* A part that begins a page: *end is where it ends. */
static enum status try_page(struct search *search, uint64_t page, const char *bytes, uint64_t *end)
{
	struct segment_part part;
	size_t len = 0;
	struct text header = {bytes + PAGE_HEADER_BYTES, PAGE_BYTES - PAGE_HEADER_BYTES};
	enum status status = segment_parse_header(header, &part, &len);
	if (status == STATUS_OK)
		status = read_big(search, page, len);
	if (status == STATUS_OK)
		status = segment_parse_alone(buf_text(&search->value), NULL, &part, &len);
	if (status != STATUS_OK)
		return status;
	*end = page * PAGE_BYTES + PAGE_HEADER_BYTES + len;
	return add_piece(search, &part, NULL, page * PAGE_BYTES + PAGE_HEADER_BYTES, len);
}

/* A node whose value is a payload on pages of its own. */
static enum status try_payload_node(struct search *search, const char *node, size_t left)
{
	struct segment_part part;
	size_t len = 0;
	char header[SEGMENT_PART_HEADER_BYTES];
	if (left < NODE_HEADER_BYTES + SEGMENT_PAYLOAD_KEY_BYTES + sizeof(uint64_t))
		return STATUS_NOT_FOUND;
	const char *digest = node + NODE_HEADER_BYTES;
	uint64_t page = get_le((const uint8_t *)digest + SEGMENT_PAYLOAD_KEY_BYTES, 8);
	enum status status = read_big(search, page, sizeof(header));
	if (status == STATUS_OK)
		status = segment_parse_header(buf_text(&search->value), &part, &len);
	if (status == STATUS_OK && part.db != ENV_PAYLOAD)
		status = STATUS_NOT_FOUND;
	if (status == STATUS_OK)
		status = read_big(search, page, len);
	if (status == STATUS_OK)
		status = segment_parse_alone(buf_text(&search->value), (const uint8_t *)digest, &part, &len);
	return status == STATUS_OK ? add_piece(search, &part, digest, page * PAGE_BYTES + PAGE_HEADER_BYTES, len)
				   : status;
}

/* A part within a page.  before: how much of the page comes before it. */
static enum status try_part(
	struct search *search, const char *at, size_t before, size_t left, uint64_t offset, size_t *len)
{
	struct segment_part part;
	const char *digest = before >= SEGMENT_PAYLOAD_KEY_BYTES ? at - SEGMENT_PAYLOAD_KEY_BYTES : NULL;
	struct text value = {at, left};
	enum status status = segment_parse_alone(value, (const uint8_t *)digest, &part, len);
	if (status == STATUS_OK && part.db == ENV_PAYLOAD && digest == NULL)
		status = STATUS_NOT_FOUND;
	return status == STATUS_OK ? add_piece(search, &part, part.db == ENV_PAYLOAD ? digest : NULL, offset, *len)
				   : status;
}

static enum status try_state(struct search *search, const char *key, size_t before, size_t left)
{
	if (before < NODE_HEADER_BYTES)
		return STATUS_NOT_FOUND;
	const uint8_t *node = (const uint8_t *)key - NODE_HEADER_BYTES;
	size_t size = get_le(node, 4);
	size_t key_len = get_le(node + 6, 2);
	if (key_len > STATE_KEY_BYTES_MAX || key_len > left || size > STATE_BYTES_MAX)
		return STATUS_NOT_FOUND;
	struct text value = {key + key_len, size};
	if (get_le(node + 4, 2) == 1) {
		if (left - key_len < sizeof(uint64_t))
			return STATUS_NOT_FOUND;
		enum status status = read_big(search, get_le((const uint8_t *)value.at, 8), size);
		if (status != STATUS_OK)
			return status;
		value = buf_text(&search->value);
	} else if (size > left - key_len) {
		return STATUS_NOT_FOUND;
	}
	return see_state(search, (struct text){key, key_len}, value);
}

static enum status search_page(struct search *search, uint64_t page, const char *bytes, size_t len)
{
	enum status status = STATUS_OK;
	for (size_t i = PAGE_HEADER_BYTES; i + NODE_HEADER_BYTES <= len && status == STATUS_OK;) {
		const char *at = bytes + i;
		size_t left = len - i;
		size_t step = 2;
		if (at[0] == 'm' && at[1] == 'l') {
			size_t part_len = 0;
			status = try_part(search, at, i - PAGE_HEADER_BYTES, left, page * PAGE_BYTES + i, &part_len);
			step = status == STATUS_OK ? (part_len + 1) / 2 * 2 : 2;
		} else if (memcmp(at, "\1\0\"", 4) == 0 && i >= PAGE_HEADER_BYTES + 4) {
			status = try_payload_node(search, at - 4, left + 4);
		} else if (memcmp(at, "head", 4) == 0 && left >= 4 + SEGMENT_HEAD_BYTES) {
			see_head(search, (struct text){at + 4, SEGMENT_HEAD_BYTES});
		} else if (memcmp(at, "store", 5) == 0 && left >= 5 + SEGMENT_IDENTITY_BYTES) {
			see_identity(search, (struct text){at + 5, SEGMENT_IDENTITY_BYTES});
		} else if (memcmp(at, "state.", 6) == 0) {
			status = try_state(search, at, i - PAGE_HEADER_BYTES, left);
		}
		status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
		i += step;
	}
	return status;
}

static enum status scan(struct search *search)
{
	char bytes[PAGE_BYTES];
	enum status status = STATUS_OK;
	search->by_tree = false;
	search->found->was_scanned = true;
	for (uint64_t page = 0; page * PAGE_BYTES < search->file_bytes && status == STATUS_OK; page++) {
		uint64_t left = search->file_bytes - page * PAGE_BYTES;
		size_t len = left < PAGE_BYTES ? (size_t)left : PAGE_BYTES;
		uint64_t end = 0;
		status = files_read_at(search->found->fd, page * PAGE_BYTES, bytes, len);
		if (status == STATUS_OK)
			status = len == PAGE_BYTES ? try_page(search, page, bytes, &end) : STATUS_NOT_FOUND;
		if (status == STATUS_OK)
			page = (end - 1) / PAGE_BYTES;
		else if (status == STATUS_NOT_FOUND)
			status = search_page(search, page, bytes, len);
	}
	return status;
}

/* --- values --- */

/* Pieces of a value come together: those in a tree first, then what was received last. */
static int compare_values(const struct piece *a, const struct piece *b)
{
	if (a->db != b->db)
		return a->db < b->db ? -1 : 1;
	if (a->unit.first_seq != b->unit.first_seq)
		return a->unit.first_seq < b->unit.first_seq ? -1 : 1;
	if (a->unit.count != b->unit.count)
		return a->unit.count < b->unit.count ? -1 : 1;
	int order = memcmp(a->digest, b->digest, SEGMENT_PAYLOAD_DIGEST_BYTES);
	if (order == 0 && a->recv_time != b->recv_time)
		order = a->recv_time > b->recv_time ? -1 : 1;
	if (order == 0 && a->bytes_whole != b->bytes_whole)
		order = a->bytes_whole < b->bytes_whole ? -1 : 1;
	return order;
}

static int compare_pieces(const void *left, const void *right)
{
	const struct piece *a = left;
	const struct piece *b = right;
	int order = compare_values(a, b);
	if (order == 0 && a->part.number != b->part.number)
		order = a->part.number < b->part.number ? -1 : 1;
	if (order == 0 && a->by_tree != b->by_tree)
		order = a->by_tree ? -1 : 1;
	if (order == 0 && a->part.at != b->part.at)
		order = a->part.at < b->part.at ? -1 : 1;
	return order;
}

/* The value that some pieces, all of the same one, make up, if none of its parts is missing. */
static void join(struct salvage_found *found, const struct piece *pieces, size_t count)
{
	size_t first = found->part_count;
	bool by_tree = true;
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].part.number != found->part_count - first)
			continue; /* the same once more; or one before it is missing */
		found->parts[found->part_count++] = pieces[i].part;
		by_tree = by_tree && pieces[i].by_tree;
	}
	if (found->part_count - first != pieces->parts) {
		found->part_count = first;
		return;
	}
	struct salvage_value *value = &found->values[found->value_count++];
	*value = (struct salvage_value){
		.db = pieces->db,
		.unit = pieces->unit,
		.bytes = pieces->bytes_whole,
		.recv_time = pieces->recv_time,
		.by_tree = by_tree,
		.first_part = first,
		.parts = pieces->parts,
	};
	memcpy(value->digest, pieces->digest, SEGMENT_PAYLOAD_DIGEST_BYTES);
}

static int compare_places(const void *left, const void *right)
{
	const struct piece *a = left;
	const struct piece *b = right;
	if (a->part.at != b->part.at)
		return a->part.at < b->part.at ? -1 : 1;
	return (int)b->has_digest - (int)a->has_digest;
}

/* Payloads that nothing but the scan of their own pages found are put aside. */
static enum status put_orphans_aside(struct search *search)
{
	struct salvage_found *found = search->found;
	size_t kept = 0;
	qsort(search->pieces, search->piece_count, sizeof(*search->pieces), compare_places);
	for (size_t i = 0; i < search->piece_count; i++) {
		const struct piece *piece = &search->pieces[i];
		if (piece->db != ENV_PAYLOAD || piece->has_digest) {
			search->pieces[kept++] = *piece;
			continue;
		}
		if (piece->parts != 1 || (kept > 0 && search->pieces[kept - 1].part.at == piece->part.at))
			continue;
		struct salvage_part *grown =
			realloc(found->orphans, (found->orphan_count + 1) * sizeof(*found->orphans));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		found->orphans = grown;
		found->orphans[found->orphan_count++] = piece->part;
	}
	search->piece_count = kept;
	return STATUS_OK;
}

static enum status join_all(struct search *search)
{
	struct salvage_found *found = search->found;
	enum status status = put_orphans_aside(search);
	size_t count = search->piece_count;
	if (status != STATUS_OK || count == 0)
		return status;
	found->parts = malloc(count * sizeof(*found->parts));
	found->values = malloc(count * sizeof(*found->values));
	if (found->parts == NULL || found->values == NULL)
		return STATUS_NO_MEMORY;
	qsort(search->pieces, count, sizeof(*search->pieces), compare_pieces);
	for (size_t from = 0; from < count;) {
		size_t to = from + 1;
		while (to < count && compare_values(&search->pieces[from], &search->pieces[to]) == 0)
			to++;
		join(found, search->pieces + from, to - from);
		from = to;
	}
	return STATUS_OK;
}

/* --- the whole --- */

static enum status find(struct search *search, const char *path)
{
	const struct pages_visitor visitor = {see_value, see_fault, search};
	struct salvage_found *found = search->found;
	struct pages_found pages;
	struct stat stat_now;
	found->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (found->fd < 0 || fstat(found->fd, &stat_now) != 0)
		return files_status(errno);
	search->file_bytes = (uint64_t)stat_now.st_size;
	search->by_tree = true;
	enum status status = pages_walk(path, 0, &visitor, &pages);
	bool is_lost = status == STATUS_DAMAGED;
	if (status != STATUS_OK && !is_lost)
		return status;
	/* A head that the newest meta page leads to is of the newest commit, if both meta pages are whole. */
	found->is_newest = !is_lost && !search->metas_differ && found->has_head && found->head.commit == pages.txnid;
	if (is_lost || search->faults > 0 || !found->is_newest)
		status = scan(search);
	else
		status = STATUS_OK;
	return status == STATUS_OK ? join_all(search) : status;
}

enum status salvage_find(const char *path, struct salvage_found *found)
{
	*found = (struct salvage_found){.fd = -1};
	struct search search = {.found = found};
	buf_init(&search.value, VALUE_BYTES_MAX);
	enum status status = find(&search, path);
	buf_finish(&search.value);
	free(search.pieces);
	if (status != STATUS_OK)
		salvage_forget(found);
	return status;
}

void salvage_forget(struct salvage_found *found)
{
	for (size_t i = 0; i < found->state_count; i++) {
		buf_finish(&found->states[i].bytes);
		free(found->states[i].name);
	}
	free(found->states);
	free(found->orphans);
	free(found->parts);
	free(found->values);
	if (found->fd >= 0)
		(void)close(found->fd);
	*found = (struct salvage_found){.fd = -1};
}

static enum status load_part(
	const struct salvage_found *found, const struct salvage_part *part, const uint8_t *digest, struct buf *out)
{
	struct segment_part parsed;
	size_t len = 0;
	size_t before = out->len;
	char *to = buf_reserve(out, part->len);
	if (to == NULL)
		return STATUS_NO_MEMORY;
	enum status status = files_read_at(found->fd, part->at, to, part->len);
	if (status == STATUS_OK)
		status = segment_parse_alone((struct text){to, part->len}, digest, &parsed, &len);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
	memmove(to, parsed.bytes.at, parsed.bytes.len);
	out->len = before + parsed.bytes.len;
	return STATUS_OK;
}

enum status salvage_load(const struct salvage_found *found, const struct salvage_value *value, struct buf *out)
{
	enum status status = STATUS_OK;
	const uint8_t *digest = value->db == ENV_PAYLOAD ? value->digest : NULL;
	buf_clear(out);
	for (unsigned i = 0; i < value->parts && status == STATUS_OK; i++)
		status = load_part(found, &found->parts[value->first_part + i], digest, out);
	return status == STATUS_OK && out->len != value->bytes ? STATUS_DAMAGED : status;
}

static int compare_digest(const void *key, const void *item)
{
	const struct salvage_value *value = item;
	if (value->db != ENV_PAYLOAD)
		return 1;
	return memcmp(key, value->digest, SEGMENT_PAYLOAD_DIGEST_BYTES);
}

enum status salvage_load_payload(const struct salvage_found *found, const uint8_t digest[32], struct buf *out)
{
	const struct salvage_value *value = found->value_count ? bsearch(digest, found->values, found->value_count,
									 sizeof(*found->values), compare_digest)
							       : NULL;
	enum status status = value ? salvage_load(found, value, out) : STATUS_NOT_FOUND;
	/* One whose key is lost shows by its checksum, which covers the key, that it is the one. */
	for (size_t i = 0; i < found->orphan_count && i < ORPHANS_TRIED_MAX; i++) {
		if (status != STATUS_NOT_FOUND && status != STATUS_DAMAGED)
			break;
		buf_clear(out);
		status = load_part(found, &found->orphans[i], digest, out);
	}
	return status == STATUS_DAMAGED ? STATUS_NOT_FOUND : status;
}
