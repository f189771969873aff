//! Which room may depend on which (ARCHITECTURE.md): arrows point down only.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What each room may use of the others. A room that is not listed here fails the test.
///
/// Of the crates in `crates/api` and `crates/services` there is a rule for each folder instead.
const ARROWS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("policy", &[]),
    ("store", &[]),
    ("memory", &[]),
    ("confine", &[]),
    ("attestation", &["wire"]),
    ("primitives", &[]),
    ("hsm", &[]),
    ("keyring", &["memory", "primitives"]),
    ("outbound", &[]),
    ("rotation", &["outbound"]),
    ("seals", &["hsm", "keyring", "outbound", "wire"]),
    ("platform", &["keyring", "policy", "store", "wire"]),
    ("xks", &["outbound", "platform", "wire"]),
    ("telemetry", &["store", "wire"]),
    ("server", &["outbound", "platform", "store", "telemetry", "wire"]),
    (
        "fastness",
        &[
            "assembly",
            "attestation",
            "cloudhsmv2",
            "confine",
            "iam",
            "keyring",
            "kms",
            "memory",
            "outbound",
            "platform",
            "policy",
            "rotation",
            "seals",
            "server",
            "store",
            "telemetry",
            "wire",
            "xks",
        ],
    ),
    ("simdisk", &["store"]),
    (
        "simulation",
        &["assembly", "iam", "keyring", "platform", "primitives", "server", "simdisk", "store", "wire"],
    ),
    (
        "fuzz",
        &[
            "assembly",
            "attestation",
            "fastness",
            "keyring",
            "platform",
            "policy",
            "primitives",
            "seals",
            "simdisk",
            "simulation",
            "store",
            "wire",
            "xks",
        ],
    ),
    ("load", &["wire"]),
    ("xtask", &[]),
];

/// What the crates of services may use beside all apis: not each other.
const SERVICES_MAY: &[&str] =
    &["attestation", "hsm", "keyring", "platform", "policy", "primitives", "store", "wire"];

#[test]
fn arrows_point_down_only() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let rooms: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let folder = |package: &serde_json::Value, name: &str| {
        package["manifest_path"].as_str().unwrap().contains(&format!("/crates/{name}/"))
    };
    let named = |name: &'static str| {
        let packages = packages.iter().filter(move |package| folder(package, name));
        packages.map(|package| package["name"].as_str().unwrap())
    };
    let (apis, services): (Vec<_>, Vec<_>) = (named("api").collect(), named("services").collect());
    let mut allowed: BTreeMap<&str, Vec<&str>> =
        ARROWS.iter().map(|(room, may)| (*room, may.to_vec())).collect();
    allowed.extend(apis.iter().map(|api| (*api, vec!["wire"])));
    allowed.extend(services.iter().map(|service| (*service, [SERVICES_MAY, &apis].concat())));
    allowed
        .insert("assembly", [&["attestation", "platform", "rotation", "wire"], services.as_slice()].concat());
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
