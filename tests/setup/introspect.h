/* Does sqlite_schema say what was declared? Compares member by member, as canonical JSON, in any order of columns,
   indexes, foreign keys and checks; without a look at the planner's own comparison. */
#ifndef SETUP_INTROSPECT_H
#define SETUP_INTROSPECT_H

/* JSON of a table with one member, without quotes of names and blanks, which ALTER TABLE changes as it likes. */
static inline char *member_json(d1t_arena *a, const d1t_table *t)
{
    static char json[8192];
    d1t_writer w;
    char *out;
    size_t n = 0;

    d1t_writer_fixed(&w, json, sizeof json);
    d1t_table_to_json(t, &w);
    out = (char *)d1t_arena_take(a, w.total + 1);
    for (size_t i = 0; i < w.total; i++) {
        if (json[i] == '\\' && json[i + 1] == '"') i++;
        else if (json[i] != '`' && json[i] != ' ') out[n++] = json[i];
    }
    return out;
}

static inline int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline d1t_column plain_column(const d1t_table *t, d1t_column c, bool spelt)
{
    c.was = NULL;
    c.type = d1t_type_from_sql(d1t_cstr(d1t_sql_type(t, &c)), (t->flags & D1T_STRICT) != 0);
    if (!spelt) c.sql_type = NULL;
    return c;
}

/* Parent columns that are the parent's key need not be listed. */
static inline d1t_foreign_key plain_key(d1t_arena *a, m_schema *s, d1t_foreign_key f)
{
    for (int i = 0; i < s->count; i++) {
        int keys[MAX_COLUMNS], n = key_columns(&s->tables[i], keys);
        bool same =
            f.parent_columns && n == (int)f.column_count && strcmp(table_name(a, s->tables[i].name), f.parent) == 0;

        for (int k = 0; same && k < n; k++) same = strcmp(column_name(a, keys[k]), f.parent_columns[k]) == 0;
        if (same) f.parent_columns = NULL;
    }
    return f;
}

/* All that a table says, a line each, sorted. `like`: spelt types count only where they are declared. */
static inline char *described(d1t_arena *a, m_schema *s, const d1t_table *t, const d1t_table *like)
{
    char *lines[MAX_COLUMNS + MAX_INDEXES + MAX_KEYS + MAX_CHECKS + 64],
        *all = text_of(a, "flags %u", (unsigned)t->flags);
    size_t n = 0;

    for (size_t i = 0; i < t->column_count && n < 60; i++) {
        size_t at = d1t_table_column(like, d1t_cstr(t->columns[i].name));
        d1t_column c = plain_column(t, t->columns[i], at < like->column_count && like->columns[at].sql_type);
        d1t_table one = {"", &c, 1, NULL, 0, NULL, 0, NULL, 0, 0, NULL, 0, NULL};

        lines[n++] = member_json(a, &one);
        if (c.flags & D1T_KEY) all = text_of(a, "%s\nkey %s", all, c.name);
    }
    for (size_t i = 0; i < t->index_count && n < 60; i++) {
        d1t_table one = {"", NULL, 0, &t->indexes[i], 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};

        if (!(t->indexes[i].flags & D1T_FTS5)) lines[n++] = member_json(a, &one);
    }
    for (size_t i = 0; i < t->foreign_key_count && n < 60; i++) {
        d1t_foreign_key f = plain_key(a, s, t->foreign_keys[i]);
        d1t_table one = {"", NULL, 0, NULL, 0, &f, 1, NULL, 0, 0, NULL, 0, NULL};

        lines[n++] = member_json(a, &one);
    }
    for (size_t i = 0; i < t->check_count && n < 60; i++) {
        d1t_table one = {"", NULL, 0, NULL, 0, NULL, 0, &t->checks[i], 1, 0, NULL, 0, NULL};

        lines[n++] = member_json(a, &one);
    }
    qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++) all = text_of(a, "%s\n%s", all, lines[i]);
    return all;
}

/* The table as sqlite_schema has it (rows of type, name, tbl_name, sql), with its indexes. NULL: it cannot be read. */
static inline d1t_table *table_read(d1t_arena *a, const char *name, m_rows schema)
{
    d1t_table *t = NULL;
    d1t_index *indexes = (d1t_index *)d1t_arena_take(a, 64 * sizeof *indexes);
    const char *owner;

    for (int i = 0; i < schema.count; i++)
        if (strcmp(schema.v[i][0], "table") == 0 && strcmp(schema.v[i][1], name) == 0 &&
            d1t_table_from_sql(d1t_cstr(schema.v[i][3]), a, &t, NULL) != D1T_OK)
            return NULL;
    if (!t) return NULL;
    if (t->index_count) memcpy(indexes, t->indexes, t->index_count * sizeof *indexes);
    t->indexes = indexes;
    for (int i = 0; i < schema.count; i++)
        if (strcmp(schema.v[i][0], "index") == 0 && strcmp(schema.v[i][2], name) == 0) {
            if (d1t_index_from_sql(d1t_cstr(schema.v[i][3]), a, &indexes[t->index_count], &owner, NULL) != D1T_OK)
                return NULL;
            t->index_count++;
        }
    return t;
}

/* NULL: it is as declared; else what is not. */
static inline const char *introspected(d1t_arena *a, m_schema *s, const m_table *model, m_rows schema)
{
    const d1t_table *want = table_out(a, model), *have = table_read(a, want->name, schema);
    const char *is, *declared;

    if (!have) return text_of(a, "%s is missing or cannot be read", want->name);
    is = described(a, s, have, want);
    declared = described(a, s, want, want);
    return strcmp(is, declared) == 0 ? NULL : text_of(a, "%.1500s\nnot\n%.1500s", is, declared);
}

#endif
