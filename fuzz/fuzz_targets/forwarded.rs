//! `region_gateway::fuzz::forwarded` says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| region_gateway::fuzz::forwarded(data));
