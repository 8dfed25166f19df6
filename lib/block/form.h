/*
 * form - texts that have a shorter binary form: uuids, hexadecimal ids, integers.
 *
 * A form takes a text only if rendering its binary form gives the very same bytes back, so nothing is lost:
 * FORM_UUID   36 characters 8-4-4-4-12, lower-case hex         16 bytes
 * FORM_HEX    2 * width lower-case hex digits                  width bytes, 4..64
 * FORM_INT    a decimal integer as JSON would write it         int64
 * FORM_QUOTED the same between quotation marks                 int64
 * FORM_TEXT   anything                                         itself
 */
#ifndef MCPLEDGER_BLOCK_FORM_H
#define MCPLEDGER_BLOCK_FORM_H

#include <stdbool.h>

#include "buf.h"

enum form { FORM_TEXT = 1, FORM_UUID, FORM_HEX, FORM_INT, FORM_QUOTED };
enum { FORM_WIDTH_MAX = 64, FORM_RENDERED_MAX = 2 * FORM_WIDTH_MAX, UUID_BYTES = 16, UUID_CHARACTERS = 36 };

/* Eight times the same byte, for what is done to eight bytes at once. */
#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The form a text has, and its width in bytes (0 for FORM_TEXT). */
enum form form_of(struct text text, unsigned *width);
/* Writes the binary form of exactly `width` bytes; false: the text does not have it. */
bool form_parse(enum form form, unsigned width, struct text text, void *binary);
/* Writes the text (up to FORM_RENDERED_MAX bytes) and returns its length. */
size_t form_render(enum form form, unsigned width, const void *binary, char *text);
/* The length of every text of this form; 0: it varies. */
size_t form_length(enum form form, unsigned width);
/* The length of an integer in decimal. */
size_t form_int_length(int64_t number);

#endif
