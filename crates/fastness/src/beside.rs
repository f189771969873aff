//! The files beside the store: each is what was written by who has the keyring, or is named.
//!
//! Not among them are those that say nothing: the locks (`lock`, `serving.lock`, `keyring.json.lock`), which are empty, and what a
//! running server tells other commands of itself (`serving.json`, `admin.sock`).

use crate::credentials::RootKey;
use crate::deployment::Data;
use crate::{Failure, failure, tls};
use keyring::Keyring;

/// Findings about what is not as it was written, a line each. Every byte of these files counts.
pub(crate) fn check(data: &Data, keyring: &Keyring) -> Result<Vec<String>, Failure> {
    let description = || {
        let path = data.description();
        let found = data.describe()?.ok_or_else(|| failure(path.display(), "it is missing"))?;
        found.confirm(keyring).map_err(|Failure { message: why, .. }| failure(path.display(), why))
    };
    let found = [
        keyring.check().map_err(Failure::from),
        description(),
        RootKey::read(data, keyring).map(drop),
        tls::check(data, keyring),
    ];
    Ok(found.into_iter().filter_map(Result::err).map(|Failure { message: what, .. }| what).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Place;
    use crate::config::Config;
    use crate::deployment::write_private;
    use crate::init;
    use crate::opening::Opening;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Files whose bytes say nothing.
    const IDLE: [&str; 1] = ["keyring.json.lock"];

    /// Findings when the deployment is opened and checked.
    fn examine(place: &Place) -> Result<Vec<String>, Failure> {
        let opening = Opening::locate(place)?;
        let keyring = opening.keyring(&[])?;
        check(&opening.data, &keyring)
    }

    fn made(directory: &Path) -> Place {
        fs::create_dir(directory).unwrap();
        let key_file = Some(directory.join("key"));
        let data = Some(directory.join("data"));
        let place = Place { data, config: None, key_file, passphrase_file: None };
        let text = format!("[tls]\nmade-file = {:?}\n", directory.join("made.pem"));
        let config = Config::parse(&text, Path::new("f.toml")).unwrap();
        let data = Data::locate(&place, &config).unwrap();
        init::create(&place, &config, &data, None, init::Wanted::default(), true).unwrap();
        place
    }

    #[test]
    fn every_flipped_byte_of_every_file_is_found() {
        let scratch = tempfile::tempdir().unwrap();
        let place = made(&scratch.path().join("one"));
        assert_eq!(examine(&place).unwrap(), [] as [&str; 0]);
        let data = place.data.clone().unwrap();
        let mut seen = BTreeSet::new();
        let paths: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
        for path in paths {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            seen.insert(name.clone());
            // The store's own files are flipped by its own tests.
            if path.is_dir() || IDLE.contains(&name.as_str()) {
                continue;
            }
            let whole = fs::read(&path).unwrap();
            // Some of every part: opening the keyring again takes its time.
            let step = (whole.len() / 40).max(1);
            for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << (at % 8);
                fs::write(&path, &bytes).unwrap();
                match examine(&place) {
                    Err(_) => {}
                    Ok(found) => {
                        assert!(
                            found.iter().any(|what| what.contains(&name)),
                            "byte {at} of {name}: {found:?}"
                        )
                    }
                }
            }
            for bytes in [&whole[..whole.len() - 1], &[&whole[..], b"\n"].concat(), b""] {
                fs::write(&path, bytes).unwrap();
                assert!(
                    examine(&place).map_or(true, |found| !found.is_empty()),
                    "{} bytes of {name}",
                    bytes.len()
                );
            }
            fs::remove_file(&path).unwrap();
            let optional = ["authority.sealed"].contains(&name.as_str());
            assert!(optional || examine(&place).map_or(true, |found| !found.is_empty()), "{name} is gone");
            write_private(&path, &whole).unwrap();
        }
        let expected = [
            "authority.sealed",
            "ca.pem",
            "deployment.json",
            "keyring.json",
            "keyring.json.lock",
            "keyring.shreds",
            "root-credentials.sealed",
            "store",
        ];
        assert!(seen.iter().map(String::as_str).eq(expected), "{seen:?}");
        assert_eq!(examine(&place).unwrap(), [] as [&str; 0]);
    }

    #[test]
    fn no_file_of_another_deployment_passes() {
        let scratch = tempfile::tempdir().unwrap();
        let (one, two) = (made(&scratch.path().join("one")), made(&scratch.path().join("two")));
        let (one_data, two_data) = (one.data.clone().unwrap(), two.data.clone().unwrap());
        for name in [
            "authority.sealed",
            "ca.pem",
            "deployment.json",
            "keyring.json",
            "keyring.shreds",
            "root-credentials.sealed",
        ] {
            let own = fs::read(one_data.join(name)).unwrap();
            fs::copy(two_data.join(name), one_data.join(name)).unwrap();
            assert!(examine(&one).map_or(true, |found| !found.is_empty()), "{name}");
            fs::write(one_data.join(name), own).unwrap();
        }
        // Another account, whoever takes care of the spelling.
        let path = one_data.join("deployment.json");
        let text = fs::read_to_string(&path).unwrap();
        let account = Opening::locate(&one).unwrap().description.account;
        fs::write(&path, text.replace(&account, "999999999999")).unwrap();
        let Failure { message: why, .. } = examine(&one).unwrap_err();
        assert!(why.contains("deployment.json") && why.contains("its proof does not fit"), "{why}");
        fs::write(&path, text.replace("\"format\": 2", "\"format\": 1")).unwrap();
        let Failure { message: why, .. } = examine(&one).unwrap_err();
        assert!(
            why.contains("it has format 1, but this program reads format 2 only: use the version"),
            "{why}"
        );
    }
}
