//! A conversation as a file: the same from the chat and from the command line, and nothing in it that does something.

use crate::chat::two_terminals;
use chalktalk_tests::{lab::Lab, runner::Test, tests};
use serde_json::Value;
use std::fs;

pub(crate) const TESTS: &[Test] = tests![a_conversation_is_written_as_text_json_and_a_page];

fn a_conversation_is_written_as_text_json_and_a_page() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    let home = lab.host(2).dir().to_path_buf();
    ana.type_line("the keu is on the hook");
    ben.await_text("the keu is on the hook");
    ben.type_line("/react :+1:");
    ana.await_text("👍 1");
    ana.keys(&["F2", "e", "C-u"]);
    ana.type_line("the **key** is on the hook");
    ben.await_text("(edited)");
    lab.host(1).send("#lobby", "<script>alert(1)</script> \u{202e}turned");
    ben.await_text("<script>");
    ben.type_line("/export ~/lobby.html");
    ben.await_text("2 messages are in ~/lobby.html");
    let page = fs::read_to_string(home.join("lobby.html")).unwrap();
    assert!(page.contains("the <strong>key</strong> is on the hook <span class=\"e\">(edited)"), "{page}");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    ben.type_line("/export ~/lobby.html");
    ben.await_text("cannot write");
    ben.type_line("/export lobby.pdf");
    ben.await_text("end its name with .txt, .json or .html");
    let export = |name: &str| {
        let path = home.join(name);
        let output = lab.host(2).chalktalk(&["history", "#lobby", "--export", path.to_str().unwrap()]);
        assert_eq!(output.code(), 0, "{}", output.log);
        fs::read_to_string(path).unwrap()
    };
    let json: Value = serde_json::from_str(&export("lobby.json")).unwrap();
    let first = &json["messages"][0];
    assert_eq!((&first["text"], &first["edited"]), (&"the **key** is on the hook".into(), &true.into()));
    assert_eq!((&first["reactions"][0]["emoji"], &first["name"]), (&"👍".into(), &"ana".into()));
    let text = export("lobby.txt");
    assert!(text.contains("ana  the key is on the hook  (edited)\n            👍 1\n"), "{text}");
    let nowhere = lab.host(2).chalktalk(&["history", "#nowhere", "--export", "x.txt"]);
    assert_ne!(nowhere.code(), 0, "{}", nowhere.log);
}
