#include "lib/policy/source.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/num.h"
#include "lib/codec/jcan.h"
#include "lib/model/statement.h"

/* From this offset on, the compiled document comes from that node. */
struct span {
	uint64_t at;
	uint32_t node;
};

struct source {
	enum source_kind kind;
	struct buf text;
	struct source_tree tree;
	struct span *spans; /* by offset; room for every node */
	size_t span_count;
};

const struct source_tree *source_tree_of(const struct source *s)
{
	return &s->tree;
}

enum source_kind source_kind_of(const struct source *s)
{
	return s->kind;
}

void source_free(struct source *s)
{
	if (s == NULL)
		return;
	source_tree_release(&s->tree);
	buf_release(&s->text);
	free(s->spans);
	free(s);
}

/* ---- Seconds --------------------------------------------------------------------------------*/

static uint64_t unit_seconds(uint8_t letter)
{
	switch (letter) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return 0;
	}
}

rc source_seconds(struct view text, uint64_t max, uint64_t *ret)
{
	uint64_t unit = text.len == 0 ? 0 : unit_seconds(text.ptr[text.len - 1]);
	uint64_t n;

	if (unit != 0)
		text.len--;
	else
		unit = 1;
	TRY(num_parse_u64((const char *)text.ptr, text.len, UINT64_MAX, &n));
	TRY(num_mul_u64(n, unit, &n));
	if (n > max)
		return RC(RC_RANGE);
	*ret = n;
	return OK;
}

/* For "1.5h" the same in whole units, "90m"; false for what is no such number. */
static bool whole_units(struct view text, char out[32])
{
	static const char letters[] = "wdhms";
	uint64_t unit = text.len == 0 ? 0 : unit_seconds(text.ptr[text.len - 1]);
	uint64_t whole, tenths = 0, scale = 1, seconds;
	struct view head;

	if (unit == 0)
		return false;
	text.len--;
	if (!rc_is_ok(view_until(&text, '.', &head)) || text.len == 0 || text.len > 4 ||
	    !rc_is_ok(num_parse_u64((const char *)head.ptr, head.len, 100000, &whole)))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		tenths = tenths * 10 + (uint64_t)(text.ptr[i] - '0');
		scale *= 10;
	}
	if (tenths * unit % scale != 0)
		return false;
	seconds = whole * unit + tenths * unit / scale;
	for (size_t i = 0; letters[i] != '\0'; i++) {
		unit = unit_seconds((uint8_t)letters[i]);
		if (seconds % unit != 0)
			continue;
		(void)snprintf(out, 32, "%llu%c", (unsigned long long)(seconds / unit), letters[i]);
		return true;
	}
	return false;
}

/* ---- Checks ---------------------------------------------------------------------------------*/

/* An entry of a list with what must not be there twice. */
struct entry {
	struct view identity;
	const struct source_node *node;
};

struct checker {
	const struct source_tree *tree;
	struct buf scratch; /* canonical forms, to be looked at and thrown away */
	struct entry *once; /* entries that may be in the file only once */
	size_t once_count;
	struct fault *fault;
};

/* How much of somebody's text is repeated in an error. */
#define SHOWN_MAX 40

static int shown(struct view v)
{
	return v.len > SHOWN_MAX ? SHOWN_MAX : (int)v.len;
}

static const char *shape_name(enum source_shape s)
{
	if (s == SOURCE_SHAPE_SCALAR)
		return "a text";
	return s == SOURCE_SHAPE_MAP ? "a map" : "a list";
}

static rc expect_shape(const struct checker *c, const struct source_node *n,
		       enum source_shape shape, const char *name)
{
	struct view text = source_text_view(c->tree, n->text);

	if (n->shape == shape)
		return OK;
	if (n->shape == SOURCE_SHAPE_SCALAR && text.len == 0)
		return source_fault(c->fault, RC_SYNTAX, n->place, "`%s` has no value; expected %s",
				    name, shape_name(shape));
	if (n->shape == SOURCE_SHAPE_SCALAR && shape == SOURCE_SHAPE_LIST)
		return source_fault(c->fault, RC_SYNTAX, n->place,
				    "expected a list for `%s`: write [%.*s]", name, shown(text),
				    (const char *)text.ptr);
	return source_fault(c->fault, RC_SYNTAX, n->place, "expected %s for `%s`, found %s",
			    shape_name(shape), name, shape_name(n->shape));
}

static bool is_among(const char *const *values, struct view text)
{
	for (size_t i = 0; values[i] != NULL; i++)
		if (view_is(text, values[i]))
			return true;
	return false;
}

/* Checks a scalar of the row's word type; its canonical form is appended to scratch. */
static rc word_check(struct checker *c, const struct source_field *row, const struct source_node *n)
{
	const struct source_word *w = row->word;
	struct view text = source_text_view(c->tree, n->text);
	struct fault why = {0};
	const char *near;
	rc r = OK;

	TRY(expect_shape(c, n, SOURCE_SHAPE_SCALAR, row->name));
	if (w->values != NULL && !is_among(w->values, text)) {
		near = source_word_nearest(w->values, text);
		return source_fault(c->fault, RC_UNKNOWN, n->place,
				    "expected %s for `%s`, found `%.*s`%s%s%s", w->what, row->name,
				    shown(text), (const char *)text.ptr,
				    near != NULL ? "; did you mean `" : "",
				    near != NULL ? near : "", near != NULL ? "`?" : "");
	}
	r = w->put(text, &c->scratch, &why);
	if (!rc_is_ok(r))
		return source_fault(c->fault, r.code, n->place,
				    "expected %s for `%s`, found `%.*s`%s%s", w->what, row->name,
				    shown(text), (const char *)text.ptr,
				    why.text[0] != '\0' ? ": " : "", why.text);
	return OK;
}

/* What must not be there twice, of an entry that has been checked. */
static struct view identity(const struct source_tree *t, const struct source_field *row,
			    const struct source_node *n)
{
	struct view text = source_text_view(t, n->text);

	return row->word->identity == NULL ? text : row->word->identity(text);
}

static rc size_check(const struct checker *c, const struct source_field *row,
		     const struct source_node *n)
{
	if (n->count > row->max)
		return source_fault(c->fault, RC_LIMIT, n->place,
				    "`%s` has %u entries, at most %llu", row->name, n->count,
				    (unsigned long long)row->max);
	if (n->count < row->min)
		return source_fault(c->fault, RC_RANGE, n->place, "`%s` is an empty list",
				    row->name);
	return OK;
}

static int entry_order(const void *a, const void *b)
{
	const struct entry *x = (const struct entry *)a;
	const struct entry *y = (const struct entry *)b;
	size_t shorter = x->identity.len < y->identity.len ? x->identity.len : y->identity.len;
	int order = shorter == 0 ? 0 : memcmp(x->identity.ptr, y->identity.ptr, shorter);

	if (order == 0 && x->identity.len != y->identity.len)
		order = x->identity.len < y->identity.len ? -1 : 1;
	if (order == 0 && x->node != y->node)
		order = x->node < y->node ? -1 : 1; /* the one that is first in the file */
	return order;
}

/* Entries of all lists together. */
static rc once_check(const struct checker *c)
{
	if (c->once_count > 1)
		qsort(c->once, c->once_count, sizeof(*c->once), entry_order);
	for (size_t i = 1; i < c->once_count; i++) {
		const struct entry *e = &c->once[i];

		if (view_is_equal(c->once[i - 1].identity, e->identity))
			return source_fault(c->fault, RC_DUPLICATE, e->node->place,
					    "`%.*s` is there twice; first in line %u",
					    shown(e->identity), (const char *)e->identity.ptr,
					    c->once[i - 1].node->place.line);
	}
	return OK;
}

static rc words_check(struct checker *c, const struct source_field *row,
		      const struct source_node *n)
{
	TRY(expect_shape(c, n, SOURCE_SHAPE_LIST, row->name));
	TRY(size_check(c, row, n));
	for (const struct source_node *e = source_first(c->tree, n); e != NULL;
	     e = source_next(c->tree, e)) {
		struct view own;

		buf_clear(&c->scratch);
		TRY(word_check(c, row, e));
		own = identity(c->tree, row, e);
		if (row->once) /* there is room for every node */
			c->once[c->once_count++] = (struct entry){own, e};
		for (const struct source_node *k = source_first(c->tree, n); k != e;
		     k = source_next(c->tree, k))
			if (view_is_equal(identity(c->tree, row, k), own))
				return source_fault(c->fault, RC_DUPLICATE, e->place,
						    "`%.*s` is in `%s` twice; first in line %u",
						    shown(own), (const char *)own.ptr, row->name,
						    k->place.line);
	}
	return OK;
}

static rc number_check(const struct checker *c, const struct source_field *row,
		       const struct source_node *n)
{
	struct view text = source_text_view(c->tree, n->text);
	uint64_t value = 0;

	TRY(expect_shape(c, n, SOURCE_SHAPE_SCALAR, row->name));
	if (rc_is_ok(num_parse_u64((const char *)text.ptr, text.len, row->max, &value)) &&
	    value >= row->min)
		return OK;
	return source_fault(c->fault, RC_RANGE, n->place,
			    "expected a whole number from %llu to %llu for `%s`, found `%.*s`",
			    (unsigned long long)row->min, (unsigned long long)row->max, row->name,
			    shown(text), (const char *)text.ptr);
}

static rc seconds_check(const struct checker *c, const struct source_field *row,
			const struct source_node *n)
{
	struct view text = source_text_view(c->tree, n->text);
	char instead[32];
	uint64_t value = 0;

	TRY(expect_shape(c, n, SOURCE_SHAPE_SCALAR, row->name));
	if (rc_is_ok(source_seconds(text, row->max, &value)) && value >= row->min)
		return OK;
	if (whole_units(text, instead))
		return source_fault(c->fault, RC_SYNTAX, n->place,
				    "expected whole units for `%s`, found `%.*s`: write %s",
				    row->name, shown(text), (const char *)text.ptr, instead);
	return source_fault(c->fault, RC_RANGE, n->place,
			    "expected %llu to %llu seconds for `%s`, plain or like 90s, 30m, 72h, "
			    "14d, 2w; found `%.*s`",
			    (unsigned long long)row->min, (unsigned long long)row->max, row->name,
			    shown(text), (const char *)text.ptr);
}

static bool flag_of(const struct source_tree *t, const struct source_node *n)
{
	return view_is(source_text_view(t, n->text), "true");
}

static rc flag_check(const struct checker *c, const struct source_field *row,
		     const struct source_node *n)
{
	struct view text = source_text_view(c->tree, n->text);

	TRY(expect_shape(c, n, SOURCE_SHAPE_SCALAR, row->name));
	if (view_is(text, "true") || view_is(text, "false"))
		return OK;
	return source_fault(c->fault, RC_UNKNOWN, n->place,
			    "expected `true` or `false` for `%s`, found `%.*s`", row->name,
			    shown(text), (const char *)text.ptr);
}

static rc object_check(struct checker *c, const struct source_object *o,
		       const struct source_node *n, const char *name);

static rc unknown_field(const struct checker *c, const struct source_object *o,
			const struct source_node *n)
{
	struct view key = source_text_view(c->tree, n->key);
	const char *near = source_field_nearest(o, key);
	char known[120] = "";
	size_t len = 0;

	if (view_is(key, "<<"))
		return source_fault(c->fault, RC_UNSUPPORTED, n->key_place,
				    "a merge key (<<); write the fields where they are meant");
	for (size_t i = 0; i < o->count && len < sizeof(known); i++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
					i == 0 ? "" : ", ", o->fields[i].name);
	if (near != NULL)
		return source_fault(c->fault, RC_UNKNOWN, n->key_place,
				    "unknown field `%.*s` in %s; did you mean `%s`?", shown(key),
				    (const char *)key.ptr, o->what, near);
	return source_fault(c->fault, RC_UNKNOWN, n->key_place,
			    "unknown field `%.*s` in %s; there are %s", shown(key),
			    (const char *)key.ptr, o->what, known);
}

/* The names in a list of maps are different. */
static rc names_check(const struct checker *c, const struct source_field *row,
		      const struct source_node *e, const struct source_node *n)
{
	const struct source_node *own = source_member(c->tree, e, "name");
	struct view name = source_text_view(c->tree, own->text);

	for (const struct source_node *k = source_first(c->tree, n); k != e;
	     k = source_next(c->tree, k)) {
		const struct source_node *other = source_member(c->tree, k, "name");

		if (view_is_equal(source_text_view(c->tree, other->text), name))
			return source_fault(c->fault, RC_DUPLICATE, own->place,
					    "%s `%.*s` is in `%s` twice; first in line %u",
					    row->object->what, shown(name), (const char *)name.ptr,
					    row->name, other->place.line);
	}
	return OK;
}

static rc objects_check(struct checker *c, const struct source_field *row,
			const struct source_node *n)
{
	TRY(expect_shape(c, n, SOURCE_SHAPE_LIST, row->name));
	TRY(size_check(c, row, n));
	for (const struct source_node *e = source_first(c->tree, n); e != NULL;
	     e = source_next(c->tree, e)) {
		TRY(object_check(c, row->object, e, row->name));
		TRY(names_check(c, row, e, n));
	}
	return OK;
}

static rc value_check(struct checker *c, const struct source_field *row,
		      const struct source_node *n)
{
	buf_clear(&c->scratch);
	switch (row->type) {
	case SOURCE_TEXT:
		return word_check(c, row, n);
	case SOURCE_TEXTS:
		return words_check(c, row, n);
	case SOURCE_NUMBER:
		return number_check(c, row, n);
	case SOURCE_SECONDS:
		return seconds_check(c, row, n);
	case SOURCE_FLAG:
		return flag_check(c, row, n);
	case SOURCE_MAP:
		return object_check(c, row->object, n, row->name);
	case SOURCE_MAPS:
		return objects_check(c, row, n);
	}
	return RC(RC_STATE);
}

/* Whether the field is there in the compiled document, too. */
static const struct source_node *present(const struct source_tree *t, const struct source_object *o,
					 const struct source_node *map, const char *name)
{
	const struct source_field *row = source_field_find(o, view_str(name));
	const struct source_node *n = source_member(t, map, name);

	return n != NULL && row->type == SOURCE_FLAG && !flag_of(t, n) ? NULL : n;
}

static rc one_of_check(const struct checker *c, const struct source_object *o,
		       const struct source_node *n)
{
	const struct source_node *a;
	const struct source_node *b;

	if (o->one_of[0] == NULL)
		return OK;
	a = present(c->tree, o, n, o->one_of[0]);
	b = present(c->tree, o, n, o->one_of[1]);
	if (a != NULL && b != NULL)
		return source_fault(c->fault, RC_STATE, b->key_place,
				    "%s has either `%s` or `%s`, this one has both", o->what,
				    o->one_of[0], o->one_of[1]);
	if (a == NULL && b == NULL)
		return source_fault(c->fault, RC_STATE, n->place,
				    "%s has either `%s` or `%s`, this one has neither", o->what,
				    o->one_of[0], o->one_of[1]);
	return OK;
}

static rc object_check(struct checker *c, const struct source_object *o,
		       const struct source_node *n, const char *name)
{
	TRY(expect_shape(c, n, SOURCE_SHAPE_MAP, name));
	for (const struct source_node *e = source_first(c->tree, n); e != NULL;
	     e = source_next(c->tree, e)) {
		const struct source_field *row =
			source_field_find(o, source_text_view(c->tree, e->key));

		if (row == NULL)
			return unknown_field(c, o, e);
		TRY(value_check(c, row, e));
	}
	for (size_t i = 0; i < o->count; i++)
		if (o->fields[i].required && source_member(c->tree, n, o->fields[i].name) == NULL)
			return source_fault(c->fault, RC_NOTFOUND, n->place, "%s has no `%s`: %s",
					    o->what, o->fields[i].name, o->fields[i].help);
	return one_of_check(c, o, n);
}

static rc read_into(struct source *s, struct view text, struct fault *f)
{
	struct checker c = {.tree = &s->tree, .fault = f};
	rc r;

	buf_init(&s->text, SOURCE_BYTES_MAX + 1);
	if (text.len <= SOURCE_BYTES_MAX) /* a longer one is refused by the tree */
		buf_put_view(&s->text, text);
	TRY(buf_done(&s->text));
	TRY(source_tree_read(text.len <= SOURCE_BYTES_MAX ? buf_view(&s->text) : text, &s->tree,
			     f));
	c.once = (struct entry *)calloc(s->tree.count, sizeof(*c.once));
	if (c.once == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	buf_init(&c.scratch, 2 * SOURCE_SCALAR_MAX);
	r = object_check(&c, source_object(s->kind), &s->tree.nodes[0], source_kind_name(s->kind));
	if (rc_is_ok(r))
		r = once_check(&c);
	buf_release(&c.scratch);
	free(c.once);
	return r;
}

rc source_read(enum source_kind kind, struct view text, struct source **ret, struct fault *f)
{
	struct source *s = (struct source *)calloc(1, sizeof(*s));
	rc r;

	if (s == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	s->kind = kind;
	r = read_into(s, text, f);
	if (!rc_is_ok(r)) {
		source_free(s);
		return r;
	}
	*ret = s;
	return OK;
}

/* How well the top fields fit: those that the kind has count most, then those that it lacks. */
static size_t likeness(const struct source_tree *t, const struct source_object *o)
{
	size_t hits = 0;
	size_t missing = 0;

	for (const struct source_node *n = source_first(t, &t->nodes[0]); n != NULL;
	     n = source_next(t, n))
		hits += source_field_find(o, source_text_view(t, n->key)) != NULL;
	for (size_t i = 0; i < o->count; i++)
		missing += o->fields[i].required &&
			   source_member(t, &t->nodes[0], o->fields[i].name) == NULL;
	return hits == 0 ? 0 : hits * 64 - missing; /* no table has 64 fields */
}

rc source_guess(struct view text, enum source_kind *ret, struct fault *f)
{
	AUTO(source_tree) struct source_tree t = {0};
	size_t most = 0;

	TRY(source_tree_read(text, &t, f));
	for (unsigned k = 0; k < SOURCE_KINDS && t.nodes[0].shape == SOURCE_SHAPE_MAP; k++) {
		size_t n = likeness(&t, source_object((enum source_kind)k));

		if (n > most) {
			most = n;
			*ret = (enum source_kind)k;
		}
	}
	if (most == 0)
		return source_fault(f, RC_UNKNOWN, t.nodes[0].place,
				    "neither a policy, nor a roster, nor a test file");
	return OK;
}

/* ---- Compiling ------------------------------------------------------------------------------*/

struct compiler {
	struct source *source;
	const struct source_tree *tree;
	struct jcan_out out;
	struct buf word;
};

static void span_add(struct compiler *c, const struct source_node *n)
{
	struct source *s = c->source;

	s->spans[s->span_count++] =
		(struct span){.at = c->out.buf->len, .node = (uint32_t)(n - c->tree->nodes)};
}

static void object_write(struct compiler *c, const struct source_object *o,
			 const struct source_node *n);

static void word_write(struct compiler *c, const struct source_word *w, const struct source_node *n)
{
	struct fault f = {0};

	span_add(c, n);
	buf_clear(&c->word);
	rc_ignore(w->put(source_text_view(c->tree, n->text), &c->word, &f),
		  "checked when it was read");
	jcan_out_view(&c->out, buf_view(&c->word));
}

static void list_write(struct compiler *c, const struct source_field *row,
		       const struct source_node *n)
{
	span_add(c, n);
	jcan_out_array(&c->out);
	for (const struct source_node *e = source_first(c->tree, n); e != NULL;
	     e = source_next(c->tree, e)) {
		if (row->type == SOURCE_MAPS)
			object_write(c, row->object, e);
		else
			word_write(c, row->word, e);
	}
	jcan_out_array_end(&c->out);
}

static void value_write(struct compiler *c, const struct source_field *row,
			const struct source_node *n)
{
	struct view text = source_text_view(c->tree, n->text);
	uint64_t value = 0;

	switch (row->type) {
	case SOURCE_TEXT:
		word_write(c, row->word, n);
		return;
	case SOURCE_TEXTS:
	case SOURCE_MAPS:
		list_write(c, row, n);
		return;
	case SOURCE_NUMBER:
	case SOURCE_SECONDS:
		rc_ignore(source_seconds(text, row->max, &value), "checked when it was read");
		span_add(c, n);
		jcan_out_u64(&c->out, value);
		return;
	case SOURCE_FLAG:
		span_add(c, n);
		jcan_out_bool(&c->out, true);
		return;
	case SOURCE_MAP:
		object_write(c, row->object, n);
		return;
	}
}

static void field_write(struct compiler *c, const struct source_object *o,
			const struct source_field *row, const struct source_node *map)
{
	const struct source_node *n = present(c->tree, o, map, row->name);

	if (n == NULL && row->absent == NULL)
		return;
	jcan_out_key(&c->out, row->name);
	if (n != NULL)
		value_write(c, row, n);
	else
		jcan_out_raw(&c->out, view_str(row->absent));
}

/* In the order of the names, which is not that of the table. */
static void object_write(struct compiler *c, const struct source_object *o,
			 const struct source_node *n)
{
	span_add(c, n);
	jcan_out_object(&c->out);
	for (const struct source_field *f = source_field_after(o, ""); f != NULL;
	     f = source_field_after(o, f->name))
		field_write(c, o, f, n);
	jcan_out_object_end(&c->out);
}

rc source_compile(struct source *s, struct buf *out, struct fault *f)
{
	struct compiler c = {.source = s, .tree = &s->tree};
	rc r;

	free(s->spans);
	s->span_count = 0;
	s->spans = (struct span *)calloc(s->tree.count, sizeof(*s->spans));
	if (s->spans == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	buf_init(&c.word, 2 * SOURCE_SCALAR_MAX);
	jcan_out_init(&c.out, out);
	object_write(&c, source_object(s->kind), &s->tree.nodes[0]);
	r = jcan_out_done(&c.out);
	buf_release(&c.word);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0,
				 "1:1: the compiled %s is too large (at most %zu bytes)",
				 source_kind_name(s->kind), out->max);
	return OK;
}

struct source_place source_origin(const struct source *s, uint64_t offset)
{
	struct source_place at = {1, 1};

	for (size_t i = 0; i < s->span_count && s->spans[i].at <= offset; i++)
		at = s->tree.nodes[s->spans[i].node].place;
	return at;
}

struct source_place source_find(const struct source *s, const char *list, const char *name)
{
	const struct source_node *n = source_member(&s->tree, &s->tree.nodes[0], list);

	if (n == NULL)
		return (struct source_place){0, 0};
	if (name == NULL)
		return n->key_place;
	for (const struct source_node *e = source_first(&s->tree, n); e != NULL;
	     e = source_next(&s->tree, e)) {
		const struct source_node *own =
			e->shape == SOURCE_SHAPE_MAP ? source_member(&s->tree, e, "name") : NULL;

		if (own != NULL && view_is(source_text_view(&s->tree, own->text), name))
			return e->place;
	}
	return (struct source_place){0, 0};
}
