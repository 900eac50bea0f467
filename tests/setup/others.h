/* What others make: their DDL as they write it, with some rows. No name appears twice: all of it stands in one database
   too. */
#ifndef SETUP_OTHERS_H
#define SETUP_OTHERS_H

typedef struct maker {
    const char *title;
    const char *sql[40];     /* statements, in their order */
    const char *refused[24]; /* tables that a d1t_table cannot say, and a part of the reason, in turn */
} maker;

static const maker makers[] = {
    {"drizzle",
     {"CREATE TABLE __drizzle_migrations (\n\t\t\t\tid SERIAL PRIMARY KEY,\n\t\t\t\thash text NOT NULL,\n"
      "\t\t\t\tcreated_at "
      "numeric\n\t\t\t)",
      "INSERT INTO __drizzle_migrations VALUES (1, 'a3f5', 1717171717171)",
      "CREATE TABLE `users` (\n\t`id` text PRIMARY KEY NOT NULL,\n\t`name` text(256),\n\t`email` text NOT "
      "NULL,\n\t`role` text "
      "DEFAULT 'user' NOT NULL,\n\t`balance` real DEFAULT 0 NOT NULL,\n\t`active` integer DEFAULT true NOT"
      " NULL,\n\t"
      "`created_at` text DEFAULT (CURRENT_TIMESTAMP) NOT NULL,\n\t`updated_at` integer DEFAULT (unixepoch("
      ") * 1000)\n)",
      "CREATE UNIQUE INDEX `users_email_unique` ON `users` (`email`)",
      "CREATE INDEX `users_name_idx` ON `users` (lower(\"name\"),`created_at` desc) WHERE \"users\".\"active\" = 1",
      "INSERT INTO users (id, name, email) VALUES ('u1', 'Ada', 'ada@example.com'), ('u2', NULL, 'bob@exam"
      "ple.com')",
      "CREATE TABLE `posts` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`author_id` text NOT "
      "NULL,\n\t`slug` text "
      "NOT NULL,\n\t`body` blob,\n\t`slug_length` integer GENERATED ALWAYS AS (length(\"slug\")) VIRTUAL,"
      "\n\tFOREIGN KEY "
      "(`author_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade\n)",
      "CREATE UNIQUE INDEX `posts_author_slug` ON `posts` (`author_id`,`slug`)",
      "INSERT INTO posts (author_id, slug, body) VALUES ('u1', 'hello', x'00ff'), ('u1', 'again', NULL)",
      "CREATE TABLE `users_to_groups` (\n\t`user_id` text NOT NULL,\n\t`group_id` integer NOT NULL,\n\tPRI"
      "MARY KEY(`user_id`, "
      "`group_id`),\n\tFOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action\n)",
      "CREATE TABLE `__new_sessions` (\n\t`token` text PRIMARY KEY NOT NULL,\n\t`user_id` text NOT NULL REFERENCES "
      "`users`(`id`) ON DELETE cascade,\n\t`expires` integer,\n\tCONSTRAINT \"expires_check\" CHECK(\"__ne"
      "w_sessions\"."
      "\"expires\" > 0 AND (\"token\" <> ')'))\n)",
      "INSERT INTO `__new_sessions`(\"token\", \"user_id\", \"expires\") VALUES ('t', 'u1', 99)",
      "ALTER TABLE `__new_sessions` RENAME TO `sessions`",
      "ALTER TABLE `sessions` ADD `user_agent` text",
      "ALTER TABLE `sessions` ADD `ip` text DEFAULT '' NOT NULL", NULL},
     {"__drizzle_migrations", "a key column cannot be NUMERIC", NULL}},
    {"wrangler",
     {"CREATE TABLE d1_migrations(\n\t\tid         INTEGER PRIMARY KEY AUTOINCREMENT,\n\t\tname       TEXT"
      " UNIQUE,\n\t\tapplied_at "
      "TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL\n)",
      "INSERT INTO d1_migrations(name, applied_at) VALUES ('0001_init.sql', '2024-05-05 05:05:05')",
      "CREATE TABLE IF NOT EXISTS Customers (CustomerId INTEGER PRIMARY KEY, CompanyName TEXT, ContactName TEXT)",
      "INSERT INTO Customers (CustomerID, CompanyName, ContactName) VALUES (1, 'Alfreds Futterkiste', 'Mar"
      "ia Anders'), (4, "
      "'Around the Horn', 'Thomas Hardy')",
      NULL},
     {NULL}},
    {"Prisma",
     {"CREATE TABLE \"_prisma_migrations\" (\n    \"id\"                    TEXT PRIMARY KEY NOT NULL,\n  "
      "  \"checksum\"            "
      "  TEXT NOT NULL,\n    \"finished_at\"           DATETIME,\n    \"migration_name\"        TEXT NOT N"
      "ULL,\n    \"logs\"          "
      "        TEXT,\n    \"rolled_back_at\"        DATETIME,\n    \"started_at\"            DATETIME NOT "
      "NULL DEFAULT "
      "current_timestamp,\n    \"applied_steps_count\"   INTEGER UNSIGNED NOT NULL DEFAULT 0\n)",
      "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('1', 'c', 'init')",
      "CREATE TABLE \"User\" (\n    \"id\" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,\n    \"email\" TEXT"
      " NOT NULL,\n    "
      "\"score\" DECIMAL NOT NULL DEFAULT 0.5,\n    \"big\" BIGINT,\n    \"ok\" BOOLEAN NOT NULL DEFAULT f"
      "alse,\n    \"createdAt\" "
      "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,\n    \"updatedAt\" DATETIME NOT NULL,\n    \"meta\" JSONB\n)",
      "CREATE TABLE \"Post\" (\n    \"id\" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,\n    \"title\" TEXT NOT NULL"
      ",\n    \"authorId\" INTEGER,\n    CONSTRAINT \"Post_authorId_fkey\" FOREIGN KEY (\"authorId\") REFERENCES \""
      "User\" (\"id\") ON DELETE SET NULL ON UPDATE CASCADE\n)",
      "CREATE TABLE \"_PostToTag\" (\n    \"A\" INTEGER NOT NULL,\n    \"B\" INTEGER NOT NULL,\n    CONSTRAINT \"_P"
      "ostToTag_A_fkey\" FOREIGN KEY (\"A\") REFERENCES \"Post\" (\"id\") ON DELETE CASCADE ON UPDATE CASCADE\n)",
      "CREATE TABLE \"Membership\" (\n    \"userId\" INTEGER NOT NULL,\n    \"team\" TEXT NOT NULL,\n    \"since\" "
      "DATETIME DEFAULT CURRENT_TIMESTAMP,\n\n    PRIMARY KEY (\"userId\", \"team\"),\n    CONSTRAINT \"Membership_"
      "userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\" (\"id\") ON DELETE RESTRICT ON UPDATE CASCADE\n)",
      "CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(\"email\")",
      "CREATE UNIQUE INDEX \"_PostToTag_AB_unique\" ON \"_PostToTag\"(\"A\", \"B\")",
      "CREATE INDEX \"_PostToTag_B_index\" ON \"_PostToTag\"(\"B\")",
      "INSERT INTO \"User\" (email, updatedAt, big, meta) VALUES ('a@b.c', 1717171717171, 9007199254740993, '{\"a\""
      ":1}')",
      "INSERT INTO \"Post\" (title, authorId) VALUES ('t', 1)",
      "INSERT INTO \"_PostToTag\" VALUES (1, 7)",
      NULL},
     {"_PostToTag", "it has no key column", NULL}},
    {"Django",
     {"CREATE TABLE \"django_migrations\" (\"id\" integer NOT NULL PRIMARY KEY AUTOINCREMENT, \"app\" varchar(255) "
      "NOT NULL, \"name\" varchar(255) NOT NULL, \"applied\" datetime NOT NULL)",
      "CREATE TABLE \"auth_user\" (\"id\" integer NOT NULL PRIMARY KEY AUTOINCREMENT, \"password\" varchar(128) NOT"
      " NULL, \"last_login\" datetime NULL, \"is_superuser\" bool NOT NULL, \"username\" varchar(150) NOT NULL UNIQ"
      "UE, \"email\" varchar(254) NOT NULL, \"date_joined\" datetime NOT NULL)",
      "CREATE TABLE \"auth_permission\" (\"id\" integer NOT NULL PRIMARY KEY AUTOINCREMENT, \"content_type_id\" int"
      "eger NOT NULL REFERENCES \"django_content_type\" (\"id\") DEFERRABLE INITIALLY DEFERRED, \"codename\" varcha"
      "r(100) NOT NULL)",
      "CREATE TABLE \"django_content_type\" (\"id\" integer NOT NULL PRIMARY KEY AUTOINCREMENT, \"app_label\" varch"
      "ar(100) NOT NULL, \"model\" varchar(100) NOT NULL)",
      "CREATE UNIQUE INDEX \"django_content_type_app_label_model_76bd3d3b_uniq\" ON \"django_content_type\" (\"app_"
      "label\", \"model\")",
      "CREATE TABLE \"django_session\" (\"session_key\" varchar(40) NOT NULL PRIMARY KEY, \"session_data\" text NOT"
      " NULL, \"expire_date\" datetime NOT NULL)",
      "CREATE TABLE \"shop_item\" (\"id\" char(32) NOT NULL PRIMARY KEY, \"price\" decimal NOT NULL, \"count\" smal"
      "lint unsigned NOT NULL CHECK (\"count\" >= 0), \"data\" text NOT NULL CHECK ((JSON_VALID(\"data\") OR \"data"
      "\" IS NULL)), \"url\" varchar(200) NULL, CONSTRAINT \"price_gt_0\" CHECK ((\"price\" > 0 AND NOT (\"url\" = "
      "'a''b)'))), CONSTRAINT \"unique_url\" UNIQUE (\"url\", \"price\"))",
      "CREATE INDEX \"django_session_expire_date_a5c62663\" ON \"django_session\" (\"expire_date\")",
      "CREATE INDEX \"shop_item_cheap\" ON \"shop_item\" (\"price\" DESC, (UPPER(\"url\"))) WHERE \"price\" < 10",
      "INSERT INTO django_content_type VALUES (3, 'shop', 'item')",
      "INSERT INTO auth_permission VALUES (1, 3, 'add_item')",
      "INSERT INTO shop_item VALUES ('0f', '9.99', 3, '{}', NULL)",
      "INSERT INTO django_session VALUES ('k', 'd', '2024-01-01 00:00:00')", NULL},
     {NULL}},
    {"Rails",
     {"CREATE TABLE \"schema_migrations\" (\"version\" varchar NOT NULL PRIMARY KEY)",
      "CREATE TABLE \"ar_internal_metadata\" (\"key\" varchar NOT NULL PRIMARY KEY, \"value\" varchar, \"created_at"
      "\" datetime(6) NOT NULL, \"updated_at\" datetime(6) NOT NULL)",
      "CREATE TABLE \"articles\" (\"id\" integer PRIMARY KEY AUTOINCREMENT NOT NULL, \"title\" varchar DEFAULT 'It'"
      "'s' NOT NULL, \"price\" decimal(10,2) DEFAULT 0.0, \"published\" boolean DEFAULT 0, \"rank\" integer(8) DEFA"
      "ULT -1, \"created_at\" datetime(6) NOT NULL)",
      "CREATE TABLE \"comments\" (\"id\" integer PRIMARY KEY AUTOINCREMENT NOT NULL, \"article_id\" integer NOT NUL"
      "L, \"parent_id\" integer, \"body\" text, CONSTRAINT \"fk_rails_3bf61a60d3\"\nFOREIGN KEY (\"article_id\")\n "
      " REFERENCES \"articles\" (\"id\")\n, CONSTRAINT \"fk_rails_self\"\nFOREIGN KEY (\"parent_id\")\n  REFERENCES"
      " \"comments\" (\"id\")\n ON DELETE CASCADE)",
      "CREATE TABLE \"articles_tags\" (\"article_id\" integer NOT NULL, \"tag_id\" integer NOT NULL)",
      "CREATE UNIQUE INDEX \"index_articles_on_title\" ON \"articles\" (\"title\") WHERE published",
      "CREATE INDEX \"index_comments_on_article_id\" ON \"comments\" (\"article_id\")",
      "INSERT INTO schema_migrations VALUES ('20240101000000')",
      "INSERT INTO articles VALUES (5, 't', 1.5, 1, 2, '2024-01-01 00:00:00.123456')",
      "INSERT INTO comments VALUES (1, 5, NULL, 'b'), (2, 5, 1, NULL)",
      "INSERT INTO articles_tags VALUES (5, 1)", NULL},
     {"articles_tags", "it has no key column", NULL}},
    {"Laravel",
     {"CREATE TABLE \"migrations\" (\"id\" integer primary key autoincrement not null, \"migration\" varchar not nu"
      "ll, \"batch\" integer not null)",
      "CREATE TABLE \"members\" (\"id\" integer primary key autoincrement not null, \"name\" varchar not null, \"em"
      "ail\" varchar not null, \"email_verified_at\" datetime, \"level\" varchar check (\"level\" in ('easy', 'hard"
      "')) not null default 'easy', \"remember_token\" varchar, \"created_at\" datetime, \"deleted_at\" datetime)",
      "CREATE UNIQUE INDEX \"members_email_unique\" on \"members\" (\"email\")",
      "CREATE TABLE \"password_reset_tokens\" (\"email\" varchar not null, \"token\" varchar not null, \"created_at"
      "\" datetime, primary key (\"email\"))",
      "CREATE TABLE \"jobs\" (\"id\" integer primary key autoincrement not null, \"payload\" text not null, \"attem"
      "pts\" integer not null, \"reserved_at\" integer, \"member_id\" integer not null, foreign key(\"member_id\") "
      "references \"members\"(\"id\") on delete cascade on update cascade)",
      "CREATE INDEX \"jobs_queue_index\" on \"jobs\" (\"payload\")",
      "INSERT INTO members (id, name, email) VALUES (1, 'n', 'e')",
      "INSERT INTO jobs VALUES (1, '{}', 0, NULL, 1)", NULL},
     {NULL}},
    {"hand-written: quotes, comments, names",
     {"create table [Order Details] ([Order ID] int not null, [Product] nvarchar ( 40 ) not null, [Unit Price] mone"
      "y default (0), primary key ([Order ID], [Product]))",
      "CREATE TABLE 'single' ('id' INTEGER PRIMARY KEY, 'it''s' TEXT DEFAULT 'it''s')",
      "CREATE TABLE \"say \"\"hi\"\"\" (\"a \"\"b\"\"\" INTEGER PRIMARY KEY, `c ``d``` TEXT, [e]  REAL)",
      "CREATE   TABLE\ncommented -- the name\n( /* the columns */ id   INTEGER /* no\nrowid */ PRIMARY KEY, -- key,"
      " with 'quotes\" and (\n  a TEXT DEFAULT 'not -- a comment', /* , b TEXT */\n  c TEXT  CHECK ( c <> '/*' ) --"
      " the end\n)",
      "CREATE TABLE \"größe\" (\"schlüssel\" INTEGER PRIMARY KEY, \"名前\" TEXT, \"emoji 🙂\" TEXT DEFAULT '🙂', naïve "
      "TEXT)",
      "CREATE TABLE \"select\" (\"from\" INTEGER PRIMARY KEY, \"where\" TEXT, \"order\" TEXT, \"check\" TEXT, \"def"
      "ault\" TEXT DEFAULT 'default', \"values\" INTEGER DEFAULT 1)",
      "CREATE TABLE words (key TEXT PRIMARY KEY NOT NULL, replace TEXT, cast TEXT, \"first\" TEXT, last TEXT, actio"
      "n INTEGER, temp INTEGER, row INTEGER, rowid_ INTEGER)",
      "CREATE TABLE \"a.b\" (x INTEGER PRIMARY KEY, \"c.d\" TEXT)",
      "CREATE TABLE tight(id INTEGER PRIMARY KEY,a TEXT DEFAULT'x'CHECK(a!='y')COLLATE NOCASE,b DEFAULT+5,c DEFAULT"
      " -0x1F,d DEFAULT .5e-3)",
      "CREATE UNIQUE INDEX \"Größen Index\" ON \"größe\" (\"名前\" COLLATE NOCASE DESC)",
      "CREATE INDEX [by price] ON [Order Details] ([Unit Price]) -- a comment\nWHERE [Unit Price] > 1",
      "INSERT INTO \"größe\" VALUES (1, 'a', 'b', 'c')",
      "INSERT INTO [Order Details] VALUES (1, 'x', 2.5)",
      "INSERT INTO tight VALUES (1, 'x', 1, 'text', x'01')", NULL},
     {NULL}},
    {"hand-written: columns, constraints, options",
     {"CREATE TABLE generated (id INTEGER PRIMARY KEY, price REAL NOT NULL, tax REAL AS (price * 0.19) STORED, tota"
      "l REAL GENERATED ALWAYS AS (price + tax), label TEXT AS (upper(substr('a,b)', 1, 2)) || id) VIRTUAL NOT NULL"
      ")",
      "CREATE TABLE defaults (id INTEGER PRIMARY KEY, a DEFAULT NULL, b TEXT DEFAULT ('x' || 'y'), c TEXT DEFAULT c"
      "urrent_date, d INT DEFAULT TRUE, e BLOB DEFAULT x'0102', f TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now"
      "')), g TEXT DEFAULT (lower(hex(randomblob(16)))), h DOUBLE PRECISION DEFAULT 1e3)",
      "CREATE TABLE checks (a INTEGER PRIMARY KEY CHECK (a > 0), b INTEGER CHECK (b BETWEEN 1 AND 9), c TEXT, CHECK"
      " (((b + 1) * 2) < 100), CONSTRAINT \"c is short\" CHECK (length(c) < 9 OR c IN ('a)', 'b('', ', 'CHECK (1)')"
      "), CONSTRAINT fine CHECK (CASE WHEN a THEN 1 ELSE 0 END))",
      "CREATE TABLE collated (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE, b TEXT COLLATE RTRIM NOT NULL D"
      "EFAULT '', c TEXT COLLATE BINARY, UNIQUE (b, c), UNIQUE (c COLLATE BINARY ASC))",
      "CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree ON DELETE CASCADE, other INTEGER C"
      "ONSTRAINT other_fk REFERENCES tree (id) ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED, UNIQUE (parent,"
      " other))",
      "CREATE TABLE pairs (a TEXT, b INTEGER, c TEXT NOT NULL, PRIMARY KEY (a, b), FOREIGN KEY (a, b) REFERENCES pa"
      "irs (a, b) MATCH FULL NOT DEFERRABLE) WITHOUT ROWID",
      "CREATE TABLE strict_one (id INT NOT NULL PRIMARY KEY, a ANY, b TEXT, c BLOB, d REAL, e INTEGER) STRICT, WITH"
      "OUT ROWID",
      "CREATE TABLE strict_two (id INTEGER PRIMARY KEY, x TEXT NOT NULL) STRICT",
      "CREATE TABLE typeless (id INTEGER PRIMARY KEY, a, b NOT NULL, c DEFAULT 5)",
      "CREATE TABLE types (id INTEGER PRIMARY KEY, a UNSIGNED BIG INT, b VARYING CHARACTER(255), c NATIVE CHARACTER"
      "(70), d DECIMAL(10, 5), e FLOATING POINT, f STRING, g CHARINT)",
      "CREATE INDEX generated_total ON generated (total)",
      "CREATE UNIQUE INDEX collated_lower ON collated (lower(a), b || c, c DESC) WHERE a IS NOT NULL AND b <> ')' ",
      "INSERT INTO generated (price) VALUES (100)",
      "INSERT INTO defaults (id) VALUES (1)",
      "INSERT INTO checks VALUES (1, 2, 'x')",
      "INSERT INTO tree VALUES (1, NULL, NULL), (2, 1, 1)",
      "INSERT INTO pairs VALUES ('a', 1, 'c')",
      "INSERT INTO strict_one VALUES (1, '007', 'b', x'', 1.5, 2)",
      "INSERT INTO typeless VALUES (1, '1', 1, 1.0)",
      "INSERT INTO types VALUES (1, 1, 'b', 'c', '1.50', 2, '03', 4)", NULL},
     {NULL}},
    {"hand-written: what hangs on tables",
     {"CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT, body TEXT, changed TEXT)",
      "CREATE VIRTUAL TABLE notes_fts USING fts5(title, body, content='notes', content_rowid='id', tokenize = 'port"
      "er unicode61')",
      "CREATE TRIGGER notes_insert AFTER INSERT ON notes BEGIN\n  INSERT INTO notes_fts(rowid, title, body) VALUES "
      "(new.id, new.title, new.body);\nEND",
      "CREATE TRIGGER [notes touch] AFTER UPDATE OF title ON notes WHEN old.title <> new.title BEGIN UPDATE notes S"
      "ET changed = 'yes' WHERE id = new.id; END",
      "CREATE VIEW titles AS SELECT id, title FROM notes WHERE title IS NOT NULL",
      "CREATE VIEW \"more titles\" (a, b) AS SELECT * FROM titles",
      "CREATE TRIGGER titles_insert INSTEAD OF INSERT ON titles BEGIN INSERT INTO notes (title) VALUES (new.title);"
      " END",
      "CREATE VIRTUAL TABLE alone USING fts5(text)",
      "INSERT INTO titles (title) VALUES ('one'), ('two')",
      "UPDATE notes SET title = 'three' WHERE id = 2",
      "INSERT INTO alone VALUES ('free text')", NULL},
     {NULL}},
    {"what a d1t_table cannot say",
     {"CREATE TABLE copied AS SELECT 1 AS a, 'x' AS b, NULL AS c",
      "CREATE TABLE upserting (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, a TEXT)",
      "CREATE TABLE ignoring (id INTEGER PRIMARY KEY, a TEXT UNIQUE ON CONFLICT IGNORE)",
      "CREATE TABLE nocase_key (name TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, a TEXT)",
      "CREATE TABLE desc_key (a INTEGER, b TEXT, PRIMARY KEY (a DESC, b))",
      "CREATE TABLE other_order (a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (b, a))",
      "CREATE TABLE keyless (a TEXT, b INTEGER)",
      "CREATE TABLE real_key (at REAL PRIMARY KEY, a TEXT)",
      "CREATE TABLE fine_beside_them (id INTEGER PRIMARY KEY, a TEXT)",
      "INSERT INTO copied VALUES (2, 'y', 3)",
      "INSERT INTO keyless VALUES ('a', 1)",
      "INSERT INTO fine_beside_them VALUES (1, 'a')",
      "INSERT INTO nocase_key VALUES ('A', 'a')", NULL},
     {"copied", "it has no key column", "upserting", "ON CONFLICT", "ignoring", "ON CONFLICT", "nocase_key",
      "a key that is not BINARY", "desc_key", "DESC in a key", "other_order", "a key in another order than its columns",
      "keyless", "it has no key column", "real_key", "a key column cannot be REAL", NULL}},
};

#endif
