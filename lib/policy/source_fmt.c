/* source_fmt - a source in its one layout, with its comments.
 *
 * libyaml drops comments, so they are found in the text: what begins with '#' outside of every key
 * and scalar. Each belongs to one node: a comment with nothing before it on its line to the node
 * that comes next, one behind something to the last node that begins on that line. Comments before
 * the first field that an empty line sets off stay at the top, those behind everything at the end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/policy/source.h"

struct comment {
	struct view text; /* with its '#', without white space at its end */
	uint32_t from;
	uint32_t line;
	uint32_t owner; /* node; SOURCE_NONE: the end of the file */
	bool alone;	/* nothing before it on its line */
	bool gap;	/* an empty line before it */
	bool header;
	bool behind; /* written on the node's line */
};

/* What is around one node. */
struct around {
	uint32_t lead; /* its first comment above; they lie together */
	uint32_t lead_count;
	uint32_t behind; /* SOURCE_NONE: none */
	bool gap;	 /* an empty line before the node itself */
};

struct fmt {
	const struct source_tree *tree;
	struct view text;
	struct comment *comments;
	uint32_t comment_count;
	struct around *around; /* by node */
	struct buf *out;
	bool gap_after_header;
};

static uint32_t begin_of(const struct source_node *n)
{
	return n->has_key ? n->key_from : n->from;
}

static struct source_place begin_place(const struct source_node *n)
{
	return n->has_key ? n->key_place : n->place;
}

/* ---- Finding comments -----------------------------------------------------------------------*/

static bool is_blank_line(struct view text, size_t at)
{
	while (at < text.len && text.ptr[at] == ' ')
		at++;
	return at < text.len && text.ptr[at] == '\n';
}

/* Whether the line before the one at this offset is empty. */
static bool gap_before(struct view text, size_t at)
{
	while (at > 0 && text.ptr[at - 1] != '\n')
		at--;
	if (at == 0)
		return false;
	at--;
	while (at > 0 && text.ptr[at - 1] != '\n')
		at--;
	return is_blank_line(text, at);
}

static bool is_alone(struct view text, size_t at)
{
	while (at > 0 && text.ptr[at - 1] == ' ')
		at--;
	return at == 0 || text.ptr[at - 1] == '\n';
}

static void comment_add(struct fmt *f, size_t from, size_t to, uint32_t line)
{
	struct comment *c = &f->comments[f->comment_count++];

	*c = (struct comment){.from = (uint32_t)from,
			      .line = line,
			      .owner = SOURCE_NONE,
			      .alone = is_alone(f->text, from),
			      .gap = gap_before(f->text, from)};
	while (to > from && f->text.ptr[to - 1] == ' ')
		to--;
	c->text = view_of(f->text.ptr + from, to - from);
}

/* The end of the key or scalar that begins here; 0 if none does. *node is the first node that may.
 */
static uint32_t token_end(const struct fmt *f, uint32_t *node, bool *key_done, size_t at)
{
	while (*node < f->tree->count) {
		const struct source_node *n = &f->tree->nodes[*node];

		if (n->has_key && !*key_done) {
			if (n->key_from > at)
				return 0;
			*key_done = true;
			if (n->key_to > at)
				return n->key_to;
		}
		if (n->shape == SOURCE_SHAPE_SCALAR) {
			if (n->from > at)
				return 0;
			if (n->to > at) {
				(*node)++;
				*key_done = false;
				return n->to;
			}
		}
		(*node)++;
		*key_done = false;
	}
	return 0;
}

static rc comments_find(struct fmt *f)
{
	uint32_t line = 1;
	uint32_t node = 0;
	bool key_done = false;
	size_t most = 1;

	for (size_t i = 0; i < f->text.len; i++)
		most += f->text.ptr[i] == '#';
	f->comments = (struct comment *)calloc(most, sizeof(*f->comments));
	if (f->comments == NULL)
		return RC(RC_NOMEM);
	for (size_t at = 0; at < f->text.len;) {
		uint32_t end = token_end(f, &node, &key_done, at);
		size_t to = at;

		if (end > at) {
			at = end;
			continue;
		}
		if (f->text.ptr[at] != '#') {
			line += f->text.ptr[at++] == '\n';
			continue;
		}
		while (to < f->text.len && f->text.ptr[to] != '\n')
			to++;
		comment_add(f, at, to, line);
		at = to;
	}
	return OK;
}

/* ---- Whose comment it is --------------------------------------------------------------------*/

/* Whether a comment can be written behind the first line of this node. */
static bool takes_comment(const struct fmt *f, uint32_t node)
{
	const struct source_node *n = &f->tree->nodes[node];

	return (n->has_key || n->shape == SOURCE_SHAPE_SCALAR) &&
	       f->around[node].behind == SOURCE_NONE;
}

/* The node for a comment that stands behind something; SOURCE_NONE if only punctuation does. next
 * is the first node that begins behind the comment. */
static uint32_t owner_behind(const struct fmt *f, const struct comment *c, uint32_t next)
{
	uint32_t owner = SOURCE_NONE;

	for (uint32_t i = next; i-- > 1;) {
		const struct source_node *n = &f->tree->nodes[i];

		if (begin_place(n).line < c->line)
			break;
		/* The last node that begins here, or the list on this line that it closes. */
		if (takes_comment(f, i) &&
		    (owner == SOURCE_NONE ||
		     (n->shape == SOURCE_SHAPE_LIST && n->to >= f->tree->nodes[owner].to &&
		      n->to <= c->from && n->end_line == c->line)))
			owner = i;
	}
	if (owner != SOURCE_NONE)
		return owner;
	/* A bracket that closes here what began on an earlier line. */
	for (uint32_t i = next - 1; i != SOURCE_NONE; i = f->tree->nodes[i].parent) {
		const struct source_node *n = &f->tree->nodes[i];

		if (i > 0 && n->shape != SOURCE_SHAPE_SCALAR && n->end_line == c->line &&
		    n->to <= c->from && takes_comment(f, i))
			return i;
	}
	return SOURCE_NONE;
}

static void comments_own(struct fmt *f)
{
	uint32_t next = 1;

	for (uint32_t i = 0; i < f->comment_count; i++) {
		struct comment *c = &f->comments[i];

		while (next < f->tree->count && begin_of(&f->tree->nodes[next]) < c->from)
			next++;
		c->owner = c->alone ? SOURCE_NONE : owner_behind(f, c, next);
		c->behind = c->owner != SOURCE_NONE;
		if (c->behind) {
			f->around[c->owner].behind = i;
			continue;
		}
		/* Before the node that comes next: the outermost that begins there. */
		if (next < f->tree->count) {
			c->owner = next;
			if (f->around[next].lead_count == 0)
				f->around[next].lead = i;
			f->around[next].lead_count = i - f->around[next].lead + 1;
		}
	}
}

/* Comments at the top that an empty line sets off from the first field belong to the file. */
static void header_find(struct fmt *f)
{
	struct around *first = f->tree->count > 1 ? &f->around[1] : NULL;
	uint32_t keep = 0;

	if (first == NULL)
		return;
	if (first->gap)
		keep = first->lead_count;
	for (uint32_t i = first->lead_count; keep == 0 && i-- > 1;)
		if (f->comments[first->lead + i].gap)
			keep = i;
	for (uint32_t i = 0; i < keep; i++)
		f->comments[first->lead + i].header = true;
	/* The empty line is the header's, wherever the field goes. */
	if (keep > 0 && keep == first->lead_count)
		first->gap = false;
	else if (keep > 0)
		f->comments[first->lead + keep].gap = false;
	f->gap_after_header = keep > 0;
}

static rc around_find(struct fmt *f)
{
	f->around = (struct around *)calloc(f->tree->count, sizeof(*f->around));
	if (f->around == NULL)
		return RC(RC_NOMEM);
	for (uint32_t i = 0; i < f->tree->count; i++) {
		f->around[i].behind = SOURCE_NONE;
		f->around[i].gap = is_alone(f->text, begin_of(&f->tree->nodes[i])) &&
				   gap_before(f->text, begin_of(&f->tree->nodes[i]));
	}
	/* The text before an entry of a list is its dash. */
	for (uint32_t i = 1; i < f->tree->count; i++) {
		uint32_t at = begin_of(&f->tree->nodes[i]);

		while (at > 0 && f->text.ptr[at - 1] == ' ')
			at--;
		if (!f->tree->nodes[i].has_key && at > 0 && f->text.ptr[at - 1] == '-' &&
		    is_alone(f->text, at - 1))
			f->around[i].gap = gap_before(f->text, at);
	}
	comments_own(f);
	header_find(f);
	return OK;
}

/* ---- Scalars --------------------------------------------------------------------------------*/

/* Characters that have no meaning of their own anywhere in a plain scalar, flow or block. */
static bool is_safe(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != 0 && strchr("._-/+=@ ;()", c) != NULL);
}

/* What some reader of YAML takes for a number, a time, a truth value or nothing. */
static bool is_magic(struct view v)
{
	static const char *const words[] = {"y",  "n",	 "yes",	 "no",	 "true", "false",
					    "on", "off", "null", ".inf", ".nan"};
	bool number = true;
	char low[8] = "";

	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];

		if (i < sizeof(low) - 1)
			low[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		number = number && ((c >= '0' && c <= '9') ||
				    (c != 0 && strchr("abcdefABCDEFxXoO_.:+-tTzZ", c) != NULL));
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (v.len < sizeof(low) && strcmp(low, words[i]) == 0)
			return true;
	return number && ((v.ptr[0] >= '0' && v.ptr[0] <= '9') || v.ptr[0] == '.' ||
			  v.ptr[0] == '+' || v.ptr[0] == '-');
}

/* Plain if every reader of YAML sees the same text, else in double quotes. flow: between brackets.
 */
static bool is_plain(struct view v, bool flow)
{
	bool alnum = v.len > 0 && is_safe(v.ptr[0]) && strchr("._-/+=@ ;()", v.ptr[0]) == NULL;

	if (!alnum || v.ptr[v.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < v.len; i++) {
		bool colon = v.ptr[i] == ':' && i + 1 < v.len && v.ptr[i + 1] != ' ';
		bool comma = v.ptr[i] == ',' && !flow;

		if (!is_safe(v.ptr[i]) && !colon && !comma)
			return false;
	}
	return !is_magic(v);
}

static void scalar_write(const struct fmt *f, const struct source_field *row,
			 const struct source_node *n, struct buf *out)
{
	bool flow = out != f->out; /* a list on one line is tried in a buffer of its own */
	struct view v = source_text_view(f->tree, n->text);
	bool typed = row->type == SOURCE_NUMBER || row->type == SOURCE_SECONDS ||
		     row->type == SOURCE_FLAG || (row->word != NULL && row->word->is_bool);

	if (typed || is_plain(v, flow)) {
		buf_put_view(out, v);
		return;
	}
	buf_put_u8(out, '"');
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] == '"' || v.ptr[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, v.ptr[i]);
	}
	buf_put_u8(out, '"');
}

/* ---- Layout ---------------------------------------------------------------------------------*/

static void indent(struct fmt *f, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		buf_put_str(f->out, "  ");
}

static void comment_write(struct fmt *f, const struct comment *c, size_t depth, bool gap)
{
	if (gap)
		buf_put_u8(f->out, '\n');
	indent(f, depth);
	buf_put_view(f->out, c->text);
	buf_put_u8(f->out, '\n');
}

/* The comments above a node; the first line of a map or list has no empty line above. */
static void lead_write(struct fmt *f, uint32_t node, size_t depth, bool *first)
{
	const struct around *a = &f->around[node];

	for (uint32_t i = a->lead; i < a->lead + a->lead_count; i++) {
		const struct comment *c = &f->comments[i];

		if (c->header || c->behind)
			continue;
		comment_write(f, c, depth, c->gap && !*first);
		*first = false;
	}
}

static void above_write(struct fmt *f, uint32_t node, size_t depth, bool first)
{
	lead_write(f, node, depth, &first);
	if (f->around[node].gap && !first)
		buf_put_u8(f->out, '\n');
}

static void line_end(struct fmt *f, uint32_t node)
{
	if (f->around[node].behind != SOURCE_NONE) {
		buf_put_u8(f->out, ' ');
		buf_put_view(f->out, f->comments[f->around[node].behind].text);
	}
	buf_put_u8(f->out, '\n');
}

static uint32_t index_of(const struct fmt *f, const struct source_node *n)
{
	return (uint32_t)(n - f->tree->nodes);
}

/* Whether an entry of the list has a comment, so that each needs a line of its own. */
static bool has_comments(const struct fmt *f, const struct source_node *list)
{
	for (const struct source_node *e = source_first(f->tree, list); e != NULL;
	     e = source_next(f->tree, e))
		if (f->around[index_of(f, e)].lead_count > 0 ||
		    f->around[index_of(f, e)].behind != SOURCE_NONE)
			return true;
	return false;
}

/* "[a, b]" into line; false if it does not fit behind what is there. */
static bool list_flow(const struct fmt *f, const struct source_field *row,
		      const struct source_node *n, size_t used, struct buf *line)
{
	buf_put_u8(line, '[');
	for (const struct source_node *e = source_first(f->tree, n); e != NULL;
	     e = source_next(f->tree, e)) {
		if (e != source_first(f->tree, n))
			buf_put_str(line, ", ");
		scalar_write(f, row, e, line);
	}
	buf_put_u8(line, ']');
	return rc_is_ok(buf_done(line)) && used + line->len <= SOURCE_LINE_WIDTH;
}

static void object_write(struct fmt *f, const struct source_object *o, const struct source_node *n,
			 size_t depth, bool dashed);

/* The field of a map that is written first. */
static const struct source_node *first_field(const struct fmt *f, const struct source_object *o,
					     const struct source_node *map)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct source_node *e = source_member(f->tree, map, o->fields[i].name);

		if (e != NULL)
			return e;
	}
	return NULL;
}

/* Above the dash of an entry stand also the comments of the field that is written behind it. */
static void entry_above_write(struct fmt *f, const struct source_field *row,
			      const struct source_node *e, size_t depth, bool first)
{
	const struct source_node *inner =
		row->type == SOURCE_MAPS ? first_field(f, row->object, e) : NULL;

	lead_write(f, index_of(f, e), depth, &first);
	if (inner != NULL)
		lead_write(f, index_of(f, inner), depth, &first);
	if (f->around[index_of(f, e)].gap && !first)
		buf_put_u8(f->out, '\n');
}

static void list_write(struct fmt *f, const struct source_field *row, const struct source_node *n,
		       size_t depth)
{
	AUTO(buf) struct buf line = {0};
	size_t used = 2 * depth + strlen(row->name) + 2;

	buf_init(&line, SOURCE_LINE_WIDTH);
	if (!has_comments(f, n) && (n->count == 0 || row->type == SOURCE_TEXTS) &&
	    list_flow(f, row, n, used, &line)) {
		buf_put_u8(f->out, ' ');
		buf_put_view(f->out, buf_view(&line));
		line_end(f, index_of(f, n));
		return;
	}
	line_end(f, index_of(f, n));
	for (const struct source_node *e = source_first(f->tree, n); e != NULL;
	     e = source_next(f->tree, e)) {
		entry_above_write(f, row, e, depth + 1, e == source_first(f->tree, n));
		indent(f, depth + 1);
		buf_put_str(f->out, "- ");
		if (row->type == SOURCE_MAPS) {
			object_write(f, row->object, e, depth + 2, true);
			continue;
		}
		scalar_write(f, row, e, f->out);
		line_end(f, index_of(f, e));
	}
}

static void field_write(struct fmt *f, const struct source_field *row, const struct source_node *n,
			size_t depth)
{
	buf_put_str(f->out, row->name);
	buf_put_u8(f->out, ':');
	if (row->type == SOURCE_MAP) {
		line_end(f, index_of(f, n));
		object_write(f, row->object, n, depth + 1, false);
	} else if (row->type == SOURCE_MAPS || row->type == SOURCE_TEXTS) {
		list_write(f, row, n, depth);
	} else {
		buf_put_u8(f->out, ' ');
		scalar_write(f, row, n, f->out);
		line_end(f, index_of(f, n));
	}
}

/* dashed: the first field is written behind a dash, and what is above it was written before that.
 */
static void object_write(struct fmt *f, const struct source_object *o, const struct source_node *n,
			 size_t depth, bool dashed)
{
	bool first = true;

	for (size_t i = 0; i < o->count; i++) {
		const struct source_node *e = source_member(f->tree, n, o->fields[i].name);

		if (e == NULL)
			continue;
		if (!dashed || !first) {
			above_write(f, index_of(f, e), depth, first);
			indent(f, depth);
		}
		field_write(f, &o->fields[i], e, depth);
		first = false;
	}
}

rc source_fmt(const struct source *s, struct buf *out)
{
	struct fmt f = {.tree = source_tree_of(s), .text = source_tree_of(s)->text, .out = out};
	rc r = comments_find(&f);

	if (rc_is_ok(r))
		r = around_find(&f);
	if (rc_is_ok(r)) {
		for (uint32_t i = 0; i < f.comment_count && f.comments[i].header; i++) {
			if (f.comments[i].gap && out->len > 0)
				buf_put_u8(out, '\n');
			buf_put_view(out, f.comments[i].text);
			buf_put_u8(out, '\n');
		}
		if (f.gap_after_header)
			buf_put_u8(out, '\n');
		object_write(&f, source_object(source_kind_of(s)), &f.tree->nodes[0], 0, false);
		for (uint32_t i = 0; i < f.comment_count; i++)
			if (f.comments[i].owner == SOURCE_NONE)
				comment_write(&f, &f.comments[i], 0, f.comments[i].gap);
		r = buf_done(out);
	}
	free(f.comments);
	free(f.around);
	return r;
}
