//! Short codes of emoji: `:tada:` becomes 🎉 before it is sent, so that every reader sees the same.
//!
//! Invariant: a code that is not known, and anything within `code`, stays as it was written.

/// The codes, sorted, and what they stand for.
pub const CODES: [(&str, &str); 74] = [
    ("+1", "👍"),
    ("-1", "👎"),
    ("100", "💯"),
    ("angry", "😠"),
    ("balloon", "🎈"),
    ("beer", "🍺"),
    ("bell", "🔔"),
    ("birthday", "🎂"),
    ("bug", "🐛"),
    ("bulb", "💡"),
    ("cake", "🍰"),
    ("camera", "📷"),
    ("cat", "🐱"),
    ("check", "✅"),
    ("clap", "👏"),
    ("coffee", "☕"),
    ("confused", "😕"),
    ("construction", "🚧"),
    ("cry", "😢"),
    ("dog", "🐶"),
    ("ear", "👂"),
    ("eyes", "👀"),
    ("fire", "🔥"),
    ("flag", "🚩"),
    ("gift", "🎁"),
    ("grin", "😁"),
    ("hammer", "🔨"),
    ("heart", "❤️"),
    ("heart_eyes", "😍"),
    ("hourglass", "⏳"),
    ("hug", "🤗"),
    ("joy", "😂"),
    ("key", "🔑"),
    ("laughing", "😆"),
    ("leaves", "🍃"),
    ("lock", "🔒"),
    ("mag", "🔍"),
    ("memo", "📝"),
    ("moon", "🌙"),
    ("muscle", "💪"),
    ("music", "🎵"),
    ("no_entry", "⛔"),
    ("ok", "🆗"),
    ("ok_hand", "👌"),
    ("package", "📦"),
    ("party", "🥳"),
    ("pencil", "✏️"),
    ("phone", "📞"),
    ("pizza", "🍕"),
    ("point_up", "☝️"),
    ("pray", "🙏"),
    ("pushpin", "📌"),
    ("question", "❓"),
    ("rainbow", "🌈"),
    ("raised_hands", "🙌"),
    ("rocket", "🚀"),
    ("rose", "🌹"),
    ("sad", "😞"),
    ("see_no_evil", "🙈"),
    ("shrug", "🤷"),
    ("sleeping", "😴"),
    ("smile", "😄"),
    ("sob", "😭"),
    ("sparkles", "✨"),
    ("star", "⭐"),
    ("sun", "☀️"),
    ("sweat_smile", "😅"),
    ("tada", "🎉"),
    ("tea", "🍵"),
    ("thinking", "🤔"),
    ("warning", "⚠️"),
    ("wave", "👋"),
    ("wink", "😉"),
    ("x", "❌"),
];

/// Puts emoji in the place of their codes.
pub fn expand(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, part) in text.split('`').enumerate() {
        if at > 0 {
            out.push('`');
        }
        if at % 2 == 0 { expand_into(part, &mut out) } else { out.push_str(part) }
    }
    out
}

fn expand_into(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(':') {
        out.push_str(before);
        let known = after.split_once(':').and_then(|(code, behind)| Some((of(code)?, behind)));
        match known {
            Some((emoji, behind)) => {
                out.push_str(emoji);
                rest = behind;
            }
            None => {
                out.push(':');
                rest = after;
            }
        }
    }
    out.push_str(rest);
}

fn of(code: &str) -> Option<&'static str> {
    let at = CODES.binary_search_by_key(&code, |(code, _)| code).ok()?;
    Some(CODES[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_emoji_and_nothing_else_changes() {
        assert!(CODES.is_sorted());
        assert_eq!(expand("well done :tada::+1: at 12:30:15"), "well done 🎉👍 at 12:30:15");
        assert_eq!(expand("`:tada:` :nothing: ::tada:: a:b"), "`:tada:` :nothing: :🎉: a:b");
    }
}
