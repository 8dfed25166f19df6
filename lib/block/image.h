/*
 * image - the bytes of a block or of a part of a tail chunk.  Version 1.  All integers little-endian.
 *
 * An image is a header, a directory of columns, and the columns' streams back to back in the directory's order.  Every
 * column can be read alone.  An image says all about itself, so it can be found and read without the B-tree around it.
 *
 * OFFSET  SIZE  MEANING
 *      0     8  magic "mcpldgBK"
 *      8     2  format version: 1
 *     10     1  level: 0 tail, 1 sealed
 *     11     1  0
 *     12     4  length of the whole image
 *     16     8  seq of row 0; 0 in a tail image, whose chunk says it
 *     24     4  rows
 *     28     2  version of the fields table
 *     30     2  number of columns
 *     32     4  length of the directory
 *     36     4  size of its rows before encoding, at most 2^32 - 1
 *     40     8  XXH3-64 of the directory, with the seed XXH3-64 of bytes 0..39
 *     48     -  the directory, then the streams
 *
 * Directory: per column
 *   SIZE    MEANING
 *      1    field number (tbl/fields.h); 0: the row groups
 *   varint  sub-column: 0 the field itself; of a payload: 1 references, 2 raw texts, 3 + k its leaf column k
 *      1    form (enum form, enum column_form)
 *      1    width: bytes of a binary entry
 *      1    flags: bits 0-1 map, bits 2-3 order of places, bit 4 some entries are odd
 *   varint  places: rows, or occurrences of a leaf
 *   varint  entries
 *      1    number of streams, then per stream
 *             1     packing: 0 as is, 1 zlib, 2 zstd
 *             varint  stored length
 *             varint  length after unpacking
 *      4    check: the low half of XXH3-64 of the column's streams, with the column's place in the directory as seed
 *
 * So each column can be believed by itself: a question that needs three of forty reads and checks three.
 *
 * How places find their entries (map):
 *   MAP_ALL       place i has entry i
 *   MAP_PRESENCE  first stream: a bit per place; those with 1 have the entries in turn
 *   MAP_CODES     first stream: an integer per place; 0 = absent, c = entry c - 1
 * In which order places stand (order):
 *   ORDER_ARRIVAL  by seq
 *   ORDER_GROUPED  by group, then seq
 *   ORDER_GROUP    one place per group, which all its rows share
 * Then the entries, by form:
 *   FORM_NUMBERS             integers
 *   FORM_INT, FORM_QUOTED    integers; the texts are made from them (form.h)
 *   FORM_UUID, FORM_HEX      entries * width bytes
 *   FORM_TEXT                integers: lengths; bytes
 *   FORM_PATTERNS            texts too: integers: for each the number of its pattern; one integer: how many patterns;
 *                            integers: their lengths; their bytes; one integer: how many words; integers: their
 *                            lengths; their bytes; integers: for each word hole of each pattern 0, or 1 + the word it
 *                            always has; integers: for each other word hole, one behind another, the words of all
 *                            texts of the pattern in turn; then for each number hole of each pattern integers: the
 *                            numbers of all texts of the pattern (all these in one stream, each with its length as a
 *                            varint before it)
 *   FORM_PAYLOAD             (map is MAP_CODES over rows: 0 absent, 1 a reference, 2 a raw text, 3 + k shape k;
 *                            entries = shapes) integers: lengths of the templates; bytes of the templates;
 *                            integers: the leaf column of each hole of each template, in order
 *   FORM_REFERENCE           entries * 32 bytes of keys; integers: sizes of the payloads
 *   FORM_GROUPS              (MAP_CODES over rows in arrival order: 1 + group) integers: for each group how many bytes
 *                            its requests have, as they were sent; integers: the same of its responses
 * then, with odd entries: one integer: how many; integers: which entries; integers: their lengths; bytes.
 *
 * A template is a payload's text with its scalars cut out: byte 1 stands for a string (what is between its quotes is
 * the leaf), byte 0 for another scalar.  Neither byte can be part of JSON text.
 *
 * A pattern is a text whose words (words.h) are cut out: byte 1 stands for a word, byte 2 for a word that is a decimal
 * integer of at most 18 digits as JSON would write it.  A text that holds one of these bytes makes no pattern.
 *
 * Integers (a stream of n; nothing for n = 0): one byte says how
 *   INTS_CONST   varint (zigzag) the value of all
 *   INTS_FIXED   width w (1 byte), varint (zigzag) base, n * w bytes: value - base
 *   INTS_PLANES  order d of differences 0..2 (1 byte), d varints (zigzag): the first values; varint (zigzag) base;
 *                number of planes (1 byte); per plane, lowest first: one byte says how: 0 one byte for all, 1 as is,
 *                2 a varint length and a zlib stream.  Plane p holds byte p of (difference - base) of each.
 */
#ifndef MCPLEDGER_BLOCK_IMAGE_H
#define MCPLEDGER_BLOCK_IMAGE_H

#include "block.h"

enum { IMAGE_HEADER_BYTES = 48, IMAGE_STREAMS_MAX = 12, IMAGE_COLUMNS_MAX = 8192, IMAGE_PLACES_MAX = 1 << 22 };
enum { SUB_FIELD, SUB_REFERENCES, SUB_RAW, SUB_LEAF_FIRST, GROUPS_FIELD = 0 };
enum column_form { FORM_NUMBERS = 16, FORM_PAYLOAD, FORM_REFERENCE, FORM_GROUPS, FORM_PATTERNS };
enum map { MAP_ALL, MAP_PRESENCE, MAP_CODES };
enum order { ORDER_ARRIVAL, ORDER_GROUPED, ORDER_GROUP };
enum { PAYLOAD_CODE_REFERENCE = 1, PAYLOAD_CODE_RAW, PAYLOAD_CODE_SHAPE };
enum { HOLE_RAW, HOLE_STRING };
enum stream_packing { STREAM_AS_IS, STREAM_ZLIB, STREAM_ZSTD };

/* --- writing --- */

struct image_writer {
	struct buf directory;
	struct buf streams;
	uint32_t columns;
	size_t stream_count_at; /* in directory, of the column being written */
	size_t column_start;    /* in streams */
	enum block_level level;
	const atomic_bool *hurry; /* see rows_pack_thoroughly; NULL: always */
	int64_t *scratch;         /* for integers on their way */
	size_t scratch_capacity;
};

struct image_column {
	uint8_t field;
	uint8_t form;
	uint8_t width;
	enum map map;
	enum order order;
	bool odd;
	uint32_t sub;
	uint32_t places;
	uint32_t entries;
};

void image_writer_init(struct image_writer *writer, enum block_level level, const atomic_bool *hurry);
void image_writer_finish(struct image_writer *writer);
void image_put_column(struct image_writer *writer, const struct image_column *column);
/* The next stream of the column: bytes (deflated where that saves a tenth; never in a tail image), or integers. */
void image_put_bytes(struct image_writer *writer, const void *bytes, size_t len);
/*
 * The same for texts back to back: many of them make a zstd frame, which sees repeats further back than deflate; in a
 * tail image too, where there are very many.
 */
void image_put_prose(struct image_writer *writer, const char *bytes, size_t len);
void image_put_ints(struct image_writer *writer, const int64_t *values, size_t count);
void image_put_codes(struct image_writer *writer, const uint32_t *codes, size_t count);
/* Room for count integers, until the next call; NULL: no memory (the writer has failed). */
int64_t *image_scratch(struct image_writer *writer, size_t count);
/* Appends the whole image to out. */
enum status image_put(
	struct image_writer *writer, uint64_t first_seq, uint32_t rows, size_t raw_bytes, struct buf *out) MUST_CHECK;

/* --- reading --- */

struct image_stream {
	enum stream_packing packing;
	struct text stored;
	size_t raw_len;
};

struct image_entry {
	struct image_column column;
	unsigned stream_count;
	struct image_stream stream[IMAGE_STREAMS_MAX];
	struct text streams; /* all of them */
	uint32_t place;      /* in the directory */
	uint32_t check;
	bool *checked; /* whether the streams were found to be whole */
};

struct image {
	enum block_level level;
	uint64_t first_seq;
	uint32_t rows;
	unsigned fields_version;
	size_t raw_bytes;
	uint32_t columns;
	struct image_entry *entry; /* in the arena */
};

/*
 * Checks and reads the header and the directory; image borrows text.  STATUS_DAMAGED, STATUS_UNSUPPORTED,
 * STATUS_NO_MEMORY.
 */
enum status image_open(struct text text, struct arena *arena, struct image *image) MUST_CHECK;
/* Checks the streams of a column, once.  STATUS_DAMAGED. */
enum status image_check(const struct image_entry *entry) MUST_CHECK;

/*
 * Takes the streams of a column one after another; the first time they are checked.  The first failure stays in it: later calls give NULL, and
 * stream_cursor.status says what it was.  Memory comes from the arena.
 */
struct stream_cursor {
	const struct image_entry *entry;
	unsigned next;
	struct arena *arena;
	enum status status;
};
struct text cursor_bytes(struct stream_cursor *cursor);                                   /* any length */
const int64_t *cursor_ints(struct stream_cursor *cursor, size_t count);                   /* never NULL for STATUS_OK */
const uint32_t *cursor_codes(struct stream_cursor *cursor, size_t count, uint64_t limit); /* each <= limit */

#endif
