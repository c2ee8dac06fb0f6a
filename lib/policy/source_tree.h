/* source_tree - a strict subset of YAML as a tree: maps, lists and scalars, each with its place.
 *
 * Read with libyaml's events. Refused: anchors, aliases, tags, directives, a second document, block
 * scalars and scalars of several lines, keys that are no scalars, keys that are there twice, tabs,
 * CR, a byte order mark, all that prose_check (model/field.h) refuses, and whatever is over the
 * maxima below. No scalar has a type here: `no`, `010` and `~` are these letters.
 * Owns: the form. Must not own: which fields there are (source_schema.h). */
#ifndef GS_POLICY_SOURCE_TREE_H
#define GS_POLICY_SOURCE_TREE_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"

#define SOURCE_BYTES_MAX (4u << 20)
#define SOURCE_NODES_MAX (1u << 18)
#define SOURCE_DEPTH_MAX 8u	 /* nested maps and lists */
#define SOURCE_SCALAR_MAX 16384u /* bytes of one key or scalar */

enum source_shape { SOURCE_SHAPE_SCALAR, SOURCE_SHAPE_MAP, SOURCE_SHAPE_LIST };

/* A place in the text: line and column count from 1, columns in characters. */
struct source_place {
	uint32_t line;
	uint32_t column;
};

/* A range of the text that the tree holds decoded. */
struct source_text {
	uint32_t at; /* into source_tree.decoded */
	uint32_t len;
};

#define SOURCE_NONE UINT32_MAX

/* A value and, inside a map, the key before it. Nodes are in the order of the text: a node comes
 * before what it holds, and that before the next node of the same level. */
struct source_node {
	enum source_shape shape;
	bool has_key;
	struct source_text key;
	struct source_text text; /* of a scalar */
	struct source_place key_place;
	struct source_place place; /* of the value */
	uint32_t from, to;	   /* the value's bytes in the text; an empty scalar has none */
	uint32_t key_from, key_to;
	uint32_t end_line;
	uint32_t first;	 /* what a map or list holds; SOURCE_NONE: nothing */
	uint32_t next;	 /* in the same map or list */
	uint32_t parent; /* SOURCE_NONE of the root */
	uint32_t count;
};

struct source_tree {
	struct view text; /* borrowed */
	struct source_node *nodes;
	uint32_t count; /* nodes[0] is the root */
	uint32_t cap;
	struct buf decoded;
};

/* Reads one document; *ret borrows from text and is to be released after a failure, too. RC_LIMIT
 * over the maxima; RC_DUPLICATE a key twice in a map; RC_UNSUPPORTED one of the things refused
 * above; RC_SYNTAX no YAML, or nothing; RC_NOMEM. The fault's text begins with "LINE:COLUMN: ". */
MUST rc source_tree_read(struct view text, struct source_tree *ret, struct fault *f);
void source_tree_release(struct source_tree *t);
AUTO_DEFINE(source_tree, struct source_tree, source_tree_release)

struct view source_text_view(const struct source_tree *t, struct source_text text);
/* The node of this key in a map; NULL if it has none. */
const struct source_node *source_member(const struct source_tree *t, const struct source_node *map,
					const char *key);
/* NULL at the end. */
const struct source_node *source_first(const struct source_tree *t, const struct source_node *n);
const struct source_node *source_next(const struct source_tree *t, const struct source_node *n);

/* fault_set with "LINE:COLUMN: " before the text. */
rc source_fault(struct fault *f, enum rc_code code, struct source_place at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
