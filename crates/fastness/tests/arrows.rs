//! Which room may depend on which (ARCHITECTURE.md): arrows point down only.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What each room may use of the others. A room that is not listed here fails the test.
const ARROWS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("cloudhsmv2-api", &["wire"]),
    ("cloudtrail-api", &["wire"]),
    ("iam-api", &["wire"]),
    ("kms-api", &["wire"]),
    ("resourcegroupstaggingapi-api", &["wire"]),
    ("secretsmanager-api", &["wire"]),
    ("ssm-api", &["wire"]),
    ("sts-api", &["wire"]),
    ("policy", &[]),
    ("store", &[]),
    ("memory", &[]),
    ("confine", &[]),
    ("attestation", &["wire"]),
    ("primitives", &[]),
    ("hsm", &[]),
    ("keyring", &["memory", "primitives"]),
    ("outbound", &[]),
    ("seals", &["hsm", "keyring", "outbound", "wire"]),
    ("platform", &["keyring", "policy", "store", "wire"]),
    ("xks", &["outbound", "platform", "wire"]),
    ("cloudhsmv2", &["cloudhsmv2-api", "hsm", "platform", "policy", "wire"]),
    ("cloudtrail", &["cloudtrail-api", "platform", "store", "wire"]),
    ("iam", &["iam-api", "keyring", "platform", "policy", "store", "wire"]),
    ("kms", &["attestation", "keyring", "kms-api", "platform", "policy", "primitives", "wire"]),
    ("sts", &["platform", "policy", "sts-api", "wire"]),
    ("telemetry", &["store", "wire"]),
    ("server", &["platform", "store", "telemetry", "wire"]),
    (
        "fastness",
        &[
            "attestation",
            "cloudhsmv2",
            "cloudtrail",
            "confine",
            "iam",
            "keyring",
            "kms",
            "memory",
            "outbound",
            "platform",
            "policy",
            "seals",
            "server",
            "store",
            "sts",
            "telemetry",
            "wire",
            "xks",
        ],
    ),
    ("simdisk", &["store"]),
    (
        "simulation",
        &[
            "cloudtrail",
            "iam",
            "keyring",
            "kms",
            "platform",
            "primitives",
            "server",
            "simdisk",
            "store",
            "sts",
            "wire",
        ],
    ),
    (
        "fuzz",
        &[
            "attestation",
            "cloudtrail",
            "fastness",
            "iam",
            "keyring",
            "kms",
            "platform",
            "policy",
            "primitives",
            "seals",
            "simdisk",
            "simulation",
            "store",
            "sts",
            "wire",
            "xks",
        ],
    ),
    ("load", &["wire"]),
    ("xtask", &[]),
];

#[test]
fn arrows_point_down_only() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let rooms: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    assert_eq!(rooms, allowed.keys().copied().collect(), "a room is missing from ARROWS, or gone");
    for package in packages {
        let room = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let for_tests = dependency["kind"].as_str() == Some("dev");
            if rooms.contains(name) && !for_tests {
                assert!(allowed[room].contains(&name), "{room} must not depend on {name}");
            }
        }
    }
}
