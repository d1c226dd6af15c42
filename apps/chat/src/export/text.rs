//! A conversation as lines of text: the day where it changes; time, name, words.

use super::{below, said, words};
use crate::{conversation::Conversation, t, texts, transcript::moment};
use jiff::Zoned;
use std::fmt::Write;

pub(super) fn write(c: &Conversation, now: &Zoned) -> String {
    let zone = now.time_zone();
    let mut out = format!("{}\n", t!("export-title", title = c.title(), when = texts::date_and_time(now)));
    let mut day = None;
    for (line, said) in said(c) {
        let time = moment(line.time).to_zoned(zone.clone());
        if day != Some(time.date()) {
            day = Some(time.date());
            let _ = writeln!(out, "\n--- {} ---", texts::date(&time));
        }
        let topic = said.topic.as_ref().map(|topic| format!("[{topic}] ")).unwrap_or_default();
        let edited = said.fate.edited.is_some() && !said.fate.deleted;
        let edited = if edited { format!("  {}", t!("edited")) } else { String::new() };
        let words = words(said).replace('\n', INDENT);
        let _ = writeln!(out, "{}  {}  {topic}{words}{edited}", time.strftime("%H:%M:%S"), said.name);
        if let Some(answered) = said.reply.and_then(|to| c.line(to)?.said()) {
            let _ = writeln!(out, "            ↳ {}: {}", answered.name, crate::model::quote(&answered.text));
        }
        for row in below(c, said) {
            let _ = writeln!(out, "            {row}");
        }
    }
    out
}

/// What stands before each further row of a message.
const INDENT: &str = "\n            ";
