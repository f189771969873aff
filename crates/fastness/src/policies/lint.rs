//! `fastness policy lint`: what is wrong with policy documents.

use crate::args::LintArgs;
use crate::output::wants_json;
use crate::{Failure, failure};
use assembly::{Parts, services};
use policy::lint::{Finding, Level, Vocabulary, guess_kind, lint};
use policy::{DOCUMENT_BYTES_MAX, PolicyKind};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(args: &LintArgs) -> Result<ExitCode, Failure> {
    let vocabulary = vocabulary();
    let (mut worst, mut unread) = (None, false);
    let mut all = Vec::new();
    let mut out = crate::output::output();
    for path in &args.files {
        let text = match read(path) {
            Ok(text) => text,
            Err(Failure { message, .. }) => {
                unread = true;
                writeln!(std::io::stderr(), "fastness: {message}")?;
                continue;
            }
        };
        let kind = args.kind.map_or_else(|| guess_kind(&text), PolicyKind::from);
        let found = lint(&text, kind, &vocabulary);
        worst = found.iter().map(|finding| finding.level).chain(worst).min();
        if wants_json() {
            all.push(json!({ "file": path, "kind": kind, "findings": found }));
            continue;
        }
        for Finding { code, level, message, line, column } in &found {
            let level = match level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Suggestion => "suggestion",
            };
            writeln!(out, "{}:{line}:{column}: {level} {code}: {message}", path.display())?;
        }
    }
    if wants_json() {
        writeln!(out, "{:#}", json!(all))?;
    }
    Ok(ExitCode::from(match worst {
        // What was not read may be anything.
        _ if unread => 2,
        Some(Level::Error) => 2,
        Some(Level::Warning) => 1,
        Some(Level::Suggestion) | None => 0,
    }))
}

/// Reads a document. One that is too long to be any policy is not read.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .take(DOCUMENT_BYTES_MAX as u64 + 1)
            .read_to_string(&mut text)
            .map_err(|error| failure("standard input", error))?;
        return if text.len() > DOCUMENT_BYTES_MAX { Err(too_long(path)) } else { Ok(text) };
    }
    let size = std::fs::metadata(path).map_err(|error| failure(path.display(), error))?.len();
    if size > DOCUMENT_BYTES_MAX as u64 {
        return Err(too_long(path));
    }
    std::fs::read_to_string(path).map_err(|error| failure(path.display(), error))
}

fn too_long(path: &Path) -> Failure {
    failure(path.display(), format!("larger than any policy may be ({DOCUMENT_BYTES_MAX} bytes)"))
}

/// The actions of the services that there are models of.
pub(super) fn vocabulary() -> Vocabulary {
    let services = services(Parts::default());
    let names = services.iter().map(|service| {
        let model = service.model();
        (model.signing_name, model.operations.iter().map(|operation| operation.name))
    });
    Vocabulary::new(names)
}
