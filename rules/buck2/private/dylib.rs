//! What `rust_dylib` has for a source. Nobody compiles it.
