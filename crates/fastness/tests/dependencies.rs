//! Every direct dependency is named once, in the workspace's manifest, in a line that says why it is there (CONTRIBUTING.md).

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// The lines of a table of a manifest that name a dependency, with comments.
    fn entries(manifest: &str, table: &str) -> Vec<String> {
        let lines = manifest.lines().skip_while(|line| line.trim() != format!("[{table}]")).skip(1);
        let of_table = lines.take_while(|line| !line.starts_with('['));
        of_table.filter(|line| line.contains('=') && !line.starts_with('#')).map(str::to_owned).collect()
    }

    fn manifests() -> Vec<PathBuf> {
        let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let members: toml::Table = toml::from_str(&workspace).unwrap();
        let members = members["workspace"]["members"].as_array().unwrap();
        members.iter().flat_map(|member| rooms(member.as_str().unwrap())).collect()
    }

    /// The manifests of a member, which may be all rooms of a folder.
    fn rooms(member: &str) -> Vec<PathBuf> {
        let folders = match member.strip_suffix("/*") {
            Some(folder) => {
                fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect()
            }
            None => vec![root().join(member)],
        };
        folders.into_iter().map(|folder| folder.join("Cargo.toml")).filter(|path| path.exists()).collect()
    }

    #[test]
    fn every_library_says_why_it_is_there() {
        let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let entries = entries(&workspace, "workspace.dependencies");
        let libraries: Vec<_> = entries.iter().filter(|entry| !entry.contains("path = ")).collect();
        assert!(libraries.len() > 20, "the table was not found");
        for entry in libraries {
            let why = entry.rsplit_once(" # ").map(|(_, why)| why.trim());
            assert!(why.is_some_and(|why| why.split(' ').count() >= 2), "say why in a comment: {entry}");
        }
    }

    #[test]
    fn rooms_take_dependencies_from_the_workspace() {
        for manifest in manifests() {
            let text = fs::read_to_string(&manifest).unwrap();
            for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
                for entry in entries(&text, table) {
                    let shared = entry.contains(".workspace = true") || entry.contains("workspace = true");
                    assert!(shared, "{}: {entry}", manifest.display());
                }
            }
        }
    }

    #[test]
    fn no_dependency_is_named_in_vain() {
        let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let used: String = manifests().iter().map(|manifest| fs::read_to_string(manifest).unwrap()).collect();
        for entry in entries(&workspace, "workspace.dependencies") {
            let (name, _) = entry.split_once(' ').unwrap();
            let named = [format!("\n{name}.workspace"), format!("\n{name} = {{ workspace")]
                .iter()
                .any(|way| used.contains(way));
            assert!(named, "nothing uses {name}");
        }
    }
}
