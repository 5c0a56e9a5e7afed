//! Runs one of the invariants.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| splitlink_tests::invariants::artifact(bytes));
