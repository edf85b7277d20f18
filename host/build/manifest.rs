//! Manifests that do not need their workspace any more.

use std::{error::Error, fmt::Write};

use toml::{Table, Value};

/// A feature that only this workspace wants of a library: its reports keep the order of their keys.
const OURS: &str = "preserve_order";

/// The contract crate's manifest with everything that it inherits, without what only its own tests and lints need.
pub(crate) fn resolved(manifest: &Table, workspace: &Table) -> Result<Table, Box<dyn Error>> {
    let mut manifest = manifest.clone();
    for section in ["dev-dependencies", "lints", "test", "bench"] {
        manifest.remove(section);
    }
    let inherited = table(table(workspace, "workspace")?, "package")?;
    for (name, value) in table_mut(&mut manifest, "package")? {
        if inherits(value) {
            *value = inherited.get(name).ok_or_else(|| format!("the workspace has no `{name}`"))?.clone();
        }
    }
    for (name, value) in table_mut(&mut manifest, "dependencies")? {
        if inherits(value) {
            *value = inherited_dependency(name, value, workspace)?;
        }
    }
    Ok(manifest)
}

/// The dependencies of an example beside the contract.
pub(crate) struct Dependencies {
    /// Lines of a manifest.
    pub(crate) lines: String,
    pub(crate) names: Vec<String>,
}

/// Reads them from the example's manifest.
pub(crate) fn dependencies(manifest: &Table, workspace: &Table) -> Result<Dependencies, Box<dyn Error>> {
    let mut found = Dependencies { lines: String::new(), names: Vec::new() };
    for (name, value) in table(manifest, "dependencies")? {
        if name == "prony-plugin-api" {
            continue;
        }
        let value = inherited_dependency(name, value, workspace)?;
        writeln!(found.lines, "{name} = {}", inline(&value))?;
        found.names.push(name.clone());
    }
    Ok(found)
}

/// A dependency of the workspace, with what a member adds to it.
fn inherited_dependency(name: &str, own: &Value, workspace: &Table) -> Result<Value, Box<dyn Error>> {
    let all = table(table(workspace, "workspace")?, "dependencies")?;
    let shared = all.get(name).ok_or_else(|| format!("the workspace has no dependency `{name}`"))?;
    let mut dependency = match shared {
        Value::Table(table) => table.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    for (key, value) in own.as_table().into_iter().flatten().filter(|(key, _)| *key != "workspace") {
        dependency.insert(key.clone(), value.clone());
    }
    if let Some(Value::Array(features)) = dependency.get_mut("features") {
        features.retain(|feature| feature.as_str() != Some(OURS));
        if features.is_empty() {
            dependency.remove("features");
        }
    }
    Ok(Value::Table(dependency))
}

/// A dependency as people write it.
fn inline(dependency: &Value) -> String {
    match dependency {
        Value::Table(table) if table.len() == 1 => {
            table.get("version").map_or_else(|| dependency.to_string(), Value::to_string)
        }
        other => other.to_string(),
    }
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn table<'a>(parent: &'a Table, name: &str) -> Result<&'a Table, Box<dyn Error>> {
    Ok(parent.get(name).and_then(Value::as_table).ok_or_else(|| format!("there is no `[{name}]`"))?)
}

fn table_mut<'a>(parent: &'a mut Table, name: &str) -> Result<&'a mut Table, Box<dyn Error>> {
    let found = parent.get_mut(name).and_then(Value::as_table_mut);
    Ok(found.ok_or_else(|| format!("there is no `[{name}]`"))?)
}
