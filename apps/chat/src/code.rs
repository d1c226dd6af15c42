//! What the words of a program are, for their colour: enough for the lines that people show each other in a talk.
//!
//! A table says of each language what begins and ends its comments and strings and which words are its own; one pass over
//! the text does the rest. Nothing is parsed, so half a function is as good as a whole one (docs/adr/0028).
//!
//! Invariant: every byte is looked at a fixed number of times, whatever the text is.

use std::ops::Range;

/// What a part of a program is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Token {
    /// Names, operators, everything else.
    #[default]
    Plain,
    /// A word of the language: `while`, a tag, the name of a setting.
    Keyword,
    /// A string or a number.
    Literal,
    /// What is not run.
    Comment,
}

/// How a language looks.
struct Language {
    /// As it is called behind the fence.
    names: &'static [&'static str],
    /// Up to the end of the line.
    line_comments: &'static [&'static str],
    block_comment: Option<(&'static str, &'static str)>,
    strings: &'static [Quote],
    /// Its own words, between blanks; in small letters where case does not matter.
    keywords: &'static str,
    any_case: bool,
    /// What makes a word one of the language's own by its place.
    by_place: Place,
}

/// Where a string begins and ends.
struct Quote {
    mark: &'static str,
    /// Whether a backslash takes the meaning of what follows.
    escapes: bool,
    /// How far it may go.
    reach: Reach,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// One letter: beside it, the mark means other things.
    Letter,
    Line,
    Lines,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    None,
    /// Behind `<` and `</`.
    Tag,
    /// Before a colon or an equals sign.
    Key,
}

const fn quote(mark: &'static str, escapes: bool, reach: Reach) -> Quote {
    Quote { mark, escapes, reach }
}

const DOUBLE: Quote = quote("\"", true, Reach::Line);
const SINGLE: Quote = quote("'", true, Reach::Line);
const LETTER: Quote = quote("'", true, Reach::Letter);
const C_BLOCK: Option<(&str, &str)> = Some(("/*", "*/"));

/// What most languages have: each says where it differs.
const BASE: Language = Language {
    names: &[],
    line_comments: &["//"],
    block_comment: C_BLOCK,
    strings: &[DOUBLE, LETTER],
    keywords: "",
    any_case: false,
    by_place: Place::None,
};

const LANGUAGES: &[Language] = &[
    Language {
        names: &["rust", "rs"],
        strings: &[quote("\"", true, Reach::Lines), LETTER],
        keywords: "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move \
                   mut pub ref return self Self static struct super trait true type unsafe use where while",
        ..BASE
    },
    Language {
        names: &["c", "h", "cpp", "c++", "cc", "cxx", "hpp", "arduino", "glsl"],
        keywords: "alignas auto bool break case catch char class const constexpr continue default delete do double else enum explicit \
                   extern false final float for friend goto if inline int long namespace new noexcept nullptr operator override \
                   private protected public return short signed sizeof static struct switch template this throw true try typedef \
                   typename union unsigned using virtual void volatile while",
        ..BASE
    },
    Language {
        names: &["java", "kotlin", "kt", "scala", "csharp", "c#", "cs", "swift", "dart"],
        strings: &[quote("\"\"\"", false, Reach::Lines), DOUBLE, LETTER],
        keywords: "abstract as async await bool boolean break byte case catch char class const continue def default do double else \
                   enum extends false final finally float for func fun guard if implements import in int interface internal is let \
                   long match namespace new null nil object override package private protected public readonly return sealed self \
                   short static string struct super switch this throw throws trait true try typeof using val var void when where \
                   while with yield",
        ..BASE
    },
    Language {
        names: &["go", "golang"],
        strings: &[DOUBLE, quote("`", false, Reach::Lines), LETTER],
        keywords: "any bool break byte case chan const continue default defer else error fallthrough false float64 for func go goto if \
                   import int interface map nil package range return select string struct switch true type var",
        ..BASE
    },
    Language {
        names: &["javascript", "js", "jsx", "typescript", "ts", "tsx", "mjs"],
        strings: &[DOUBLE, SINGLE, quote("`", true, Reach::Lines)],
        keywords: "any as async await boolean break case catch class const continue debugger default delete do else enum export extends \
                   false finally for from function if implements import in instanceof interface let new null number of private public \
                   readonly return static string super switch this throw true try type typeof undefined var void while yield",
        ..BASE
    },
    Language {
        names: &["php"],
        line_comments: &["//", "#"],
        strings: &[DOUBLE, SINGLE],
        keywords: "abstract array as break case catch class clone const continue default do echo else elseif extends false final finally \
                   fn for foreach function global if implements include interface match namespace new null private protected public \
                   readonly require return static switch throw trait true try use var while yield",
        ..BASE
    },
    Language {
        names: &["python", "py", "python3"],
        line_comments: &["#"],
        block_comment: None,
        strings: &[quote("\"\"\"", true, Reach::Lines), quote("'''", true, Reach::Lines), DOUBLE, SINGLE],
        keywords: "and as assert async await break case class continue def del elif else except False finally for from global if import \
                   in is lambda match None nonlocal not or pass raise return self True try while with yield",
        ..BASE
    },
    Language {
        names: &["ruby", "rb"],
        line_comments: &["#"],
        block_comment: None,
        strings: &[DOUBLE, SINGLE],
        keywords: "alias and begin break case class def do else elsif end ensure false for if in include module next nil not or require \
                   rescue retry return self super then true unless until when while yield",
        ..BASE
    },
    Language {
        names: &["lua"],
        line_comments: &["--"],
        block_comment: Some(("--[[", "]]")),
        strings: &[DOUBLE, SINGLE, quote("[[", false, Reach::Lines)],
        keywords: "and break do else elseif end false for function goto if in local nil not or repeat return then true until while",
        ..BASE
    },
    Language {
        names: &["haskell", "hs"],
        line_comments: &["--"],
        block_comment: Some(("{-", "-}")),
        keywords: "case class data deriving do else if import in infix instance let module newtype of qualified then type where",
        ..BASE
    },
    Language {
        names: &["sh", "bash", "zsh", "shell", "console", "dockerfile", "make", "makefile"],
        line_comments: &["#"],
        block_comment: None,
        strings: &[quote("\"", true, Reach::Lines), quote("'", false, Reach::Lines)],
        keywords: "alias case cd do done echo elif else esac exec exit export fi for function if in local read return select set shift \
                   source sudo then trap unset until while ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM RUN USER WORKDIR",
        ..BASE
    },
    Language {
        names: &["sql", "sqlite", "mysql", "postgres", "postgresql"],
        line_comments: &["--"],
        strings: &[quote("'", false, Reach::Lines), quote("\"", false, Reach::Line)],
        keywords: "add all alter and as asc begin between by case check column commit constraint create cross default delete desc \
                   distinct drop else end exists foreign from full group having if in index inner insert int integer into is join key \
                   left like limit not null offset on or order outer primary references right rollback select set table text then \
                   union unique update values varchar view when where with",
        any_case: true,
        ..BASE
    },
    Language {
        names: &["json", "jsonc", "json5"],
        strings: &[DOUBLE],
        keywords: "true false null",
        by_place: Place::Key,
        ..BASE
    },
    Language {
        names: &["yaml", "yml", "toml", "ini", "conf", "properties"],
        line_comments: &["#", ";"],
        block_comment: None,
        strings: &[DOUBLE, quote("'", false, Reach::Line)],
        keywords: "true false null yes no on off",
        by_place: Place::Key,
        ..BASE
    },
    Language { names: &["css", "scss"], strings: &[DOUBLE, SINGLE], by_place: Place::Key, ..BASE },
    Language {
        names: &["html", "xml", "svg", "vue"],
        line_comments: &[],
        block_comment: Some(("<!--", "-->")),
        strings: &[quote("\"", false, Reach::Lines)],
        by_place: Place::Tag,
        ..BASE
    },
];

/// The parts of a program in a language, in order: what is between them is plain. None in a language that is not known.
pub fn tokens(language: &str, text: &str) -> Vec<(Range<usize>, Token)> {
    let language =
        LANGUAGES.iter().find(|it| it.names.iter().any(|name| name.eq_ignore_ascii_case(language)));
    let Some(language) = language else { return Vec::new() };
    let mut out: Vec<(Range<usize>, Token)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (length, token) = language.next(text, at);
        if token != Token::Plain {
            out.push((at..at + length, token));
        }
        at += length;
    }
    out
}

impl Language {
    /// What stands at a place, and how many bytes of it.
    fn next(&self, text: &str, at: usize) -> (usize, Token) {
        let rest = &text[at..];
        if let Some((open, close)) = self.block_comment.filter(|(open, _)| rest.starts_with(open)) {
            let end = rest[open.len()..].find(close).map(|end| open.len() + end + close.len());
            return (end.unwrap_or(rest.len()), Token::Comment);
        }
        if self.line_comments.iter().any(|mark| rest.starts_with(mark)) && self.may_comment(text, at) {
            return (line(rest).len(), Token::Comment);
        }
        if let Some(length) = self.strings.iter().find_map(|quote| quote.length(rest)) {
            let key = self.by_place == Place::Key && is_key(&rest[length..]);
            return (length, if key { Token::Keyword } else { Token::Literal });
        }
        let word = word(rest, self.by_place);
        let Some(first) = word.chars().next() else {
            return (rest.chars().next().map_or(1, char::len_utf8), Token::Plain);
        };
        let token = match () {
            () if self.is_keyword(text, at, word) => Token::Keyword,
            () if first.is_ascii_digit() => Token::Literal,
            () => Token::Plain,
        };
        (word.len(), token)
    }

    /// Where `#` and `;` are comments they stand behind a blank: `a#b` and `$#` are none.
    fn may_comment(&self, text: &str, at: usize) -> bool {
        let bare = text[at..].starts_with(['#', ';']);
        !bare || text[..at].chars().next_back().is_none_or(char::is_whitespace)
    }

    fn is_keyword(&self, text: &str, at: usize, word: &str) -> bool {
        let by_place = match self.by_place {
            Place::None => false,
            Place::Tag => text[..at].ends_with('<') || text[..at].ends_with("</"),
            Place::Key => is_key(&text[at + word.len()..]),
        };
        let same = |own: &str| if self.any_case { own.eq_ignore_ascii_case(word) } else { own == word };
        by_place || self.keywords.split(' ').any(same)
    }
}

impl Quote {
    /// How long the string is that begins here, if one does.
    fn length(&self, rest: &str) -> Option<usize> {
        let inner = rest.strip_prefix(self.mark)?;
        let close = if self.mark == "[[" { "]]" } else { self.mark };
        let mut letters = inner.char_indices();
        while let Some((at, letter)) = letters.next() {
            let length = self.mark.len() + at;
            if inner[at..].starts_with(close) {
                return (self.reach != Reach::Letter || at > 0).then_some(length + close.len());
            }
            if letter == '\n' && self.reach == Reach::Line {
                return Some(length);
            }
            let escaped = self.escapes && letter == '\\';
            if escaped {
                letters.next();
            }
            if self.reach == Reach::Letter {
                let end = letters.as_str().find(['\'', '\n']).filter(|end| escaped && *end <= MAX_ESCAPE);
                let behind = &letters.as_str()[end.unwrap_or(0)..];
                let skipped = inner.len() - behind.len();
                return behind.starts_with('\'').then_some(self.mark.len() + skipped + 1);
            }
        }
        // One that is never closed reaches to the end; a letter does not.
        (self.reach != Reach::Letter).then_some(rest.len())
    }
}

/// How much of an escape stands behind its first letter: `\u{10ffff}`.
const MAX_ESCAPE: usize = 10;

fn line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

/// The word or number that stands here, if one does.
fn word(text: &str, place: Place) -> &str {
    let joins = |c: char| c.is_alphanumeric() || c == '_' || (c == '-' && place != Place::None);
    let end = text.find(|c| !joins(c)).unwrap_or(text.len());
    // Numbers go over their point.
    let number = text[..end].starts_with(|c: char| c.is_ascii_digit());
    match text[end..].strip_prefix('.') {
        Some(behind) if number && behind.starts_with(|c: char| c.is_ascii_digit()) => {
            let more = behind.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(behind.len());
            &text[..end + 1 + more]
        }
        _ => &text[..end],
    }
}

/// Whether what stands before this names a setting.
fn is_key(behind: &str) -> bool {
    behind.trim_start_matches(' ').starts_with([':', '='])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts that are not plain, each with the letter of what it is.
    fn check(language: &str, text: &str, expected: &str) {
        let letter = |token| match token {
            Token::Plain => '?',
            Token::Keyword => 'k',
            Token::Literal => 'l',
            Token::Comment => 'c',
        };
        let parts: Vec<String> = tokens(language, text)
            .into_iter()
            .map(|(range, token)| format!("{}:{}", letter(token), &text[range]))
            .collect();
        assert_eq!(parts.join("|"), expected, "{language}: {text}");
    }

    #[test]
    fn words_strings_numbers_and_comments_are_told_apart() {
        check("rust", "fn f<'a>(x: &'a str) -> char { 'x' } // it's", "k:fn|l:'x'|c:// it's");
        check(
            "rs",
            r#"let s = "a \" // b"; '\n' '\u{1F600}' 0xff_u8 1.5 0..2"#,
            r#"k:let|l:"a \" // b"|l:'\n'|l:'\u{1F600}'|l:0xff_u8|l:1.5|l:0|l:2"#,
        );
        check("c", "int a; /* while\n */ if", "k:int|c:/* while\n */|k:if");
        check(
            "Python",
            "def f():\n  '''a\n  # b'''\n  return None # c",
            "k:def|l:'''a\n  # b'''|k:return|k:None|c:# c",
        );
        check("sh", "if [ $# -gt 1 ]; then echo 'a\\'; fi", "k:if|l:1|k:then|k:echo|l:'a\\'|k:fi");
        check("sql", "SELECT a from t -- b", "k:SELECT|k:from|c:-- b");
        check("json", r#"{"a": "b", "c" : [1, true]}"#, r#"k:"a"|l:"b"|k:"c"|l:1|k:true"#);
        check("yaml", "max-size: 3\nname: a#b # c", "k:max-size|l:3|k:name|c:# c");
        check("html", "<p class=\"a\">for</p><!-- b", "k:p|l:\"a\"|k:p|c:<!-- b");
        check("lua", "local a = [[b\nc]] -- d", "k:local|l:[[b\nc]]|c:-- d");
        check("js", "const a = `b ${c}\n` + d", "k:const|l:`b ${c}\n`");
    }

    #[test]
    fn a_language_that_is_not_known_is_left_plain() {
        check("klingon", "fn if 'a' 1", "");
        check("", "fn if 'a' 1", "");
    }

    #[test]
    fn whatever_it_is_given_it_takes_apart_in_order_and_soon() {
        let start = std::time::Instant::now();
        let bombs = [
            "'", "\"", "\\", "/*", "'\\", "'a", "<", "-", "[[", "1.", "é'", "\"\n", "\"\"\"", "#", "a:",
            "日本",
        ];
        for language in LANGUAGES {
            for bomb in bombs {
                let text = bomb.repeat(16 * 1024 / bomb.len());
                let mut before = 0;
                for (range, _) in tokens(language.names[0], &text) {
                    assert!(range.start >= before && range.end > range.start, "{bomb}: {range:?}");
                    assert!(text.get(range.clone()).is_some(), "{bomb}: {range:?}");
                    before = range.end;
                }
            }
        }
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }
}
