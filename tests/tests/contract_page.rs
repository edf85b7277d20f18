//! `docs/EXIT_CODES_AND_FILES.md`: what commands print for programs has the version that stands there. Exit codes and files are compared
//! beside the code that has them.

use std::{ffi::OsString, fs, path::Path};

use prony_tests::{Tool, mock_plugin};
use serde_json::Value;

#[test]
fn printed_json_has_the_version_of_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/EXIT_CODES_AND_FILES.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("\n| command | `schema_version` |\n|---|---|\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 9, "{rows:?}");
    // What a reader fills in: a plugin package, its name, and where it is exported to.
    let (home, made) =
        (tempfile::tempdir().unwrap(), mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics"));
    let package = home.path().join("acme-chat");
    fs::create_dir(&package).unwrap();
    for file in ["plugins.yaml", "libbad_panics.so"] {
        fs::copy(made.dir().join(file), package.join(file)).unwrap();
    }
    let filled = |word: &str| match word {
        "DIR" => package.clone().into_os_string(),
        "NAME" => OsString::from("acme-chat"),
        "FILE" => home.path().join("acme.tar").into_os_string(),
        word => OsString::from(word),
    };
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let command = cells[1].trim_matches('`').strip_prefix("prony ").unwrap();
        let run = Tool::new(command.split(' ').map(filled)).env("XDG_DATA_HOME", home.path()).run();
        // A look of `doctor` may fail here; it prints its object all the same.
        let printed: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(printed["schema_version"].to_string(), cells[2], "`prony {command}`");
    }
}
