//! Commands about files.
//!
//! Invariant: what is wrong with a command is said with an example of a right one.

use crate::{t, text_id};

/// Something to do with files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filing {
    /// List the files of the conversation.
    List,
    /// Fetch what was offered under this name; nothing: the newest.
    Get(Option<String>),
    /// Fetch what this person offers without asking, or no more; nothing: list whose.
    GetAll(Option<String>),
    /// Offer what is at this path.
    Share(String),
    /// Write the conversation into this file; nothing: one in the person's folder.
    Export(Option<String>),
    /// End the transfer of this name; nothing: the only one.
    Stop(Option<String>),
    /// Give what was offered under this name to nobody, or again; nothing: the newest of one's own.
    Pause(Option<String>, bool),
}

/// Name, arguments and purpose, in the order in which they are offered.
pub const COMMANDS: [(&str, &str, &str); 8] = [
    ("/files", "", text_id!("command-files")),
    ("/get", text_id!("args-name"), text_id!("command-get")),
    ("/get-all", text_id!("args-user-or-none"), text_id!("command-get-all")),
    ("/share", text_id!("args-path"), text_id!("command-share")),
    ("/export", text_id!("args-file"), text_id!("command-export")),
    ("/stop", text_id!("args-name"), text_id!("command-stop")),
    ("/pause", text_id!("args-name"), text_id!("command-pause")),
    ("/resume", text_id!("args-name"), text_id!("command-resume")),
];

/// Reads a command of these; nothing if it is another's.
pub fn parse(name: &str, rest: &str) -> Option<Result<Filing, String>> {
    let named = || Some(rest.to_owned()).filter(|rest| !rest.is_empty());
    Some(match name {
        "/files" if rest.is_empty() => Ok(Filing::List),
        "/get" => Ok(Filing::Get(named())),
        "/get-all" => Ok(Filing::GetAll(named().map(|name| name.trim_start_matches('@').to_owned()))),
        "/share" => named().map(Filing::Share).ok_or_else(|| t!("wrong-share")),
        "/export" => Ok(Filing::Export(named())),
        "/stop" => Ok(Filing::Stop(named())),
        "/pause" => Ok(Filing::Pause(named(), true)),
        "/resume" => Ok(Filing::Pause(named(), false)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_mean_what_they_say() {
        let named = |name: &str| Some(name.to_owned());
        for (name, rest, meaning) in [
            ("/files", "", Filing::List),
            ("/get", "", Filing::Get(None)),
            ("/get", "report (2).pdf", Filing::Get(named("report (2).pdf"))),
            ("/get-all", "@Ana María", Filing::GetAll(named("Ana María"))),
            ("/share", "~/a b", Filing::Share("~/a b".into())),
            ("/export", "a.json", Filing::Export(named("a.json"))),
            ("/stop", "", Filing::Stop(None)),
            ("/pause", "a b", Filing::Pause(named("a b"), true)),
            ("/resume", "", Filing::Pause(None, false)),
        ] {
            assert_eq!(parse(name, rest), Some(Ok(meaning)), "{name} {rest}");
        }
        assert!(matches!(parse("/share", ""), Some(Err(_))));
        assert_eq!(parse("/leave", ""), None);
    }
}
