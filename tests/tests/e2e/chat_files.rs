//! Files in the chat of a terminal: offered, fetched, shown as they come, and never written where they do not belong.

use crate::{chat::two_terminals, terminal::Terminal};
use chalktalk_tests::{
    lab::{Host, Lab},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{fs, path::PathBuf};

pub(crate) const TESTS: &[Test] = tests![
    files_and_folders_go_from_chat_to_chat,
    a_file_that_nobody_has_waits_and_is_stopped,
    files_of_who_is_trusted_come_by_themselves,
];

fn downloads(host: &Host) -> PathBuf {
    host.dir().join("Downloads")
}

fn await_file(host: &Host, name: &str, bytes: &[u8]) {
    let path = downloads(host).join(name);
    wait::until(SOON, &format!("{name} to be written"), || fs::read(&path).is_ok_and(|read| read == bytes));
}

fn files_and_folders_go_from_chat_to_chat() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    let home = lab.host(1).dir();
    fs::write(home.join("report one.pdf"), vec![b'r'; 700_000]).unwrap();
    fs::create_dir_all(home.join("photos/deeper")).unwrap();
    fs::write(home.join("photos/deeper/two.txt"), "2").unwrap();
    ana.type_line("/share ~/report one.pdf");
    for terminal in [&ana, &ben] {
        terminal.await_text("📎 report one.pdf (683.6 KiB)");
    }
    ana.await_text("on 1 of 2 hosts");
    ben.await_text("/get report one.pdf fetches it");
    ben.keys(&["/get", "Space", "rep"]);
    ben.await_text("683.6 KiB from ana");
    ben.keys(&["Tab", "Enter"]);
    ben.await_text("here: ~/Downloads/report one.pdf");
    await_file(lab.host(2), "report one.pdf", &vec![b'r'; 700_000]);
    // Everybody knows where it is now, and nothing is ever overwritten.
    for terminal in [&ana, &ben] {
        terminal.await_text("on 2 of 2 hosts");
    }
    ben.type_line("/get report one.pdf");
    ben.await_text("here: ~/Downloads/report one (2).pdf");
    ana.type_line("/share ~/photos/");
    ben.await_text("📁 photos (1 file, 1 B)");
    ben.type_line("/get photos");
    await_file(lab.host(2), "photos/deeper/two.txt", b"2");
    ana.type_line("/share /nowhere/x");
    ana.await_text("cannot read /nowhere/x");
    // Offered by the command line, under a name that leads elsewhere.
    let blob = lab.host(2).facts(&["file", "list", "#lobby"])[0]["blob"].as_str().unwrap().to_owned();
    lab.host(1).send("#lobby", &format!("📎 ../../-rf\u{202e}gpj.exe (1 B) blob:{blob}:700000"));
    ben.await_text("📎 _._.._-rfgpj.exe (683.6 KiB)");
    ben.keys(&["F2", "g"]);
    await_file(lab.host(2), "_._.._-rfgpj.exe", &vec![b'r'; 700_000]);
    ben.type_line("/files");
    ben.await_text("📁 photos (1 file, 1 B) from ana: here");
    // The command line's `file get` says so as well.
    let list = lab.host(1).facts(&["file", "list", "#lobby"]);
    assert_eq!(list.as_array().unwrap().len(), 3);
}

fn a_file_that_nobody_has_waits_and_is_stopped() {
    let (lab, _daemons) = Lab::talking(2);
    let ben = Terminal::chat(lab.host(2), "#lobby");
    ben.await_text("2 here: ana, ben");
    lab.host(1).send("#lobby", &format!("📎 phantom.iso (1 B) blob:{}:1000000", "ab".repeat(32)));
    ben.await_text("📎 phantom.iso (976.6 KiB)");
    ben.type_line("/get phantom.iso");
    ben.await_text("waits for somebody who has it");
    ben.type_line("/stop");
    ben.await_text("phantom.iso: stopped");
    ben.await_text("/get phantom.iso fetches it");
    assert!(!downloads(lab.host(2)).join("phantom.iso").exists());
}

fn files_of_who_is_trusted_come_by_themselves() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    ben.type_line("/get-all @ana");
    ben.await_text("Files of ana come without asking now");
    fs::write(lab.host(1).dir().join("plan.txt"), "at eight").unwrap();
    ana.type_line("/share ~/plan.txt");
    await_file(lab.host(2), "plan.txt", b"at eight");
    ben.type_line("/quit");
    wait::until(SOON, "the chat to end", || lab.host(2).chats().is_empty());
    let again = Terminal::chat_in(lab.host(2), "again", "#lobby");
    again.await_text("2 here: ana, ben");
    fs::write(lab.host(1).dir().join("next.txt"), "at nine").unwrap();
    ana.type_line("/share ~/next.txt");
    await_file(lab.host(2), "next.txt", b"at nine");
}
