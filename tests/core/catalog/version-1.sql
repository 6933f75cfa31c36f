-- A library of version 1: two models and one in the trash. Never edit; it is what users have.
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

PRAGMA application_id = 1836017267;
PRAGMA user_version = 1;
INSERT INTO blob VALUES ('303eba272d29e613ef06e69f41c8b1ac', 3000, 'ee02b820771f790c', '6769eb9ca50b6a4250874ead6fe336bb8704a5dd23d0a35180f380ca06920788', 1795297036.921301);
INSERT INTO blob VALUES ('4b4532c7873fc482dbb452dab2493ee8', 1000, '90bafce124c1093a', '4a7a7c18b5ed545a84ca8d19087d03424a810e6a7da1b4059857baa70baaac72', 1795297036.964978);
INSERT INTO blob VALUES ('545a5c2009baea095f192c909d3e6811', 2000, '39bfa9333d109804', '082a9faa7f71674caec6c8eb0483ce6167dd6389b32625d1df8f2a7180a37f9c', 1795297036.9648936);
INSERT INTO copy VALUES ('303eba272d29e613ef06e69f41c8b1ac', 1, 'ok', 1795297036.9755857);
INSERT INTO copy VALUES ('4b4532c7873fc482dbb452dab2493ee8', 1, 'ok', 1795297036.9788914);
INSERT INTO copy VALUES ('545a5c2009baea095f192c909d3e6811', 1, 'ok', 1795297036.9801302);
INSERT INTO model VALUES (1, 'tiny-llama.Q4_K_M', '.gguf', 'tiny-llama.q4_k_m.gguf', 'language/llm', 'user', 'local:/home/user/models/tiny-llama.Q4_K_M.gguf', 'unknown', NULL, NULL, NULL, NULL, '{"details": {}, "reasons": ["the bytes are of no known format"], "warnings": []}', 'from a friend', 1, 1795297036.9211447, 1795297036.9987426, NULL);
INSERT INTO model VALUES (2, 'folder', '', 'folder', 'other/unsorted', 'guess', 'local:/home/user/models/folder', 'unknown', NULL, NULL, NULL, NULL, '{"details": {}, "reasons": ["the bytes are of no known format"], "warnings": []}', '', 0, 1795297036.964737, 1795297036.964737, NULL);
INSERT INTO model VALUES (3, 'gone', '.gguf', 'gone.gguf', 'other/unsorted', 'guess', 'local:/home/user/models/gone.gguf', 'unknown', NULL, NULL, NULL, NULL, '{"details": {}, "reasons": ["the bytes are of no known format"], "warnings": []}', '', 0, 1795297036.9919004, 1795297036.9919004, 1795297037.0033643);
INSERT INTO file VALUES (1, 1, 'tiny-llama.Q4_K_M.gguf', '303eba272d29e613ef06e69f41c8b1ac', 1795297036827795368);
INSERT INTO file VALUES (2, 2, 'a.bin', '545a5c2009baea095f192c909d3e6811', 1795297036935975866);
INSERT INTO file VALUES (3, 2, 'sub/b.bin', '4b4532c7873fc482dbb452dab2493ee8', 1795297036936996169);
INSERT INTO file VALUES (4, 3, 'gone.gguf', '4b4532c7873fc482dbb452dab2493ee8', 1795297036983107068);
INSERT INTO tag VALUES (1, 'mine', 'user');
INSERT INTO use VALUES (1, 'llama-server', 3, 1790000000.0);
INSERT INTO change VALUES (1, 1795297036.7829187, 'init', 0, NULL, '{"at": 1795297036.782836}');
INSERT INTO change VALUES (2, 1795297036.921789, 'add', 1, NULL, '{"name": "tiny-llama.Q4_K_M.gguf"}');
INSERT INTO change VALUES (3, 1795297036.9651427, 'add', 2, NULL, '{"name": "folder"}');
INSERT INTO change VALUES (4, 1795297036.9922075, 'add', 3, NULL, '{"name": "gone.gguf"}');
INSERT INTO change VALUES (5, 1795297036.9947975, 'pin', 1, '{"pinned": false}', '{"pinned": true}');
INSERT INTO change VALUES (6, 1795297036.999012, 'set', 1, '{"notes": ""}', '{"notes": "from a friend"}');
INSERT INTO change VALUES (7, 1795297037.0034716, 'rm', 3, '{"trashed_at": null}', '{"trashed_at": 1795297037.0033643}');
INSERT INTO model_text (rowid, text) VALUES (1, 'tiny-llama.Q4_K_M.gguf language/llm local:/home/user/models/tiny-llama.Q4_K_M.gguf unknown from a friend mine tiny-llama.Q4_K_M.gguf');
INSERT INTO model_text (rowid, text) VALUES (2, 'folder other/unsorted local:/home/user/models/folder unknown  a.bin sub/b.bin');
INSERT INTO model_text (rowid, text) VALUES (3, 'gone.gguf other/unsorted local:/home/user/models/gone.gguf unknown  gone.gguf');
