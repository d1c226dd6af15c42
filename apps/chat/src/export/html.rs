//! A conversation as a page that needs nothing else: no script, nothing from elsewhere.
//!
//! Invariant: of what people wrote only letters get into the page. The tags are ours, a link leads where it says, and the
//! page itself forbids scripts and everything that is not in it.

use super::{below, marked, said, words};
use crate::{
    code::Token,
    conversation::{Conversation, Said},
    markdown::Look,
    t,
    texts::{self, language},
    transcript::moment,
};
use chalktalk_client::chat::Kind;
use jiff::Zoned;
use std::fmt::Write;

const HEAD: &str = r#"<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: .9rem; opacity: .6; text-align: center; margin: 2rem 0 1rem; }
.m { display: grid; grid-template-columns: 3.5rem 8rem 1fr; gap: 0 .75rem; padding: .15rem 0; }
time, .q, .b, .e { opacity: .6; font-size: .85rem; }
.n { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.t { white-space: pre-wrap; overflow-wrap: anywhere; }
.q, .b { display: block; }
code { background: #8882; border-radius: .2rem; padding: 0 .2rem; }
.k { color: light-dark(#8a2d8a, #d9a3e0); } .l { color: light-dark(#2f6b2f, #9ccc9c); } .c { opacity: .7; }
@media (max-width: 32rem) { .m { grid-template-columns: 3.5rem 1fr; } .t { grid-column: 1 / -1; } }
</style>
"#;

pub(super) fn write(c: &Conversation, now: &Zoned) -> String {
    let (zone, title) = (now.time_zone(), letters(&c.title()));
    let (code, direction) = (language().code(), if language().is_right_to_left() { "rtl" } else { "ltr" });
    let mut out = format!("<!doctype html>\n<html lang=\"{code}\" dir=\"{direction}\">\n");
    let _ = write!(out, "{HEAD}<title>{title}</title>\n</head>\n<body>\n<h1><bdi>{title}</bdi></h1>\n");
    let when = t!("export-as-of", when = texts::date_and_time(now));
    let _ = writeln!(out, "<p class=\"e\">{}</p>", letters(&when));
    let mut day = None;
    for (line, said) in said(c) {
        let time = moment(line.time).to_zoned(zone.clone());
        if day != Some(time.date()) {
            day = Some(time.date());
            let _ = writeln!(out, "<h2>{}</h2>", letters(&texts::date(&time)));
        }
        let (when, clock) = (time.strftime("%Y-%m-%dT%H:%M:%S%:z"), time.strftime("%H:%M"));
        let name = letters(&said.name);
        let _ = write!(
            out,
            "<div class=\"m\"><time datetime=\"{when}\">{clock}</time><bdi class=\"n\">{name}</bdi><div class=\"t\" dir=\"auto\">"
        );
        message(&mut out, c, said);
        out.push_str("</div></div>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn message(out: &mut String, c: &Conversation, said: &Said) {
    if let Some(answered) = said.reply.and_then(|to| c.line(to)?.said()) {
        let quoted = format!("↳ {}: {}", answered.name, crate::model::quote(&answered.text));
        let _ = write!(out, "<span class=\"q\">{}</span>", letters(&quoted));
    }
    if let Some(topic) = &said.topic {
        let _ = write!(out, "<span class=\"e\">[{}]</span> ", letters(topic));
    }
    let plain = matches!(said.kind, Kind::Say) && !said.action && !said.is_offer() && !said.fate.deleted;
    if plain {
        formatted(out, said)
    } else {
        out.push_str(&letters(&words(said)))
    }
    if said.fate.edited.is_some() && !said.fate.deleted {
        let _ = write!(out, " <span class=\"e\">{}</span>", letters(&t!("edited")));
    }
    for row in below(c, said) {
        let _ = write!(out, "<span class=\"b\">{}</span>", letters(&row));
    }
}

/// A text with its marks.
fn formatted(out: &mut String, said: &Said) {
    let marked = marked(said);
    let mut code = false;
    let mut ends: Vec<(usize, Look)> = vec![(0, Look::default())];
    ends.extend(marked.runs.iter().copied());
    for (at, (start, look)) in ends.iter().enumerate() {
        let end = ends.get(at + 1).map_or(marked.text.len(), |(next, _)| *next);
        let text = &marked.text[*start..end];
        if text.is_empty() {
            continue;
        }
        if look.code.is_some() != code {
            code = look.code.is_some();
            out.push_str(if code { "<code>" } else { "</code>" });
        }
        tagged(out, text, *look);
    }
    if code {
        out.push_str("</code>");
    }
}

fn tagged(out: &mut String, text: &str, look: Look) {
    let tags = [(look.bold, "strong"), (look.italic, "em"), (look.struck, "s")];
    let tags: Vec<&str> = tags.into_iter().filter(|(on, _)| *on).map(|(_, tag)| tag).collect();
    tags.iter().for_each(|tag| out.push_str(&format!("<{tag}>")));
    let class = look.code.and_then(class);
    if let Some(class) = class {
        let _ = write!(out, "<span class=\"{class}\">");
    }
    if look.link {
        linked(out, text)
    } else {
        out.push_str(&letters(text))
    }
    if class.is_some() {
        out.push_str("</span>");
    }
    tags.iter().rev().for_each(|tag| out.push_str(&format!("</{tag}>")));
}

/// How the page calls a part of a program.
fn class(token: Token) -> Option<char> {
    match token {
        Token::Plain => None,
        Token::Keyword => Some('k'),
        Token::Literal => Some('l'),
        Token::Comment => Some('c'),
    }
}

/// Addresses become links, each to what is shown of it; names beside them stay letters.
fn linked(out: &mut String, text: &str) {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
    let mut rest = text;
    while let Some(end) = rest.find(is_end).or(Some(rest.len())).filter(|_| !rest.is_empty()) {
        let (word, behind) = rest.split_at(end);
        let word = letters(word);
        if word.starts_with("https://") || word.starts_with("http://") {
            let _ = write!(out, "<a href=\"{word}\" rel=\"noreferrer noopener nofollow\">{word}</a>");
        } else {
            out.push_str(&word);
        }
        let next = behind.chars().next().map_or(0, char::len_utf8);
        out.push_str(&letters(&behind[..next]));
        rest = &behind[next..];
    }
}

/// A text of which nothing is taken for a tag.
fn letters(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
