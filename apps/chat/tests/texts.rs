//! The texts in all languages, and the code that says them: nothing is missing, nothing is left over, and nothing is said past
//! them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use fluent_syntax::{
    ast::{CallArguments, Entry, Expression, InlineExpression, Pattern, PatternElement},
    parser,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const LANGUAGES: [&str; 3] = ["en", "de", "ar"];

/// Texts by their ids, with the variables in each.
type Texts = BTreeMap<String, BTreeSet<String>>;

fn texts(language: &str) -> Texts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("texts").join(language).join("chat.ftl");
    let file = fs::read_to_string(&path).unwrap();
    let resource = parser::parse(file.as_str()).unwrap_or_else(|(_, errors)| panic!("{path:?}: {errors:?}"));
    let mut texts = Texts::new();
    for entry in &resource.body {
        let Entry::Message(message) = entry else { continue };
        let mut variables = BTreeSet::new();
        let value =
            message.value.as_ref().unwrap_or_else(|| panic!("{language}: {} is empty", message.id.name));
        in_pattern(value, &mut variables);
        let twice = texts.insert(message.id.name.to_owned(), variables);
        assert_eq!(twice, None, "{language}: {} is there twice", message.id.name);
    }
    texts
}

fn in_pattern(pattern: &Pattern<&str>, variables: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        match expression {
            Expression::Inline(inline) => in_inline(inline, variables),
            Expression::Select { selector, variants } => {
                in_inline(selector, variables);
                variants.iter().for_each(|variant| in_pattern(&variant.value, variables));
            }
        }
    }
}

fn in_inline(inline: &InlineExpression<&str>, variables: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => drop(variables.insert(id.name.to_owned())),
        InlineExpression::FunctionReference { arguments: CallArguments { positional, .. }, .. } => {
            positional.iter().for_each(|inner| in_inline(inner, variables));
        }
        InlineExpression::Placeable { expression } => {
            if let Expression::Inline(inner) = &**expression {
                in_inline(inner, variables);
            }
        }
        _ => {}
    }
}

/// A piece of Rust: a literal, or what stands between.
#[derive(Debug)]
enum Piece {
    Code(String),
    Literal(String),
}

/// The pieces of a source file up to its tests, without comments. Enough of Rust for this crate: strings with escapes, raw
/// strings with one `#`, characters.
fn pieces(path: &Path) -> Vec<Piece> {
    let source = fs::read_to_string(path).unwrap();
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let source = source.split("#[cfg(test)]\npub(crate) mod tests {").next().unwrap();
    let (mut pieces, mut code, mut rest) = (Vec::new(), String::new(), source);
    while let Some(c) = rest.chars().next() {
        let (ends, behind) = match c {
            '/' if rest.starts_with("//") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            'r' if rest.starts_with("r#\"") => (rest[3..].find("\"#").unwrap() + 3, 2),
            '"' => (end_of_string(rest), 1),
            '\'' if rest.starts_with("'\\") => (rest[3..].find('\'').unwrap() + 4, 0),
            '\'' if rest.chars().nth(2) == Some('\'') => {
                (rest.char_indices().nth(3).map_or(rest.len(), |(at, _)| at), 0)
            }
            c => (c.len_utf8(), 0),
        };
        if behind > 0 {
            pieces.push(Piece::Code(std::mem::take(&mut code)));
            let start = if c == 'r' { 3 } else { 1 };
            pieces.push(Piece::Literal(rest[start..ends].to_owned()));
        } else {
            code.push_str(&rest[..ends]);
        }
        rest = &rest[ends + behind..];
    }
    pieces.push(Piece::Code(code));
    pieces
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    panic!("a string without an end: {text}");
}

fn sources() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !path.ends_with("tests.rs")
                && !path.ends_with("convergence.rs")
            {
                files.push(path);
            }
        }
    }
    files
}

/// What the code says: ids, and the variables that each is given.
fn said() -> Vec<(PathBuf, String, BTreeSet<String>)> {
    let mut all = Vec::new();
    for path in sources() {
        let pieces = pieces(&path);
        for at in 1..pieces.len().saturating_sub(1) {
            let (Piece::Code(before), Piece::Literal(id)) = (&pieces[at - 1], &pieces[at]) else { continue };
            let before = before.trim_end();
            let whole = |name: &str| {
                let start = before.strip_suffix(name);
                start.is_some_and(|start| !start.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            };
            if whole("t!(") {
                all.push((path.clone(), id.clone(), given(&pieces[at + 1..])));
            } else if whole("text_id!(") {
                all.push((path.clone(), id.clone(), BTreeSet::new()));
            }
        }
    }
    all
}

/// Names behind commas up to the bracket that closes the call: `, name = …`.
fn given(pieces: &[Piece]) -> BTreeSet<String> {
    let (mut depth, mut names, mut word, mut after_comma) = (0, BTreeSet::new(), String::new(), false);
    for piece in pieces {
        let Piece::Code(code) = piece else { continue };
        for c in code.chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth == 0 => return names,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => (after_comma, word) = (true, String::new()),
                '=' if depth == 0 && after_comma => {
                    names.insert(std::mem::take(&mut word));
                    after_comma = false;
                }
                c if depth == 0 && (c.is_alphanumeric() || c == '_') => word.push(c),
                _ => {}
            }
        }
    }
    names
}

#[test]
fn every_language_has_every_text_with_the_same_variables() {
    let english = texts(LANGUAGES[0]);
    for language in &LANGUAGES[1..] {
        let other = texts(language);
        let (all, there): (BTreeSet<_>, BTreeSet<_>) = (english.keys().collect(), other.keys().collect());
        assert_eq!(all.difference(&there).collect::<Vec<_>>(), [] as [&&String; 0], "{language} lacks these");
        assert_eq!(
            there.difference(&all).collect::<Vec<_>>(),
            [] as [&&String; 0],
            "only {language} has these"
        );
        for (id, variables) in &english {
            // A plural may say its number in words, but not another variable.
            let mut theirs = other[id].clone();
            theirs.extend(variables.get("n").cloned());
            assert_eq!((id, &theirs), (id, variables), "{language}: the variables of {id}");
        }
    }
}

#[test]
fn what_is_said_is_there_and_what_is_there_is_said() {
    let english = texts(LANGUAGES[0]);
    let said = said();
    assert!(said.len() > 100, "the code was not read: {}", said.len());
    for (path, id, given) in &said {
        let known = english.get(id);
        assert_eq!(
            Some(given),
            known,
            "the variables of {id:?} as {} gives them, and as they are in the text",
            path.display()
        );
    }
    let ids: BTreeSet<&String> = said.iter().map(|(_, id, _)| id).collect();
    let unsaid: Vec<&String> = english.keys().filter(|id| !ids.contains(id)).collect();
    assert_eq!(unsaid, [] as [&String; 0], "nothing says these");
}

/// Literals with two words in a row that nobody is shown as they stand, or that are the same in every language.
const NO_TEXTS: [&str; 9] = [
    "invite nway ",
    "chalktalk 2026 roll seal",
    "chalktalk 2026 roll dice",
    "strings and numbers always encode",
    "a string takes all",
    "the system gave too few random bytes",
    "chalktalk-chat ",
    "default-src 'none'; style-src 'unsafe-inline'",
    "typing {}\\nread-marks {}\\n",
];

#[test]
fn nothing_is_said_past_the_texts() {
    let mut found = Vec::new();
    for path in sources() {
        // The command line's own help is clap's, and words of programming languages are the same for all.
        if path.ends_with("main.rs") || path.ends_with("code.rs") {
            continue;
        }
        let pieces = pieces(&path);
        for (at, piece) in pieces.iter().enumerate() {
            let Piece::Literal(text) = piece else { continue };
            let before = match at.checked_sub(1).map(|at| &pieces[at]) {
                Some(Piece::Code(code)) => code.trim_end(),
                _ => "",
            };
            let reason = before.ends_with("reason =") || before.ends_with(".expect(");
            if !reason && !NO_TEXTS.contains(&text.as_str()) && is_told(text) {
                found.push(format!("{}: {text:?}", path.display()));
            }
        }
    }
    assert_eq!(found, [] as [String; 0], "these belong into texts/*/chat.ftl, and t! says them");
}

/// Two words of letters side by side, and no markup or format of times.
fn is_told(text: &str) -> bool {
    if text.contains("</")
        || text.contains("<div")
        || text.contains("<span")
        || text.contains("<!doctype")
        || text.contains('%')
    {
        return false;
    }
    let mut plain = String::new();
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let word = |word: &str| word.chars().count() > 1 && word.chars().all(|c| c.is_alphabetic() || c == '\'');
    let words: Vec<&str> =
        plain.split(' ').map(|word| word.trim_matches(|c: char| ".,:;?!()".contains(c))).collect();
    words.windows(2).any(|two| word(two[0]) && word(two[1]))
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    assert!(is_told("There is nothing here.") && is_told("{name} has left") && is_told("Is it (that) one?"));
    assert!(!is_told("{} {}") && !is_told("read-marks") && !is_told("%A, %-d %B") && !is_told("#lobby"));
    assert_eq!(
        given(&[Piece::Code(", a = f(b == c), d = [x, y = 3])".into())]),
        ["a", "d"].map(str::to_owned).into()
    );
}
