"""`rust_test_suite` through the split."""

load(":names.bzl", "crate_name")
load(":rust_test.bzl", "rust_test")

def rust_test_suite(name, srcs, shared_srcs = [], **kwargs):
    """Builds one test a source file through the split, and a `test_suite` of them all.

    Args:
        name: The name of the `test_suite`; each test is called as it, `_`, and its source without `.rs`.
        srcs: The sources (list of str), typically a glob.
        shared_srcs: Those of them that are no tests but modules that the tests share. Default: none.
        **kwargs: The attributes of every `rust_test`; `tags` are the suite's, too.
    """
    tests = []

    # A suite without tests would take every test of the package; nothing has this tag.
    tags = ["restrict_" + name] + (kwargs.pop("tags", None) or [])
    for src in srcs:
        if src in shared_srcs:
            continue
        if not src.endswith(".rs"):
            fail("rust_test_suite {}: srcs has {}, which is no .rs file".format(name, src))
        test = "{}_{}".format(name, src.removesuffix(".rs"))
        rust_test(
            name = test,
            srcs = [src] + shared_srcs,
            crate_name = crate_name(test).replace(".", "_"),
            crate_root = src,
            tags = tags,
            **kwargs
        )
        tests.append(test)
    native.test_suite(
        name = name,
        tests = tests,
        tags = tags,
    )
