#include "figures.h"

#include <stdlib.h>

#include "conditions.h"
#include "once.h"

static const char other_name[] = "(other)";

/* --- cells --- */

static struct cell cell_count(uint64_t count)
{
	return cell_number((int64_t)count);
}

static struct cell cell_moment(const struct tally_moment *moment)
{
	return moment->known ? cell_number(moment->time) : cell_none();
}

static struct cell cell_percentile(struct durations *durations, double share)
{
	return durations->count > 0 ? cell_number(durations_percentile(durations, share)) : cell_none();
}

/* What share of all that has a verdict `count` is. */
static struct cell cell_rate(const struct tally_group *group, uint64_t count)
{
	uint64_t judged = 0;
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		judged += group->verdicts[verdict];
	return judged > 0 ? cell_share((double)count / (double)judged) : cell_none();
}

/* The items of the list live until the next one is made. */
static struct cell cell_set(struct tally_set *set, struct text items[FIGURES_LISTED_MAX])
{
	const struct tally_counted *values = tally_set_sort(set);
	size_t count = set->count < FIGURES_LISTED_MAX ? set->count : FIGURES_LISTED_MAX;
	for (size_t i = 0; i < count; i++)
		items[i] = values[i].text;
	return cell_list(items, count, set->count - count);
}

static struct cell cell_key(const struct tally_part *part, enum sheet_type type)
{
	if (part->field == 0)
		return cell_none();
	return (struct cell){.present = true, .text = part->text, .number = type == SHEET_TIME ? part->number : 0};
}

static struct cell count_cell(const struct figure_column *column, const struct tally_group *group)
{
	switch (column->figure) {
	case FIGURE_EVENTS:
		return cell_count(group->events);
	case FIGURE_CALLS:
		return cell_count(group->calls);
	case FIGURE_ERRORS:
		return cell_count(tally_errors(group));
	case FIGURE_REFUSED:
		return cell_count(tally_refused(group));
	case FIGURE_VERDICT:
		return cell_count(group->verdicts[column->index]);
	case FIGURE_DURATIONS:
		return cell_count(group->durations.count);
	case FIGURE_BYTES:
		return cell_count(group->request_bytes + group->response_bytes);
	case FIGURE_REQUEST_BYTES:
		return cell_count(group->request_bytes);
	case FIGURE_RESPONSE_BYTES:
		return cell_count(group->response_bytes);
	case FIGURE_SET_SIZE:
		return cell_count(group->sets[column->index].count);
	case FIGURE_SET_COUNT:
		return cell_count(tally_set_count(&group->sets[column->index], text_of(column->word)));
	default:
		return cell_none();
	}
}

static struct cell figure_cell(const struct figures *figures, const struct figure_column *column,
	struct tally_group *group, struct text items[FIGURES_LISTED_MAX])
{
	struct durations *durations = &group->durations;
	const struct tally_part *part = &group->parts[column->index];
	switch (column->figure) {
	case FIGURE_KEY:
	case FIGURE_TENANT:
		return cell_key(part, column->sheet.type);
	case FIGURE_KEY_FIELD:
		return part->field ? cell_text(text_of(field_info(part->field)->path)) : cell_none();
	case FIGURE_OTHER:
		return cell_number(0);
	case FIGURE_WORD:
		return cell_text(text_of(column->word));
	case FIGURE_ERROR_RATE:
		return cell_rate(group, tally_errors(group));
	case FIGURE_VERDICT_RATE:
		return cell_rate(group, group->verdicts[column->index]);
	case FIGURE_P50:
		return cell_percentile(durations, 0.50);
	case FIGURE_P95:
		return cell_percentile(durations, 0.95);
	case FIGURE_P99:
		return cell_percentile(durations, 0.99);
	case FIGURE_MAX:
		return durations->count > 0 ? cell_number(durations->max) : cell_none();
	case FIGURE_FIRST:
		return cell_moment(&group->first);
	case FIGURE_LAST:
		return cell_moment(&group->last);
	case FIGURE_FIRST_ERROR:
		return cell_moment(&group->first_error);
	case FIGURE_LAST_ERROR:
		return cell_moment(&group->last_error);
	case FIGURE_SPAN:
		return group->first.known ? cell_number(group->busy_until - group->first.time) : cell_none();
	case FIGURE_SET:
		return cell_set(&group->sets[column->index], items);
	case FIGURE_SAMPLE:
		return group->samples[column->index].moment.known ? cell_text(group->samples[column->index].text)
								  : cell_none();
	case FIGURE_SAMPLE_TIME:
		return cell_moment(&group->samples[column->index].moment);
	case FIGURE_OWN:
		return figures->own(figures->context, group, column);
	default:
		return count_cell(column, group);
	}
}

struct cell figures_trust(const struct tally_set *trust, const struct tally_set *principals)
{
	uint64_t verified = tally_set_count(trust, TEXT("verified"));
	uint64_t named = principals->unlisted;
	for (size_t i = 0; i < principals->count; i++)
		named += principals->values[i].count;
	if (named == 0)
		return cell_none();
	return cell_text(verified == 0 ? TEXT("claimed") : verified >= named ? TEXT("verified") : TEXT("mixed"));
}

/* --- order --- */

struct sortable {
	struct tally_group *group;
	struct cell cell;
};

static int compare_groups(const struct tally_group *first, const struct tally_group *second)
{
	if (first->events != second->events)
		return first->events > second->events ? -1 : 1;
	for (size_t i = 0; i < TALLY_KEYS_MAX; i++) {
		int order = text_compare(first->parts[i].text, second->parts[i].text);
		if (order != 0)
			return order;
		if (first->parts[i].field != second->parts[i].field)
			return first->parts[i].field < second->parts[i].field ? -1 : 1;
	}
	return 0;
}

/* The largest first; those without a value last; then the most events, then by the keys. */
static int by_cell(const void *a, const void *b)
{
	const struct sortable *first = a;
	const struct sortable *second = b;
	if (first->cell.present != second->cell.present)
		return first->cell.present ? -1 : 1;
	if (first->cell.number != second->cell.number)
		return first->cell.number > second->cell.number ? -1 : 1;
	if (first->cell.share != second->cell.share)
		return first->cell.share > second->cell.share ? -1 : 1;
	return compare_groups(first->group, second->group);
}

/* The same with the smallest first. */
static int by_cell_rising(const void *a, const void *b)
{
	struct sortable first = *(const struct sortable *)a;
	struct sortable second = *(const struct sortable *)b;
	struct cell cell = first.cell;
	first.cell = second.cell;
	second.cell = cell;
	return by_cell(&first, &second);
}

static bool is_sortable(const struct figure_column *column)
{
	return column->sheet.type == SHEET_COUNT || column->sheet.type == SHEET_BYTES ||
	       column->sheet.type == SHEET_DURATION || column->sheet.type == SHEET_TIME ||
	       column->sheet.type == SHEET_SHARE;
}

/* "p99" finds p99_ns. */
static bool is_named(const struct figure_column *column, struct text name)
{
	static const struct text unit = {"_ns", 3};
	struct text full = text_of(column->sheet.name);
	bool has_unit = full.len > unit.len && memcmp(full.at + full.len - unit.len, unit.at, unit.len) == 0;
	struct text plain = {full.at, full.len - (has_unit ? unit.len : 0)};
	return text_equal(name, full) || text_equal(name, plain);
}

/* The column to sort by; NULL: error says which there are. */
static const struct figure_column *find_sort(struct cli *cli, const struct figures *figures)
{
	const char *asked = cli->options.sort ? cli->options.sort : figures->sort;
	const struct figure_column *found = NULL;
	struct buf names;
	buf_init(&names, 2048);
	for (size_t i = 0; i < figures->column_count && found == NULL; i++) {
		const struct figure_column *column = &figures->columns[i];
		if (!is_sortable(column))
			continue;
		if (is_named(column, text_of(asked)))
			found = column;
		buf_printf(&names, "%s%s", names.len ? ", " : "", column->sheet.name);
	}
	if (found == NULL)
		(void)error_set(&cli->error, STATUS_INVALID, "sort is one of %.*s", (int)names.len, names.at);
	buf_finish(&names);
	return found;
}

/* The first `count` groups. */
static enum status sort_groups(struct counting *counting, size_t count, int (*compare)(const void *, const void *))
{
	const struct figures *figures = counting->figures;
	const struct figure_column *column = find_sort(counting->cli, figures);
	struct text items[FIGURES_LISTED_MAX];
	size_t all = 0;
	struct tally_group **groups = tally_groups(counting->tally, &all);
	if (column == NULL)
		return STATUS_INVALID;
	struct sortable *sortables = calloc(count + 1, sizeof(*sortables));
	if (sortables == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		sortables[i] = (struct sortable){groups[i], figure_cell(figures, column, groups[i], items)};
	qsort(sortables, count, sizeof(*sortables), compare);
	for (size_t i = 0; i < count; i++)
		groups[i] = sortables[i].group;
	free(sortables);
	return STATUS_OK;
}

/* --- putting --- */

static bool has_several_tenants(struct counting *counting, unsigned key)
{
	size_t count = 0;
	struct tally_group **groups = tally_groups(counting->tally, &count);
	for (size_t i = 1; i < count; i++)
		if (!text_equal(groups[i]->parts[key].text, groups[0]->parts[key].text))
			return true;
	return false;
}

static void make_columns(struct counting *counting, struct sheet_column columns[FIGURES_COLUMNS_MAX])
{
	const struct figures *figures = counting->figures;
	for (size_t i = 0; i < figures->column_count; i++) {
		const struct figure_column *column = &figures->columns[i];
		columns[i] = column->sheet;
		if (column->figure == FIGURE_TENANT && !has_several_tenants(counting, column->index))
			columns[i].head = NULL;
	}
}

static enum status put_group(struct sheet *sheet, const struct figures *figures, struct tally_group *group, bool other)
{
	struct cell cells[FIGURES_COLUMNS_MAX];
	struct text *items = calloc(figures->column_count, FIGURES_LISTED_MAX * sizeof(*items));
	if (items == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < figures->column_count; i++) {
		const struct figure_column *column = &figures->columns[i];
		cells[i] = figure_cell(figures, column, group, items + i * FIGURES_LISTED_MAX);
		if (other && (column->figure == FIGURE_KEY || column->figure == FIGURE_TENANT))
			cells[i] = column->sheet.type == SHEET_TEXT ? cell_text(text_of(other_name)) : cell_none();
		if (other && column->figure == FIGURE_OTHER)
			cells[i] = cell_number(1);
	}
	enum status status = sheet_row(sheet, cells);
	free(items);
	return status;
}

/* Brings the groups that are rows to the front; returns how many. */
static size_t choose(const struct figures *figures, struct tally_group **groups, size_t count)
{
	size_t chosen = 0;
	for (size_t i = 0; i < count; i++) {
		struct tally_group *group = groups[i];
		if (figures->shows && !figures->shows(figures->context, group))
			continue;
		groups[i] = groups[chosen];
		groups[chosen++] = group;
	}
	return chosen;
}

/* How many of the groups are shown; the others are folded, or the coverage says that there are more. */
static enum status cut(struct counting *counting, size_t *count)
{
	const struct option_limit *limit = &counting->cli->options.limit;
	uint64_t max = limit->given ? limit->number : counting->figures->limit;
	if (max == 0 || *count <= max)
		return STATUS_OK;
	*count = (size_t)max;
	if (counting->figures->folds)
		return tally_fold(counting->tally, *count);
	counting->coverage.more = !counting->figures->tops;
	return STATUS_OK;
}

enum status figures_put_rows(struct counting *counting, struct sheet *sheet)
{
	const struct figures *figures = counting->figures;
	size_t count = 0;
	struct tally_group **groups = tally_groups(counting->tally, &count);
	count = choose(figures, groups, count);
	enum status status = sort_groups(counting, count, by_cell);
	if (status == STATUS_OK)
		status = cut(counting, &count);
	if (status == STATUS_OK && figures->newest_last && counting->cli->options.sort == NULL)
		status = sort_groups(counting, count, by_cell_rising);
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = put_group(sheet, figures, groups[i], false);
	struct tally_group *other = tally_other(counting->tally);
	if (status == STATUS_OK && other->events > 0 && figures->shows == NULL)
		status = put_group(sheet, figures, other, true);
	return status;
}

void figures_begin(struct counting *counting, struct sheet_column columns[FIGURES_COLUMNS_MAX], struct sheet *sheet)
{
	struct cli *cli = counting->cli;
	make_columns(counting, columns);
	sheet_begin(sheet, &cli->out, cli->options.output, columns, counting->figures->column_count);
}

enum status figures_put(struct counting *counting)
{
	struct sheet_column columns[FIGURES_COLUMNS_MAX];
	struct sheet sheet;
	figures_begin(counting, columns, &sheet);
	enum status status = figures_put_rows(counting, &sheet);
	return status == STATUS_OK ? sheet_end(&sheet, &counting->coverage) : status;
}

/* --- counting --- */

enum status figures_narrow(struct cli *cli, const char *words, struct filter *filter)
{
	struct filter own;
	if (words == NULL)
		return STATUS_OK;
	enum status status = filter_parse(text_of(words), cli->now, &cli->arena, &own, &cli->error);
	if (status != STATUS_OK)
		return status;
	struct condition *both = condition_group(&cli->arena, CONDITION_AND);
	both = condition_add(both, condition_copy(&cli->arena, own.root));
	both = condition_add(both, condition_copy(&cli->arena, filter->root));
	if (both == NULL)
		return STATUS_NO_MEMORY;
	filter->root = both;
	return STATUS_OK;
}

enum status figures_open(struct cli *cli, const struct figures *figures, struct counting *counting)
{
	*counting = (struct counting){.cli = cli, .figures = figures};
	enum status status = find_sort(cli, figures) ? STATUS_OK : STATUS_INVALID;
	if (status == STATUS_OK)
		status = cli_filter(cli, &counting->filter);
	if (status == STATUS_OK)
		status = figures_narrow(cli, figures->words, &counting->filter);
	if (status == STATUS_OK)
		status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &counting->scan);
	counting->scan.filter = &counting->filter;
	counting->scan.coverage = &counting->coverage;
	return status;
}

static const char told_again[] = "Several observers tell of calls, and each report counts here: --by observer.role "
				 "keeps them apart; tools and sessions count each call once.";
static const char without_end[] =
	"Some calls came as a start and an end; a start alone is not counted here, but in tools and sessions.";
static const char too_many_calls[] =
	"There are too many calls to recognise all that several observers tell of: some count more than once.";
static const char too_many_groups[] = "There are too many groups to list them all: what is left is (other).";

static bool has_several_ranks(const struct tally *tally)
{
	unsigned ranks = tally_ranks(tally);
	return (ranks & (ranks - 1)) != 0;
}

static void note_reports(struct counting *counting)
{
	if (has_several_ranks(counting->tally) && !counting->figures->keeps_reports_apart)
		coverage_add_note(&counting->coverage, told_again);
	if (tally_has_starts(counting->tally))
		coverage_add_note(&counting->coverage, without_end);
}

static enum status count_once(struct counting *counting)
{
	struct error *error = &counting->cli->error;
	struct once *once = NULL;
	const struct scan *scan = &counting->scan;
	enum status status = once_build(scan, &once, error);
	if (status != STATUS_OK)
		return status;
	struct coverage *coverage = &counting->coverage;
	*coverage = (struct coverage){0};
	tally_destroy(&counting->tally);
	counting->spec.once = once;
	status = tally_scan(scan, &counting->spec, &counting->tally, error);
	if (!once_is_whole(once))
		coverage_add_note(coverage, too_many_calls);
	counting->once = once;
	return status;
}

enum status figures_count(struct counting *counting)
{
	struct error *error = &counting->cli->error;
	counting->spec = counting->figures->spec;
	enum status status = tally_scan(&counting->scan, &counting->spec, &counting->tally, error);
	/* Where each call has one report, as in most stores, nothing needs to be left out. */
	bool again = status == STATUS_OK && (has_several_ranks(counting->tally) || tally_has_starts(counting->tally));
	if (again && counting->figures->once)
		status = count_once(counting);
	else if (again)
		note_reports(counting);
	if (status == STATUS_OK && tally_other(counting->tally)->events > 0)
		coverage_add_note(&counting->coverage, too_many_groups);
	return status == STATUS_OK ? coverage_collect(&counting->scan, &counting->coverage, error) : status;
}

void figures_finish(struct counting *counting)
{
	tally_destroy(&counting->tally);
	once_destroy(&counting->once);
}

enum exit_code figures_close(struct counting *counting, enum status status)
{
	figures_finish(counting);
	if (status == STATUS_CANCELLED)
		return EXIT_FOUND;
	if (status != STATUS_OK)
		return cli_fail(counting->cli, status);
	return cli_cover(counting->cli, &counting->coverage);
}

enum exit_code figures_run(struct cli *cli, const struct figures *figures)
{
	struct counting counting;
	enum status status = figures_open(cli, figures, &counting);
	if (status == STATUS_OK)
		status = figures_count(&counting);
	if (status == STATUS_OK)
		status = figures_put(&counting);
	return figures_close(&counting, status);
}
