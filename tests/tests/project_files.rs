//! The files that GitHub reads: they can be read, and what they name is there.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files in `.github` with one of these endings.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let is_meant = |file: &PathBuf| endings.iter().any(|ending| file.to_string_lossy().ends_with(ending));
    entries.filter(is_meant).collect()
}

/// Where the links of a page lead that are no addresses.
fn links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    targets.map(|target| target.split('#').next().unwrap()).collect()
}

fn yaml(file: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn links_lead_to_files() {
    let mut pages = files(".github", &[".md"]);
    pages.extend(["docs/CHANGELOG.md", "docs/EXIT_CODES_AND_FILES.md"].map(|page| root().join(page)));
    let mut seen = 0;
    for page in pages {
        for link in links(&fs::read_to_string(&page).unwrap()) {
            assert!(page.parent().unwrap().join(link).exists(), "{}: `{link}` is not there", page.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} links were read");
}

/// A form without a name, a description and fields is not shown.
#[test]
fn forms_of_issues_have_what_github_asks_for() {
    let forms = files(".github/ISSUE_TEMPLATE", &[".yml"]);
    assert!(forms.len() > 3, "{forms:?}");
    for file in forms.iter().filter(|file| !file.ends_with("config.yml")) {
        let form = yaml(file);
        assert!(form["name"].is_string() && form["description"].is_string(), "{}", file.display());
        let fields = form["body"].as_array().unwrap();
        for field in fields.iter().filter(|field| field["type"] != "markdown") {
            assert!(field["id"].is_string() && field["attributes"]["label"].is_string(), "{field:#}");
        }
    }
}

/// What a workflow runs of this repository is there, and can be run.
#[test]
fn workflows_run_scripts_that_there_are() {
    use std::os::unix::fs::PermissionsExt;
    let workflows = files(".github/workflows", &[".yml"]);
    assert!(!workflows.is_empty());
    for file in workflows {
        let workflow = yaml(&file);
        assert_eq!(workflow["permissions"]["contents"], "read", "{}", file.display());
        let jobs = workflow["jobs"].as_object().unwrap();
        let steps = jobs.values().flat_map(|job| job["steps"].as_array().unwrap());
        let commands = steps.filter_map(|step| step["run"].as_str());
        let is_ours = |word: &&str| [".ci/", "host/", "tests/"].iter().any(|folder| word.starts_with(folder));
        let of_ours: Vec<&str> = commands.flat_map(str::split_whitespace).filter(is_ours).collect();
        assert!(!of_ours.is_empty(), "{} runs nothing of this repository", file.display());
        for script in of_ours {
            let mode = fs::metadata(root().join(script)).unwrap().permissions().mode();
            assert!(mode & 0o100 != 0, "{}: `{script}` cannot be run", file.display());
        }
    }
}
