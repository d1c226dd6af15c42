//! What Chalktalk does, seen from outside: real daemons and real programs on hosts of a lab.
//!
//! Each module is a chapter of what people are promised, each test one promise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod avatars;
mod bad_input;
mod bad_start;
mod blobs;
mod board;
mod board_roles;
mod board_snapshots;
mod board_window;
mod board_windows;
mod chat;
mod chat_export;
mod chat_files;
mod chat_help;
mod chat_languages;
mod chat_notify;
mod chat_sight;
mod chat_signs;
mod chat_together;
mod chat_tray;
mod chat_window;
mod clones;
mod command_line;
mod consent;
mod daemon;
mod delivery;
mod disk;
mod doctor;
mod durability;
mod files;
mod launching;
mod levels;
mod members;
mod network;
mod other_languages;
mod people;
mod presence;
mod real_programs;
mod reliability;
mod sessions;
mod terminal;
mod texts;
mod together;
mod tracing;
mod trust;

use std::process::ExitCode;

fn main() -> ExitCode {
    let chapters = [
        daemon::TESTS,
        network::TESTS,
        presence::TESTS,
        sessions::TESTS,
        texts::TESTS,
        blobs::TESTS,
        files::TESTS,
        people::TESTS,
        members::TESTS,
        delivery::TESTS,
        launching::TESTS,
        together::TESTS,
        levels::TESTS,
        consent::TESTS,
        chat_together::TESTS,
        real_programs::TESTS,
        reliability::TESTS,
        durability::TESTS,
        disk::TESTS,
        clones::TESTS,
        doctor::TESTS,
        tracing::TESTS,
        command_line::TESTS,
        terminal::TESTS,
        other_languages::TESTS,
        bad_input::TESTS,
        bad_start::TESTS,
        chat::TESTS,
        chat_export::TESTS,
        chat_files::TESTS,
        chat_languages::TESTS,
        chat_sight::TESTS,
        chat_help::TESTS,
        chat_notify::TESTS,
        chat_signs::TESTS,
        chat_tray::TESTS,
        chat_window::TESTS,
        avatars::TESTS,
        board::TESTS,
        board_roles::TESTS,
        board_snapshots::TESTS,
        board_window::TESTS,
        board_windows::TESTS,
        trust::TESTS,
    ];
    chalktalk_tests::runner::run(&chapters.concat())
}
