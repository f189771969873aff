//! What it costs.

use wire::sigv4::{self, SigningKey};

use crate::support::*;

/// Prints what parsing and verifying cost, for a person to read: nothing is asserted. Meaningful only with
/// `cargo test --release -p wire --test sigv4 -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn cost_of_verifying() {
    let (parts, body) = kms_request();
    let key = key();
    let presented = sigv4::parse(&parts).unwrap().unwrap();
    let time = |what: &str, f: &dyn Fn()| {
        let mut best = u128::MAX;
        for _ in 0..50 {
            let start = std::time::Instant::now();
            (0..1000).for_each(|_| f());
            best = best.min(start.elapsed().as_nanos() / 1000);
        }
        println!("{what}: {best} ns");
    };
    time("parse", &|| drop(std::hint::black_box(sigv4::parse(&parts))));
    time("verify", &|| presented.verify(&parts, &body, &key, NOW).unwrap());
    time("derive", &|| drop(std::hint::black_box(SigningKey::derive(SECRET.as_bytes(), &presented.scope))));
}
