//! Files that another server left.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    agentchat_server::fuzz::files(bytes);
});
