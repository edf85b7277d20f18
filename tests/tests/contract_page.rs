//! `docs/EXIT_CODES_AND_FILES.md`: what commands print for programs has the version that stands there. Exit codes and files are compared
//! beside the code that has them.

use std::{fs, path::Path};

use prony_tests::Tool;
use serde_json::Value;

#[test]
fn printed_json_has_the_version_of_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/EXIT_CODES_AND_FILES.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("\n| command | `schema_version` |\n|---|---|\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 5, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let command = cells[1].trim_matches('`').strip_prefix("prony ").unwrap();
        let run = Tool::new(command.split(' ')).run();
        // A look of `doctor` may fail here; it prints its object all the same.
        let printed: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(printed["schema_version"].to_string(), cells[2], "`prony {command}`");
    }
}
