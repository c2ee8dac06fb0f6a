#include "lib/policy/source_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "lib/codec/utf8.h"
#include "lib/model/field.h"

rc source_fault(struct fault *f, enum rc_code code, struct source_place at, const char *fmt, ...)
{
	char text[FAULT_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fault_set(f, code, 0, "%u:%u: %s", at.line, at.column, text);
}

void source_tree_release(struct source_tree *t)
{
	free(t->nodes);
	t->nodes = NULL;
	t->count = t->cap = 0;
	buf_release(&t->decoded);
}

struct view source_text_view(const struct source_tree *t, struct source_text text)
{
	return view_of(t->decoded.ptr == NULL ? NULL : t->decoded.ptr + text.at, text.len);
}

const struct source_node *source_first(const struct source_tree *t, const struct source_node *n)
{
	return n->first == SOURCE_NONE ? NULL : &t->nodes[n->first];
}

const struct source_node *source_next(const struct source_tree *t, const struct source_node *n)
{
	return n->next == SOURCE_NONE ? NULL : &t->nodes[n->next];
}

const struct source_node *source_member(const struct source_tree *t, const struct source_node *map,
					const char *key)
{
	for (const struct source_node *n = source_first(t, map); n != NULL; n = source_next(t, n))
		if (view_is(source_text_view(t, n->key), key))
			return n;
	return NULL;
}

/* ---- What a text may be made of -------------------------------------------------------------*/

static const char *odd_character(uint32_t c)
{
	switch (c) {
	case '\t':
		return "a tab; indent with spaces";
	case '\r':
		return "a carriage return; lines end with LF alone";
	case 0xfeff:
		return "a byte order mark; save it as UTF-8 without one";
	case 0x85:
	case 0x2028:
	case 0x2029:
		return "a line separator that is no LF";
	default:
		return "a control character, or one that hides or turns round what is shown";
	}
}

/* Looks for the first character that is not permitted, so that the message can name its place. */
static rc characters_check(struct view text, struct fault *f)
{
	struct source_place at = {1, 1};
	struct view rest = text;
	uint32_t code;

	if (rc_is_ok(prose_check(text, true)) &&
	    (text.len == 0 || (memchr(text.ptr, '\t', text.len) == NULL &&
			       memchr(text.ptr, '\r', text.len) == NULL)))
		return OK;
	while (rest.len > 0) {
		struct view before = rest;

		if (!rc_is_ok(utf8_next(&rest, &code)))
			return source_fault(f, RC_SYNTAX, at, "this is not UTF-8");
		before.len -= rest.len;
		if (code == '\t' || code == '\r' || !rc_is_ok(prose_check(before, true)))
			return source_fault(f, RC_UNSUPPORTED, at, "%s (U+%04X)",
					    odd_character(code), (unsigned)code);
		at.column++;
		if (code == '\n')
			at = (struct source_place){at.line + 1, 1};
	}
	return source_fault(f, RC_SYNTAX, at, "a character that is not permitted");
}

/* ---- From events to nodes -------------------------------------------------------------------*/

/* libyaml counts characters; its marks go forward, so one walk finds all byte offsets. */
struct cursor {
	struct view text;
	size_t characters;
	size_t bytes;
};

static bool is_continuation(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

static uint32_t byte_offset(struct cursor *c, size_t characters)
{
	while (c->characters < characters && c->bytes < c->text.len) {
		c->bytes++;
		while (c->bytes < c->text.len && is_continuation(c->text.ptr[c->bytes]))
			c->bytes++;
		c->characters++;
	}
	while (c->characters > characters && c->bytes > 0) {
		c->bytes--;
		while (c->bytes > 0 && is_continuation(c->text.ptr[c->bytes]))
			c->bytes--;
		c->characters--;
	}
	return (uint32_t)c->bytes;
}

/* A map or list that is open. */
struct level {
	uint32_t node;
	uint32_t last; /* its last child */
	bool key_read; /* in a map: the next value belongs to it */
};

struct builder {
	struct source_tree *tree;
	yaml_parser_t *parser;
	struct cursor cursor;
	struct level levels[SOURCE_DEPTH_MAX];
	size_t depth;
	struct source_node pending; /* holds the key that was read last */
	bool done;
	struct fault *fault;
};

static struct source_place place_of(const yaml_mark_t *m)
{
	return (struct source_place){(uint32_t)m->line + 1, (uint32_t)m->column + 1};
}

static rc decoded_put(struct builder *b, const yaml_event_t *e, struct source_text *ret)
{
	struct buf *out = &b->tree->decoded;
	size_t len = e->data.scalar.length;
	struct source_place at = place_of(&e->start_mark);
	struct view text = view_of(e->data.scalar.value, len);

	if (len > SOURCE_SCALAR_MAX)
		return source_fault(b->fault, RC_LIMIT, at, "a text of %zu bytes, at most %u", len,
				    SOURCE_SCALAR_MAX);
	/* Escapes of double quotes can write what the text itself may not hold. */
	if (!rc_is_ok(prose_check(text, false)))
		return source_fault(b->fault, RC_UNSUPPORTED, at,
				    "an escape for a character that is not permitted");
	*ret = (struct source_text){(uint32_t)out->len, (uint32_t)len};
	buf_put_view(out, text);
	return buf_done(out);
}

/* What YAML can write and this reader does not take, of a scalar, map or list. */
static rc properties_check(struct builder *b, const yaml_event_t *e, const void *anchor,
			   const void *tag)
{
	struct source_place at = place_of(&e->start_mark);
	uint32_t from = byte_offset(&b->cursor, e->start_mark.index);

	if (anchor != NULL)
		return source_fault(b->fault, RC_UNSUPPORTED, at,
				    "an anchor (&); write the value where it is meant");
	/* "!" alone leaves no tag in the event. No plain scalar begins with it. */
	if (tag != NULL || (from < b->cursor.text.len && b->cursor.text.ptr[from] == '!'))
		return source_fault(b->fault, RC_UNSUPPORTED, at,
				    "a tag (!); the schema says what type a value has");
	return OK;
}

static rc scalar_check(struct builder *b, const yaml_event_t *e)
{
	struct source_place at = place_of(&e->start_mark);
	yaml_scalar_style_t style = e->data.scalar.style;

	TRY(properties_check(b, e, e->data.scalar.anchor, e->data.scalar.tag));
	if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
		return source_fault(b->fault, RC_UNSUPPORTED, at,
				    "a block text (| or >); write it on one line");
	if (e->start_mark.line != e->end_mark.line)
		return source_fault(b->fault, RC_UNSUPPORTED, at,
				    "a text of several lines; write it on one line");
	return OK;
}

static rc key_take(struct builder *b, const yaml_event_t *e)
{
	struct level *l = &b->levels[b->depth - 1];
	struct source_tree *t = b->tree;
	struct source_node *p = &b->pending;
	struct source_place at = place_of(&e->start_mark);

	if (e->type != YAML_SCALAR_EVENT)
		return source_fault(b->fault, RC_UNSUPPORTED, at, "a key that is a map or a list");
	*p = (struct source_node){.has_key = true, .key_place = at};
	p->key_from = byte_offset(&b->cursor, e->start_mark.index);
	p->key_to = byte_offset(&b->cursor, e->end_mark.index);
	TRY(decoded_put(b, e, &p->key));
	for (uint32_t i = t->nodes[l->node].first; i != SOURCE_NONE; i = t->nodes[i].next)
		if (view_is_equal(source_text_view(t, t->nodes[i].key),
				  source_text_view(t, p->key)))
			return source_fault(b->fault, RC_DUPLICATE, at,
					    "`%.*s` is there twice; first in line %u",
					    (int)p->key.len, t->decoded.ptr + p->key.at,
					    t->nodes[i].key_place.line);
	/* Keys of one map are compared with each other: no map has more than a schema could. */
	if (t->nodes[l->node].count >= 256)
		return source_fault(b->fault, RC_LIMIT, at, "more than 256 fields");
	l->key_read = true;
	return OK;
}

/* A new node behind the others, linked into the map or list that is open. */
static rc node_add(struct builder *b, const yaml_event_t *e, enum source_shape shape)
{
	struct source_tree *t = b->tree;
	struct source_node n = {.key_place = place_of(&e->start_mark)};
	uint32_t at = t->count;

	if (at == SOURCE_NODES_MAX)
		return source_fault(b->fault, RC_LIMIT, n.key_place, "more than %u values",
				    SOURCE_NODES_MAX);
	if (at == t->cap) {
		uint32_t cap = t->cap == 0 ? 64 : t->cap * 2;
		void *p = reallocarray(t->nodes, cap, sizeof(*t->nodes));

		if (p == NULL)
			return fault_set(b->fault, RC_NOMEM, 0, "out of memory");
		t->nodes = (struct source_node *)p;
		t->cap = cap;
	}
	if (b->depth > 0) {
		struct level *l = &b->levels[b->depth - 1];
		struct source_node *parent = &t->nodes[l->node];

		if (parent->shape == SOURCE_SHAPE_MAP)
			n = b->pending;
		if (l->last == SOURCE_NONE)
			parent->first = at;
		else
			t->nodes[l->last].next = at;
		parent->count++;
		l->last = at;
		l->key_read = false;
	}
	n.shape = shape;
	n.place = place_of(&e->start_mark);
	n.first = n.next = SOURCE_NONE;
	n.parent = b->depth > 0 ? b->levels[b->depth - 1].node : SOURCE_NONE;
	n.from = byte_offset(&b->cursor, e->start_mark.index);
	n.to = byte_offset(&b->cursor, e->end_mark.index);
	n.end_line = (uint32_t)e->end_mark.line + 1;
	if (shape == SOURCE_SHAPE_SCALAR)
		TRY(decoded_put(b, e, &n.text));
	t->nodes[t->count++] = n;
	return OK;
}

static rc open_level(struct builder *b, const yaml_event_t *e, enum source_shape shape)
{
	if (b->depth == SOURCE_DEPTH_MAX)
		return source_fault(b->fault, RC_LIMIT, place_of(&e->start_mark),
				    "nested deeper than %u levels", SOURCE_DEPTH_MAX);
	TRY(node_add(b, e, shape));
	b->levels[b->depth++] =
		(struct level){.node = b->tree->count - 1, .last = SOURCE_NONE, .key_read = false};
	return OK;
}

/* The last line of a block is that of what it holds: libyaml ends it where the next token is. */
static void close_level(struct builder *b, const yaml_event_t *e)
{
	struct level *l = &b->levels[--b->depth];
	struct source_node *n = &b->tree->nodes[l->node];

	/* The end mark of flow is behind its bracket; that of a block at the next token. */
	if (e->end_mark.index > e->start_mark.index) {
		n->to = byte_offset(&b->cursor, e->end_mark.index);
		n->end_line = (uint32_t)e->end_mark.line + 1;
	} else if (l->last != SOURCE_NONE) {
		n->to = b->tree->nodes[l->last].to;
		n->end_line = b->tree->nodes[l->last].end_line;
	}
}

static rc document_check(struct builder *b, const yaml_event_t *e)
{
	struct source_place at = place_of(&e->start_mark);

	if (b->tree->count > 0)
		return source_fault(b->fault, RC_UNSUPPORTED, at, "a second document");
	if (e->data.document_start.version_directive != NULL ||
	    e->data.document_start.tag_directives.start !=
		    e->data.document_start.tag_directives.end)
		return source_fault(b->fault, RC_UNSUPPORTED, at, "a directive (%%)");
	return OK;
}

static rc event_take(struct builder *b, const yaml_event_t *e)
{
	const struct level *l = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
	bool is_key = l != NULL && b->tree->nodes[l->node].shape == SOURCE_SHAPE_MAP &&
		      !l->key_read && e->type != YAML_MAPPING_END_EVENT;

	switch (e->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return OK;
	case YAML_STREAM_END_EVENT:
		b->done = true;
		return OK;
	case YAML_DOCUMENT_START_EVENT:
		return document_check(b, e);
	case YAML_ALIAS_EVENT:
		return source_fault(b->fault, RC_UNSUPPORTED, place_of(&e->start_mark),
				    "an alias (*); write the value where it is meant");
	case YAML_SCALAR_EVENT:
		TRY(scalar_check(b, e));
		return is_key ? key_take(b, e) : node_add(b, e, SOURCE_SHAPE_SCALAR);
	case YAML_MAPPING_START_EVENT:
		TRY(properties_check(b, e, e->data.mapping_start.anchor,
				     e->data.mapping_start.tag));
		return is_key ? key_take(b, e) : open_level(b, e, SOURCE_SHAPE_MAP);
	case YAML_SEQUENCE_START_EVENT:
		TRY(properties_check(b, e, e->data.sequence_start.anchor,
				     e->data.sequence_start.tag));
		return is_key ? key_take(b, e) : open_level(b, e, SOURCE_SHAPE_LIST);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		close_level(b, e);
		return OK;
	}
	return OK;
}

static rc parser_fault(const yaml_parser_t *p, struct fault *f)
{
	/* A reader error knows its byte and no line; its input was looked through before. */
	struct source_place at = place_of(&p->problem_mark);

	if (p->error == YAML_MEMORY_ERROR)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	return source_fault(f, RC_SYNTAX, at, "not YAML: %s%s%s",
			    p->problem != NULL ? p->problem : "cannot be read",
			    p->context != NULL ? " " : "", p->context != NULL ? p->context : "");
}

static rc events_read(struct builder *b)
{
	while (!b->done) {
		yaml_event_t e;
		rc r;

		if (!yaml_parser_parse(b->parser, &e))
			return parser_fault(b->parser, b->fault);
		r = event_take(b, &e);
		yaml_event_delete(&e);
		TRY(r);
	}
	if (b->tree->count == 0)
		return source_fault(b->fault, RC_SYNTAX, (struct source_place){1, 1},
				    "the file holds nothing");
	return OK;
}

rc source_tree_read(struct view text, struct source_tree *ret, struct fault *f)
{
	struct builder b = {.tree = ret, .cursor = {.text = text}, .fault = f};
	yaml_parser_t parser;
	rc r;

	*ret = (struct source_tree){.text = text};
	/* What is decoded is never longer than the text but for "\_" and its like, which are not
	 * permitted. */
	buf_init(&ret->decoded, (size_t)2 * SOURCE_BYTES_MAX);
	if (text.len > SOURCE_BYTES_MAX)
		return source_fault(f, RC_LIMIT, (struct source_place){1, 1},
				    "a file of %zu bytes, at most %u", text.len, SOURCE_BYTES_MAX);
	TRY(characters_check(text, f));
	if (yaml_parser_initialize(&parser) == 0)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.ptr == NULL ? (const uint8_t *)"" : text.ptr,
				     text.len);
	b.parser = &parser;
	r = events_read(&b);
	yaml_parser_delete(&parser);
	return r;
}
