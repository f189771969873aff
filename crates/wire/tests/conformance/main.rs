//! The protocol test suites of botocore, run backwards: what a client sends is decoded and compared with its
//! parameters, what a client is to understand is encoded from the result and compared with the answer.

#[path = "../dynamic/mod.rs"]
pub mod dynamic;
pub mod model;
pub mod run;

use std::path::Path;

use run::Side;

/// Cases that say nothing about a server, with the reason.
const SKIPPED: &[(&str, &str)] = &[];

#[test]
fn json_1_0() {
    run::suites(&["json_1_0", "json_1_0-query-compatible"]);
}

#[test]
fn json_1_1() {
    run::suites(&["json"]);
}

#[test]
fn rpc_v2_cbor() {
    run::suites(&[
        "smithy-rpc-v2-cbor",
        "smithy-rpc-v2-cbor-query-compatible",
        "smithy-rpc-v2-cbor-non-query-compatible",
    ]);
}

/// The file of a suite, or `None` where the suites are not at hand.
fn file(side: Side, suite: &str) -> Option<String> {
    let root =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/botocore-protocols"));
    let folder = match side {
        Side::Input => "input",
        Side::Output => "output",
    };
    if !root.is_dir() {
        return None;
    }
    let path = root.join(folder).join(format!("{suite}.json"));
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Why a case is skipped, if it is.
fn skipped(id: &str) -> Option<&'static str> {
    SKIPPED.iter().find(|(skipped, _)| *skipped == id).map(|(_, reason)| *reason)
}
