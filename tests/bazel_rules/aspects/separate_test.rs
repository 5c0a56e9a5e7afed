//! A test of its own crate that wants its feature.

#[cfg(not(feature = "asked"))]
compile_error!("feature missing");

#[test]
fn seven() {
    assert_eq!(featured::seven(), 7);
}
