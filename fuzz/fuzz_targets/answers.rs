//! `region_gateway::fuzz::answers` says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| region_gateway::fuzz::answers(data));
