//! Commands that an operator can type next, with what leads to this very deployment.

use crate::args::Place;
use crate::deployment::Data;
use std::path::Path;

impl Place {
    /// `fastness COMMAND`, with the flags by which this place was named.
    pub(crate) fn hint(&self, command: &str) -> String {
        let mut hint = format!("fastness {command}");
        let flags = [
            ("config", &self.config),
            ("data", &self.data),
            ("key-file", &self.key_file),
            ("passphrase-file", &self.passphrase_file),
        ];
        for (flag, path) in flags {
            if let Some(path) = path {
                // Whoever types it may be in another directory.
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                hint.push_str(&format!(" --{flag} {}", quoted(&path)));
            }
        }
        hint
    }
}

impl Data {
    /// The next step of whoever meant a deployment that is not here.
    pub(crate) fn absent(&self) -> String {
        format!(
            "no deployment is here: name its directory with --data, or `data` in the configuration; or make one: fastness init --data {}",
            quoted(self.path())
        )
    }
}

/// A path as shells take it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\"'\"'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_place_in_words_for_a_shell() {
        let place = Place {
            config: Some("/etc/f.toml".into()),
            data: Some("/d/it's here".into()),
            key_file: None,
            passphrase_file: Some("/p".into()),
        };
        let hint = "fastness serve --config /etc/f.toml --data '/d/it'\"'\"'s here' --passphrase-file /p";
        assert_eq!(place.hint("serve"), hint);
        let nowhere = Place { config: None, data: None, key_file: None, passphrase_file: None };
        assert_eq!(nowhere.hint("env"), "fastness env");
    }
}
