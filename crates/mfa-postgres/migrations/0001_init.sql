-- Every statement may run twice. The schema itself has to exist.
CREATE TABLE IF NOT EXISTS {schema}.schema_version (version integer NOT NULL PRIMARY KEY);

-- Records, one per subject. `sealed` is ciphertext; the other columns are a clear summary for operators, which the
-- library never decides on. No index holds a column that a sign-in changes, and each page keeps room, so that a new
-- version stays on its page and touches no index. Names compare by bytes, whatever the database's own collation is.
CREATE TABLE IF NOT EXISTS {schema}.record (
    version         bigint   NOT NULL CHECK (version > 0),
    updated_at      bigint   NOT NULL CHECK (updated_at >= 0),                   -- Unix seconds, the engine's clock
    key_id          bigint   NOT NULL CHECK (key_id BETWEEN 0 AND 4294967295),
    throttled_until bigint            CHECK (throttled_until >= 0),              -- Unix seconds
    methods         smallint NOT NULL CHECK (methods BETWEEN 0 AND 255),         -- 1 app, 2 SMS, 4 recovery, 128 other
    enrolled        boolean  NOT NULL,
    erased          boolean  NOT NULL,                                           -- true: a tombstone
    tenant          text     COLLATE "C" NOT NULL,
    subject         text     COLLATE "C" NOT NULL,
    sealed          bytea    NOT NULL,
    PRIMARY KEY (tenant, subject)
) WITH (fillfactor = 85);

-- Ciphertext does not compress: nobody should try.
ALTER TABLE {schema}.record ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Tombstones only, so that pruning them costs living records nothing. By name and not by age: even an index that does
-- not hold a row keeps its new version off the page if one of the index's columns changes.
CREATE INDEX IF NOT EXISTS record_tombstone ON {schema}.record (tenant, subject) WHERE erased;

-- What happened. `position` is the place in the feed, given after the commit: numbers drawn before it would appear
-- in another order than they were drawn in, and a reader would pass some by.
CREATE TABLE IF NOT EXISTS {schema}.event (
    position bigint          CHECK (position > 0),
    version  bigint NOT NULL CHECK (version > 0),
    idx      bigint NOT NULL CHECK (idx BETWEEN 0 AND 4294967295),
    at       bigint NOT NULL CHECK (at >= 0),                                    -- Unix seconds, the engine's clock
    stream   bytea  NOT NULL CHECK (length(stream) = 16),
    payload  bytea  NOT NULL,
    PRIMARY KEY (stream, version, idx)
);

CREATE SEQUENCE IF NOT EXISTS {schema}.event_position;
CREATE UNIQUE INDEX IF NOT EXISTS event_placed ON {schema}.event (position) WHERE position IS NOT NULL;
CREATE INDEX IF NOT EXISTS event_unplaced ON {schema}.event (stream, version, idx) WHERE position IS NULL;
CREATE INDEX IF NOT EXISTS event_at ON {schema}.event (at);

-- Budgets by keyed hash: when all that was spent has come back. Pruning walks the keys, so that spending keeps no
-- index of a column that it always changes.
CREATE TABLE IF NOT EXISTS {schema}.budget (
    arrival bigint NOT NULL CHECK (arrival >= 0),                                -- Unix milliseconds
    key     bytea  NOT NULL PRIMARY KEY CHECK (length(key) = 32)
) WITH (fillfactor = 70);

-- What each reservation spent, so that it is granted once and given back once.
CREATE TABLE IF NOT EXISTS {schema}.reservation (
    spent_at  bigint  NOT NULL CHECK (spent_at >= 0),                            -- Unix seconds
    lapses_at bigint  NOT NULL CHECK (lapses_at >= 0),                           -- Unix seconds
    refunded  boolean NOT NULL,
    id        bytea   NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    spent     bytea   NOT NULL CHECK (length(spent) % 40 = 0)  -- key, then interval in milliseconds (u64, big endian)
);

CREATE INDEX IF NOT EXISTS reservation_lapses ON {schema}.reservation (lapses_at);

INSERT INTO {schema}.schema_version (version) VALUES (1) ON CONFLICT DO NOTHING;
