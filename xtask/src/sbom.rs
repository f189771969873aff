//! The bill of materials of the release: which packages are in it, from where, under which licences (CycloneDX 1.6, JSON).

use crate::files::root;
use crate::run::{Failure, cargo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The package that the release is made of.
const RELEASED: &str = "fastness";

/// What cargo tells of the workspace.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    /// None for those of this repository.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// None, `build` or `dev`.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The bill of materials of the release for this computer's kind, always the same for the same lock file.
pub(crate) fn of_release() -> Result<String, Failure> {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host()?])
        .current_dir(root())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let lock: Lock = toml::from_str(&fs::read_to_string(root().join("Cargo.lock"))?)?;
    let mut text = serde_json::to_string_pretty(&bill(&metadata, &lock)?)?;
    text.push('\n');
    Ok(text)
}

/// The document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bill {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: About,
    components: Vec<Component>,
    dependencies: Vec<Edges>,
}

#[derive(Serialize)]
struct About {
    component: Component,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: String,
    version: String,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Value>,
    licenses: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Edges {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: BTreeSet<String>,
}

fn bill(metadata: &Metadata, lock: &Lock) -> Result<Bill, Failure> {
    let own = |package: &&Package| package.name == RELEASED && package.source.is_none();
    let released = metadata.packages.iter().find(own).ok_or("the released package is gone")?;
    let graph = Graph::new(metadata);
    let linked = graph.reached(&released.id, &[None]);
    let all = graph.reached(&released.id, &[None, Some("build")]);
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for package in all.iter().filter_map(|id| packages.get(id)) {
        if package.id != released.id {
            // What only runs during the build is named, but is no part of the binary.
            let scope = if linked.contains(package.id.as_str()) { "required" } else { "excluded" };
            components.push(Component::new(package, "library", scope, lock));
        }
        let on = graph.dependencies(&package.id, &[None, Some("build")]);
        let depends_on = on.filter_map(|id| packages.get(id)).map(|package| reference(package)).collect();
        dependencies.push(Edges { reference: reference(package), depends_on });
    }
    components.sort_by(|one, other| one.reference.cmp(&other.reference));
    dependencies.sort_by(|one, other| one.reference.cmp(&other.reference));
    let component = Component::new(released, "application", "required", lock);
    Ok(Bill {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        version: 1,
        metadata: About { component },
        components,
        dependencies,
    })
}

struct Graph<'m>(BTreeMap<&'m str, &'m [Dependency]>);

impl<'m> Graph<'m> {
    fn new(metadata: &'m Metadata) -> Self {
        Self(metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node.deps.as_slice())).collect())
    }

    fn dependencies(&self, id: &str, kinds: &[Option<&str>]) -> impl Iterator<Item = &'m str> {
        let all = self.0.get(id).copied().unwrap_or_default();
        let wanted = |dependency: &&Dependency| {
            dependency.dep_kinds.iter().any(|found| kinds.contains(&found.kind.as_deref()))
        };
        all.iter().filter(wanted).map(|dependency| dependency.pkg.as_str())
    }

    /// All that is reached from a package, itself included.
    fn reached(&self, from: &'m str, kinds: &[Option<&str>]) -> BTreeSet<&'m str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(self.dependencies(id, kinds));
            }
        }
        reached
    }
}

impl Component {
    fn new(package: &Package, kind: &'static str, scope: &'static str, lock: &Lock) -> Self {
        let Package { name, version, license, repository, source, .. } = package;
        let locked = lock.package.iter().find(|locked| locked.name == *name && locked.version == *version);
        let checksum = locked.and_then(|locked| locked.checksum.as_ref());
        // Some packages still have the slash from before SPDX expressions.
        let license =
            license.as_deref().map(|it| it.split('/').map(str::trim).collect::<Vec<_>>().join(" OR "));
        Self {
            kind,
            reference: reference(package),
            name: name.clone(),
            version: version.clone(),
            scope,
            purl: source.as_ref().map(|_| reference(package)),
            hashes: checksum.map(|it| json!({"alg": "SHA-256", "content": it})).into_iter().collect(),
            licenses: license.map(|it| json!({"expression": it})).into_iter().collect(),
            external_references: repository.iter().map(|it| json!({"type": "vcs", "url": it})).collect(),
        }
    }
}

/// The package URL; for the rooms of this house a name that is no URL, as others may have published packages of their names.
fn reference(package: &Package) -> String {
    let Package { name, version, .. } = package;
    match package.source {
        Some(_) => format!("pkg:cargo/{name}@{version}"),
        None => format!("fastness/{name}@{version}"),
    }
}

/// This computer's kind, as in `x86_64-unknown-linux-gnu`.
fn host() -> Result<String, Failure> {
    let told = std::process::Command::new("rustc").arg("-vV").output()?;
    let told = String::from_utf8(told.stdout)?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not tell its host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_what_is_in_the_binary_and_nothing_else() {
        let text = of_release().unwrap();
        assert_eq!(text, of_release().unwrap(), "it is always the same");
        let bill: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(bill["metadata"]["component"]["name"], "fastness");
        let components = bill["components"].as_array().unwrap();
        let named = |name: &str| components.iter().find(|component| component["name"] == name);
        let redb = named("redb").unwrap();
        assert_eq!(redb["scope"], "required");
        assert_eq!(redb["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert!(redb["purl"].as_str().unwrap().starts_with("pkg:cargo/redb@"));
        assert_eq!(named("cc").unwrap()["scope"], "excluded", "it builds, and is not linked");
        for absent in ["proptest", "expect-test", "xtask", "load"] {
            assert!(named(absent).is_none(), "{absent} is for tests and tools");
        }
        for room in ["kms", "iam", "store", "server"] {
            assert!(named(room).unwrap()["purl"].is_null(), "{room} is no published package");
        }
        for component in components {
            let expression = component["licenses"][0]["expression"].as_str();
            assert!(expression.is_some_and(|it| !it.contains('/')), "{component}");
        }
        let known: BTreeSet<_> =
            components.iter().map(|component| &component["bom-ref"]).map(Value::to_string).collect();
        for dependency in bill["dependencies"].as_array().unwrap() {
            for on in dependency["dependsOn"].as_array().unwrap() {
                assert!(known.contains(&on.to_string()), "{on}");
            }
        }
    }
}
