//! The two readers of JSON.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    agentchat_server::fuzz::json(bytes);
});
