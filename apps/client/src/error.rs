//! What can go wrong between a program and its daemon, in words that say what to do about it.

use chalktalk_ipc::{MAX_MESSAGE, MAX_VOLATILE, Refusal, SessionId, batch::MAX_MENTIONS};
use std::io;

/// Why something was not done. Unless a variant says otherwise, nothing was sent and nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at any of the places where a daemon could be.
    #[error("no daemon answers at {tried}; start one with `chalktalkd`")]
    NoDaemon {
        /// The sockets that were tried.
        tried: String,
    },
    /// Somebody listens, but it is neither this user nor the service.
    #[error("{0}; do not use it, and ask who put it there")]
    Untrusted(String),
    /// The daemon said no, and why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No answer came in time. The daemon may still do what was asked.
    #[error("the daemon did not answer in time ({0}); try again, or look at `chalktalk status`")]
    TimedOut(&'static str),
    /// The connection broke while an answer was awaited. The daemon may or may not have done what was asked.
    #[error("the connection to the daemon broke before it answered; it will be made again, then try again")]
    Disconnected,
    /// [`crate::Client::close`] was called.
    #[error("this client has been closed")]
    Closed,
    /// Whoever followed a transfer wanted it no longer.
    #[error("it was cancelled")]
    Cancelled,
    /// There is no credit (or no room to remember the message) now.
    #[error("the session takes no more at the moment; try again when others have caught up")]
    WouldBlock,
    /// The application does not read its events, so that the answer it waits for cannot reach it.
    #[error("the event queue is full; read events on another thread than the one that waits")]
    Stalled,
    /// The session is not open in this client.
    #[error("session {0} is not open; open it before publishing")]
    NotOpen(SessionId),
    /// A message is longer than [`MAX_MESSAGE`].
    #[error("a message of {0} bytes is too long (at most {MAX_MESSAGE}); send it as a file instead")]
    TooLong(usize),
    /// A volatile message is longer than [`MAX_VOLATILE`].
    #[error(
        "a volatile message of {0} bytes is too long (at most {MAX_VOLATILE}); publish it as a durable one"
    )]
    VolatileTooLong(usize),
    /// A message mentions more than [`MAX_MENTIONS`] users.
    #[error("a message mentions {0} users (at most {MAX_MENTIONS})")]
    TooManyMentions(usize),
    /// What answers is no daemon of this version.
    #[error("the daemon does not keep to the local protocol ({0}); are program and daemon of one version?")]
    Protocol(String),
    /// The operating system failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}
