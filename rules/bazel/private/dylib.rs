//! What `rust_dylib` gives rules_rust for a source. Nobody compiles it.
