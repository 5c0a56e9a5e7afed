#!/usr/bin/env bash
# llvmlite 0.44.0 (LLVM 15.0.7): a function in a section of its own stays in the program though nothing
# needs it, for a jump table of another one. (Linked by GNU ld 2.40 with `--gc-sections`.)
#
# LLVM's `-ffunction-sections` does more than its name says: it puts each function's jump tables into
# a section of their own, too. Who has no access to that option (llvmlite, or LLVM's C interface, has
# none for a target machine) can name a section for each function in the IR, and gets sections that
# look the same. But all jump tables are then in one `.rodata`, which refers to each function that
# branches by one. So as long as one of these functions is needed all are, and what they call. Nothing
# says so: the program is merely larger, and what a dead function refers to must be there. A comdat
# of the kind `nodeduplicate` on each function brings its tables into a section of their own.
#
# For a split build: an engine that generates code by the C interface has to ask for both.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need gcc nm python3 readelf
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip" "apt-get install python3-pip"
python3 -m pip install --quiet --no-compile --target site llvmlite==0.44.0 >pip.log 2>&1 || {
  cat pip.log >&2
  fail "pip cannot install llvmlite 0.44.0" "check the network"
}

cat >compile.py <<'EOF_PYTHON'
import sys
import llvmlite.binding as llvm
llvm.initialize()
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
# compile.py FILE needed|alone [comdat]: `main`, and `dead`, which branches by a jump table; `main` does, too, or not.
main_jumps, comdat = sys.argv[2] == "needed", sys.argv[3:] == ["comdat"]
def function(name, jumps):
    cases = "\n".join(f"  i32 {n}, label %case{n}" for n in range(6))
    blocks = "\n".join(f"case{n}:\n  store volatile i32 {n}, i32* @seen\n  ret i32 {n * n + 3}" for n in range(6))
    body = f"  switch i32 %x, label %other [\n{cases}\n  ]\n{blocks}\nother:\n  ret i32 0" if jumps else "  ret i32 0"
    group = " comdat" if comdat else ""
    head = f"${name} = comdat nodeduplicate\n" if comdat else ""
    return f"{head}define i32 @{name}(i32 %x) section \".text.{name}\"{group} {{\n{body}\n}}\n"
module = llvm.parse_assembly("@seen = global i32 0\n" + function("main", main_jumps) + function("dead", True))
machine = llvm.Target.from_default_triple().create_target_machine(reloc="pic", codemodel="small")
open(sys.argv[1], "wb").write(machine.emit_object(module))
print(".".join(map(str, llvm.llvm_version_info)), end="")
EOF_PYTHON
compile() { PYTHONPATH=site python3 compile.py "$@"; }

# left: whether the function that nothing needs is in the program.
left() {
  gcc -Wl,--gc-sections -o program part.o
  nm program | grep -q ' dead$' && printf stays || printf goes
}
# tables: the sections that jump tables are in.
tables() { readelf -SW part.o | grep -o ' \.rodata[^ ]*' | sort -u | tr -d '\n'; }

sees "LLVM" 15.0.7 "$(compile part.o alone)"
sees "functions' sections" " .text.dead .text.main" "$(readelf -SW part.o | grep -o ' \.text\.[a-z]*' | sort -u | tr -d '\n')"
sees "main has no jump table" "goes" "$(left)"
compile part.o needed >/dev/null
sees "main has one, of its own" " .rodata, stays" "$(tables), $(left)"
compile part.o needed comdat >/dev/null
sees "with a comdat for each" " .rodata.dead .rodata.main, goes" "$(tables), $(left)"
verdict
