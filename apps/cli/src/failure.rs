//! Why a command did not do what was asked, and the exit status that says so.

use crate::programs::MissingProgram;
use chalktalk_client::{ClientError, files::FileError};
use chalktalk_ipc::text::printable;
use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

/// Why a command ended without being done. Its text says what to do.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It went wrong (1).
    Failed(String),
    /// It was already explained on standard error as it happened (1).
    Explained,
    /// What was typed cannot be done (2): what the parser could not know.
    Usage(String),
    /// No daemon answers (3).
    NoDaemon(String),
    /// The daemon refused (4).
    Refused(String),
    /// It took too long (5).
    TimedOut(String),
    /// Nobody reads what is printed any more: nothing is wrong (0).
    OutputClosed,
}

impl Failure {
    /// The exit status. The numbers are promised: scripts rely on them. The parser's own refusals are 2, too.
    pub(crate) fn status(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::Failed(_) | Self::Explained => 1,
            Self::Usage(_) => 2,
            Self::NoDaemon(_) => 3,
            Self::Refused(_) => 4,
            Self::TimedOut(_) => 5,
        })
    }

    /// What to say on standard error, if anything.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::OutputClosed | Self::Explained => None,
            Self::Failed(text)
            | Self::Usage(text)
            | Self::NoDaemon(text)
            | Self::Refused(text)
            | Self::TimedOut(text) => Some(text),
        }
    }

    /// Something that went wrong, with what was being done.
    pub(crate) fn because(doing: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::Failed(format!("{doing}: {error}"))
    }

    /// An error from writing to standard output.
    pub(crate) fn from_output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::because("cannot write to standard output", error),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::NoDaemon { .. } => Self::NoDaemon(text),
            // Here it is this side that refuses: a daemon started beside a planted socket would change nothing.
            ClientError::Refused(_) | ClientError::Untrusted(_) => Self::Refused(text),
            ClientError::TimedOut(_) => Self::TimedOut(text),
            _ => Self::Failed(text),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Client(e) => Self::from(e),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<MissingProgram> for Failure {
    fn from(error: MissingProgram) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Says something on standard error, as this program. Nobody listening there is no reason to stop.
pub(crate) fn complain(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{}", complaint(text));
}

/// It may repeat what was typed or pasted, or what came from elsewhere.
fn complaint(text: impl fmt::Display) -> String {
    printable(&format!("chalktalk: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{Refusal, RefusalCode};

    #[test]
    fn a_complaint_cannot_drive_a_terminal() {
        assert_eq!(
            complaint("unrecognized '\u{1b}[2J'\n\n  tip"),
            "chalktalk: unrecognized '\u{fffd}[2J'\n\n  tip"
        );
    }

    #[test]
    fn each_failure_has_its_promised_status() {
        let status = |error: ClientError| format!("{:?}", Failure::from(error).status());
        let code = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(status(ClientError::NoDaemon { tried: "/x".into() }), code(3));
        assert_eq!(status(Refusal::new(RefusalCode::Unknown, "no user bo").into()), code(4));
        assert_eq!(status(ClientError::Untrusted("planted".into())), code(4));
        assert_eq!(status(ClientError::TimedOut("join")), code(5));
        assert_eq!(status(ClientError::TooLong(70_000)), code(1));
        assert_eq!(format!("{:?}", Failure::OutputClosed.status()), code(0));
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let gone = Failure::from_output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(gone.message(), None);
        assert!(Failure::from_output(io::ErrorKind::StorageFull.into()).message().is_some());
    }
}
