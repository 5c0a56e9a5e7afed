//! With a runtime that aborts, only a process of its own lets a test panic as it should.

#[test]
#[should_panic(expected = "on purpose")]
fn as_it_should() {
    panic!("on purpose");
}
