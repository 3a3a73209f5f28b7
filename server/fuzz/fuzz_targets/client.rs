//! What a server sends to a client.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    agentchat_client::fuzz::frames(bytes);
});
