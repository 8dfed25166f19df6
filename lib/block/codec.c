/*
 * One small engine per library: struct inflater turns input into output step by step, and engine_pack packs a whole text.
 * Everything else (limits, gzip members, growth) is written once, above them.
 */
#include "codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { PACK_SLACK_BYTES = 1024, PACK_PIECE_BYTES = 256 * 1024, UNPACK_STEP_BYTES = 4096, GZIP_MAGIC_FIRST = 0x1f };
/* With the last two, level 16 of zstd 1.5 makes traces of agents smaller than level 17 does, in less time. */
enum {
	ZSTD_LEVEL_FAST = 3,
	ZSTD_LEVEL_SMALL = 6,
	ZSTD_LEVEL_SMALLEST = 16,
	ZSTD_MIN_MATCH = 3,
	ZSTD_TARGET_LENGTH = 256,
};
enum { WINDOW_BITS = 15, WINDOW_BITS_GZIP = 16 + WINDOW_BITS, MEMORY_LEVEL = 9, LEVEL_FAST = 1, LEVEL_SMALL = 6 };

/* What deflate may need at most: stored blocks, headers, and room for the engines' habits. */
static size_t pack_bytes_max(size_t plain)
{
	return plain + plain / 1000 + PACK_SLACK_BYTES;
}

static enum status zlib_pack(
	struct text plain, enum codec_format format, enum codec_effort effort, char *to, size_t room, size_t *written)
{
	z_stream stream = {0};
	int level = effort == CODEC_SMALL ? LEVEL_SMALL : LEVEL_FAST;
	int strategy = effort == CODEC_SYMBOLS ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY;
	int bits = format == CODEC_GZIP ? WINDOW_BITS_GZIP : WINDOW_BITS;
	if (deflateInit2(&stream, level, Z_DEFLATED, bits, MEMORY_LEVEL, strategy) != Z_OK)
		return STATUS_NO_MEMORY;
	stream.next_in = (Bytef *)(uintptr_t)plain.at;
	stream.avail_in = (uInt)plain.len;
	stream.next_out = (Bytef *)to;
	stream.avail_out = (uInt)room;
	int result = deflate(&stream, Z_FINISH);
	*written = room - stream.avail_out;
	(void)deflateEnd(&stream);
	return result == Z_STREAM_END ? STATUS_OK : STATUS_LIMIT;
}

#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>

struct inflater {
	struct inflate_state state;
};

static enum status engine_pack(
	struct text plain, enum codec_format format, enum codec_effort effort, char *to, size_t room, size_t *written)
{
	if (effort == CODEC_SYMBOLS) /* igzip always looks for repeats */
		return zlib_pack(plain, format, effort, to, room, written);
	uint32_t level = effort == CODEC_SMALL ? 3 : 1;
	uint32_t level_bytes = effort == CODEC_SMALL ? ISAL_DEF_LVL3_DEFAULT : ISAL_DEF_LVL1_DEFAULT;
	struct isal_zstream *stream = malloc(sizeof(*stream));
	uint8_t *level_buf = malloc(level_bytes);
	enum status status = STATUS_NO_MEMORY;
	if (stream && level_buf) {
		/* The library's own init leaves hist_bits as it finds it. */
		memset(stream, 0, offsetof(struct isal_zstream, internal_state));
		isal_deflate_stateless_init(stream);
		stream->level = level;
		stream->level_buf = level_buf;
		stream->level_buf_size = level_bytes;
		stream->gzip_flag = format == CODEC_GZIP ? IGZIP_GZIP : IGZIP_ZLIB;
		stream->end_of_stream = 1;
		stream->next_in = (uint8_t *)(uintptr_t)plain.at;
		stream->avail_in = (uint32_t)plain.len;
		stream->next_out = (uint8_t *)to;
		stream->avail_out = (uint32_t)room;
		status = isal_deflate_stateless(stream) == COMP_OK ? STATUS_OK : STATUS_LIMIT;
		*written = stream->total_out;
	}
	free(level_buf);
	free(stream);
	return status;
}

static enum status inflater_begin(struct inflater *inflater, enum codec_format format)
{
	isal_inflate_init(&inflater->state);
	inflater->state.crc_flag = format == CODEC_GZIP ? ISAL_GZIP : ISAL_ZLIB;
	return STATUS_OK;
}

static void inflater_end(struct inflater *inflater)
{
	(void)inflater;
}

/* Fills up to *room bytes at `to`; *room becomes what was written, *at moves past what was read. */
static enum status inflater_step(
	struct inflater *inflater, struct text packed, size_t *at, char *to, size_t *room, bool *ended)
{
	struct inflate_state *state = &inflater->state;
	size_t offered = *room;
	state->next_in = (uint8_t *)(uintptr_t)packed.at + *at;
	state->avail_in = (uint32_t)(packed.len - *at);
	state->next_out = (uint8_t *)to;
	state->avail_out = (uint32_t)offered;
	int result = isal_inflate(state);
	*at = packed.len - state->avail_in;
	*room = offered - state->avail_out;
	*ended = state->block_state == ISAL_BLOCK_FINISH;
	if (*ended) /* whole bytes it had read ahead are not the stream's */
		*at -= (size_t)state->read_in_length / 8;
	return result == ISAL_DECOMP_OK ? STATUS_OK : STATUS_INVALID;
}

#else

struct inflater {
	z_stream stream;
};

static enum status engine_pack(
	struct text plain, enum codec_format format, enum codec_effort effort, char *to, size_t room, size_t *written)
{
	return zlib_pack(plain, format, effort, to, room, written);
}

static enum status inflater_begin(struct inflater *inflater, enum codec_format format)
{
	inflater->stream = (z_stream){0};
	int result = inflateInit2(&inflater->stream, format == CODEC_GZIP ? WINDOW_BITS_GZIP : WINDOW_BITS);
	return result == Z_OK ? STATUS_OK : STATUS_NO_MEMORY;
}

static void inflater_end(struct inflater *inflater)
{
	(void)inflateEnd(&inflater->stream);
}

static enum status inflater_step(
	struct inflater *inflater, struct text packed, size_t *at, char *to, size_t *room, bool *ended)
{
	z_stream *stream = &inflater->stream;
	size_t offered = *room;
	stream->next_in = (Bytef *)(uintptr_t)packed.at + *at;
	stream->avail_in = (uInt)(packed.len - *at);
	stream->next_out = (Bytef *)to;
	stream->avail_out = (uInt)offered;
	int result = inflate(stream, Z_NO_FLUSH);
	*at = packed.len - stream->avail_in;
	*room = offered - stream->avail_out;
	*ended = result == Z_STREAM_END;
	if (result == Z_MEM_ERROR)
		return STATUS_NO_MEMORY;
	return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? STATUS_OK : STATUS_INVALID;
}
#endif

static enum status zstd_status(size_t result)
{
	if (!ZSTD_isError(result))
		return STATUS_OK;
	return ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall ? STATUS_LIMIT : STATUS_NO_MEMORY;
}

/* Piece by piece, to be asked between them whether there is still time: STATUS_NOT_FOUND where there is not. */
static enum status zstd_pack_thoroughly(
	struct text plain, const atomic_bool *hurry, ZSTD_CCtx *context, char *to, size_t room, size_t *written)
{
	ZSTD_inBuffer in = {plain.at, 0, 0};
	ZSTD_outBuffer packed = {to, room, 0};
	(void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL_SMALLEST);
	(void)ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, ZSTD_MIN_MATCH);
	(void)ZSTD_CCtx_setParameter(context, ZSTD_c_targetLength, ZSTD_TARGET_LENGTH);
	(void)ZSTD_CCtx_setPledgedSrcSize(context, plain.len);
	size_t left = 1;
	while (left != 0 || in.size < plain.len) {
		if (atomic_load_explicit(hurry, memory_order_relaxed))
			return STATUS_NOT_FOUND;
		if (in.pos == in.size)
			in.size = plain.len - in.size < PACK_PIECE_BYTES ? plain.len : in.size + PACK_PIECE_BYTES;
		left = ZSTD_compressStream2(context, &packed, &in, in.size == plain.len ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return zstd_status(left);
		if (packed.pos == packed.size && left != 0)
			return STATUS_LIMIT;
	}
	*written = packed.pos;
	return STATUS_OK;
}

/* hurry: NULL: always. */
static enum status zstd_pack(
	struct text plain, enum codec_effort effort, const atomic_bool *hurry, char *to, size_t room, size_t *written)
{
	enum status status = STATUS_NOT_FOUND;
	if (hurry) {
		ZSTD_CCtx *context = ZSTD_createCCtx();
		status = context ? zstd_pack_thoroughly(plain, hurry, context, to, room, written) : STATUS_NO_MEMORY;
		(void)ZSTD_freeCCtx(context);
	}
	if (status != STATUS_NOT_FOUND)
		return status;
	*written =
		ZSTD_compress(to, room, plain.at, plain.len, effort == CODEC_FAST ? ZSTD_LEVEL_FAST : ZSTD_LEVEL_SMALL);
	return zstd_status(*written);
}

static enum status pack(struct text plain, enum codec_format format, enum codec_effort effort, const atomic_bool *hurry,
	struct buf *out)
{
	if (plain.len > UINT32_MAX / 2)
		return STATUS_LIMIT;
	size_t room = format == CODEC_ZSTD ? ZSTD_compressBound(plain.len) : pack_bytes_max(plain.len);
	struct buf packed;
	buf_init(&packed, room);
	char *to = buf_reserve(&packed, room);
	size_t written = 0;
	enum status status = STATUS_NO_MEMORY;
	if (to)
		status = format == CODEC_ZSTD ? zstd_pack(plain, effort, hurry, to, room, &written)
					      : engine_pack(plain, format, effort, to, room, &written);
	if (status == STATUS_OK) {
		buf_put(out, to, written);
		status = buf_status(out);
	}
	buf_finish(&packed);
	return status;
}

enum status codec_pack(struct text plain, enum codec_format format, enum codec_effort effort, struct buf *out)
{
	return pack(plain, format, effort, NULL, out);
}

enum status codec_pack_thoroughly(struct text plain, const atomic_bool *hurry, struct buf *out)
{
	return pack(plain, CODEC_ZSTD, CODEC_SMALL, hurry, out);
}

/* Unpacks one member from *at on. */
static enum status unpack_member(
	struct inflater *inflater, struct text packed, size_t *at, size_t plain_bytes_max, struct buf *out)
{
	size_t start = out->len;
	bool ended = false;
	while (!ended) {
		size_t left = plain_bytes_max - (out->len - start);
		size_t step = packed.len - *at < UNPACK_STEP_BYTES ? UNPACK_STEP_BYTES : (packed.len - *at) * 4;
		/* One byte more than allowed: that is how "too large" shows. */
		size_t room = step < left + 1 ? step : left + 1;
		char overflow[1];
		char *to = left == 0 ? overflow : buf_reserve(out, room > left ? left : room);
		if (to == NULL)
			return buf_status(out);
		room = left == 0 ? 1 : (room > left ? left : room);
		size_t before = *at;
		enum status status = inflater_step(inflater, packed, at, to, &room, &ended);
		if (status != STATUS_OK)
			return status;
		if (left == 0 && room > 0)
			return STATUS_TOO_LARGE;
		out->len += room;
		if (!ended && room == 0 && *at == before)
			return STATUS_INVALID; /* cut short */
	}
	return STATUS_OK;
}

enum status codec_unpack(struct text packed, enum codec_format format, size_t plain_bytes_max, struct buf *out)
{
	if (packed.len == 0)
		return STATUS_INVALID;
	if (packed.len > UINT32_MAX / 8 || plain_bytes_max > UINT32_MAX / 2)
		return STATUS_LIMIT;
	struct inflater *inflater = malloc(sizeof(*inflater));
	if (inflater == NULL)
		return STATUS_NO_MEMORY;
	size_t start = out->len;
	size_t at = 0;
	enum status status = STATUS_OK;
	do {
		status = inflater_begin(inflater, format);
		if (status != STATUS_OK)
			break;
		status = unpack_member(inflater, packed, &at, plain_bytes_max - (out->len - start), out);
		inflater_end(inflater);
		if (status == STATUS_OK && at < packed.len &&
			(format != CODEC_GZIP || (uint8_t)packed.at[at] != GZIP_MAGIC_FIRST))
			status = STATUS_INVALID;
	} while (status == STATUS_OK && at < packed.len);
	free(inflater);
	if (status != STATUS_OK)
		out->len = start;
	return status;
}

/* A frame says what it holds; one that does not, or says another length, is none of ours. */
static enum status zstd_unpack_exact(struct text packed, void *plain, size_t len)
{
	if (ZSTD_getFrameContentSize(packed.at, packed.len) != len)
		return STATUS_INVALID;
	size_t made = ZSTD_decompress(plain, len, packed.at, packed.len);
	if (ZSTD_isError(made) && ZSTD_getErrorCode(made) == ZSTD_error_memory_allocation)
		return STATUS_NO_MEMORY;
	return made == len ? STATUS_OK : STATUS_INVALID;
}

enum status codec_unpack_exact(struct text packed, enum codec_format format, void *plain, size_t len)
{
	if (packed.len > UINT32_MAX / 8 || len > UINT32_MAX / 2)
		return STATUS_INVALID;
	if (format == CODEC_ZSTD)
		return zstd_unpack_exact(packed, plain, len);
	struct inflater *inflater = malloc(sizeof(*inflater));
	if (inflater == NULL)
		return STATUS_NO_MEMORY;
	enum status status = inflater_begin(inflater, format);
	if (status == STATUS_OK) {
		size_t at = 0;
		size_t done = 0;
		bool ended = false;
		char overflow[1];
		while (status == STATUS_OK && !ended) {
			size_t room = done < len ? len - done : sizeof(overflow);
			size_t before = at;
			status = inflater_step(
				inflater, packed, &at, done < len ? (char *)plain + done : overflow, &room, &ended);
			bool too_much = room > len - done;
			bool cut_short = !ended && room == 0 && at == before;
			if (status == STATUS_OK && (too_much || cut_short))
				status = STATUS_INVALID;
			else
				done += status == STATUS_OK ? room : 0;
		}
		if (status == STATUS_OK && (done != len || at != packed.len))
			status = STATUS_INVALID;
		inflater_end(inflater);
	}
	free(inflater);
	return status;
}

/* --- gzip in pieces --- */

enum { STREAM_PLAIN_BYTES = 64 * 1024 };

struct codec_stream {
	struct inflater inflater;
	bool in_member; /* the inflater has begun one, and not ended it */
	bool any;       /* some member has ended */
	char plain[STREAM_PLAIN_BYTES];
};

enum status codec_stream_open(struct codec_stream **stream)
{
	struct codec_stream *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	*stream = made;
	return STATUS_OK;
}

void codec_stream_close(struct codec_stream **stream)
{
	if (*stream && (*stream)->in_member)
		inflater_end(&(*stream)->inflater);
	free(*stream);
	*stream = NULL;
}

static enum status begin_member(struct codec_stream *stream, char first)
{
	if ((uint8_t)first != GZIP_MAGIC_FIRST)
		return STATUS_INVALID;
	enum status status = inflater_begin(&stream->inflater, CODEC_GZIP);
	stream->in_member = status == STATUS_OK;
	return status;
}

enum status codec_stream_put(struct codec_stream *stream, struct text packed, codec_take *take, void *context)
{
	size_t at = 0;
	size_t room = 0;
	/* Also without more input, as long as the room for output was used up. */
	while (at < packed.len || (stream->in_member && room == sizeof(stream->plain))) {
		bool ended = false;
		size_t before = at;
		enum status status = stream->in_member ? STATUS_OK : begin_member(stream, packed.at[at]);
		room = sizeof(stream->plain);
		if (status == STATUS_OK)
			status = inflater_step(&stream->inflater, packed, &at, stream->plain, &room, &ended);
		if (status == STATUS_OK && room > 0)
			status = take(context, (struct text){stream->plain, room});
		if (status == STATUS_OK && !ended && room == 0 && at == before && at < packed.len)
			status = STATUS_INVALID; /* it does not get on */
		if (status != STATUS_OK)
			return status;
		if (ended) {
			inflater_end(&stream->inflater);
			stream->in_member = false;
			stream->any = true;
		}
	}
	return STATUS_OK;
}

enum status codec_stream_end(const struct codec_stream *stream)
{
	return stream->any && !stream->in_member ? STATUS_OK : STATUS_INVALID;
}
