//! Bytes of a connection.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    agentchat_server::fuzz::session(bytes);
});
