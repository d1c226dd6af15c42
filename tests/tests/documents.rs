//! What the documents say of the project's own files is so.

use std::{fs, path::Path};

/// Where the table of threats may point to, by the beginning of what it says.
const PLACES: [(&str, &str); 6] = [
    ("e2e/", "tests/tests/e2e/"),
    ("users/", "tests/tests/users/"),
    ("tests/", "tests/tests/"),
    ("protocol/tests/", "daemon/protocol/tests/"),
    ("client/", "apps/client/src/"),
    ("src/", "daemon/protocol/src/"),
];

#[test]
fn every_threat_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let (_, table) = text.split_once("## Threats").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 25, "{} rows", rows.len());
    for row in rows {
        let named: Vec<(&str, &str)> = row.split('`').filter_map(|part| part.split_once(".rs::")).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for (file, test) in named {
            let (start, folder) = PLACES.iter().find(|(start, _)| file.starts_with(start)).unwrap();
            let path = root.join(folder).join(&file[start.len()..]).with_extension("rs");
            let source = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert!(source.contains(&format!("fn {test}()")), "{} has no {test}", path.display());
        }
    }
}

#[test]
fn every_rule_of_the_protocol_has_a_number_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("docs/protocol.md")).unwrap();
    let mut rules: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("* **P")?.split('*').next()).collect();
    let count = rules.len();
    rules.sort_unstable();
    rules.dedup();
    assert!(count > 60 && rules.len() == count, "{count} rules, {} numbers", rules.len());
}
