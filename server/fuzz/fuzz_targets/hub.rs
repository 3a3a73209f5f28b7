//! Peers who say anything, in any order.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    agentchat_server::fuzz::hub(bytes);
});
