//! Attestation documents: what is believed says what a hypervisor said.

use attestation::{Attested, Roots};
use std::sync::LazyLock;

/// 2026-11-21T23:07:43Z, when the document was made.
const NOW: i64 = 1_795_302_463_000;

/// Made by tests/attested.py, with certificates that are valid for a century.
const DOCUMENT: &[u8] = include_bytes!("attested/document.cbor");
const ROOT: &[u8] = include_bytes!("attested/root.pem");

static GENUINE: LazyLock<(Roots, Attested)> = LazyLock::new(|| {
    let mut roots = Roots::default();
    roots.add_pem(ROOT).unwrap();
    let genuine = roots.verify(DOCUMENT, NOW).unwrap();
    (roots, genuine)
});

/// There are several ways to write the outermost array, and two signatures for one: all else is signed.
pub(crate) fn attestation(data: &[u8]) {
    let (roots, genuine) = &*GENUINE;
    let _ = Roots::default().add_pem(data);
    let Ok(attested) = roots.verify(data, NOW) else { return };
    assert_eq!(attested.module_id, genuine.module_id);
    assert_eq!(attested.registers, genuine.registers);
    assert_eq!(attested.environment, genuine.environment);
    assert!(Roots::default().verify(data, NOW).is_err(), "it is believed without a root");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let untagged = &DOCUMENT[1..];
    vec![DOCUMENT.to_vec(), untagged.to_vec(), ROOT.to_vec()]
}
