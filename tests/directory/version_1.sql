-- A directory as the first release made and filled it.
PRAGMA journal_mode = WAL;
BEGIN TRANSACTION;
CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
    label TEXT NOT NULL,
    rp_id TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    backed_up INTEGER NOT NULL,
    transports TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
INSERT INTO "passkeys" VALUES('p','ada','Key','notes.example.com',X'6B6579',0,0,'["usb"]',1000000,NULL);
CREATE TABLE passwords (
    subject TEXT PRIMARY KEY REFERENCES people ON DELETE CASCADE,
    hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
INSERT INTO "passwords" VALUES('ada','$argon2id$',1000000,1000000);
CREATE TABLE people (
    subject TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled INTEGER NOT NULL
) STRICT;
INSERT INTO "people" VALUES('ada','Ada',1000000,0);
CREATE TABLE recovery_codes (
    subject TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
    hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (subject, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO "recovery_codes" VALUES('ada','0a',1000000);
CREATE TABLE totps (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
    label TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
INSERT INTO "totps" VALUES('t','ada','Phone',X'7365616C6564',1000000,-1,NULL);
CREATE INDEX totps_by_subject ON totps (subject);
CREATE INDEX passkeys_by_subject ON passkeys (subject);
COMMIT;
PRAGMA user_version = 1;
