//! The tables, and how older files become current ones.

/// Version of the schema: how many steps have made it. An older program refuses a newer file.
pub const SCHEMA: i64 = STEPS.len() as i64;

/// Lines as [`crate::older`] reads them.
pub const OLDER: i64 = 0;
/// Lines in [blocks](crate::block).
pub const BLOCKS: i64 = 1;

/// What has been changed, in order; what stands here stays as it is.
const STEPS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS channel (name TEXT PRIMARY KEY, epoch TEXT NOT NULL, verified_only INTEGER NOT NULL);
     CREATE TABLE IF NOT EXISTS message (channel TEXT NOT NULL, offset INTEGER NOT NULL, json TEXT NOT NULL,
         PRIMARY KEY (channel, offset)) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS allowed (pubkey TEXT PRIMARY KEY, note TEXT NOT NULL);",
    "ALTER TABLE allowed ADD COLUMN approved_at INTEGER NOT NULL DEFAULT 0;",
    // `forgotten` is the last offset of a channel that retention took away: the order goes on after it.
    "ALTER TABLE channel ADD COLUMN invite_only INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE channel ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE message ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
     UPDATE message SET at = COALESCE(CASE WHEN json_valid(json) THEN json_extract(json, '$.ts') END, 0);
     CREATE TABLE invitation (channel TEXT NOT NULL, agent TEXT NOT NULL, PRIMARY KEY (channel, agent)) WITHOUT ROWID;
     CREATE TABLE seen (pubkey TEXT PRIMARY KEY, at INTEGER NOT NULL);
     CREATE TABLE ban (agent TEXT PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL);
     CREATE TABLE granted (agent TEXT PRIMARY KEY, verified INTEGER NOT NULL);",
    "CREATE TABLE market (kind TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;",
    "CREATE TABLE sent (agent TEXT NOT NULL, client_id TEXT NOT NULL, target TEXT NOT NULL, offset INTEGER NOT NULL,
         msg_id TEXT NOT NULL, UNIQUE (agent, client_id));",
    // What this server is called where a name is not enough.
    "CREATE TABLE server (id TEXT NOT NULL);
     INSERT INTO server VALUES (lower(hex(randomblob(16))));",
    // A copy has orders of its own, and says up to where they are those of the original.
    "ALTER TABLE channel ADD COLUMN former TEXT NOT NULL DEFAULT '';
     ALTER TABLE channel ADD COLUMN former_last INTEGER NOT NULL DEFAULT 0;",
    // A chunk has one line for each message: when it was said, a blank, and what is sent to readers.
    "CREATE TABLE chunk (channel TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, at INTEGER NOT NULL,
         lines TEXT NOT NULL);
     INSERT INTO chunk SELECT channel, offset, offset, at, at || ' ' || json FROM message;
     CREATE UNIQUE INDEX chunk_place ON chunk (channel, last);
     DROP TABLE message;
     CREATE TABLE journal (seq INTEGER PRIMARY KEY, lines TEXT NOT NULL);",
    // A row of the journal may have lines that are in chunks as well: an older program would take them twice.
    "SELECT 1;",
    // Lines are compressed from now on, see [`crate::older`]: an older program can't read them.
    "SELECT 1;",
    // How the lines of a row are stored, see [`OLDER`] and [`BLOCKS`].
    "ALTER TABLE chunk ADD COLUMN form INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE journal ADD COLUMN form INTEGER NOT NULL DEFAULT 0;",
];

/// What brings a file of an older schema to the current one; 0 is a new file.
pub fn upgrade(from: i64) -> String {
    let due = usize::try_from(from).unwrap_or(STEPS.len());
    let due = STEPS.get(due..).unwrap_or_default().concat();
    format!("BEGIN; {due} PRAGMA user_version = {SCHEMA}; COMMIT;")
}
