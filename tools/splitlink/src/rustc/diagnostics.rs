//! rustc's messages: read as JSON, so that we learn when the metadata is out.
//!
//! They are handed on in the form that the user asked for.

use crate::rustc::args::RustcArgs;
use crate::rustc::command::{self, ChildFailed};
use crate::rustc::processors;
use anyhow::{Context, Result};
use serde_json::Value;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// `error` for people: what happened, and why.
pub fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join("\n  because ")
}

/// How long rustc runs, and so which of its messages are ours to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Until the metadata is written; rustc is then ended. Every message up to there is shown.
    Metadata,
    /// Until the metadata is written, and no message is shown.
    MetadataInSilence,
    /// To the end, and no message is shown.
    EndInSilence,
    /// To the end. Messages from before the metadata were shown by the metadata action, so only
    /// later ones are.
    End,
    /// To the end, and every message is shown.
    EndWithAll,
    /// The same, of a crate that is linked: rustc notifies us of nothing, for its being told to counts
    /// for the crate's hash.
    EndOfLinked,
}

/// How the user asked for messages.
struct Format {
    /// JSON as rustc writes it, and not the rendered text.
    json: bool,
    /// Artifact notifications were asked for.
    artifacts: bool,
}

/// What is to be done with rustc's process when the metadata is out, and whether messages are JSON.
pub type AtMetadata<'a> = dyn FnMut(&mut Child, bool) -> Result<()> + 'a;

/// Somebody who wants to know how rustc gets on.
#[derive(Default)]
pub struct Watcher<'a> {
    /// Called with rustc's process, the first of a group of its own then.
    pub started: Option<&'a dyn Fn(&Child)>,
    /// Called when the metadata is out, in place of ending rustc; it then runs to the end.
    pub metadata: Option<&'a mut AtMetadata<'a>>,
    /// Where a file ends up that rustc says it has written, if it stays; else as rustc says.
    pub place: Option<&'a Place<'a>>,
    /// Changes a message before it is shown, one as JSON, and returns whether it did.
    pub amend: Option<Box<Amend>>,
}

/// Changes a message, and says whether it did.
pub type Amend = dyn Fn(&mut Value) -> bool;

/// Where a file of a kind that rustc has written ends up; none if nobody is to hear of it.
pub type Place<'a> = dyn Fn(&str, &Path) -> Option<PathBuf> + 'a;

/// Runs rustc by a `command` that says what is run, and in what environment, with `args`, `until` the
/// metadata is out or to the end.
///
/// # Errors
/// [`ChildFailed`] with rustc's own exit code, all its messages shown; or which crates it did not
/// find; or that it cannot be started.
pub fn run_command(mut command: Command, mut args: RustcArgs, mut until: Until, mut watcher: Watcher<'_>) -> Result<()> {
    let crate_name = args.shown_crate_name();
    let mut missing = Missing::default();
    let format = ask_for_json(&mut args, until != Until::EndOfLinked);
    let program = command.get_program().to_string_lossy().into_owned();
    command.args(args.into_args()).stderr(Stdio::piped());
    let _share = processors::limit_threads(&mut command)?;
    if watcher.started.is_some() {
        command.process_group(0).stdin(Stdio::null());
    }
    let mut child = command::tie(&mut command).spawn().with_context(|| command::cannot_start("rustc", &program))?;
    if let Some(started) = watcher.started {
        started(&child);
    }
    let pipe = child.stderr.take().expect("stderr is piped");
    let mut stderr = std::io::stderr().lock();
    let mut withheld = Vec::new();
    let mut metadata_is_out = false;
    for line in BufReader::new(pipe).split(b'\n') {
        let mut line = line.context("cannot read rustc's messages")?;
        line.push(b'\n');
        let mut message: Option<Value> = serde_json::from_slice(&line).ok();
        missing.look_at(&line);
        if is_metadata_notification(message.as_ref()) {
            metadata_is_out = true;
            if let Some(at_metadata) = watcher.metadata.take() {
                at_metadata(&mut child, format.json).inspect_err(|_| end(&mut child))?;
                if until == Until::Metadata {
                    until = Until::End;
                }
            } else if matches!(until, Until::Metadata | Until::MetadataInSilence) {
                // All that is left is code generation, which belongs to another action.
                child.kill().context("cannot end rustc")?;
                break;
            }
        }
        if matches!(until, Until::MetadataInSilence | Until::EndInSilence) {
            continue;
        }
        if let (Some(message), Some(amend)) = (&mut message, &watcher.amend)
            && amend(message)
        {
            line = format!("{message}\n").into_bytes();
        }
        let Some(shown) = show(&format, line, message, until, watcher.place) else { continue };
        if until == Until::End && !metadata_is_out {
            withheld.extend(shown);
        } else {
            // Nobody may be listening any more; that must not fail the build.
            let _ = stderr.write_all(&shown);
        }
    }
    let status = child.wait().context("cannot wait for rustc")?;
    if status.success() || (metadata_is_out && matches!(until, Until::Metadata | Until::MetadataInSilence)) {
        return Ok(());
    }
    if !metadata_is_out {
        let _ = stderr.write_all(&withheld);
    }
    Err(missing.failure(&crate_name, status))
}

/// Crates that rustc did not find.
#[derive(Debug, Default)]
struct Missing(Vec<String>);

impl Missing {
    /// Looks at a line of rustc's messages, in whatever form: `can't find crate for `dep` which
    /// `library` depends on`, or, where a path was said, `extern location for dep does not exist`.
    fn look_at(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let between = |start: &str, end: &str| Some(line.split_once(start)?.1.split_once(end)?.0.to_owned());
        let name = between("find crate for `", "`").filter(|_| line.contains("E0463"));
        let name = name.or_else(|| between("extern location for ", " does not exist"));
        // Those of the sysroot have options of their own.
        let name = name.filter(|name| !matches!(name.as_str(), "std" | "core" | "alloc" | "proc_macro" | "test"));
        if let Some(name) = name.filter(|name| !self.0.contains(name)) {
            self.0.push(name);
        }
    }

    /// Why rustc, which ended with `status`, failed for the crate `crate_name`.
    fn failure(&self, crate_name: &str, status: ExitStatus) -> anyhow::Error {
        let Some(first) = self.0.first() else { return ChildFailed::from_status(status).into() };
        anyhow::anyhow!(
            "rustc did not find what the crate `{crate_name}` depends on, directly or not: {}\n  \
             help: give each with `--metadata lib{first}.rmeta` (`lib{first}-….rmeta`, if it was compiled with `-Cextra-filename`), \
             a proc macro with `--proc-macro lib{first}.so`, or all of a folder with `--metadata-dir`",
            self.0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )
    }
}

/// Ends rustc, and waits until it has: it shall not be left when this process has ended.
fn end(rustc: &mut Child) {
    let _ = rustc.kill();
    let _ = rustc.wait();
}

/// Makes rustc write JSON, with artifact notifications if they are wanted, and says what the user had
/// asked for.
fn ask_for_json(args: &mut RustcArgs, with_artifacts: bool) -> Format {
    let asked = args.values("error-format").next_back().unwrap_or("human").to_owned();
    let artifacts = args.values("json").any(|value| value.split(',').any(|kind| kind == "artifacts"));
    let json = asked == "json";
    // rustc refuses the one without the other.
    if !json && args.values("json").next().is_some() {
        return Format { json, artifacts };
    }
    let colour = match args.values("color").next_back() {
        Some("always") => true,
        Some("never") => false,
        _ => std::io::stderr().is_terminal(),
    };
    args.remove("color", |_| true);
    args.remove("error-format", |_| true);
    args.push("error-format", "json");
    if with_artifacts && !artifacts {
        args.push("json", "artifacts");
    }
    match asked.as_str() {
        "short" => args.push("json", "diagnostic-short"),
        "human-unicode" => args.push("json", "diagnostic-unicode"),
        _ => {}
    }
    if !json && colour {
        args.push("json", "diagnostic-rendered-ansi");
    }
    Format { json, artifacts }
}

fn is_metadata_notification(message: Option<&Value>) -> bool {
    message.is_some_and(|m| m["$message_type"] == "artifact" && m["emit"] == "metadata")
}

/// What the user sees of one line of rustc's.
fn show(format: &Format, line: Vec<u8>, message: Option<Value>, until: Until, place: Option<&Place<'_>>) -> Option<Vec<u8>> {
    let Some(message) = message else { return Some(line) };
    if message["$message_type"] == "artifact" {
        return if format.artifacts { placed(line, place) } else { None };
    }
    if until == Until::End && is_warning_count(&message) {
        return None;
    }
    if format.json {
        return Some(line);
    }
    message["rendered"].as_str().map(|text| text.as_bytes().to_vec())
}

/// `line`, if that is rustc's notification of a file, with the `place` where the file ends up; none
/// if nobody is to hear of it.
pub(crate) fn placed(line: Vec<u8>, place: Option<&Place<'_>>) -> Option<Vec<u8>> {
    let Some(place) = place else { return Some(line) };
    let Some(mut message) = serde_json::from_slice::<Value>(&line).ok().filter(|message| message["$message_type"] == "artifact") else {
        return Some(line);
    };
    let path = place(message["emit"].as_str()?, Path::new(message["artifact"].as_str()?))?;
    message["artifact"] = path.to_string_lossy().into();
    Some(format!("{message}\n").into_bytes())
}

/// rustc's closing "2 warnings emitted" counts warnings that the metadata action showed.
fn is_warning_count(message: &Value) -> bool {
    let text = message["message"].as_str().unwrap_or_default();
    message["level"] == "warning"
        && message["spans"].as_array().is_some_and(Vec::is_empty)
        && (text.ends_with(" warning emitted") || text.ends_with(" warnings emitted"))
}

/// An error of our own in the form of rustc's JSON messages, for whoever reads rustc's messages as
/// JSON.
pub fn error_as_json(message: &str) -> String {
    message_as_json("error", message, &format!("error: {message}\n\n"))
}

/// A message of our own in the form of rustc's.
pub(crate) fn message_as_json(level: &str, message: &str, rendered: &str) -> String {
    serde_json::json!({
        "$message_type": "diagnostic",
        "message": message,
        "code": null,
        "level": level,
        "spans": [],
        "children": [],
        "rendered": rendered,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: &Format, line: &str, until: Until) -> Option<String> {
        let message = serde_json::from_str(line).ok();
        show(format, line.as_bytes().to_vec(), message, until, None).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn rendered_or_json_as_asked() {
        let line = r#"{"$message_type":"diagnostic","level":"warning","message":"unused","spans":[1],"rendered":"warning: unused\n"}"#;
        let human = Format { json: false, artifacts: false };
        assert_eq!(shown(&human, line, Until::Metadata).unwrap(), "warning: unused\n");
        assert_eq!(shown(&human, "not JSON", Until::End).unwrap(), "not JSON");
        let json = Format { json: true, artifacts: false };
        assert_eq!(shown(&json, line, Until::End).unwrap(), line);
        assert_eq!(shown(&json, r#"{"$message_type":"artifact","emit":"link"}"#, Until::End), None);
    }

    #[test]
    fn notifications_of_files() {
        let line = r#"{"$message_type":"artifact","artifact":"s/out.rmeta","emit":"metadata"}"#.to_owned() + "\n";
        let placed =
            |place: &Place<'_>, line: &str| placed(line.as_bytes().to_vec(), Some(place)).map(|line| String::from_utf8(line).unwrap());
        let moved = placed(&|kind, _| (kind == "metadata").then(|| "o/a.rmeta".into()), &line);
        assert_eq!(moved.unwrap(), line.replace("s/out", "o/a"));
        assert_eq!(placed(&|_, _| None, &line), None);
        assert_eq!(placed(&|_, _| None, "other\n").unwrap(), "other\n");
    }

    #[test]
    fn the_closing_count_is_for_the_metadata_action() {
        let line = r#"{"$message_type":"diagnostic","level":"warning","message":"2 warnings emitted","spans":[],"rendered":"x"}"#;
        let human = Format { json: false, artifacts: false };
        assert_eq!(shown(&human, line, Until::End), None);
        assert_eq!(shown(&human, line, Until::Metadata).unwrap(), "x");
    }
}
