//! Real files of every format, as the phases, rustc and a build system write them: where a search
//! for bytes that break something begins.

use crate::rustc_fixture::project::{Project, good, words};
use crate::rustc_fixture::tools::{Toolchain, names_in, run, splitlink, write_program};
use anyhow::{Context, Result, ensure};
use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope, write};
use prost::Message;
use serde_json::json;
use splitlink::files::archive::{Archive, Builder};
use splitlink::worker::protocol::{Input, WorkRequest};
use std::fs;
use std::path::Path;

/// A file of the format that one of [`super::ALL`] checks.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The name of the invariant.
    pub target: &'static str,
    /// What the file is.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Makes the files, in a project `name` of its own.
///
/// # Errors
/// If a phase fails.
pub fn real_files(name: &str) -> Result<Vec<Sample>> {
    let mut corpus = Corpus { project: Project::new(name)?, samples: Vec::new() };
    corpus.project.write_scripts()?;
    corpus.plans_and_reports()?;
    corpus.dylib()?;
    corpus.lto()?;
    corpus.libraries()?;
    corpus.mach_o()?;
    corpus.requests()?;
    corpus.response_file_of_rustc()?;
    Ok(corpus.samples)
}

/// Writes the files into folders of `dir`, one for each invariant.
///
/// # Errors
/// If one cannot be written.
pub fn write(samples: &[Sample], dir: &Path) -> Result<()> {
    for Sample { target, name, bytes } in samples {
        let folder = dir.join(target);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        fs::write(folder.join(name), bytes).with_context(|| format!("cannot write `{name}` to `{}`", folder.display()))?;
    }
    Ok(())
}

struct Corpus {
    project: Project,
    samples: Vec<Sample>,
}

impl Corpus {
    fn add(&mut self, target: &'static str, name: &str, bytes: impl Into<Vec<u8>>) {
        self.samples.push(Sample { target, name: name.to_owned(), bytes: bytes.into() });
    }

    fn add_file(&mut self, target: &'static str, name: &str, path: &str) -> Result<()> {
        let bytes = self.project.read(path)?;
        self.add(target, name, bytes);
        Ok(())
    }

    /// Links what was planned and adds its plan and its report, which `options` may say more of.
    fn link(&mut self, name: &str, options: &str) -> Result<()> {
        let options = format!("--rlib out/libdep-1.rlib --report out/report.json {options}");
        good(&self.project.link_only_with(&options)?).with_context(|| name.to_owned())?;
        self.add_file("link_plan", name, "out/plan.json")?;
        self.add_file("link_report", name, "out/report.json")
    }

    fn plans_and_reports(&mut self) -> Result<()> {
        self.project.build_dep()?;
        self.project.write("macros.rs", "extern crate proc_macro;\n#[proc_macro]\npub fn none(_: proc_macro::TokenStream) -> proc_macro::TokenStream { Default::default() }\n")?;
        let sources = [("app", "bin"), ("library", "cdylib"), ("library", "dylib"), ("macros", "proc-macro"), ("library", "staticlib")];
        for (source, crate_type) in sources {
            good(&self.project.no_link(&self.project.linked(source, crate_type))?).context(crate_type)?;
            self.link(crate_type, "--output out/artifact")?;
        }
        let command = self.project.linked("library", "cdylib");
        let no_link =
            "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta --crate-types cdylib,staticlib,dylib";
        good(&self.project.compile(no_link, &command)?)?;
        self.link("several", "--output cdylib=out/artifact --output staticlib=out/artifact.a")
    }

    fn dylib(&mut self) -> Result<()> {
        let toolchain = Toolchain::stable();
        let mut std_manifest = self.project.splitlink(&words("std-manifest --output out/std.json --rustc"));
        good(&run(std_manifest.arg(&toolchain.rustc).arg("--libdir").arg(toolchain.libdir()))?)?;
        self.add_file("dylib_manifest", "std", "out/std.json")?;
        let no_link = "no-link --dylib-of out/libdep-1.rmeta --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
        good(&self.project.compile(no_link, &self.project.library("dep"))?)?;
        self.link("dylib-of", "--std-manifest out/std.json --prefer-dynamic --output out/libdep-1.so")?;
        self.add_file("dylib_manifest", "dep", "out/libdep-1.so.manifest.json")?;
        good(&self.project.no_link(&self.project.linked("app", "bin"))?)?;
        self.link("dynamic", "--std-manifest out/std.json --prefer-dynamic --dylib out/libdep-1.so --output out/artifact")?;
        // What is linked dynamically is small enough to be damaged often.
        self.add_file("artifact", "dynamic", "out/artifact")?;
        let given = "sizes --artifact out/artifact --plan out/plan.json --modules out/modules --rlib-dir out --output out/sizes.json";
        good(&run(self.project.splitlink(&words(given)).arg("--sysroot").arg(&toolchain.sysroot))?)?;
        self.add_file("sizes", "dynamic", "out/sizes.json")
    }

    /// Compiles everything again, to bitcode.
    fn lto(&mut self) -> Result<()> {
        // Keeps what the engine is asked and answers.
        let engine = splitlink().with_file_name("splitlink-lto");
        let script = format!("#!/bin/sh\ncp \"$2\" out/request.json\n{engine:?} \"$@\" && cp \"$6\" out/answer.json\n");
        write_program(&self.project.dir.join("engine"), script)?;
        let dep = self.project.library("dep");
        good(&self.project.compile("metadata --lto --output out/libdep-1.rmeta", &dep)?)?;
        good(&self.project.compile("codegen --lto --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?)?;
        let no_link = "no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
        good(&self.project.compile(no_link, &self.project.linked("app", "bin"))?)?;
        self.link("fat", "--report-times --lto fat --lto-engine ./engine --output out/artifact")?;
        self.link("thin", "--lto thin --output out/artifact")?;
        let request: serde_json::Value = serde_json::from_slice(&self.project.read("out/request.json")?)?;
        // All modules of the standard library are more than a search can make anything of.
        let few = |list: &str| request[list].as_array().map(|all| all[..all.len().min(5)].to_vec());
        let short = json!({"version": request["version"], "modules": few("modules"), "keep": few("keep"), "options": request["options"]});
        self.add("engine_request", "request", short.to_string());
        self.add_file("engine_request", "answer", "out/answer.json")?;
        let modules = names_in(&self.project.dir.join("out/modules"));
        let module = modules.iter().find(|name| name.ends_with(".o")).context("no-link has written no module")?;
        self.add_file("bitcode", "module", &format!("out/modules/{module}"))?;
        self.add_file("bitcode", "allocator-shim", "out/modules/allocator_shim.o")
    }

    /// rlibs, hollow ones and archives: of `dep`, in machine code with bitcode in a section, and
    /// small ones of the sysroot.
    fn libraries(&mut self) -> Result<()> {
        let dep = [self.project.library("dep"), words("-Cembed-bitcode=yes")].concat();
        good(&self.project.compile("metadata --output out/libdep-1.rmeta", &dep)?)?;
        good(&self.project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?)?;
        let libdir = Toolchain::stable().libdir();
        let cfg_if = names_in(&libdir).into_iter().find(|name| name.starts_with("libcfg_if-") && name.ends_with(".rlib"));
        let paths = [self.project.dir.join("out/libdep-1.rlib"), libdir.join(cfg_if.context("the sysroot has no `cfg_if`")?)];
        for (name, path) in ["dep", "cfg_if"].into_iter().zip(paths) {
            for target in ["archive", "rlib"] {
                self.add(target, name, fs::read(&path)?);
            }
            let hollow = self.project.dir.join("out/hollow.rlib");
            splitlink::files::rlib::write_hollow(&path, &hollow)?;
            self.add("rlib", &format!("{name}.hollow"), fs::read(hollow)?);
        }
        let archive = Archive::read(&self.project.dir.join("out/libdep-1.rlib"))?;
        let object = archive.members.iter().find(|member| member.name.ends_with(".rcgu.o")).context("the rlib of `dep` has no object")?;
        self.add("bitcode", "object", archive.contents(object));
        for (how, producer) in ["LLVM22.1.2-rust-1.95.0-stable", "LLVM22", "LLVM14.0.6", "LLVM21"].into_iter().enumerate() {
            self.add("bitcode", &format!("producer-{how}"), format!("{}{producer}", char::from(how as u8)));
        }
        let header = |name: &str, len: usize| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{len:<10}`\n", 0, 0, 0, 644);
        self.add("archive", "thin", format!("!<thin>\n{}{}", header("one.o/", 3), header("two.o/", 4)));
        self.add("archive", "parts", &b"one.o\xffodd\xffa name that is longer than a header has room for.o\xffeven\xff"[..]);
        Ok(())
    }

    /// The library `dep` as it is for macOS: its metadata in a Mach-O object, in an archive as Apple's
    /// are.
    fn mach_o(&mut self) -> Result<()> {
        let mut object = write::Object::new(BinaryFormat::MachO, Architecture::Aarch64, Endianness::Little);
        let segment = object.segment_name(write::StandardSegment::Debug).to_vec();
        let section = object.add_section(segment, b".rmeta".to_vec(), SectionKind::Debug);
        object.append_section_data(section, &self.project.read("out/libdep-1.rmeta")?, 1);
        object.add_symbol(write::Symbol {
            name: b"plain".to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Data,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: write::SymbolSection::Section(section),
            flags: SymbolFlags::None,
        });
        let mut rlib = Builder::default();
        rlib.add_bytes("lib.rmeta", object.write()?);
        let rlib = rlib.to_bytes()?;
        for target in ["archive", "rlib"] {
            self.add(target, "mach-o", rlib.clone());
        }
        Ok(())
    }

    /// What a build system asks a worker for, in both framings, and the response files of these
    /// actions.
    fn requests(&mut self) -> Result<()> {
        let actions = [
            self.project.metadata_action("dep", &[]),
            self.project.codegen_action("dep", &words("-Copt-level=2")),
            self.project.metadata_action("library", &[]),
            self.project.codegen_action("library", &[]),
        ];
        let mut requests: Vec<_> = (1..)
            .zip(&actions)
            .map(|(request_id, action)| WorkRequest {
                arguments: action.lines.clone(),
                inputs: action.inputs.iter().map(|path| Input { path: path.clone(), digest: b"0123abcd".to_vec() }).collect(),
                request_id,
                verbosity: 10,
                sandbox_dir: if request_id > 2 { format!("__sandbox/{request_id}/_main") } else { String::new() },
                ..WorkRequest::default()
            })
            .collect();
        requests.push(WorkRequest { request_id: 1, cancel: true, ..WorkRequest::default() });
        let protobuf: Vec<u8> = requests.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
        self.add("worker_protocol", "protobuf", protobuf);
        let line = |request: &WorkRequest| {
            let input = |input: &Input| json!({"path": input.path, "digest": String::from_utf8_lossy(&input.digest)});
            let inputs: Vec<_> = request.inputs.iter().map(input).collect();
            let value = json!({"arguments": request.arguments, "inputs": inputs, "requestId": request.request_id, "cancel": request.cancel,
                "verbosity": request.verbosity, "sandboxDir": request.sandbox_dir});
            format!("{value}\n")
        };
        self.add("worker_protocol", "json", requests.iter().map(line).collect::<String>());
        for (request, action) in requests.iter().zip(&actions) {
            self.add("worker_protocol", &format!("protobuf-{}", request.request_id), request.encode_length_delimited_to_vec());
            self.add("worker_protocol", &format!("json-{}", request.request_id), line(request));
            self.add("response_file", &format!("action-{}", request.request_id), action.lines.join("\n") + "\n");
        }
        Ok(())
    }

    /// rustc writes one for its linker when a command line is too long for the system.
    fn response_file_of_rustc(&mut self) -> Result<()> {
        const TOO_LONG: usize = 200_000;
        let linker = self.project.dir.join("linker");
        write_program(&linker, "#!/bin/sh\ncase $1 in @*) cp \"${1#@}\" out/linker.params ;; esac\nexit 1\n")?;
        self.project.write("one.rs", "fn main() {}\n")?;
        let long = "long/".repeat(TOO_LONG / 5);
        self.project
            .write("rustc.params", format!("one.rs\n-Clinker=./linker\n-Clink-arg=with a space and a \\\n-Clink-arg=-L{long}\n"))?;
        self.project.rustc(&["@rustc.params".to_owned()])?;
        let text = String::from_utf8(self.project.read("out/linker.params").context("rustc has written no response file for its linker")?)?;
        let lines: Vec<_> = text.lines().filter(|line| line.len() < TOO_LONG).collect();
        ensure!(lines.iter().any(|line| line.contains("with\\ a\\ space")), "rustc no longer escapes spaces:\n{}", lines.join("\n"));
        self.add("response_file", "linker", lines.join("\n") + "\n");
        Ok(())
    }
}
