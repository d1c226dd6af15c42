//! The manual pages, made of what is really parsed: options by clap, keys from their table.

use crate::config::{Manual, Options, keys};
use clap::CommandFactory;
use std::fmt::Write;

const EXIT_STATUS: &str = "\
.SH EXIT STATUS
.TP
0
It was told to end.
.TP
1
It failed; the reason is the last line on standard error. Starting it again may help.
.TP
2
Options or the configuration are wrong.
.TP
4
It must not start as things are: the state belongs to another user, is damaged, is of a later version or in use by another
daemon, or something that is not its own is in the way of its socket. Nothing was changed; the message says what to do.
.SH SIGNALS
SIGTERM and SIGINT end it, with everything on disk. SIGHUP has it read its configuration again.
.SH LOG
Standard error, a line each; in the journal with a level and fields. \\fBerror\\fR: it has ended, and its operator has to act.
\\fBwarning\\fR: it goes on, and its operator should look (\\fBjournalctl \\-p warning \\-u chalktalkd\\fR). \\fBinfo\\fR: what happened, for
whoever wants to know when. \\fBCHALKTALK_CODE\\fR is a short name that stays, the same as in \\fBchalktalk doctor\\fR and
\\fBchalktalk status\\fR; findings have \\fBCHALKTALK_CAUSE\\fR and \\fBCHALKTALK_FIX\\fR besides
(\\fBjournalctl CHALKTALK_CODE=not\\-heard\\-by\\fR).
.SH FILES
The system's service: \\fI/etc/chalktalk/config.toml\\fR, \\fI/var/lib/chalktalk\\fR, \\fI/run/chalktalk/chalktalkd.sock\\fR. A user's own
daemon: \\fI~/.config/chalktalk/config.toml\\fR, \\fI~/.local/state/chalktalk\\fR, \\fI$XDG_RUNTIME_DIR/chalktalk/chalktalkd.sock\\fR.
.SH ENVIRONMENT
\\fBNOTIFY_SOCKET\\fR, \\fBWATCHDOG_USEC\\fR and \\fBLISTEN_FDS\\fR as in sd_notify(3) and sd_listen_fds(3).
.SH SEE ALSO
.BR chalktalk (1),
.BR chalktalkd.toml (5),
.BR chalktalk\\-agent (1)
";

/// A page.
pub fn page(which: Manual) -> String {
    match which {
        Manual::Configuration => keys::manual(),
        Manual::Example => keys::example(true),
        Manual::Daemon => daemon(),
    }
}

fn daemon() -> String {
    let command = Options::command();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = String::from(
        ".TH chalktalkd 8\n.SH NAME\nchalktalkd \\- Chalktalk's daemon\n.SH SYNOPSIS\n.B chalktalkd\n[\\fIOPTION\\fR]…\n",
    );
    let _ = write!(
        page,
        ".SH DESCRIPTION\n{about}. Without \\fB\\-\\-system\\fR it serves the user who runs it.\n.SH OPTIONS\n"
    );
    for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
        let name = option.get_long().unwrap_or_default().replace('-', "\\-");
        let value = option.get_value_names().filter(|_| option.get_action().takes_values());
        let value =
            value.and_then(|names| names.first()).map(|name| format!(" \\fI{name}\\fR")).unwrap_or_default();
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = write!(page, ".TP\n\\fB\\-\\-{name}\\fR{value}\n{help}.");
        let allowed: Vec<String> =
            option.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !allowed.is_empty() && option.get_action().takes_values() {
            let _ = write!(page, " One of: {}.", allowed.join(", "));
        }
        page.push('\n');
    }
    page + EXIT_STATUS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_told_of() {
        let page = page(Manual::Daemon);
        for option in ["system", "interface", "mode", "port", "name", "config", "check", "trace"] {
            assert!(page.contains(&format!("\\fB\\-\\-{option}\\fR")), "{option}: {page}");
        }
        assert!(page.contains("One of: auto, multicast, broadcast, unicast."), "{page}");
        assert!(!page.contains("manual\\fR"), "what builds the pages is no option for people");
    }
}
