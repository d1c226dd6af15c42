//! What people write arrives as they wrote it.

use crate::sessions::TEST_APP;
use chalktalk_ipc::request::From;
use chalktalk_tests::{lab::Lab, programs::SOON, runner::Test, tests, texts, wait};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    every_text_reaches_every_chat_and_every_history_byte_for_byte,
    every_text_travels_the_other_way_too,
    bytes_that_are_no_text_travel_unharmed,
];

const ENOUGH: Duration = Duration::from_secs(60);

fn every_text_reaches_every_chat_and_every_history_byte_for_byte() {
    let texts = texts::lines();
    assert!(texts.len() > 1000, "{} texts", texts.len());
    let (lab, _daemons) = Lab::talking(3);
    let chats: Vec<_> = lab.hosts().iter().map(|host| host.chat("#lobby", "lobby")).collect();
    let sent = lab.host(1).chalktalk_fed(&["send", "#lobby", "-"], texts.join("\n") + "\n");
    assert_eq!(sent.code(), 0, "{}", sent.log);
    for (host, chat) in lab.hosts().iter().zip(&chats) {
        wait::until(ENOUGH, &format!("{} to show all texts", host.label()), || {
            chat.transcript.lines().len() >= texts.len()
        });
        let shown = chat.transcript.texts();
        let first = shown.iter().zip(&texts).find(|(shown, sent)| shown != sent);
        assert_eq!(first, None, "on {}", host.label());
        assert_eq!(shown.len(), texts.len(), "on {}", host.label());
        assert!(host.history("#lobby") == texts, "the history on {} is something else", host.label());
    }
}

fn every_text_travels_the_other_way_too() {
    let texts = texts::lines();
    let (lab, _daemons) = Lab::talking(2);
    let here = lab.host(1).app(TEST_APP);
    let there = lab.host(2).app(TEST_APP);
    let session = here.enter("#texts", From::Start);
    there.enter("#texts", From::Start);
    for (n, text) in texts.iter().enumerate() {
        let author = if n % 2 == 0 { &here } else { &there };
        author.publish(session, text);
    }
    for app in [&here, &there] {
        app.await_count(texts.len(), ENOUGH);
        for (parity, author) in [&here, &there].iter().enumerate() {
            let sent: Vec<_> = texts.iter().skip(parity).step_by(2).collect();
            let messages = app.messages();
            let heard: Vec<String> =
                messages.iter().filter(|m| m.instance == author.instance).map(|m| m.text()).collect();
            assert!(heard.iter().eq(sent), "in the author's order, unchanged");
        }
    }
}

fn bytes_that_are_no_text_travel_unharmed() {
    let (lab, _daemons) = Lab::talking(2);
    let here = lab.host(1).app(TEST_APP);
    let there = lab.host(2).app(TEST_APP);
    let session = here.enter("#bytes", From::Start);
    there.enter("#bytes", From::Start);
    let every = (0..=255).collect::<Vec<u8>>();
    let payloads = [vec![], vec![0], vec![0xff; 3], every.repeat(256), b"\xf0\x28\x8c\x28".to_vec()];
    assert_eq!(payloads[3].len(), chalktalk_ipc::MAX_MESSAGE);
    here.publish_each(session, &payloads);
    there.await_count(payloads.len(), SOON);
    let heard: Vec<Vec<u8>> = there.messages().into_iter().map(|m| m.payload).collect();
    assert!(heard == payloads);
}
