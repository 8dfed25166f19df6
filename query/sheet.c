#include "sheet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "printable.h"
#include "timestamp.h"

enum { TEXT_WIDTH_MIN = 12, NUMBER_BYTES = 40, SHOWN_BYTES_MAX = 16 * 1024 };

/* How wide a column of a type is when it does not say. */
static unsigned type_width(enum sheet_type type)
{
	switch (type) {
	case SHEET_COUNT:
		return 8;
	case SHEET_BYTES:
		return 10;
	case SHEET_DURATION:
		return 9;
	case SHEET_TIME:
		return 23;
	case SHEET_SHARE:
		return 7;
	case SHEET_BOOL:
		return 5;
	default:
		return 0;
	}
}

static bool is_number(enum sheet_type type)
{
	return type == SHEET_COUNT || type == SHEET_BYTES || type == SHEET_DURATION || type == SHEET_SHARE;
}

static unsigned width_of(const struct sheet *sheet, const struct sheet_column *column)
{
	unsigned width = column->width ? column->width : type_width(column->type);
	return width ? width : sheet->share_width;
}

/* Text columns share what the others leave. */
static unsigned share_width(const struct sheet *sheet)
{
	unsigned taken = 0;
	unsigned sharing = 0;
	for (size_t i = 0; i < sheet->column_count; i++) {
		const struct sheet_column *column = &sheet->columns[i];
		unsigned width = column->width ? column->width : type_width(column->type);
		if (column->head == NULL)
			continue;
		taken += width + 1;
		sharing += width == 0;
	}
	unsigned left = sharing && sheet->out->width > taken ? (sheet->out->width - taken) / sharing : 0;
	return left > TEXT_WIDTH_MIN ? left : TEXT_WIDTH_MIN;
}

void sheet_put_bytes(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	double scaled = (double)bytes;
	size_t unit = 0;
	for (; scaled >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		scaled /= 1024;
	buf_printf(out, unit ? "%.1f %s" : "%.0f %s", scaled, units[unit]);
}

/* --- cells as text --- */

static void put_items(struct buf *out, const struct cell *cell)
{
	for (size_t i = 0; i < cell->item_count; i++) {
		buf_put_string(out, i ? ", " : "");
		buf_put_text(out, cell->items[i]);
	}
	if (cell->more > 0)
		buf_printf(out, "%s%" PRIu64 " more", cell->item_count ? ", " : "", cell->more);
}

/* Raw text: whoever shows it passes it through printable. */
static void put_shown(struct buf *out, const struct sheet *sheet, enum sheet_type type, const struct cell *cell)
{
	char text[TIMESTAMP_TEXT_BYTES];
	switch (type) {
	case SHEET_TEXT:
	case SHEET_JSON:
		buf_put(out, cell->text.at, cell->text.len < SHOWN_BYTES_MAX ? cell->text.len : SHOWN_BYTES_MAX);
		break;
	case SHEET_LIST:
		put_items(out, cell);
		break;
	case SHEET_COUNT:
		buf_put_int(out, cell->number);
		break;
	case SHEET_BYTES:
		sheet_put_bytes(out, (uint64_t)cell->number);
		break;
	case SHEET_DURATION:
		buf_put(out, text, duration_format(cell->number, text));
		break;
	case SHEET_TIME:
		buf_put(out, text, timestamp_format_table(cell->number, sheet->out->utc, text));
		break;
	case SHEET_SHARE:
		buf_printf(out, "%.2f %%", 100 * cell->share);
		break;
	case SHEET_BOOL:
		buf_put_string(out, cell->number ? "yes" : "no");
		break;
	}
}

/* --- tables --- */

static void pad(struct buf *out, size_t used, unsigned width)
{
	for (; used < width; used++)
		buf_put_byte(out, ' ');
}

static void put_aligned(struct buf *out, struct text text, unsigned width, bool right, bool last)
{
	size_t columns = printable_columns(text);
	if (right && columns < width)
		pad(out, columns, width);
	size_t used = right ? printable_put_columns(out, text, columns > width ? columns : width)
			    : printable_put_columns(out, text, width);
	if (!right && !last)
		pad(out, used, width);
	if (!last)
		buf_put_byte(out, ' ');
}

static bool is_last(const struct sheet *sheet, size_t column)
{
	for (size_t i = column + 1; i < sheet->column_count; i++)
		if (sheet->columns[i].head)
			return false;
	return true;
}

static void put_table_head(const struct sheet *sheet)
{
	struct buf *out = &sheet->out->text;
	for (size_t i = 0; i < sheet->column_count; i++) {
		const struct sheet_column *column = &sheet->columns[i];
		if (column->head)
			put_aligned(out, text_of(column->head), width_of(sheet, column), is_number(column->type),
				is_last(sheet, i));
	}
	buf_put_byte(out, '\n');
}

static void put_table_row(const struct sheet *sheet, const struct cell *cells)
{
	struct buf *out = &sheet->out->text;
	struct buf shown;
	buf_init(&shown, 4 * SHOWN_BYTES_MAX);
	for (size_t i = 0; i < sheet->column_count; i++) {
		const struct sheet_column *column = &sheet->columns[i];
		if (column->head == NULL)
			continue;
		buf_clear(&shown);
		if (cells[i].present)
			put_shown(&shown, sheet, column->type, &cells[i]);
		struct text text = shown.len > 0 ? buf_text(&shown) : TEXT("-");
		put_aligned(out, text, width_of(sheet, column), is_number(column->type), is_last(sheet, i));
	}
	buf_put_byte(out, '\n');
	buf_finish(&shown);
}

/* --- JSON --- */

static void put_json_items(struct buf *out, const struct cell *cell)
{
	buf_put_byte(out, '[');
	for (size_t i = 0; i < cell->item_count; i++) {
		buf_put_string(out, i ? "," : "");
		json_put_string(out, cell->items[i]);
	}
	buf_put_byte(out, ']');
}

static void put_json_cell(struct buf *out, enum sheet_type type, const struct cell *cell)
{
	char text[TIMESTAMP_TEXT_BYTES];
	if (!cell->present) {
		buf_put_string(out, "null");
		return;
	}
	switch (type) {
	case SHEET_TEXT:
		json_put_string(out, cell->text);
		break;
	case SHEET_LIST:
		put_json_items(out, cell);
		break;
	case SHEET_JSON:
		buf_put_text(out, cell->text);
		break;
	case SHEET_TIME:
		(void)timestamp_format(cell->number, text);
		buf_printf(out, "\"%s\"", text);
		break;
	case SHEET_SHARE:
		buf_printf(out, "%.6f", cell->share);
		break;
	case SHEET_BOOL:
		buf_put_string(out, cell->number ? "true" : "false");
		break;
	default:
		buf_put_int(out, cell->number);
		break;
	}
}

static void put_json_row(const struct sheet *sheet, const struct cell *cells)
{
	struct buf *out = &sheet->out->text;
	const char *object = NULL;
	const char *comma = "";
	buf_put_byte(out, '{');
	for (size_t i = 0; i < sheet->column_count; i++) {
		const struct sheet_column *column = &sheet->columns[i];
		bool other = column->object ? object == NULL || strcmp(column->object, object) != 0 : object != NULL;
		if (other && object)
			buf_put_byte(out, '}');
		buf_put_string(out, comma);
		if (other && column->object)
			buf_printf(out, "\"%s\":{", column->object);
		object = column->object;
		buf_printf(out, "\"%s\":", column->name);
		put_json_cell(out, column->type, &cells[i]);
		if (column->type == SHEET_LIST && cells[i].more > 0)
			buf_printf(out, ",\"%s_more\":%" PRIu64, column->name, cells[i].more);
		comma = ",";
	}
	buf_put_string(out, object ? "}}" : "}");
}

/* --- CSV --- */

static void put_csv_cell(struct buf *out, enum sheet_type type, const struct cell *cell, struct buf *items)
{
	char text[TIMESTAMP_TEXT_BYTES];
	switch (type) {
	case SHEET_TEXT:
	case SHEET_JSON:
		printable_put_csv(out, cell->text);
		break;
	case SHEET_LIST:
		buf_clear(items);
		put_items(items, cell);
		printable_put_csv(out, buf_text(items));
		break;
	case SHEET_TIME:
		buf_put(out, text, timestamp_format(cell->number, text));
		break;
	default:
		put_json_cell(out, type, cell);
		break;
	}
}

static void put_csv_head(const struct sheet *sheet)
{
	struct buf *out = &sheet->out->text;
	for (size_t i = 0; i < sheet->column_count; i++)
		buf_printf(out, "%s%s", i ? "," : "", sheet->columns[i].name);
	buf_put_string(out, "\r\n");
}

static void put_csv_row(const struct sheet *sheet, const struct cell *cells)
{
	struct buf *out = &sheet->out->text;
	struct buf items;
	buf_init(&items, 4 * SHOWN_BYTES_MAX);
	for (size_t i = 0; i < sheet->column_count; i++) {
		buf_put_string(out, i ? "," : "");
		if (cells[i].present)
			put_csv_cell(out, sheet->columns[i].type, &cells[i], &items);
	}
	buf_put_string(out, "\r\n");
	buf_finish(&items);
}

/* --- the whole --- */

void sheet_begin(struct sheet *sheet, struct output *out, enum output_format format, const struct sheet_column *columns,
	size_t column_count)
{
	*sheet = (struct sheet){.out = out, .format = format, .columns = columns, .column_count = column_count};
	sheet->share_width = share_width(sheet);
	if (format == OUTPUT_JSON)
		buf_put_string(&out->text, "{\"items\":[");
}

enum status sheet_row(struct sheet *sheet, const struct cell *cells)
{
	struct buf *out = &sheet->out->text;
	bool first = sheet->rows++ == 0;
	switch (sheet->format) {
	case OUTPUT_TABLE:
		if (first)
			put_table_head(sheet);
		put_table_row(sheet, cells);
		break;
	case OUTPUT_CSV:
		if (first)
			put_csv_head(sheet);
		put_csv_row(sheet, cells);
		break;
	case OUTPUT_JSON:
		buf_put_string(out, first ? "" : ",\n");
		put_json_row(sheet, cells);
		break;
	case OUTPUT_NDJSON:
		put_json_row(sheet, cells);
		buf_put_byte(out, '\n');
		break;
	}
	return output_step(sheet->out);
}

enum status sheet_end(struct sheet *sheet, const struct coverage *coverage)
{
	struct buf *out = &sheet->out->text;
	if (sheet->format == OUTPUT_JSON) {
		buf_put_string(out, sheet->members.len > 0 ? "]," : "]");
		buf_put_text(out, sheet->members);
		buf_put_string(out, ",\"coverage\":");
		coverage_put_json(out, coverage);
		buf_put_string(out, "}\n");
	}
	return output_flush(sheet->out);
}
