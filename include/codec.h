/*
 * codec - packing and unpacking: zlib streams and zstd frames for what is stored, gzip for HTTP.
 *
 * Deflate (RFC 1950 - 1952) is ISA-L's work where that was built in, zlib's elsewhere: both read and write the same
 * formats, so a store moves between builds.  Zstandard (RFC 8878) sees repeats of any distance: for much text.
 * Any thread; each call is independent and owns what it allocates.
 */
#ifndef MCPLEDGER_CODEC_H
#define MCPLEDGER_CODEC_H

#include <stdatomic.h>

#include "buf.h"

enum codec_format { CODEC_ZLIB, CODEC_GZIP, CODEC_ZSTD };

/* CODEC_SYMBOLS, of deflate: only the frequencies of bytes are used, no repeats are looked for (columns of codes). */
enum codec_effort { CODEC_FAST, CODEC_SMALL, CODEC_SYMBOLS };

/* Appends one stream to out.  STATUS_NO_MEMORY; STATUS_LIMIT: it does not fit into out. */
enum status codec_pack(
	struct text plain, enum codec_format format, enum codec_effort effort, struct buf *out) MUST_CHECK;

/* CODEC_ZSTD with all effort, some 4 MB/s; as CODEC_SMALL, from the beginning, once any thread has set *hurry. */
enum status codec_pack_thoroughly(struct text plain, const atomic_bool *hurry, struct buf *out) MUST_CHECK;

/*
 * CODEC_ZLIB or CODEC_GZIP.  Appends what a stream holds to out: at most plain_bytes_max bytes, so that a small
 * hostile stream cannot become large memory.  CODEC_GZIP takes several members behind one another, as RFC 1952 allows.
 * STATUS_INVALID: not such a stream, damaged, cut short, or followed by something else; STATUS_TOO_LARGE: more than
 * plain_bytes_max; STATUS_NO_MEMORY; STATUS_LIMIT: out is full.  On failure out is as it was.
 */
enum status codec_unpack(
	struct text packed, enum codec_format format, size_t plain_bytes_max, struct buf *out) MUST_CHECK;

/*
 * Unpacks gzip that comes in pieces, such as a file of any size; take is called with plain pieces of bounded size, and what
 * it returns ends the call unless it is STATUS_OK.  One thread.
 * STATUS_INVALID: not gzip, or damaged; codec_stream_end: or cut short.
 */
struct codec_stream;
typedef enum status codec_take(void *context, struct text plain);
enum status codec_stream_open(struct codec_stream **stream) MUST_CHECK;
void codec_stream_close(struct codec_stream **stream);
enum status codec_stream_put(
	struct codec_stream *stream, struct text packed, codec_take *take, void *context) MUST_CHECK;
enum status codec_stream_end(const struct codec_stream *stream) MUST_CHECK;

/* Unpacks what must hold exactly len bytes. STATUS_INVALID, STATUS_NO_MEMORY. */
enum status codec_unpack_exact(struct text packed, enum codec_format format, void *plain, size_t len) MUST_CHECK;

#endif
