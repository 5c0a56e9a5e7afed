"""`rust_test_suite` through the split."""

load("@splitlink_compilation_rules//:rust_test_suite.bzl", "TEST_SUFFIX")
load("//rules/bazel/private:names.bzl", "crate_name")
load(":rust_test.bzl", "rust_test")

def rust_test_suite(name, srcs, shared_srcs = [], **kwargs):
    """Builds one test a source file through the split, and a `test_suite` of them all.

    Args:
        name: The name of the `test_suite`. Each test has this name, `_`, its source without `.rs`,
            and `_test` if rules_rust's has it, too (0.70 and later).
        srcs: The sources (list of str), typically a glob.
        shared_srcs: Those of `srcs` that are no tests but modules that all tests share. Default:
            none.
        **kwargs: The attributes of every `rust_test`. `tags` are the suite's, too.
    """
    tests = []

    # A suite with an empty list of tests takes every test of the package. No other target has this
    # tag, so such a suite stays empty.
    tags = ["restrict_" + name] + (kwargs.pop("tags", None) or [])
    for src in srcs:
        if src in shared_srcs:
            continue
        if not src.endswith(".rs"):
            fail("rust_test_suite {}: srcs has {}, which is no .rs file".format(name, src))
        test = "{}_{}{}".format(name, src.removesuffix(".rs"), TEST_SUFFIX)
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
