//! Fuzz targets for everything that reads what others wrote.
//!
//! A target is a plain function of bytes that panics where something is wrong: not only where the code under test does, but also
//! where two ways of finding the same answer differ. [`TARGETS`] lists them; the libFuzzer program, `cargo xtask fuzz`, and the
//! test that replays `corpus/` and `regressions/` all go through it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a tool of tests: that is how they fail"
)]

mod attested;
mod codecs;
mod durable;
mod heads;
mod history;
mod language;
mod material;
mod operator;
mod proxied;
mod sealed;
mod serving;
mod signatures;
mod trails;

/// A way in for hostile bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, on the command line and of its folders.
    pub name: &'static str,
    /// What it reads and what is held against it.
    pub doc: &'static str,
    /// Tries one input; panics if something is wrong.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets, in the order of their names.
pub const TARGETS: &[Target] = &[
    Target {
        name: "arn",
        doc: "ARN patterns and ARNs: `ArnLike` agrees with a match part by part",
        run: language::arn,
        seeds: language::arn_seeds,
    },
    Target {
        name: "attestation",
        doc: "attestation documents, altered and made up: none but what the hypervisor said is believed",
        run: attested::attestation,
        seeds: attested::seeds,
    },
    Target {
        name: "backup",
        doc: "backup files, altered and made up: what is read is written again alike",
        run: operator::backup,
        seeds: operator::backup_seeds,
    },
    Target {
        name: "cbor",
        doc: "RPC v2 CBOR into the inputs of all operations: what was read is written and read again alike, also as JSON",
        run: codecs::cbor,
        seeds: codecs::cbor_seeds,
    },
    Target {
        name: "ciphertext",
        doc: "Decrypt of altered and made-up ciphertexts: nothing but the ciphertext itself is decrypted",
        run: sealed::ciphertext,
        seeds: sealed::ciphertext_seeds,
    },
    Target {
        name: "condition",
        doc: "condition operators on numbers, dates, addresses, bytes and text: agree with naive ones; a negation is one",
        run: language::condition,
        seeds: language::condition_seeds,
    },
    Target {
        name: "configuration",
        doc: "configuration files: an error says where",
        run: operator::configuration,
        seeds: operator::configuration_seeds,
    },
    Target {
        name: "environment-file",
        doc: "environment files: a value is one of the file, an error says where",
        run: operator::environment_file,
        seeds: operator::environment_file_seeds,
    },
    Target {
        name: "glob",
        doc: "patterns with `*`, `?` and policy variables: agree with a table of all splits",
        run: language::glob,
        seeds: language::glob_seeds,
    },
    Target {
        name: "history",
        doc: "a sequence of calls of KMS, IAM and STS: every answer is what the model predicts",
        run: history::history,
        seeds: history::seeds,
    },
    Target {
        name: "journal",
        doc: "the store's files, altered: a store opens with a state that it was in, or with an error",
        run: durable::journal,
        seeds: durable::seeds,
    },
    Target {
        name: "json",
        doc: "AWS JSON into the inputs of all operations: what was read is written and read again alike, also as CBOR",
        run: codecs::json,
        seeds: codecs::json_seeds,
    },
    Target {
        name: "keyring-file",
        doc: "keyring files, altered and resealed: none but the one that was written opens",
        run: sealed::keyring_file,
        seeds: sealed::keyring_file_seeds,
    },
    Target {
        name: "marker",
        doc: "session tokens, page markers and sealed values, altered and made up: none opens",
        run: sealed::marker,
        seeds: sealed::marker_seeds,
    },
    Target {
        name: "material",
        doc: "private keys, public keys and ciphertexts of ML-KEM: what is taken over is a key, and stays the same one",
        run: material::material,
        seeds: material::seeds,
    },
    Target {
        name: "policy",
        doc: "policy documents of all kinds: errors point into them, decisions do not depend on white space, a deny is final",
        run: language::policy,
        seeds: language::policy_seeds,
    },
    Target {
        name: "policy-tests",
        doc: "files of policy tests, in YAML and JSON: an error says where",
        run: operator::policy_tests,
        seeds: operator::policy_tests_seeds,
    },
    Target {
        name: "query",
        doc: "Query forms into the inputs of IAM and STS: what was read is written as JSON and read again alike",
        run: codecs::query,
        seeds: codecs::query_seeds,
    },
    Target {
        name: "rest-json",
        doc: "REST-JSON requests into inputs with members in every place of a request",
        run: codecs::rest_json,
        seeds: codecs::rest_json_seeds,
    },
    Target {
        name: "routing",
        doc: "heads and bodies of requests: are routed, and what is routed is decoded or refused",
        run: heads::routing,
        seeds: heads::seeds,
    },
    Target {
        name: "serving",
        doc: "whole requests, signed, by a whole server: an answer that is no failure of ours, and one record each",
        run: serving::serving,
        seeds: serving::seeds,
    },
    Target {
        name: "share",
        doc: "shares of a root key, typed well and badly: the share is read, or none",
        run: operator::share,
        seeds: operator::share_seeds,
    },
    Target {
        name: "sigv4",
        doc: "signed heads: no made-up signature holds, every made one does, and none after a change",
        run: signatures::sigv4,
        seeds: signatures::seeds,
    },
    Target {
        name: "trail",
        doc: "audit records of hostile calls: are JSON that says what was sent, and are found again",
        run: trails::trail,
        seeds: trails::seeds,
    },
    Target {
        name: "xks",
        doc: "answers of proxies of external key stores: are refused, or have the lengths and the sum that they must",
        run: proxied::xks,
        seeds: proxied::seeds,
    },
];

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Takes bytes off an input, as choices; 0 when there are none left.
struct Choices<'d>(&'d [u8]);

impl<'d> Choices<'d> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.byte() % bound.max(1)
    }

    fn word(&mut self) -> usize {
        self.byte() << 8 | self.byte()
    }

    /// Everything up to the next zero byte.
    fn until_zero(&mut self) -> &'d [u8] {
        let end = self.0.iter().position(|byte| *byte == 0);
        let (found, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        found
    }

    /// The same as text, if it is any.
    fn text(&mut self) -> Option<&'d str> {
        std::str::from_utf8(self.until_zero()).ok()
    }
}

/// An original and what an input makes of it.
fn altered(original: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let mut bytes = original.to_vec();
    match choices.below(4) {
        // Nothing of the original.
        0 => return choices.0.to_vec(),
        1 => bytes.truncate(choices.word() % (bytes.len() + 1)),
        2 => bytes.extend_from_slice(choices.0),
        _ => {
            let start = choices.word() % bytes.len();
            for (byte, change) in bytes[start..].iter_mut().zip(choices.0) {
                *byte ^= change;
            }
        }
    }
    bytes
}

/// Parts of an input, separated as [`Choices::until_zero`] wants them.
fn joined(choices: &[u8], parts: &[&str]) -> Vec<u8> {
    let mut bytes = choices.to_vec();
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            bytes.push(0);
        }
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_unique_and_every_target_has_seeds() {
        assert!(TARGETS.is_sorted_by(|a, b| a.name < b.name));
        for target in TARGETS {
            assert!(!(target.seeds)().is_empty(), "{}", target.name);
        }
    }
}
