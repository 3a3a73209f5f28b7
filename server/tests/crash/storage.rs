//! What a server that was killed has left, as whoever opens it next finds it.

use agentchat_market::Record;
use agentchat_store::Store;

use crate::process::Server;

/// The marketplace's records, from a copy: the files themselves are for the next server to recover.
pub fn read(server: &Server) -> Vec<Record> {
    let copies = tempfile::tempdir().unwrap();
    for name in ["chat.db", "chat.db-wal"] {
        let file = server.dir.path().join("data").join(name);
        if file.exists() {
            std::fs::copy(file, copies.path().join(name)).unwrap();
        }
    }
    let file = copies.path().join("chat.db");
    let records = Store::open(&file).unwrap().market().unwrap();
    agentchat_store::check(&file).unwrap();
    records
}
