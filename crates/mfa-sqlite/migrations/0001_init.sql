-- Records, one per subject. `sealed` is ciphertext; the columns before it are a clear summary for operators, which the
-- library never decides on. A rowid table on purpose: with 1 KiB pages a clustered row of this size would spill into
-- an overflow page of its own.
CREATE TABLE mfa_record (
    tenant          TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    version         INTEGER NOT NULL CHECK (version > 0),
    enrolled        INTEGER NOT NULL CHECK (enrolled IN (0, 1)),
    methods         INTEGER NOT NULL CHECK (methods BETWEEN 0 AND 255), -- 1 app, 2 SMS, 4 recovery, 128 other
    throttled_until INTEGER          CHECK (throttled_until >= 0),      -- Unix seconds
    key_id          INTEGER NOT NULL CHECK (key_id BETWEEN 0 AND 4294967295),
    updated_at      INTEGER NOT NULL CHECK (updated_at >= 0),           -- Unix seconds, the engine's clock
    erased          INTEGER NOT NULL CHECK (erased IN (0, 1)),          -- 1: a tombstone
    sealed          BLOB    NOT NULL,
    PRIMARY KEY (tenant, subject)
) STRICT;

-- Tombstones only, so that pruning them costs living records nothing.
CREATE INDEX mfa_record_tombstone ON mfa_record (updated_at) WHERE erased = 1;

-- What happened. AUTOINCREMENT: a reader's cursor must never meet a number that was used before pruning.
CREATE TABLE mfa_event (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    stream  BLOB    NOT NULL CHECK (length(stream) = 16),
    version INTEGER NOT NULL CHECK (version > 0),
    idx     INTEGER NOT NULL CHECK (idx BETWEEN 0 AND 4294967295),
    at      INTEGER NOT NULL CHECK (at >= 0),                           -- Unix seconds, the engine's clock
    payload BLOB    NOT NULL,
    UNIQUE (stream, version, idx)
) STRICT;

CREATE INDEX mfa_event_at ON mfa_event (at);

-- Budgets by keyed hash: when all that was spent has come back.
CREATE TABLE mfa_budget (
    key     BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    arrival INTEGER NOT NULL CHECK (arrival >= 0)                       -- Unix milliseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX mfa_budget_arrival ON mfa_budget (arrival);

-- What each reservation spent, so that it is granted once and given back once.
CREATE TABLE mfa_reservation (
    id        BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    spent_at  INTEGER NOT NULL CHECK (spent_at >= 0),                   -- Unix seconds
    lapses_at INTEGER NOT NULL CHECK (lapses_at >= 0),                  -- Unix seconds
    refunded  INTEGER NOT NULL CHECK (refunded IN (0, 1)),
    spent     BLOB    NOT NULL CHECK (length(spent) % 40 = 0)           -- key, then interval in milliseconds (u64, big endian)
) STRICT;

CREATE INDEX mfa_reservation_lapses ON mfa_reservation (lapses_at);
