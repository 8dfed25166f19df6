#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zlib.h>

#include "codec.h"

enum { PLAIN_BYTES = 100 * 1000, OUT_BYTES_MAX = 64 * 1024 * 1024, LIMIT = 1000 };

static char plain_bytes[PLAIN_BYTES];

static struct text plain_of(size_t len)
{
	for (size_t i = 0; i < len; i++)
		plain_bytes[i] = (char)("the quick brown fox "[i % 20] + (i % 97 == 0));
	return (struct text){plain_bytes, len};
}

static void pack(struct text plain, enum codec_format format, enum codec_effort effort, struct buf *out)
{
	buf_init(out, OUT_BYTES_MAX);
	assert_int_equal(codec_pack(plain, format, effort, out), STATUS_OK);
}

static void every_format_and_effort_gives_the_bytes_back(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 2, 100, 65536, PLAIN_BYTES};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int effort = CODEC_FAST; effort <= CODEC_SYMBOLS; effort++) {
			for (int format = CODEC_ZLIB; format <= CODEC_GZIP; format++) {
				struct text plain = plain_of(sizes[i]);
				struct buf packed;
				struct buf out;
				pack(plain, (enum codec_format)format, (enum codec_effort)effort, &packed);
				buf_init(&out, OUT_BYTES_MAX);
				assert_int_equal(
					codec_unpack(buf_text(&packed), (enum codec_format)format, sizes[i], &out),
					STATUS_OK);
				assert_true(text_equal(buf_text(&out), plain));
				buf_finish(&out);
				buf_finish(&packed);
			}
		}
	}
}

static void zlib_reads_what_the_codec_wrote(void **state)
{
	(void)state;
	struct text plain = plain_of(PLAIN_BYTES);
	struct buf packed;
	pack(plain, CODEC_ZLIB, CODEC_FAST, &packed);
	char *back = malloc(plain.len);
	assert_non_null(back);
	uLongf len = plain.len;
	assert_int_equal(uncompress((Bytef *)back, &len, (const Bytef *)packed.at, packed.len), Z_OK);
	assert_true(text_equal((struct text){back, len}, plain));
	free(back);
	buf_finish(&packed);
}

static void a_bomb_is_stopped_at_the_limit(void **state)
{
	(void)state;
	size_t len = 10 * 1000 * 1000;
	char *zeros = calloc(1, len);
	assert_non_null(zeros);
	struct buf packed;
	struct buf out;
	pack((struct text){zeros, len}, CODEC_GZIP, CODEC_FAST, &packed);
	buf_init(&out, OUT_BYTES_MAX);
	assert_int_equal(codec_unpack(buf_text(&packed), CODEC_GZIP, LIMIT, &out), STATUS_TOO_LARGE);
	assert_int_equal(out.len, 0);
	assert_true(out.capacity < len / 2);
	assert_int_equal(codec_unpack(buf_text(&packed), CODEC_GZIP, len - 1, &out), STATUS_TOO_LARGE);
	assert_int_equal(codec_unpack(buf_text(&packed), CODEC_GZIP, len, &out), STATUS_OK);
	assert_int_equal(out.len, len);
	buf_finish(&out);
	buf_finish(&packed);
	free(zeros);
}

static void gzip_members_follow_one_another_within_one_limit(void **state)
{
	(void)state;
	struct text plain = plain_of(LIMIT);
	struct buf packed;
	struct buf out;
	pack(plain, CODEC_GZIP, CODEC_FAST, &packed);
	assert_int_equal(codec_pack(plain, CODEC_GZIP, CODEC_SMALL, &packed), STATUS_OK);
	buf_init(&out, OUT_BYTES_MAX);
	assert_int_equal(codec_unpack(buf_text(&packed), CODEC_GZIP, 2 * LIMIT - 1, &out), STATUS_TOO_LARGE);
	assert_int_equal(codec_unpack(buf_text(&packed), CODEC_GZIP, 2 * LIMIT, &out), STATUS_OK);
	assert_int_equal(out.len, 2 * LIMIT);
	buf_put_string(&packed, "junk");
	assert_int_equal(codec_unpack(buf_text(&packed), CODEC_GZIP, 2 * LIMIT, &out), STATUS_INVALID);
	buf_finish(&out);
	buf_finish(&packed);
}

static void a_stream_cut_short_or_changed_is_refused(void **state)
{
	(void)state;
	struct text plain = plain_of(LIMIT);
	char back[LIMIT];
	for (int format = CODEC_ZLIB; format <= CODEC_GZIP; format++) {
		struct buf packed;
		struct buf out;
		pack(plain, (enum codec_format)format, CODEC_FAST, &packed);
		buf_init(&out, OUT_BYTES_MAX);
		for (size_t len = 0; len < packed.len; len++)
			assert_int_not_equal(
				codec_unpack((struct text){packed.at, len}, (enum codec_format)format, LIMIT, &out),
				STATUS_OK);
		packed.at[packed.len - 5] ^= 1; /* in zlib's last deflate byte or checksum, in gzip's checksum */
		assert_int_not_equal(
			codec_unpack(buf_text(&packed), (enum codec_format)format, LIMIT, &out), STATUS_OK);
		assert_int_equal(out.len, 0);
		buf_finish(&out);
		buf_finish(&packed);
	}
	assert_int_equal(codec_unpack_exact(TEXT("not a stream"), CODEC_ZLIB, back, sizeof(back)), STATUS_INVALID);
}

static void exact_means_exact(void **state)
{
	(void)state;
	static const struct {
		enum codec_format format;
		enum codec_effort effort;
	} ways[] = {{CODEC_ZLIB, CODEC_SYMBOLS}, {CODEC_ZSTD, CODEC_FAST}};
	struct text plain = plain_of(LIMIT);
	char back[LIMIT + 1];
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		enum codec_format format = ways[i].format;
		struct buf packed;
		pack(plain, format, ways[i].effort, &packed);
		assert_int_equal(codec_unpack_exact(buf_text(&packed), format, back, LIMIT), STATUS_OK);
		assert_memory_equal(back, plain.at, LIMIT);
		assert_int_equal(codec_unpack_exact(buf_text(&packed), format, back, LIMIT - 1), STATUS_INVALID);
		assert_int_equal(codec_unpack_exact(buf_text(&packed), format, back, LIMIT + 1), STATUS_INVALID);
		buf_put_byte(&packed, 0);
		assert_int_equal(codec_unpack_exact(buf_text(&packed), format, back, LIMIT), STATUS_INVALID);
		buf_finish(&packed);
	}
}

enum { FAR_BYTES = 48 * 1024 };

/* Bytes without order, and once more further back than the window of deflate. */
static struct text repeated_far_apart(void)
{
	uint64_t random = 1;
	for (size_t i = 0; i < FAR_BYTES; i++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		plain_bytes[i] = plain_bytes[FAR_BYTES + i] = (char)(random >> 56);
	}
	return (struct text){plain_bytes, 2 * (size_t)FAR_BYTES};
}

static void a_repeat_further_back_than_deflate_sees_costs_next_to_nothing(void **state)
{
	(void)state;
	atomic_bool hurry = false;
	struct text plain = repeated_far_apart();
	struct buf deflated;
	struct buf framed;
	struct buf thorough;
	char *back = malloc(plain.len);
	assert_non_null(back);
	pack(plain, CODEC_ZLIB, CODEC_SMALL, &deflated);
	pack(plain, CODEC_ZSTD, CODEC_SMALL, &framed);
	buf_init(&thorough, OUT_BYTES_MAX);
	assert_int_equal(codec_pack_thoroughly(plain, &hurry, &thorough), STATUS_OK);
	assert_true(deflated.len > plain.len * 9 / 10);
	assert_true(framed.len < plain.len * 11 / 20 && thorough.len < plain.len * 11 / 20);
	assert_int_equal(codec_unpack_exact(buf_text(&framed), CODEC_ZSTD, back, plain.len), STATUS_OK);
	assert_memory_equal(back, plain.at, plain.len);
	memset(back, 0, plain.len);
	assert_int_equal(codec_unpack_exact(buf_text(&thorough), CODEC_ZSTD, back, plain.len), STATUS_OK);
	assert_memory_equal(back, plain.at, plain.len);
	free(back);
	buf_finish(&thorough);
	buf_finish(&framed);
	buf_finish(&deflated);
}

static void who_is_in_a_hurry_gets_what_small_makes(void **state)
{
	(void)state;
	atomic_bool hurry = false;
	struct text plain = plain_of(PLAIN_BYTES);
	struct buf small;
	struct buf hurried;
	struct buf thorough;
	pack(plain, CODEC_ZSTD, CODEC_SMALL, &small);
	buf_init(&thorough, OUT_BYTES_MAX);
	buf_init(&hurried, OUT_BYTES_MAX);
	assert_int_equal(codec_pack_thoroughly(plain, &hurry, &thorough), STATUS_OK);
	hurry = true;
	assert_int_equal(codec_pack_thoroughly(plain, &hurry, &hurried), STATUS_OK);
	assert_true(text_equal(buf_text(&hurried), buf_text(&small)));
	assert_true(thorough.len < small.len);
	buf_finish(&thorough);
	buf_finish(&hurried);
	buf_finish(&small);
}

static void a_frame_cut_short_or_taken_for_another_format_is_refused(void **state)
{
	(void)state;
	char back[LIMIT];
	struct buf packed;
	pack(plain_of(LIMIT), CODEC_ZSTD, CODEC_FAST, &packed);
	assert_int_equal(codec_unpack_exact(buf_text(&packed), CODEC_ZLIB, back, LIMIT), STATUS_INVALID);
	for (size_t len = 0; len < packed.len; len++)
		assert_int_equal(
			codec_unpack_exact((struct text){packed.at, len}, CODEC_ZSTD, back, LIMIT), STATUS_INVALID);
	for (size_t i = 0; i < packed.len; i++) { /* without a checksum: some other bytes, or none */
		packed.at[i] ^= 0x10;
		(void)!codec_unpack_exact(buf_text(&packed), CODEC_ZSTD, back, LIMIT);
		packed.at[i] ^= 0x10;
	}
	buf_finish(&packed);
}

static enum status keep(void *context, struct text plain)
{
	buf_put_text(context, plain);
	return buf_status(context);
}

static enum status unpack_in_pieces(struct text packed, size_t piece, struct buf *out)
{
	struct codec_stream *stream = NULL;
	enum status status = codec_stream_open(&stream);
	buf_clear(out);
	for (size_t at = 0; status == STATUS_OK && at < packed.len; at += piece) {
		size_t len = packed.len - at < piece ? packed.len - at : piece;
		status = codec_stream_put(stream, (struct text){packed.at + at, len}, keep, out);
	}
	if (status == STATUS_OK)
		status = codec_stream_end(stream);
	codec_stream_close(&stream);
	return status;
}

static void a_stream_in_pieces_of_any_size_gives_the_bytes_back(void **state)
{
	(void)state;
	static const size_t pieces[] = {1, 2, 7, 1000, LIMIT * 4};
	struct text plain = plain_of(LIMIT);
	struct buf packed;
	struct buf out;
	buf_init(&out, 4 * LIMIT);
	pack(plain, CODEC_GZIP, CODEC_SMALL, &packed);
	struct buf twice;
	buf_init(&twice, 4 * LIMIT);
	buf_put_text(&twice, buf_text(&packed));
	buf_put_text(&twice, buf_text(&packed));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		assert_int_equal(unpack_in_pieces(buf_text(&twice), pieces[i], &out), STATUS_OK);
		assert_int_equal(out.len, 2 * LIMIT);
		assert_memory_equal(out.at, plain.at, LIMIT);
		assert_memory_equal(out.at + LIMIT, plain.at, LIMIT);
		struct text cut = {packed.at, packed.len - 1};
		assert_int_equal(unpack_in_pieces(cut, pieces[i], &out), STATUS_INVALID);
		struct text beyond = {twice.at, packed.len + 5};
		assert_int_equal(unpack_in_pieces(beyond, pieces[i], &out), STATUS_INVALID);
		packed.at[packed.len / 2] ^= 0x55;
		assert_int_equal(unpack_in_pieces(buf_text(&packed), pieces[i], &out), STATUS_INVALID);
		packed.at[packed.len / 2] ^= 0x55;
	}
	assert_int_equal(unpack_in_pieces(TEXT("plain text"), 3, &out), STATUS_INVALID);
	assert_int_equal(unpack_in_pieces(TEXT(""), 3, &out), STATUS_INVALID);
	buf_finish(&twice);
	buf_finish(&packed);
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_and_effort_gives_the_bytes_back),
		cmocka_unit_test(zlib_reads_what_the_codec_wrote),
		cmocka_unit_test(a_bomb_is_stopped_at_the_limit),
		cmocka_unit_test(gzip_members_follow_one_another_within_one_limit),
		cmocka_unit_test(a_stream_cut_short_or_changed_is_refused),
		cmocka_unit_test(exact_means_exact),
		cmocka_unit_test(a_repeat_further_back_than_deflate_sees_costs_next_to_nothing),
		cmocka_unit_test(who_is_in_a_hurry_gets_what_small_makes),
		cmocka_unit_test(a_frame_cut_short_or_taken_for_another_format_is_refused),
		cmocka_unit_test(a_stream_in_pieces_of_any_size_gives_the_bytes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
