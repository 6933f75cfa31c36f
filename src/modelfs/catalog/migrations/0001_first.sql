-- The catalogue, version 1. All times are seconds since 1970 (UTC), all sizes are bytes.

-- A place that holds blobs. Row 1 is the store itself.
CREATE TABLE pool (
    id       INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,              -- 'store'
    location TEXT NOT NULL               -- '' for the store: it is where the catalogue is
) STRICT;
INSERT INTO pool VALUES (1, 'store', '');

-- Immutable bytes. A row exists only after the bytes are durable.
CREATE TABLE blob (
    id         TEXT PRIMARY KEY,         -- XXH3-128 in hex, '~N' behind a true collision
    size_bytes INTEGER NOT NULL,
    sample     TEXT NOT NULL,            -- hash of size and three samples: finds candidates, proves nothing
    sha256     TEXT,                     -- the seal: computed by us from these bytes, never claimed
    added_at   REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_sample ON blob (size_bytes, sample);

-- Where a blob is.
CREATE TABLE copy (
    blob       TEXT NOT NULL REFERENCES blob ON DELETE CASCADE,
    pool       INTEGER NOT NULL REFERENCES pool,
    state      TEXT NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'damaged', 'missing')),
    checked_at REAL,                     -- when all its bytes were last read and found right
    PRIMARY KEY (blob, pool)
) STRICT, WITHOUT ROWID;
CREATE INDEX copy_checked ON copy (checked_at);

-- Categories that the user added to those shipped.
CREATE TABLE category (
    id    TEXT PRIMARY KEY,              -- 'language/llm'
    title TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A named thing of one or more files.
CREATE TABLE model (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice
    name         TEXT NOT NULL,          -- legal as a file name
    extension    TEXT NOT NULL,          -- '.gguf' for a single file, '' for a folder
    entry_key    TEXT NOT NULL,          -- name and extension, case-folded: unique among the living
    category     TEXT NOT NULL,
    category_by  TEXT NOT NULL CHECK (category_by IN ('guess', 'user')),
    source       TEXT NOT NULL,          -- 'local:/path', 'hf:org/repo@revision'
    format       TEXT NOT NULL,          -- facts, as columns where they are searched
    architecture TEXT,
    quant        TEXT,
    parameters   INTEGER,
    base_model   TEXT,
    facts        TEXT NOT NULL,          -- JSON: details, reasons, warnings
    notes        TEXT NOT NULL DEFAULT '',
    pinned       INTEGER NOT NULL DEFAULT 0,
    added_at     REAL NOT NULL,
    changed_at   REAL NOT NULL,          -- when its place or name last changed
    trashed_at   REAL                    -- NULL: it lives
) STRICT;
CREATE UNIQUE INDEX model_entry ON model (entry_key) WHERE trashed_at IS NULL;
CREATE INDEX model_category ON model (category);

-- A path inside a model. Its id is its inode in the mount.
CREATE TABLE file (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,       -- never used twice
    model    INTEGER NOT NULL REFERENCES model ON DELETE CASCADE,
    path     TEXT NOT NULL,              -- relative, '/'-separated, every part legal
    blob     TEXT NOT NULL REFERENCES blob,
    mtime_ns INTEGER NOT NULL,           -- the original's, and it never changes
    UNIQUE (model, path)
) STRICT;
CREATE INDEX file_blob ON file (blob);

-- Free labels.
CREATE TABLE tag (
    model  INTEGER NOT NULL REFERENCES model ON DELETE CASCADE,
    name   TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('user', 'auto')),
    PRIMARY KEY (model, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_name ON tag (name);

-- Which program opened a model through the mount, how often and when last.
CREATE TABLE use (
    model   INTEGER NOT NULL REFERENCES model ON DELETE CASCADE,
    program TEXT NOT NULL,
    opens   INTEGER NOT NULL,
    last_at REAL NOT NULL,
    PRIMARY KEY (model, program)
) STRICT, WITHOUT ROWID;

-- Every change of what people see, oldest first: undo, the mount and the desktop program follow it.
CREATE TABLE change (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     REAL NOT NULL,
    action TEXT NOT NULL,                -- 'add', 'tag', 'untag', 'set', 'pin', 'rm', 'restore', 'empty', 'damage'...
    model  INTEGER NOT NULL,             -- no reference: the model may be gone
    before TEXT,                         -- JSON of what changed, as it was; NULL when it was not there
    after  TEXT                          -- JSON of what changed, as it became; NULL when it is gone
) STRICT;
CREATE INDEX change_model ON change (model);

-- Full text over what people remember of a model: substrings of three letters or more.
CREATE VIRTUAL TABLE model_text USING fts5 (text, tokenize = 'trigram');
