//! Every error code in the source of a service is one of its model, or one that is common to all services.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Codes that no model lists (IAM API Reference, "Common Errors", and answers of the JSON services).
    const COMMON: [&str; 5] = [
        "AccessDeniedException",
        "ValidationError",
        "ValidationException",
        "NotAuthorizedException",
        "ThrottlingException",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // Proxies of external key stores have errors of their own, which `wire::xks` lists.
            if path.is_dir() && !["tests", "proxy"].contains(&name) {
                sources(&path, found);
            } else if name.ends_with(".rs") && !["api.rs", "testing.rs", "tests.rs"].contains(&name) {
                found.push(path);
            }
        }
    }

    /// The string literals that look like codes of errors.
    fn codes(source: &str) -> impl Iterator<Item = &str> {
        source.split('"').skip(1).step_by(2).filter(|text| {
            let name = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            name && (text.ends_with("Exception") || text.ends_with("Error"))
        })
    }

    #[test]
    fn codes_of_services_are_those_of_their_models() {
        let mut seen = 0;
        for model in assembly::models() {
            let folder =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../services").join(model.name).join("src");
            let mut files = Vec::new();
            // The proxies of external key stores are a service of the crate of KMS.
            if !folder.exists() {
                continue;
            }
            sources(&folder, &mut files);
            for file in files {
                let source = fs::read_to_string(&file).unwrap();
                for code in codes(&source) {
                    seen += 1;
                    let known =
                        COMMON.contains(&code) || model.errors.iter().any(|error| error.shape == code);
                    assert!(known, "{}: {code} is no error of {}", file.display(), model.name);
                }
            }
        }
        assert!(seen > 50, "only {seen} codes were found");
    }
}
