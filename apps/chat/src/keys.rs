//! Keys and commands, as the help of every face lists them.
//!
//! Invariant: what a face does not have is not in its list.

use crate::{command::commands, t, text_id, texts::plain};

/// Which face is helped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Face {
    /// The terminal.
    Terminal,
    /// The window.
    Window,
}

/// Keys, what they do, and where they do it if not everywhere. What is named by its id is said in the language of the chat.
const KEYS: [(&str, &str, Option<Face>); 24] = [
    (text_id!("key-enter"), text_id!("keys-send"), None),
    (text_id!("key-new-line"), text_id!("keys-new-line"), Some(Face::Terminal)),
    (text_id!("key-new-line-window"), text_id!("keys-new-line"), Some(Face::Window)),
    (text_id!("key-tab"), text_id!("keys-complete"), None),
    (text_id!("key-up-down"), text_id!("keys-up-down"), None),
    (text_id!("key-alt-up-down"), text_id!("keys-switch"), None),
    ("Alt-1 … Alt-9", text_id!("keys-place"), None),
    (text_id!("key-page"), text_id!("keys-scroll"), None),
    (text_id!("key-esc"), text_id!("keys-newest"), None),
    ("F2", text_id!("keys-choose"), None),
    ("F8", text_id!("keys-call"), None),
    ("F9", text_id!("keys-come"), None),
    ("Ctrl-K", text_id!("keys-switcher"), None),
    ("Alt-U", text_id!("keys-new"), None),
    ("Alt-A", text_id!("keys-unread"), None),
    ("Ctrl-A, Ctrl-E", text_id!("keys-line"), Some(Face::Terminal)),
    (text_id!("key-words"), text_id!("keys-words"), None),
    ("Ctrl-W, Ctrl-U, Alt-K", text_id!("keys-cut"), Some(Face::Terminal)),
    ("Ctrl-Y", text_id!("keys-put-back"), Some(Face::Terminal)),
    ("Ctrl-Z, Ctrl-Shift-Z", text_id!("keys-undo"), Some(Face::Window)),
    ("Ctrl-F", text_id!("keys-search"), Some(Face::Window)),
    ("Ctrl-+, Ctrl--, Ctrl-0", text_id!("keys-size"), Some(Face::Window)),
    (text_id!("key-mouse"), text_id!("keys-mouse"), Some(Face::Terminal)),
    ("Ctrl-C", text_id!("keys-interrupt"), Some(Face::Terminal)),
];

/// The keys of a face, and what they do.
pub fn keys(of: Face) -> impl Iterator<Item = (String, String)> {
    let there = move |face: &Option<Face>| face.is_none_or(|face| face == of);
    KEYS.iter().filter(move |(.., face)| there(face)).map(|(key, about, _)| (plain(key), plain(about)))
}

/// The commands with what stands behind them, and what they do.
pub fn told_commands() -> impl Iterator<Item = (String, String)> {
    commands().map(|(name, arguments, about)| (format!("{name} {arguments}"), about))
}

/// What the signs beside messages and people mean.
pub fn signs() -> [String; 2] {
    [t!("keys-ticks"), t!("keys-signs")]
}
