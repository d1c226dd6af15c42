//! What stands in the files.

use super::*;
use crate::conversation::tests::{message, summary};
use chalktalk_client::chat::{Place, Saying};
use chalktalk_ipc::event::Scope;
use jiff::{Timestamp, tz::TimeZone};

fn by(n: u8, stamp: u64, saying: &Saying) -> Message {
    let mut message = message(1, n, stamp, "");
    message.payload = saying.payload().unwrap();
    message
}

fn room() -> Conversation {
    let place = |n, stamp| Place(message(1, n, stamp, "").position);
    let say = Saying::plain;
    let messages = vec![
        by(2, 5, &Saying::new("better", Kind::Edit { of: place(2, 1) })),
        by(2, 1, &say("worse")),
        by(3, 2, &say("<script>alert('x')</script> & **bold** `a<b`")),
        by(
            2,
            3,
            &Saying {
                reply: Some(place(3, 2)),
                topic: Some("tea".into()),
                ..say("[go](https://ok.example/?a=1&b=\"2\") javascript:alert(1)")
            },
        ),
        by(3, 4, &say("gone")),
        by(3, 6, &Saying::new("x", Kind::Delete { of: place(3, 4) })),
        by(2, 7, &Saying::new("👍", Kind::React { of: place(2, 1), emoji: "👍".into(), off: false })),
        by(3, 8, &say("two\nrows \u{202e}turned \u{1b}[2J")),
        by(2, 9, &say("/me waves")),
        by(2, 10, &say(&format!("📎 ../../-rf<b>.txt (1 B) blob:{}:7", "ab".repeat(32)))),
        by(3, 11, &say("so: `a`\n```rs\nlet b = \"<c>\"; // d\n```\n**e `f`**")),
    ];
    told(&summary(1, "#tea <room>", Scope::Open), messages, UserId::NIL)
}

fn written(format: Format) -> String {
    let now = Timestamp::from_second(1_732_226_400).unwrap().to_zoned(TimeZone::UTC);
    write(&room(), format, &now)
}

#[test]
fn text_is_for_reading() {
    insta::assert_snapshot!(written(Format::Text));
}

#[test]
fn a_page_has_no_tags_but_ours() {
    let page = written(Format::Html);
    insta::assert_snapshot!(page.split_once("<title>").unwrap().1);
    assert!(!page.contains("<script") && !page.contains("javascript:\"") && !page.contains('\u{202e}'));
    assert_eq!(page.matches("<a ").count(), 1);
}

#[test]
fn json_reads_back_with_promised_keys() {
    let read: serde_json::Value = serde_json::from_str(&written(Format::Json)).unwrap();
    let messages = read["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &read["title"]), (8, &"#tea <room>".into()));
    let first = &messages[0];
    assert_eq!((&first["text"], &first["edited"]), (&"better".into(), &true.into()));
    assert_eq!(first["reactions"][0]["emoji"], "👍");
    assert_eq!(messages[2]["reply"], messages[1]["message"]);
    assert_eq!((&messages[3]["text"], &messages[3]["deleted"]), (&"".into(), &true.into()));
    assert_eq!(messages[6]["file"]["name"], "_._.._-rf_b_.txt");
}

#[test]
fn the_ending_of_the_name_says_what_it_is_to_be() {
    let of = |name: &str| Format::of(Path::new(name));
    assert_eq!(
        (of("a.TXT"), of("a.b.json"), of("a.htm")),
        (Some(Format::Text), Some(Format::Json), Some(Format::Html))
    );
    assert_eq!((of("a"), of("a.pdf"), of(".html")), (None, None, None));
    let now = Timestamp::from_second(1_732_226_400).unwrap().to_zoned(TimeZone::UTC);
    assert_eq!(file_name("#../x", &now), "_._x 2024-11-21.html");
}

#[test]
fn a_hundred_thousand_messages_are_written_in_little_time() {
    let messages: Vec<Message> =
        (0..100_000).rev().map(|stamp| message(1, 2, stamp, "good **morning**")).collect();
    let start = std::time::Instant::now();
    let c = told(&summary(1, "#lobby", Scope::Open), messages, UserId::NIL);
    let now = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    assert!(write(&c, Format::Html, &now).len() > 10_000_000);
    assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
}
