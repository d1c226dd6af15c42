//! What people and networks call things: what parses prints back the same, and what is shown cannot drive a terminal.
#![no_main]

use chalktalk_ipc::{AppId, Target, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(name) = std::str::from_utf8(data) else { return };
    if let Ok(target) = name.parse::<Target>() {
        assert_eq!(target.to_string().parse(), Ok(target));
    }
    if let Ok(app) = name.parse::<AppId>() {
        assert_eq!(app.as_str(), name);
        assert!(!name.contains(['/', '\0']) && !name.contains(".."));
    }
    let label = text::label(name);
    assert!(label.len() <= text::MAX_LABEL && label.trim() == label);
    assert_eq!(text::label(&label), label, "a label stays as it is");
    let shown = text::printable(name);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
});
