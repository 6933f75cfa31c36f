-- Version 3: long work as rows, what sources say, and blobs that were let go because they can be fetched again.

-- Long work: fetches, and whatever else takes more than moments.
CREATE TABLE job (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,    -- never used twice
    kind        TEXT NOT NULL,           -- 'fetch', 'update', 'add', 'verify'
    title       TEXT NOT NULL,           -- what was asked for, in a person's words
    request     TEXT NOT NULL,           -- JSON: all that is needed to do it, or to go on with it
    state       TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'failed', 'cancelled', 'done')),
    stage       TEXT NOT NULL DEFAULT '',             -- 'downloading', 'verifying', 'filing', 'copying'...
    done_bytes  INTEGER NOT NULL DEFAULT 0,
    total_bytes INTEGER NOT NULL DEFAULT 0,           -- 0: not known
    per_s       REAL,                    -- bytes a second, of late
    error       TEXT,                    -- why it is paused or failed
    hint        TEXT,                    -- what to do about that
    exit_code   INTEGER,                 -- what a command would have ended with
    attempts    INTEGER NOT NULL DEFAULT 0,           -- how often it was begun
    wish        TEXT CHECK (wish IN ('pause', 'cancel')),   -- what another process asks its runner to do
    created_at  REAL NOT NULL,
    changed_at  REAL NOT NULL,
    ended_at    REAL
) STRICT;
CREATE INDEX job_state ON job (state);

-- The files of a fetch. ``key`` names the partial file in staging/, which jobs of the same bytes share.
CREATE TABLE job_file (
    job        INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    path       TEXT NOT NULL,            -- as the source calls it
    key        TEXT NOT NULL,
    size_bytes INTEGER,                  -- NULL: the source does not say
    url        TEXT NOT NULL,            -- never with a token in it
    access     TEXT NOT NULL,            -- whose token its requests carry: '' for none
    sha256     TEXT,                     -- as promised
    git_sha1   TEXT,                     -- as promised: SHA-1 as git makes it
    xet_hash   TEXT,
    content    BLOB,                     -- the bytes themselves, of a small text that came with the description
    done_bytes INTEGER NOT NULL DEFAULT 0,
    stage      TEXT NOT NULL DEFAULT 'waiting',       -- 'waiting', 'downloading', 'verifying', 'here', 'filed'
    PRIMARY KEY (job, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_file_key ON job_file (key);

-- What a model's source says of it, as JSON {"asked": branch, "facts": {...}, "tags": [...]}.
ALTER TABLE model ADD COLUMN told TEXT NOT NULL DEFAULT '{}';

-- 'remote': the bytes were let go on purpose, and the model's source can give them again.
CREATE TABLE copy_now (
    blob       TEXT NOT NULL REFERENCES blob ON DELETE CASCADE,
    pool       INTEGER NOT NULL REFERENCES pool,
    state      TEXT NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'damaged', 'missing', 'remote')),
    checked_at REAL,                     -- when all its bytes were last read and found right
    PRIMARY KEY (blob, pool)
) STRICT, WITHOUT ROWID;
INSERT INTO copy_now SELECT * FROM copy;
DROP TABLE copy;
ALTER TABLE copy_now RENAME TO copy;
CREATE INDEX copy_checked ON copy (checked_at);
CREATE INDEX blob_sha256 ON blob (sha256) WHERE sha256 IS NOT NULL;
